//! The Run Coordinator behind the gateway: it keeps runs in memory and produces their events. Nothing is
//! executed; a run's output is its input.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::{mpsc, watch};

use crate::openapi;
use crate::run::arp::{self, ArpError, NDJSON, RunId, json_answer};
use crate::run::inbound::{self, InboundSettings};
use crate::run::outbound::Outbound;
use crate::secrets::new_uuid;
use crate::server::error::StartError;
use crate::server::{About, Bound, Server, ServerOptions};
use lines::Lines;
use run::Run;

mod lines;
mod run;

/// Its name in `GET /v1/version`.
const SERVICE_NAME: &str = "arp-run-coordinator";
/// The number of events that wait for a slow reader.
const AHEAD: usize = 1;

/// The times of a run's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// One event after each interval.
    Every(Duration),
    /// One event for each [`Coordinator::step`].
    ByHand,
}

/// How to start a Run Coordinator.
pub struct CoordinatorOptions {
    /// Its address and identity.
    pub server: ServerOptions,
    /// The rules for callers.
    pub inbound: InboundSettings,
    /// Certificate authorities to trust besides its own, in PEM: the token service's.
    pub authorities: Vec<String>,
    /// The times of the events.
    pub pace: Pace,
}

impl CoordinatorOptions {
    /// The coordinator `arp-run-coordinator` of a development realm, on a free port of 127.0.0.1, with four
    /// events a second.
    #[must_use]
    pub fn of_realm(issuer: &str) -> Self {
        Self {
            server: ServerOptions::default(),
            inbound: InboundSettings::required(issuer, "arp-run-coordinator"),
            authorities: Vec::new(),
            pace: Pace::Every(Duration::from_millis(250)),
        }
    }
}

/// A running Run Coordinator. Stops when dropped.
pub struct Coordinator {
    server: Server,
    runs: Arc<Runs>,
}

impl Coordinator {
    /// Starts a coordinator on a thread of its own and returns when it listens.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is left running.
    pub fn start(options: CoordinatorOptions) -> Result<Self, StartError> {
        let CoordinatorOptions { server, inbound, authorities, pace } = options;
        let bound = Bound::new(server, About { document: Some(openapi::coordinator()), ..About::default() })?;
        let outbound = Outbound::new(bound.ca_pem(), &authorities)?;
        let runs = Runs::new(pace);
        let service = inbound::behind(routes().with_state(Arc::clone(&runs)), inbound, outbound);
        Ok(Self { server: bound.serve(service), runs })
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

    /// Produces a run's next event, whatever the pace. False: there is no such run, or it is over.
    pub fn step(&self, run_id: &str) -> bool {
        self.runs.step(run_id)
    }

    /// The number of a run's events so far.
    #[must_use]
    pub fn events(&self, run_id: &str) -> usize {
        self.runs.events(run_id)
    }

    /// The number of runs.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.runs.count()
    }
}

/// All runs.
pub(crate) struct Runs {
    pace: Pace,
    runs: Mutex<BTreeMap<String, Run>>,
    /// Notified of each new event. All runs share it; each reader looks at its own run.
    news: watch::Sender<()>,
}

impl Runs {
    fn new(pace: Pace) -> Arc<Self> {
        Arc::new(Self { pace, runs: Mutex::default(), news: watch::Sender::new(()) })
    }

    /// Produces the run's next event. False: there is no such run, or it is over.
    fn step(&self, id: &str) -> bool {
        let stepped = self.runs().get_mut(id).is_some_and(|run| run.step(OffsetDateTime::now_utc()));
        self.news.send_replace(());
        stepped
    }

    /// The number of a run's events so far.
    fn events(&self, id: &str) -> usize {
        self.runs().get(id).map_or(0, |run| run.lines().len())
    }

    /// The number of runs.
    fn count(&self) -> usize {
        self.runs().len()
    }

