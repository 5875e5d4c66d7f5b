//! The stub's own paths, which no real service has: the faults and the model, changed while the server runs,
//! and the log.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use serde_json::Value;

use super::answer::{Detail, json, json_text};
use super::ends::Ends;
use super::faults::switch::Switch;
use super::faults::{Fault, FaultError, Faults};
use super::journal::Journal;
use crate::secrets::equal;

/// The prefix of the stub's own paths.
pub(super) const PREFIX: &str = "/__stub/";
/// The path of the faults.
const FAULTS: &str = "/__stub/faults";
/// The path of the model.
const MODEL: &str = "/__stub/model";
/// The path of the log.
const LOG: &str = "/__stub/log";
/// The path of the description of the service, for anyone.
const OPENAPI: &str = "/__stub/openapi.json";
const ADMIN_TOKEN_HEADER: &str = "X-Jarvis-Admin-Token";
/// More than a list of all faults needs.
const MAX_BODY: usize = 64 * 1024;

const NO_MODEL: Detail = Detail::new(StatusCode::NOT_FOUND, "Only the auth service has a model");

/// A service whose speed can be shown and set.
pub(crate) trait Adjustable: Send + Sync {
    /// The model's name and the resources in use, as JSON.
    fn shown(&self) -> String;

    /// Sets the model of this name. An error names the models.
    fn set_named(&self, name: &str) -> Result<(), String>;
}

/// The state of the control paths.
pub(crate) struct Control {
    pub(crate) switch: Arc<Switch>,
    /// None: the service has no model.
    pub(crate) model: Option<Arc<dyn Adjustable>>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) admin: Admin,
    /// The OpenAPI document of the service. None: it has none.
    pub(crate) document: Option<Value>,
}

/// Checks the administrator's token.
#[derive(Clone)]
pub(crate) struct Admin(pub(crate) Arc<str>);

impl Admin {
    /// The refusal of everyone but the administrator.
    pub(crate) const REFUSED: Detail = Detail::new(StatusCode::UNAUTHORIZED, "Unauthorized");

    /// Refuses a request without the administrator's token.
    pub(crate) fn require(&self, headers: &HeaderMap) -> Result<(), Detail> {
        let offered = headers.get(ADMIN_TOKEN_HEADER).and_then(|value| value.to_str().ok());
        if equal(offered.unwrap_or_default(), &self.0) {
            return Ok(());
        }
        Err(Self::REFUSED)
    }

    /// Refuses a request without the administrator's token, or from another machine.
    pub(crate) fn require_here(&self, request: &Request) -> Result<(), Detail> {
        if !request.extensions().get::<Ends>().is_some_and(Ends::peer_is_here) {
            return Err(Detail::new(StatusCode::FORBIDDEN, "Only from the stub's own machine"));
        }
        self.require(request.headers())
    }
}

/// Whether a path is answered here, whatever the faults are.
pub(super) fn serves(path: &str) -> bool {
    matches!(path, FAULTS | MODEL | LOG | OPENAPI)
}

/// `GET`, `PUT` and `DELETE` of a JSON list of faults' names; `GET` and `PUT` of the model's;
/// `GET` of the log and of the service's description; and the service's own.
pub(crate) fn routes(control: Arc<Control>, own: Router) -> Router {
    Router::new()
        .route(FAULTS, get(show).put(replace).delete(clear))
        .route(MODEL, get(show_model).put(set_model))
        .route(LOG, get(log))
        .route(OPENAPI, get(describe))
        .with_state(control)
        .merge(own)
        .fallback(async || Detail::NOT_FOUND)
        .method_not_allowed_fallback(async || Detail::METHOD_NOT_ALLOWED)
}

impl From<FaultError> for Detail {
    fn from(why: FaultError) -> Self {
        match why {
            FaultError::Door(_) => Self::sentence(StatusCode::CONFLICT, why.to_string()),
            FaultError::Unknown(_)
            | FaultError::Contradiction(..)
            | FaultError::NeedsTls(_)
            | FaultError::NeedsTokens(_)
            | FaultError::NeedsHome(_)
            | FaultError::Uncounted(_) => Self::sentence(StatusCode::BAD_REQUEST, why.to_string()),
        }
    }
}

