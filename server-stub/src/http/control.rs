//! The stub's own paths, which the real service has not: its faults, switched while it runs.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;

use super::{Ends, method_not_allowed, not_found, require_admin};
use crate::fastapi::{Refusal, json};
use crate::faults::{Fault, FaultError, Faults};
use crate::service::Service;

/// Where the stub's own paths begin.
const PREFIX: &str = "/__stub/";
const FAULTS: &str = "/__stub/faults";
/// A list of names is shorter.
const MAX_BODY: usize = 64 * 1024;

/// Whether a path is answered rightly whatever is wrong: the stub's own and those of administrators.
pub(crate) fn is_spared(path: &str) -> bool {
    path.starts_with(PREFIX) || path.starts_with("/admin/") || path == "/api/v0/provisioning-tokens"
}

/// `GET`, `PUT` and `DELETE` of a JSON list of faults' names.
pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route(FAULTS, get(show).put(replace).delete(clear))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
}

impl From<FaultError> for Refusal {
    fn from(why: FaultError) -> Self {
        match why {
            FaultError::Door(_) => Self::Sentence(StatusCode::CONFLICT, why.to_string()),
            FaultError::Unknown(_)
            | FaultError::Contradiction(..)
            | FaultError::NeedsTls(_)
            | FaultError::Uncounted(_) => Self::Sentence(StatusCode::BAD_REQUEST, why.to_string()),
        }
    }
}

async fn show(State(service): State<Arc<Service>>, request: Request) -> Result<Response, Refusal> {
    admit(&service, &request)?;
    Ok(json(StatusCode::OK, &service.switch.now()))
}

async fn replace(State(service): State<Arc<Service>>, request: Request) -> Result<Response, Refusal> {
    admit(&service, &request)?;
    let unreadable =
        || Refusal::Detail(StatusCode::BAD_REQUEST, "send a JSON list of names, such as [\"status-503\"]");
    let body = axum::body::to_bytes(request.into_body(), MAX_BODY).await.map_err(|_| unreadable())?;
    let names: Vec<String> = serde_json::from_slice(&body).map_err(|_| unreadable())?;
    let faults = names.iter().map(|name| name.parse()).collect::<Result<Vec<Fault>, _>>()?;
    service.switch.set_meanwhile(Faults::of(&faults)?).await?;
    Ok(json(StatusCode::OK, &service.switch.now()))
}

async fn clear(State(service): State<Arc<Service>>, request: Request) -> Result<Response, Refusal> {
    admit(&service, &request)?;
    service.switch.set_meanwhile(Faults::NONE).await?;
    Ok(json(StatusCode::OK, &service.switch.now()))
}

/// Lets only administrators on this machine pass.
fn admit(service: &Service, request: &Request) -> Result<(), Refusal> {
    let peer = request.extensions().get::<Ends>().map(|ends| ends.peer.ip().to_canonical());
    if !peer.is_some_and(|ip| ip.is_loopback()) {
        return Err(Refusal::Detail(StatusCode::FORBIDDEN, "Only from the stub's own machine"));
    }
    require_admin(service, request.headers())
}
