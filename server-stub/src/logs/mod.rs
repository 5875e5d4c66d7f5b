//! The logs: takes lines from nodes (docs/wire/jarvis-home.md, "Other calls of a node"). Lines of apps, queries
//! and the stream are not here.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Extensions, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::Serialize;
use serde_json::json;

use crate::auth::asking::{Asked, AuthClient};
use crate::auth::http::{text, under_load};
use crate::auth::state::Now;
use crate::auth::verdicts::Verdicts;
use crate::home::Home;
use crate::home::refusal::Refusal;
use crate::moment::naive;
use crate::openapi;
use crate::server::answer;
use crate::server::faults::HomeFault;
use crate::server::journal::Waits;

mod line;

pub use line::LogLine;

/// *Assumption*: the driver's words when the database cannot be read.
const DATABASE_ERROR: &str = "disk I/O error (10)";
/// The lines that are kept for tests.
const KEPT: usize = 10_000;

/// The service's data.
pub(crate) struct Logs {
    auth: AuthClient,
    /// A Python service's, good or bad; an outage is not kept (jarvis-logs, app/auth.py, d66f501).
    verdicts: Verdicts,
    lines: Mutex<VecDeque<LogLine>>,
}

impl Logs {
    pub(crate) fn new(auth: AuthClient) -> Self {
        Self { auth, verdicts: Verdicts::default(), lines: Mutex::default() }
    }

    /// The paths as the home serves them. jarvisd's are under the load of its one process.
    pub(crate) fn served(self: &Arc<Self>) -> Router {
        let home = self.auth.home();
        let paths = home.serve(routes().with_state(Arc::clone(self)), openapi::logs(home));
        match home {
            Home::Python => paths,
            Home::Jarvisd => under_load(self.auth.service(), paths),
        }
    }

    /// The last lines that were taken, the oldest first.
    pub(crate) fn lines(&self) -> Vec<LogLine> {
        lock(&self.lines).iter().cloned().collect()
    }

    /// Forgets what a restart of the process forgets: the verdicts of the auth service that it remembers.
    pub(crate) fn restart(&self) {
        self.verdicts.clear();
    }

    /// What the auth service says about a node, or has said to a Python service lately.
    async fn verdict(&self, extensions: &Extensions, node_id: &str, node_key: &str) -> Asked {
        if let Some(outage) = outage(HomeFault::of(extensions)) {
            return Asked::Outage(outage.to_owned());
        }
        let credential = format!("{node_id}:{node_key}");
        if let Some(asked) = self.verdicts.get(&credential, Now::read()) {
            return asked;
        }
        let asked = self.auth.verdict(waits(extensions), node_id, node_key).await;
        let is_verdict = matches!(asked, Asked::Valid { .. } | Asked::Rejected(_));
        if is_verdict && self.auth.home() == Home::Python {
            self.verdicts.put(&credential, asked.clone(), Now::read());
        }
        asked
    }

    async fn keep(&self, extensions: &Extensions, new: Vec<LogLine>) -> Result<(), Refusal> {
        if HomeFault::of(extensions) == Some(HomeFault::LogsStoreFails) {
            return Err(Refusal::Detail(StatusCode::BAD_GATEWAY, "Failed to push logs to Loki"));
        }
        self.auth.write(waits(extensions), 1).await;
        let mut lines = lock(&self.lines);
        lines.extend(new);
        let surplus = lines.len().saturating_sub(KEPT);
        lines.drain(..surplus);
        Ok(())
    }
}

pub(crate) fn routes() -> Router<Arc<Logs>> {
    Router::new()
        .route("/ping", get(async || answer::json(StatusCode::OK, &json!({ "message": "pong" }))))
        .route("/health", get(health))
        .route("/api/v0/node/logs/batch", post(take))
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn waits(extensions: &Extensions) -> Waits {
    extensions.get().cloned().unwrap_or_default()
}

/// The words of the Python service for an outage.
const fn outage(fault: Option<HomeFault>) -> Option<&'static str> {
    match fault {
        Some(HomeFault::AuthUnavailable) => Some("Auth service unavailable: [Errno 111] Connection refused"),
        Some(HomeFault::AuthError) => Some("Auth service error: 500"),
        Some(HomeFault::AuthNotConfigured) => Some("JARVIS_APP_KEY not configured"),
        Some(_) | None => None,
    }
}

/// `POST /api/v0/node/logs/batch`. Unlike at the other services, a rejected node gets a 403, and so does each
/// node while the auth service is away.
async fn take(State(logs): State<Arc<Logs>>, request: Request) -> Result<Response, Refusal> {
    let home = logs.auth.home();
    let (head, body) = home.read(request).await?;
    let (node_id, node_key) = (text(&head.headers, "X-Node-Id"), text(&head.headers, "X-Node-Key"));
    if node_id.is_empty() || node_key.is_empty() {
        return Err(Refusal::Detail(StatusCode::UNAUTHORIZED, "Missing node credentials"));
    }
    match logs.verdict(&head.extensions, node_id, node_key).await {
        Asked::Valid { .. } => {}
        Asked::Rejected(reason) => return Err(Refusal::Sentence(StatusCode::FORBIDDEN, reason)),
        Asked::Outage(why) => {
            let why = match home {
                Home::Python => why,
                Home::Jarvisd => format!("Auth service error: {DATABASE_ERROR}"),
            };
            return Err(Refusal::Sentence(StatusCode::FORBIDDEN, why));
        }
    }
    let lines = line::read(home, body, node_id)?;
    if !lines.is_empty() {
        logs.keep(&head.extensions, lines).await?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    timestamp: String,
    services: Backends,
}

#[derive(Serialize)]
struct Backends {
    loki: &'static str,
}

/// jarvisd has no Loki and says this all the same. *Assumption*: its own store failing shows no more there.
async fn health(State(logs): State<Arc<Logs>>, request: Request) -> Response {
    let fails = HomeFault::of(request.extensions()) == Some(HomeFault::LogsStoreFails);
    let fails = fails && logs.auth.home() == Home::Python;
    let (status, loki) = if fails { ("degraded", "unavailable") } else { ("healthy", "available") };
    let timestamp = naive(Now::read().wall);
    answer::json(StatusCode::OK, &Health { status, timestamp, services: Backends { loki } })
}
