//! The board over HTTP: the page, the events, and the controls.

use core::convert::Infallible;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::sse::{self, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use futures_util::{StreamExt as _, stream};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use super::bench::Bench;
use super::controls::{ControlRequest, Retry};
use super::door::Door;
use super::page;

/// Longer than any command.
const MAX_BODY: usize = 64 * 1024;
/// The delay before a browser reconnects.
const COME_BACK: core::time::Duration = core::time::Duration::from_secs(1);
/// The delay before the next attempt, when the system has no descriptors left.
const BREATH: core::time::Duration = core::time::Duration::from_millis(50);

#[derive(Clone)]
struct Site {
    bench: Arc<Bench>,
    door: Door,
    policy: HeaderValue,
}

/// Notified to close the connection that the request came over.
#[derive(Clone)]
struct Cut(Arc<Notify>);

#[derive(Serialize)]
struct Answer {
    ok: bool,
    said: String,
}

/// Serves the board at `listener` for as long as this is polled.
///
/// # Errors
/// When the listener has no address.
pub(super) async fn serve(listener: TcpListener, bench: Arc<Bench>) -> io::Result<Infallible> {
    let policy = HeaderValue::from_str(&page::policy()).map_err(io::Error::other)?;
    let site = Site { bench, door: Door::at(listener.local_addr()?), policy };
    let router = Router::new()
        .route("/", get(show_page))
        .route("/state", get(show_state))
        .route("/faults", get(show_faults))
        .route("/events", get(stream_events))
        .route("/do", post(carry_out))
        .layer(middleware::from_fn_with_state(site.clone(), guard))
        .with_state(site);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // An edge must not wait for an acknowledgement. Without this option the socket still
                    // works.
                    let _ = stream.set_nodelay(true);
                    connections.spawn(connection(TokioIo::new(stream), router.clone()));
                }
                Err(_) => tokio::time::sleep(BREATH).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TokioIo<tokio::net::TcpStream>, router: Router) {
    let cut = Arc::new(Notify::new());
    let of_requests = Cut(Arc::clone(&cut));
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(of_requests.clone());
        router.clone().oneshot(request.map(Body::new))
    });
    tokio::select! {
        // The browser may close the connection in any way.
        _ = hyper::server::conn::http1::Builder::new().serve_connection(stream, service) => {}
        () = cut.notified() => {}
    }
}

/// Refuses requests that are not allowed, and adds headers to every response.
async fn guard(State(site): State<Site>, request: Request, next: Next) -> Response {
    let mut response = match site.door.check(&request) {
        Ok(()) => next.run(request).await,
        Err((status, why)) => (status, why).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, site.policy);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

async fn show_page() -> Response {
    ([(CONTENT_TYPE, "text/html; charset=utf-8")], page::PAGE).into_response()
}

async fn show_state(State(site): State<Site>) -> Response {
    json(StatusCode::OK, &site.bench.record.view())
}

async fn show_faults(State(site): State<Site>) -> Response {
    json(StatusCode::OK, &site.bench.faults())
}

async fn stream_events(
    State(site): State<Site>,
    Extension(Cut(cut)): Extension<Cut>,
    request: Request,
) -> Response {
    let last_id = request.headers().get("last-event-id").and_then(|id| id.to_str().ok());
    let record = Arc::clone(&site.bench.record);
    let Some(subscription) = record.subscribe(last_id, cut) else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many pages look at this board").into_response();
    };
    let start = (VecDeque::from(subscription.before), subscription.live, record);
    let come_back = stream::iter([Ok(sse::Event::default().retry(COME_BACK))]);
    let events = stream::unfold(start, |(mut before, mut live, record)| async {
        let event = match before.pop_front() {
            Some(event) => event,
            None => live.recv().await?,
        };
        let sent = sse::Event::default().id(record.events().id(&event)).event(event.kind).data(&event.data);
        Some((Ok::<_, Infallible>(sent), (before, live, record)))
    });
    Sse::new(come_back.chain(events)).into_response()
}

async fn carry_out(State(site): State<Site>, request: Request) -> Response {
    let body = axum::body::to_bytes(request.into_body(), MAX_BODY).await.ok();
    let Some(asked) = body.and_then(|body| serde_json::from_slice::<ControlRequest>(&body).ok()) else {
        let said = "send {\"control\": NAME, \"value\": …}".to_owned();
        return json(StatusCode::UNPROCESSABLE_ENTITY, &Answer { ok: false, said });
    };
    // The stub and the node's files use blocking calls.
    let bench = Arc::clone(&site.bench);
    let done = tokio::task::spawn_blocking(move || bench.carry_out(&asked)).await;
    let (status, ok, said) = match done {
        Ok(Ok(said)) => (StatusCode::OK, true, said),
        Ok(Err(Retry::Later(said))) => (StatusCode::CONFLICT, false, said),
        Ok(Err(Retry::Never(said))) => (StatusCode::UNPROCESSABLE_ENTITY, false, said),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, false, "a defect of node-sim; please report it".into()),
    };
    json(status, &Answer { ok, said })
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    // None of the types sent here can fail to serialize.
    let text = serde_json::to_string(value).unwrap_or_default();
    (status, [(CONTENT_TYPE, "application/json")], text).into_response()
}
