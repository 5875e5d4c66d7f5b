//! The paths, and the parts that all answers share.

use core::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use node_core::wire::{APP_ID_HEADER, APP_KEY_HEADER, VALIDATE_NODE_PATH};
use tower::ServiceExt as _;

use crate::auth::fastapi::Refusal;
use crate::auth::load::{KeyKind, Load, Turn};
use crate::auth::service::Service;
use crate::auth::state::Now;
use crate::server::answer::{Detail, json};
use crate::server::ends::Ends;

mod accounts;
mod apps;
mod nodes;
mod users;
pub(crate) mod validate;

/// The service's router behind its load.
#[derive(Clone)]
pub(crate) struct Http {
    router: Router,
    load: Load,
}

impl Http {
    /// Serves the service's own paths and `more`.
    pub(crate) fn new(more: Router<Arc<Service>>, service: Arc<Service>) -> Self {
        let load = service.load.clone();
        let router = routes()
            .merge(more)
            .fallback(async || Detail::NOT_FOUND)
            .method_not_allowed_fallback(async || Detail::METHOD_NOT_ALLOWED);
        Self { router: router.with_state(service), load }
    }

    /// The router for a server.
    pub(crate) fn into_router(self) -> Router {
        let answer = |State(http): State<Self>, request: Request| async move {
            let load = http.load.clone();
            load.worked_off(async move { http.answer(request).await }).await
        };
        Router::new().fallback(answer).with_state(self)
    }

    /// Answers one request as the real service would. A refusal is an answer, too.
    async fn answer(&self, mut request: Request) -> Response {
        if *request.method() == Method::HEAD {
            // FastAPI's GET routes do not answer HEAD; axum's do.
            *request.method_mut() = unrouted();
        }
        let mut response = match self.redirect(request.uri(), request.headers(), local(&request)).await {
            Some(redirect) => redirect,
            None => self.route(request).await,
        };
        if response.status() == StatusCode::METHOD_NOT_ALLOWED {
            name_first_method(response.headers_mut());
        } else {
            // axum adds the header also to a path's own 404.
            response.headers_mut().remove(header::ALLOW);
        }
        response.headers_mut().insert(header::SERVER, HeaderValue::from_static("uvicorn"));
        response
    }

