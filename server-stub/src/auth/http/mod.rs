//! The paths, and the parts that all answers share.

use core::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{delete, get, post};
use node_core::wire::{APP_ID_HEADER, APP_KEY_HEADER, VALIDATE_NODE_PATH};
use tower::ServiceExt as _;

use crate::auth::load::{KeyKind, Load, Turn};
use crate::auth::service::Service;
use crate::auth::state::Now;
use crate::home::Home;
use crate::home::refusal::Refusal;
use crate::openapi;
use crate::server::answer::{Detail, json};
use crate::server::control::Admin;
use crate::server::ends::Ends;

mod accounts;
mod apps;
mod nodes;
pub(crate) mod users;
pub(crate) mod validate;

/// The service's paths as its home serves them, behind its load.
pub(crate) fn router(service: &Arc<Service>) -> Router {
    let home = service.home;
    let paths = home.serve(routes(home).with_state(Arc::clone(service)), openapi::auth(home));
    under_load(service, paths)
}

/// The service of these paths, behind the load of the auth service.
pub(crate) fn under_load(service: &Service, paths: Router) -> Router {
    let answer = |State((paths, load)): State<(Router, Load)>, request: Request| async move {
        load.worked_off(async move { answered(paths, request).await }).await
    };
    Router::new().fallback(answer).with_state((paths, service.load.clone()))
}

async fn answered(paths: Router, request: Request) -> Response {
    match paths.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// The paths of both homes, and those of the home's own.
pub(crate) fn routes(home: Home) -> Router<Arc<Service>> {
    let both = Router::new()
        .route("/health", get(health))
        .route(VALIDATE_NODE_PATH, post(validate::node))
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
        .route("/households", get(users::households));
    let both = accounts_below("/auth", both);
    match home {
        // What the published service table names beside the July 2026 code.
        Home::Python => accounts_below("/api/v0/auth", both)
            .route("/internal/validate-app", post(apps::validate).fallback(async || Detail::NOT_FOUND))
            .route("/api/v0/users/{user_id}", get(users::show)),
        Home::Jarvisd => both,
    }
}

fn accounts_below(prefix: &str, router: Router<Arc<Service>>) -> Router<Arc<Service>> {
    router
        .route(&format!("{prefix}/register"), post(accounts::register))
        .route(&format!("{prefix}/login"), post(accounts::login))
        .route(&format!("{prefix}/refresh"), post(accounts::refresh))
        .route(&format!("{prefix}/logout"), post(accounts::logout))
        .route(&format!("{prefix}/me"), get(users::me))
}

/// Liveness only: the real service answers this also while its database is down.
async fn health(mut turn: Turn) -> Response {
    turn.thread().await;
    json(StatusCode::OK, &serde_json::json!({ "status": "ok" }))
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
    // jarvisd refuses everybody while it has no token.
    let admin = service.admin.as_ref().ok_or(Admin::REFUSED)?;
    admin.require(headers)?;
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

fn peer(extensions: &axum::http::Extensions) -> IpAddr {
    extensions.get::<Ends>().map_or(IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED), |ends| ends.peer.ip())
}