    fn runs(&self) -> MutexGuard<'_, BTreeMap<String, Run>> {
        // After a panic of a handler at worst half a change is left; other requests can go on.
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, request: &Value) -> Result<(String, Value), ArpError> {
        let id = request["run_id"].as_str().map_or_else(|| format!("run_{}", new_uuid()), str::to_owned);
        let mut runs = self.runs();
        if runs.contains_key(&id) {
            let message = format!("Run '{id}' already exists");
            return Err(ArpError::new(StatusCode::CONFLICT, "run_already_exists", message));
        }
        let run = Run::start(&id, request, OffsetDateTime::now_utc());
        let answer = run.to_json();
        runs.insert(id.clone(), run);
        Ok((id, answer))
    }

    fn with<T>(&self, id: &str, look: impl FnOnce(&mut Run) -> T) -> Result<T, ArpError> {
        let not_found =
            || ArpError::new(StatusCode::NOT_FOUND, "run_not_found", format!("Run '{id}' not found"));
        self.runs().get_mut(id).map(look).ok_or_else(not_found)
    }
}

/// The documented paths, without the inbound layer.
pub(crate) fn routes() -> Router<Arc<Runs>> {
    Router::new()
        .route("/v1/health", get(health))
        .route("/v1/version", get(version))
        .route("/v1/runs", post(start))
        .route("/v1/runs/{run_id}", get(show).post(cancel))
        .route("/v1/runs/{run_id}/events", get(events))
        .fallback(arp::not_found)
        .method_not_allowed_fallback(arp::method_not_allowed)
}

async fn health() -> Response {
    json_answer(StatusCode::OK, &arp::health("ok", &[]))
}

async fn version() -> Response {
    json_answer(StatusCode::OK, &arp::version(SERVICE_NAME))
}

async fn start(State(runs): State<Arc<Runs>>, request: Request) -> Result<Response, ArpError> {
    let (head, body) = request.into_parts();
    let asked = arp::body::run_start(&head.headers, body).await?;
    let (id, run) = runs.start(&asked.request)?;
    if let Pace::Every(pace) = runs.pace {
        // The run goes on without readers, and while the server is down.
        tokio::spawn(async move {
            tokio::time::sleep(pace).await;
            while runs.step(&id) {
                tokio::time::sleep(pace).await;
            }
        });
    }
    Ok(json_answer(StatusCode::OK, &run))
}

async fn show(State(runs): State<Arc<Runs>>, RunId(id): RunId) -> Result<Response, ArpError> {
    runs.with(&id, |run| json_answer(StatusCode::OK, &run.to_json()))
}

/// Idempotent: a run that is over stays as it ended.
async fn cancel(State(runs): State<Arc<Runs>>, path: RunId) -> Result<Response, ArpError> {
    let RunId(id) = path.cancelled()?;
    let run = runs.with(&id, |run| {
        run.cancel(OffsetDateTime::now_utc());
        run.to_json()
    })?;
    runs.news.send_replace(());
    Ok(json_answer(StatusCode::OK, &run))
}

/// All events from the first, each line as soon as it exists, until the run is over.
async fn events(State(runs): State<Arc<Runs>>, RunId(id): RunId) -> Result<Response, ArpError> {
    runs.with(&id, |_| ())?;
    let (lines, reading) = mpsc::channel(AHEAD);
    tokio::spawn(tell(runs, id, lines));
    Ok(([(header::CONTENT_TYPE, NDJSON)], Body::new(Lines::new(reading))).into_response())
}

async fn tell(runs: Arc<Runs>, id: String, to: mpsc::Sender<Bytes>) {
    let (mut news, mut told) = (runs.news.subscribe(), 0);
    loop {
        let Ok((line, over)) = runs.with(&id, |run| (run.lines().get(told).cloned(), run.is_over())) else {
            return;
        };
        match line {
            Some(line) => {
                told += 1;
                if to.send(line).await.is_err() {
                    return;
                }
            }
            None if over => return,
            None => tokio::select! {
                // The sender lives as long as the runs, so `changed` does not fail.
                _ = news.changed() => {}
                () = to.closed() => return,
            },
        }
    }
}