    async fn route(&self, request: Request) -> Response {
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    /// A trailing slash after an existing path is redirected, for any method, to the host that the request
    /// names. The scheme is always `http`, because the service does not know about the TLS proxy in front of
    /// it.
    async fn redirect(&self, uri: &Uri, headers: &HeaderMap, local: SocketAddr) -> Option<Response> {
        let path = uri.path().strip_suffix('/')?.trim_end_matches('/');
        let probe = Request::builder().method(unrouted()).uri(path).body(Body::empty()).ok()?;
        if self.route(probe).await.status() != StatusCode::METHOD_NOT_ALLOWED {
            return None;
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.map_or_else(|| local.to_string(), str::to_owned);
        let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
        let location = [(header::LOCATION, format!("http://{host}{path}{query}"))];
        Some((StatusCode::TEMPORARY_REDIRECT, location).into_response())
    }
}

/// All paths: those of the July 2026 code, and those of the published service table.
fn routes() -> Router<Arc<Service>> {
    let mut router = Router::new()
        .route("/health", get(health))
        .route(VALIDATE_NODE_PATH, post(validate::node))
        .route("/internal/validate-app", post(apps::validate).fallback(async || Detail::NOT_FOUND))
        .route("/internal/app-ping", get(apps::validate))
        .route("/internal/nodes/register", post(nodes::register))
        .route("/internal/nodes/{node_id}", delete(nodes::deactivate_by_app))
        .route("/internal/nodes/{node_id}/services", post(nodes::grant))
        .route("/internal/nodes/{node_id}/services/{service_id}", delete(nodes::revoke))
        .route("/admin/nodes", post(nodes::create).get(nodes::list))
        .route("/admin/nodes/{node_id}", get(nodes::show).delete(nodes::deactivate_by_admin))
        .route("/admin/nodes/{node_id}/rotate-key", post(nodes::rotate))
        .route("/admin/app-clients", post(apps::create).get(apps::list))
        .route("/admin/app-clients/{app_id}/rotate", post(apps::rotate))
        .route("/admin/app-clients/{app_id}/revoke", post(apps::revoke))
        .route("/api/v0/users/{user_id}", get(users::show));
    for prefix in ["/auth", "/api/v0/auth"] {
        router = router
            .route(&format!("{prefix}/register"), post(accounts::register))
            .route(&format!("{prefix}/login"), post(accounts::login))
            .route(&format!("{prefix}/refresh"), post(accounts::refresh))
            .route(&format!("{prefix}/logout"), post(accounts::logout))
            .route(&format!("{prefix}/me"), get(users::me));
    }
    router
}

/// Liveness only: the real service answers this also while its database is down.
async fn health(mut turn: Turn) -> Response {
    turn.thread().await;
    json(StatusCode::OK, &serde_json::json!({ "status": "ok" }))
}

/// A method without a route.
fn unrouted() -> Method {
    Method::CONNECT
}

/// FastAPI has a route for each method of a path and names the first route's method only.
fn name_first_method(headers: &mut HeaderMap) {
    let allowed = headers.get(header::ALLOW).and_then(|allow| allow.to_str().ok());
    let first = allowed.and_then(|allow| allow.split(',').next()).and_then(|first| first.parse().ok());
    if let Some(first) = first {
        headers.insert(header::ALLOW, first);
    }
}

pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The id and name of the calling app. Takes a thread, and checks the key over a connection that the call
/// keeps.
async fn calling_app(
    service: &Service,
    turn: &mut Turn,
    headers: &HeaderMap,
) -> Result<(String, String), Refusal> {
    turn.thread().await;
    let (app_id, key) = (text(headers, APP_ID_HEADER), text(headers, APP_KEY_HEADER));
    if app_id.is_empty() || key.is_empty() {
        return Err(Refusal::Detail(StatusCode::UNAUTHORIZED, "Missing app credentials"));
    }
    turn.connection().await?;
    let refusal = Refusal::Detail(StatusCode::UNAUTHORIZED, "Invalid app credentials");
    let known = service.world().app(app_id, key)?.map(|app| (app.app_id.clone(), app.name.clone()));
    // The key of an unknown app is not checked.
    if service.world().has_app(app_id) {
        turn.check_key(KeyKind::App, app_id, key, known.is_some()).await;
    }
    known.ok_or(refusal)
}

/// Refuses everyone but an administrator. Takes a thread and a connection.
async fn require_admin(service: &Service, turn: &mut Turn, headers: &HeaderMap) -> Result<(), Refusal> {
    turn.thread().await;
    service.admin.require(headers)?;
    Ok(turn.connection().await?)
}

/// Refuses an address that exceeds the service's rate limit. *Assumption*: like the checks of apps and
/// administrators, this comes after malformed JSON and before missing fields.
fn admit(service: &Service, peer: IpAddr) -> Result<(), Refusal> {
    if service.world().admits(peer, Now::read()) { Ok(()) } else { Err(Refusal::TooMany(60)) }
}

/// Whether a path is for administrators.
pub(crate) fn is_for_administrators(path: &str) -> bool {
    path.starts_with("/admin/")
}

fn local(request: &Request) -> SocketAddr {
    let unspecified = SocketAddr::from((core::net::Ipv4Addr::UNSPECIFIED, 0));
    request.extensions().get::<Ends>().map_or(unspecified, |ends| ends.local)
}

fn peer(extensions: &axum::http::Extensions) -> IpAddr {
    extensions.get::<Ends>().map_or(IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED), |ends| ends.peer.ip())
}
