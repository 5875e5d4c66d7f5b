//! SmartEM's backend, as far as its callers' tokens and its agents' heartbeats go (docs/wire/smartem.md). Every session
//! counts as one whose agent is connected.

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{Html, Response};
use axum::routing::{get, post};
use serde_json::json;
use time::OffsetDateTime;

use crate::moment::naive;
use crate::openapi;
use crate::run::inbound::{self, InboundSettings};
use crate::run::outbound::Outbound;
use crate::secrets::new_uuid;
use crate::server::answer::{self, Detail};
use crate::server::error::StartError;
use crate::server::{About, Bound, Server, ServerOptions};

/// How to start a backend.
pub struct BackendOptions {
    /// Its address and identity.
    pub server: ServerOptions,
    /// The rules for callers, usually those of [`InboundSettings::smartem`].
    pub inbound: InboundSettings,
    /// Certificate authorities to trust besides its own, in PEM: the token service's.
    pub authorities: Vec<String>,
}

/// A running backend. Stops when dropped.
pub struct Backend {
    server: Server,
}

impl Backend {
    /// Starts a backend on a thread of its own and returns when it listens.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is left running.
    pub fn start(options: BackendOptions) -> Result<Self, StartError> {
        let BackendOptions { server, inbound, authorities } = options;
        let bound = Bound::new(server, About { document: Some(openapi::smartem()), ..About::default() })?;
        let outbound = Outbound::new(bound.ca_pem(), &authorities)?;
        let service = inbound::behind(routes(), inbound, outbound);
        // Outside of the layer: whether there is a token is a question of the routes.
        let service = service
            .fallback(async || Detail::NOT_FOUND)
            .method_not_allowed_fallback(async || Detail::METHOD_NOT_ALLOWED);
        Ok(Self { server: bound.serve(service) })
    }

    /// Its server, for the address and the faults.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Its URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        self.server.url()
    }
}

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/status", get(status))
        .route("/version", get(version))
        .route("/openapi.json", get(described))
        .route("/docs", get(async || Html("<title>SmartEM Decisions Backend API</title>")))
        .route("/agent/{agent_id}/session/{session_id}/heartbeat", post(heartbeat))
}

fn now() -> String {
    naive(OffsetDateTime::now_utc())
}

async fn health() -> Response {
    let ok = json!({ "status": "ok", "details": "Connected" });
    let none = json!({ "status": "not_configured", "details": "Log aggregation service not configured" });
    answer::json(
        StatusCode::OK,
        &json!({
            "status": "ok",
            "timestamp": now(),
            "services": { "database": ok, "event_broker": ok, "log_aggregator": none },
            "version": env!("CARGO_PKG_VERSION"),
        }),
    )
}

async fn status() -> Response {
    answer::json(
        StatusCode::OK,
        &json!({
            "status": "ok",
            "service": "SmartEM Decisions API",
            "version": env!("CARGO_PKG_VERSION"),
            "timestamp": now(),
        }),
    )
}

async fn version() -> Response {
    let body = json!({ "service": "smartem-decisions", "version": env!("CARGO_PKG_VERSION") });
    answer::json(StatusCode::OK, &body)
}

async fn described() -> Response {
    answer::json(StatusCode::OK, &openapi::smartem())
}

async fn heartbeat(Path((agent_id, session_id)): Path<(String, String)>) -> Response {
    answer::json(
        StatusCode::OK,
        &json!({
            "status": "success",
            "agent_id": agent_id,
            "session_id": session_id,
            "heartbeat_timestamp": now(),
            "connection_id": new_uuid(),
        }),
    )
}
