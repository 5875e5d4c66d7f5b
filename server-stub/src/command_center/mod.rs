//! Command-center's paths for a node: a validation without an app key, and enrolment. One stub can so replace
//! both services. All of it is *documented* (docs/wire/jarvis-auth.md, "How nodes are used around it"), none
//! of it recorded.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::post;
use axum::{Extension, Router};
use serde::Serialize;

use crate::auth::fastapi::{Refusal, read};
use crate::auth::http::{text, validate};
use crate::auth::load::{PoolTimedOut, Turn};
use crate::auth::service::Service;
use crate::auth::state::nodes::Verdict;
use crate::auth::state::{Now, SERVICE_ID};
use crate::moment::written;
use crate::secrets::new_key;
use crate::server::answer::json;
use enrolment::{NotEnrolled, ProvisioningTokens, TOKEN_LIFE};

mod enrolment;

/// The path where an administrator gets a token.
pub(crate) const PROVISIONING_TOKENS: &str = "/api/v0/provisioning-tokens";
const API_KEY_HEADER: &str = "X-API-Key";

/// The state of command-center. Nodes and apps are the auth service's.
#[derive(Default)]
pub(crate) struct CommandCenter {
    tokens: Mutex<ProvisioningTokens>,
    heartbeats: AtomicU64,
}

impl CommandCenter {
    /// A new provisioning token.
    pub(crate) fn provisioning_token(&self, now: Now) -> String {
        self.tokens().issue(now)
    }

    /// Answers to heartbeats so far.
    pub(crate) fn heartbeats(&self) -> u64 {
        self.heartbeats.load(Ordering::Relaxed)
    }

    fn tokens(&self) -> MutexGuard<'_, ProvisioningTokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The paths, to be served beside the auth service's.
pub(crate) fn routes(command_center: Arc<CommandCenter>) -> Router<Arc<Service>> {
    Router::new()
        .route("/api/v0/admin/nodes/heartbeat", post(heartbeat))
        .route("/api/v0/nodes/register", post(enrol))
        .route(PROVISIONING_TOKENS, post(provision))
        .layer(Extension(command_center))
}

#[derive(Serialize)]
struct Enrolled<'a> {
    node_id: &'a str,
    node_key: &'a str,
    /// *Assumption*: after the key, the documentation has an ellipsis.
    room: Option<&'a str>,
}

#[derive(Serialize)]
struct Provisioned<'a> {
    provisioning_token: &'a str,
    expires_at: String,
}

impl From<NotEnrolled> for Refusal {
    fn from(why: NotEnrolled) -> Self {
        match why {
            NotEnrolled::Token => {
                Self::Detail(StatusCode::UNAUTHORIZED, "Invalid or expired provisioning token")
            }
            NotEnrolled::Exists => Self::Detail(StatusCode::BAD_REQUEST, "Node already registered"),
        }
    }
}

/// `POST /api/v0/admin/nodes/heartbeat`: the node sends its key, command-center asks the auth service, and a
/// rejection is a 401 with the reason. The real one caches an answer for 60 s; here a change takes effect at
/// once.
async fn heartbeat(
    State(service): State<Arc<Service>>,
    Extension(command_center): Extension<Arc<CommandCenter>>,
    turn: Turn,
    request: Request,
) -> Result<Response, Refusal> {
    let answer = admit_node(&service, turn, request).await;
    command_center.heartbeats.fetch_add(1, Ordering::Relaxed);
    answer.map(|()| json(StatusCode::OK, &serde_json::json!({ "status": "ok" })))
}

async fn admit_node(service: &Service, mut turn: Turn, request: Request) -> Result<(), Refusal> {
    // All fields are optional. *Assumption*: so is the body.
    let (head, _) = read(request).await?;
    let (node_id, node_key) = shown(&head.headers)?;
    match asked(service, &mut turn, node_id, node_key).await {
        Ok(verdict) => match verdict.reason(SERVICE_ID) {
            None => {
                // jarvisd notes when the node was seen, and its version.
                turn.write().await;
                turn.write().await;
                Ok(())
            }
            Some(reason) => Err(Refusal::Sentence(StatusCode::UNAUTHORIZED, reason)),
        },
        // The auth service answers 500, which command-center treats as a refusal.
        Err(_) => Err(Refusal::Detail(StatusCode::UNAUTHORIZED, "Auth service error: 500")),
    }
}

/// The auth service's verdict for command-center, which calls as an app. It costs as much as a node's own
/// validation.
async fn asked(
    service: &Service,
    turn: &mut Turn,
    node_id: &str,
    node_key: &str,
) -> Result<Verdict, Refusal> {
    as_an_app(turn).await?;
    validate::verdict(service, turn, node_id, node_key, SERVICE_ID).await
}

async fn as_an_app(turn: &mut Turn) -> Result<(), PoolTimedOut> {
    turn.thread().await;
    turn.connection().await?;
    turn.check_service().await;
    Ok(())
}

/// Id and key, split at the first `:`. *Assumption*: the sentences of the refusals.
fn shown(headers: &HeaderMap) -> Result<(&str, &str), Refusal> {
    match text(headers, API_KEY_HEADER) {
        "" => Err(Refusal::Detail(StatusCode::UNAUTHORIZED, "Missing API key")),
        shown => {
            shown.split_once(':').ok_or(Refusal::Detail(StatusCode::UNAUTHORIZED, "Invalid API key format"))
        }
    }
}

/// `POST /api/v0/nodes/register`: returns a node's credential for a provisioning token. Command-center
/// registers the node at the auth service. *Assumption*: 500 if that fails.
async fn enrol(
    State(service): State<Arc<Service>>,
    Extension(command_center): Extension<Arc<CommandCenter>>,
    mut turn: Turn,
    request: Request,
) -> Result<Response, Refusal> {
    let (_, body) = read(request).await?;
    let (node_id, token, room) = body.form(|form| {
        (form.string("node_id"), form.string("provisioning_token"), form.optional_string("room"))
    })?;
    as_an_app(&mut turn).await?;
    turn.connection().await?;
    turn.check().await;
    let node_key = new_key();
    let (mut tokens, mut world) = (command_center.tokens(), service.world());
    tokens.enrol(&mut world, &node_id, &node_key, &token, room.as_deref(), Now::read())?;
    let enrolled = Enrolled { node_id: &node_id, node_key: &node_key, room: room.as_deref() };
    Ok(json(StatusCode::CREATED, &enrolled))
}

/// `POST /api/v0/provisioning-tokens`. *Assumption*: path and answer. People get tokens from an app, and its
/// request is not documented. The call takes no resources, so that a token is always available.
async fn provision(
    State(service): State<Arc<Service>>,
    Extension(command_center): Extension<Arc<CommandCenter>>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    service.admin.require(&headers)?;
    let now = Now::read();
    let token = command_center.provisioning_token(now);
    let provisioned = Provisioned { provisioning_token: &token, expires_at: written(now.wall + TOKEN_LIFE) };
    Ok(json(StatusCode::CREATED, &provisioned))
}
