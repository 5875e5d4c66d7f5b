//! The command center, as a node, an app and an administrator meet it: heartbeat and updates, enrolment, and
//! the calls a node makes for its household (docs/wire/jarvis-home.md). Nothing of it was recorded.
//!
//! It keeps rows about nodes, tasks and provisioning tokens. Whether a node's key is right it asks the auth
//! service (`callers`).

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, request};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Serialize;
use serde_json::Value;

use crate::auth::asking::AuthClient;
use crate::auth::http::under_load;
use crate::auth::state::Now;
use crate::auth::verdicts::Verdicts;
use crate::home::Home;
use crate::home::refusal::{Refusal, Step};
use crate::home::request::RequestBody;
use crate::moment::naive;
use crate::openapi;
use crate::server::answer::{json, json_text};
use refusal::Refused;
use rows::Rows;
use tasks::Tasks;
use tokens::ProvisioningTokens;

mod callers;
mod calls;
pub(crate) mod control;
mod enrolment;
mod heartbeat;
mod refusal;
mod rows;
mod tasks;
mod tokens;
mod updates;

pub use tasks::NotQueued;

/// The path where an administrator or a user gets a provisioning token.
pub(crate) const TOKENS: &str = "/api/v0/provisioning/token";

/// The state of a command center.
pub(crate) struct CommandCenter {
    auth: AuthClient,
    /// `ADMIN_API_KEY`.
    admin_key: String,
    /// Whether it speaks TLS.
    tls: bool,
    /// The port of the config service beside it.
    config_port: u16,
    data: Mutex<Data>,
    verdicts: Verdicts,
    heartbeats: AtomicU64,
}

#[derive(Default)]
struct Data {
    rows: Rows,
    tasks: Tasks,
    tokens: ProvisioningTokens,
}

impl CommandCenter {
    pub(crate) fn new(auth: AuthClient, admin_key: String, tls: bool, config_port: u16) -> Self {
        Self {
            auth,
            admin_key,
            tls,
            config_port,
            data: Mutex::default(),
            verdicts: Verdicts::default(),
            heartbeats: AtomicU64::new(0),
        }
    }

    /// Gives a node of a household a row, as enrolling it does.
    pub(crate) fn add_row(&self, node_id: &str, node_key: &str, household_id: &str, room: &str) {
        self.data().rows.insert(node_id, node_key, household_id, room, Now::read());
    }

    /// Loses a node's row. The auth service still knows the node. False: there is none.
    pub(crate) fn lose_row(&self, node_id: &str) -> bool {
        self.data().rows.remove(node_id)
    }

    /// Forgets what a restart of the process forgets: the answers of the auth service that it remembers.
    pub(crate) fn restart(&self) {
        self.verdicts.clear();
    }

    /// A new provisioning token, for this node or for any.
    pub(crate) fn provisioning_token(&self, household_id: &str, node_id: Option<&str>) -> String {
        self.data().tokens.issue(node_id, household_id, None, None, self.token_life(), Now::read())
    }

    /// Queues an update, as the app does, and returns the task's id.
    pub(crate) fn queue_update(&self, node_id: &str, version: &str) -> Result<String, NotQueued> {
        let data = &mut *self.data();
        data.tasks.queue(data.rows.get(node_id), node_id, version, self.home(), Now::read())
    }

    /// The tasks of a node, or of all, oldest first, as the app sees them.
    pub(crate) fn tasks(&self, node_id: Option<&str>) -> Vec<Value> {
        let tasks = self.data().tasks.list(node_id, Now::read());
        // Text can always be serialised.
        tasks.iter().map(|task| serde_json::to_value(task).unwrap_or_default()).collect()
    }

    /// Answers to heartbeats so far.
    pub(crate) fn heartbeats(&self) -> u64 {
        self.heartbeats.load(Ordering::Relaxed)
    }

    fn home(&self) -> Home {
        self.auth.home()
    }

    /// Reads a request. jarvisd's command center says for every malformed JSON that it stops at 0.
    async fn read(&self, request: Request) -> Result<(request::Parts, RequestBody), Refused> {
        let (head, mut body) = self.home().read(request).await?;
        if let RequestBody::Unusable(Refusal::Unprocessable(complaints)) = &mut body {
            complaints.iter_mut().for_each(|complaint| complaint.place = vec!["body".into(), Step::Index(0)]);
        }
        Ok((head, body))
    }

    /// Never held across an await.
    fn data(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The paths as the home serves them. jarvisd's are under the load of its one process.
pub(crate) fn served(command_center: &Arc<CommandCenter>) -> Router {
    let home = command_center.home();
    let paths = home.serve(routes().with_state(Arc::clone(command_center)), openapi::command_center(home));
    match home {
        Home::Python => paths,
        Home::Jarvisd => under_load(command_center.auth.service(), paths),
    }
}

/// The paths that a node, an app and an administrator use.
pub(crate) fn routes() -> Router<Arc<CommandCenter>> {
    Router::new()
        .route("/health", get(health))
        .route("/api/v0/ping", get(async || json_text(StatusCode::OK, "{\"message\":\"pong\"}".to_owned())))
        .route("/api/v0/admin/nodes/heartbeat", post(heartbeat::heartbeat))
        .route("/api/v0/admin/nodes/{node_id}", get(rows::show))
        .route("/api/v0/nodes/tasks/{task_id}/status", post(updates::report))
        .route("/api/v0/tasks/{task_id}", get(updates::show))
        .route("/api/v0/nodes/{node_id}/tasks", get(updates::list))
        .route("/api/v0/nodes/{node_id}/tasks/{task_id}/cancel", post(updates::cancel))
        .route("/api/v0/nodes/{node_id}/update", post(updates::request))
        .route(TOKENS, post(enrolment::mint))
        .route("/api/v0/nodes/register", post(enrolment::register))
        .route("/api/v0/node/mqtt-credentials", get(calls::mqtt_credentials))
        .route("/api/v0/node/push-notification", post(calls::push_notification))
        .route("/api/v0/node/inbox-item", post(calls::inbox_item))
        .route("/api/v0/node/send-link", post(calls::send_link))
        .route("/api/v0/node/llm/chat", post(calls::llm_chat))
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    service: &'static str,
    timestamp: String,
}

async fn health() -> Response {
    let timestamp = naive(Now::read().wall);
    json(StatusCode::OK, &Health { status: "healthy", service: "jarvis-command-center", timestamp })
}
