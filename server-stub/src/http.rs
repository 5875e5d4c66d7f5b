//! The paths, and what all answers have in common.

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

use crate::fastapi::Refusal;
use crate::load::{Load, Turn};
use crate::service::Service;
use crate::state::Now;

mod apps;
mod auth;
mod command_center;
mod nodes;
mod users;
mod validate;

/// The two ends of a connection.
#[derive(Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
}

/// Answers requests.
#[derive(Clone)]
pub(crate) struct Http {
    router: Router,
    load: Load,
}

impl Http {
    pub(crate) fn new(service: Arc<Service>) -> Self {
        let load = service.load.clone();
        Self { router: routes().with_state(service), load }
    }

    /// As what a server serves.
    pub(crate) fn into_router(self) -> Router {
        let answer = |State(http): State<Self>, request: Request| async move {
            let load = http.load.clone();
            load.worked_off(async move { http.answer(request).await }).await
        };
        Router::new().fallback(answer).with_state(self)
    }

    /// Answers one request as the real service would. Never fails: a refusal is an answer.
    async fn answer(&self, mut request: Request) -> Response {
        if *request.method() == Method::HEAD {
            // FastAPI's GET routes do not answer HEAD, axum's would.
            *request.method_mut() = unrouted();
        }
        let mut response = match self.redirect(request.uri(), request.headers(), local(&request)).await {
            Some(redirect) => redirect,
            None => self.route(request).await,
        };
        if response.status() == StatusCode::METHOD_NOT_ALLOWED {
            name_first_method(response.headers_mut());
        } else {
            // axum adds it to the 404 of a path that has its own, too.
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

    /// A trailing slash behind a path that exists is redirected, whatever the method, to where the
    /// request itself says the server is. Always to `http`: the service does not know about the
    /// proxy that speaks TLS for it.
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

/// All paths: those of the July 2026 code, those of the published service table, and command-center's.
fn routes() -> Router<Arc<Service>> {
    let mut router = Router::new()
        .route("/health", get(health))
        .route(VALIDATE_NODE_PATH, post(validate::node))
        .route("/internal/validate-app", post(apps::validate).fallback(not_found))
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
        .route("/api/v0/users/{user_id}", get(users::show))
        .route("/api/v0/admin/nodes/heartbeat", post(command_center::heartbeat))
        .route("/api/v0/nodes/register", post(command_center::enrol))
        .route("/api/v0/provisioning-tokens", post(command_center::provision));
    for prefix in ["/auth", "/api/v0/auth"] {
        router = router
            .route(&format!("{prefix}/register"), post(auth::register))
            .route(&format!("{prefix}/login"), post(auth::login))
            .route(&format!("{prefix}/refresh"), post(auth::refresh))
            .route(&format!("{prefix}/logout"), post(auth::logout))
            .route(&format!("{prefix}/me"), get(users::me));
    }
    router.fallback(not_found).method_not_allowed_fallback(method_not_allowed)
}

/// Liveness only: the real service says this with its database down, too.
async fn health(mut turn: Turn) -> Response {
    turn.thread().await;
    crate::fastapi::json(StatusCode::OK, &serde_json::json!({ "status": "ok" }))
}

pub(crate) async fn not_found() -> Refusal {
    Refusal::Detail(StatusCode::NOT_FOUND, "Not Found")
}

pub(crate) async fn method_not_allowed() -> Refusal {
    Refusal::Detail(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
}

/// A method that no path has.
fn unrouted() -> Method {
    Method::CONNECT
}

/// FastAPI keeps a route for each method of a path, and names the first one's.
fn name_first_method(headers: &mut HeaderMap) {
    let allowed = headers.get(header::ALLOW).and_then(|allow| allow.to_str().ok());
    let first = allowed.and_then(|allow| allow.split(',').next()).and_then(|first| first.parse().ok());
    if let Some(first) = first {
        headers.insert(header::ALLOW, first);
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The id and name of the app that calls. Takes a thread, and checks the key over a connection that the
/// call keeps.
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
    // There is nothing to check the key of an app against that is not there.
    if service.world().has_app(app_id) {
        turn.check().await;
    }
    known.ok_or(refusal)
}

/// Lets nobody but an administrator pass, with a thread and a connection.
async fn require_admin(service: &Service, turn: &mut Turn, headers: &HeaderMap) -> Result<(), Refusal> {
    turn.thread().await;
    service.admin.require(headers)?;
    Ok(turn.connection().await?)
}

/// Lets no address pass more often than the service does. *Assumption*: like the checks of apps and
/// administrators this comes after malformed JSON and before missing fields.
fn admit(service: &Service, peer: IpAddr) -> Result<(), Refusal> {
    if service.world().admits(peer, Now::read()) { Ok(()) } else { Err(Refusal::TooMany(60)) }
}

/// Whether a path is answered rightly whatever is wrong: those of administrators.
pub(crate) fn is_spared(path: &str) -> bool {
    path.starts_with("/admin/") || path == "/api/v0/provisioning-tokens"
}

fn local(request: &Request) -> SocketAddr {
    let unspecified = SocketAddr::from((core::net::Ipv4Addr::UNSPECIFIED, 0));
    request.extensions().get::<Ends>().map_or(unspecified, |ends| ends.local)
}

fn peer(extensions: &axum::http::Extensions) -> IpAddr {
    extensions.get::<Ends>().map_or(IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED), |ends| ends.peer.ip())
}