async fn show(State(control): State<Arc<Control>>, request: Request) -> Result<Response, Detail> {
    control.admin.require_here(&request)?;
    Ok(json(StatusCode::OK, &control.switch.now()))
}

async fn replace(State(control): State<Arc<Control>>, request: Request) -> Result<Response, Detail> {
    control.admin.require_here(&request)?;
    let unreadable =
        || Detail::new(StatusCode::BAD_REQUEST, "send a JSON list of names, such as [\"status-503\"]");
    let body = axum::body::to_bytes(request.into_body(), MAX_BODY).await.map_err(|_| unreadable())?;
    let names: Vec<String> = serde_json::from_slice(&body).map_err(|_| unreadable())?;
    let faults = names.iter().map(|name| name.parse()).collect::<Result<Vec<Fault>, _>>()?;
    control.switch.set_meanwhile(Faults::of(&faults)?).await?;
    Ok(json(StatusCode::OK, &control.switch.now()))
}

async fn clear(State(control): State<Arc<Control>>, request: Request) -> Result<Response, Detail> {
    control.admin.require_here(&request)?;
    control.switch.set_meanwhile(Faults::NONE).await?;
    Ok(json(StatusCode::OK, &control.switch.now()))
}

async fn show_model(State(control): State<Arc<Control>>, request: Request) -> Result<Response, Detail> {
    control.admin.require_here(&request)?;
    let model = control.model.as_ref().ok_or(NO_MODEL)?;
    Ok(json_text(StatusCode::OK, model.shown()))
}

async fn set_model(State(control): State<Arc<Control>>, request: Request) -> Result<Response, Detail> {
    control.admin.require_here(&request)?;
    let model = control.model.as_ref().ok_or(NO_MODEL)?;
    let unreadable = || {
        Detail::new(
            StatusCode::BAD_REQUEST,
            "send a JSON string with the name of a model, such as \"instant\"",
        )
    };
    let body = axum::body::to_bytes(request.into_body(), MAX_BODY).await.map_err(|_| unreadable())?;
    let name: String = serde_json::from_slice(&body).map_err(|_| unreadable())?;
    model.set_named(&name).map_err(|why| Detail::sentence(StatusCode::BAD_REQUEST, why))?;
    Ok(json_text(StatusCode::OK, model.shown()))
}

async fn describe(State(control): State<Arc<Control>>) -> Result<Response, Detail> {
    const NONE: Detail = Detail::new(StatusCode::NOT_FOUND, "This service has no description");
    control.document.as_ref().map(|document| json(StatusCode::OK, document)).ok_or(NONE)
}

async fn log(State(control): State<Arc<Control>>, request: Request) -> Result<Response, Detail> {
    control.admin.require_here(&request)?;
    let bad = Detail::new(StatusCode::BAD_REQUEST, "ask for all, or for ?since=ID with the id of a request");
    let since = match request.uri().query() {
        None => 0,
        Some(query) => query.strip_prefix("since=").and_then(|id| id.parse().ok()).ok_or(bad)?,
    };
    Ok(json(StatusCode::OK, &control.journal.log(since)))
}

#[cfg(test)]
mod tests {
    use core::net::SocketAddr;

    use axum::body::Body;

    use super::*;

    fn asked_by(peer: &str, token: &str) -> Request {
        let peer: SocketAddr = peer.parse().expect("an address");
        let request =
            Request::builder().header(ADMIN_TOKEN_HEADER, token).extension(Ends { peer, local: peer });
        request.body(Body::empty()).expect("a request")
    }

    #[test]
    fn only_the_administrator_at_this_machine_passes() {
        let admin = Admin("token".into());
        for here in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(admin.require_here(&asked_by(here, "token")).is_ok(), "{here}");
            assert!(admin.require_here(&asked_by(here, "guessed")).is_err(), "{here}");
        }
        for elsewhere in ["192.0.2.1:1", "[2001:db8::1]:1", "[::ffff:192.0.2.1]:1"] {
            assert!(admin.require_here(&asked_by(elsewhere, "token")).is_err(), "{elsewhere}");
        }
        let unknown = Request::builder().header(ADMIN_TOKEN_HEADER, "token").body(Body::empty());
        assert!(admin.require_here(&unknown.expect("a request")).is_err());
    }
}
