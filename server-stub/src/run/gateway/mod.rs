//! The Run Gateway: it exchanges callers' tokens for tokens for the coordinator and passes calls on
//! (docs/wire/arp.md, "Run Gateway"). It stores neither runs nor tokens.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};

use crate::openapi;
use crate::run::arp::{self, ArpError, RunId, json_answer};
use crate::run::inbound::{self, Caller};
use crate::run::outbound::Outbound;
use crate::server::error::StartError;
use crate::server::{About, Bound, Server, ServerOptions};
use coordinator::Downstream;
use sts::TokenClient;

mod coordinator;
mod settings;
mod sts;

pub use settings::GatewaySettings;

/// Its name in `GET /v1/version`.
const SERVICE_NAME: &str = "arp-run-gateway";

/// How to start a Run Gateway.
pub struct GatewayOptions {
    /// Its address and identity.
    pub server: ServerOptions,
    /// The addresses of the other services, and its client.
    pub settings: GatewaySettings,
    /// Certificate authorities to trust besides its own, in PEM: the token service's and the
    /// coordinator's.
    pub authorities: Vec<String>,
}

/// A running Run Gateway. Stops when dropped.
pub struct Gateway {
    server: Server,
}

impl Gateway {
    /// Starts a gateway on a thread of its own and returns when it listens.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is left running.
    pub fn start(options: GatewayOptions) -> Result<Self, StartError> {
        let GatewayOptions { server, settings, authorities } = options;
        let bound = Bound::new(server, About { document: Some(openapi::gateway()), ..About::default() })?;
        let outbound = Outbound::new(bound.ca_pem(), &authorities)?;
        let shared = GatewayState {
            tokens: TokenClient::new(&settings, outbound.clone()),
            downstream: Downstream::new(&settings, outbound.clone()),
        };
        let service = inbound::behind(routes().with_state(Arc::new(shared)), settings.inbound, outbound);
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

/// The state that all requests share.
pub(crate) struct GatewayState {
    tokens: TokenClient,
    downstream: Downstream,
}

impl GatewayState {
    /// A token for the coordinator, on behalf of the caller if there is one.
    async fn token(&self, caller: &Caller) -> Result<String, ArpError> {
        let audience = self.downstream.audience();
        match &caller.token {
            Some(subject) => self.tokens.exchange(subject, audience).await,
            None => self.tokens.own(audience).await,
        }
    }
}

/// The documented paths, without the inbound layer.
pub(crate) fn routes() -> Router<Arc<GatewayState>> {
    Router::new()
        .route("/v1/health", get(health))
        .route("/v1/version", get(version))
        .route("/v1/runs", post(start))
        .route("/v1/runs/{run_id}", get(show).post(cancel))
        .route("/v1/runs/{run_id}/events", get(events))
        .fallback(arp::not_found)
        .method_not_allowed_fallback(arp::method_not_allowed)
}

/// 200 for any health of the coordinator, because the gateway itself is up.
async fn health(State(shared): State<Arc<GatewayState>>) -> Response {
    let (status, check) = shared.downstream.health().await;
    json_answer(StatusCode::OK, &arp::health(status, &[check]))
}

async fn version() -> Response {
    json_answer(StatusCode::OK, &arp::version(SERVICE_NAME))
}

async fn start(
    State(shared): State<Arc<GatewayState>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ArpError> {
    let (head, body) = request.into_parts();
    // Validation comes before the token request.
    let asked = arp::body::run_start(&head.headers, body).await?;
    let token = shared.token(&caller).await?;
    shared.downstream.run(Method::POST, "/v1/runs", asked.sent.into(), &token).await
}

async fn show(
    State(shared): State<Arc<GatewayState>>,
    Extension(caller): Extension<Caller>,
    RunId(id): RunId,
) -> Result<Response, ArpError> {
    let token = shared.token(&caller).await?;
    shared.downstream.run(Method::GET, &coordinator::path(&id, ""), Body::empty(), &token).await
}

async fn cancel(
    State(shared): State<Arc<GatewayState>>,
    Extension(caller): Extension<Caller>,
    path: RunId,
) -> Result<Response, ArpError> {
    let RunId(id) = path.cancelled()?;
    let token = shared.token(&caller).await?;
    shared.downstream.run(Method::POST, &coordinator::path(&id, ":cancel"), Body::empty(), &token).await
}

async fn events(
    State(shared): State<Arc<GatewayState>>,
    Extension(caller): Extension<Caller>,
    RunId(id): RunId,
) -> Result<Response, ArpError> {
    let token = shared.token(&caller).await?;
    shared.downstream.events(&coordinator::path(&id, "/events"), &token).await
}
