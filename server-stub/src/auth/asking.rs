//! How another service of the home asks the auth service about a node, and registers one. A Python service
//! does so over HTTP, as an app. In jarvisd all services are one program, and the question costs no check of
//! an app.

use core::time::Duration;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::Response;
use node_core::wire::{APP_ID_HEADER, APP_KEY_HEADER, VALIDATE_NODE_PATH};
use serde_json::{Value, json};

use super::http::validate;
use super::service::Service;
use super::state::nodes::{NewNode, NotRegistered};
use super::state::{LOGS, Now};
use crate::home::Home;
use crate::secrets::new_key;
use crate::server::inside::{Inside, NoAnswer};
use crate::server::journal::Waits;

/// How long a Python service waits for the auth service [deps].
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the command center waits for a registration [pyadmin].
const REGISTRATION: Duration = Duration::from_secs(10);
/// More than any answer of the auth service has.
const LONGEST: usize = 1024 * 1024;

/// The auth service, as another service of the home asks it.
#[derive(Clone)]
pub(crate) struct AuthClient {
    service: Arc<Service>,
    inside: Inside,
    /// Its service id, which is its app id.
    app_id: &'static str,
    app_key: Arc<str>,
}

/// What the auth service says about a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The credential is good, and the node may use the service that asks.
    Valid { household_id: String },
    /// It is not; the reason in the auth service's words.
    Rejected(String),
    /// It could not be asked, in the words of a Python service. jarvisd has only one such case, and no words.
    Outage(String),
}

/// Why the auth service registered no node.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It refused; status, and its sentence.
    Said(StatusCode, String),
    /// It could not be asked; the end of the sentence.
    Unavailable(String),
    /// It answered with another status and this body.
    Failed(StatusCode, String),
}

impl AuthClient {
    /// A client for the service with this id, which becomes an app of the auth service.
    pub(crate) fn new(service: &Arc<Service>, inside: Inside, app_id: &'static str, name: &str) -> Self {
        let app_key = new_key();
        service.world().apps().insert(app_id, name, &app_key, Now::read());
        Self { service: Arc::clone(service), inside, app_id, app_key: app_key.into() }
    }

    pub(crate) fn service(&self) -> &Arc<Service> {
        &self.service
    }

    pub(crate) fn home(&self) -> Home {
        self.service.home
    }

    /// Waits until jarvisd's only writer has written so often. A Python service has a database of its own.
    pub(crate) async fn write(&self, waits: Waits, times: u32) {
        let mut turn = self.service.load.turn(waits);
        for _ in 0..times {
            turn.write().await;
        }
    }

    /// Asks about a node's credential.
    pub(crate) async fn verdict(&self, waits: Waits, node_id: &str, node_key: &str) -> Asked {
        match self.home() {
            Home::Python => self.verdict_over_http(node_id, node_key).await,
            Home::Jarvisd => {
                let mut turn = self.service.load.turn(waits);
                match validate::verdict(&self.service, &mut turn, node_id, node_key, self.app_id).await {
                    Ok(verdict) => match (verdict.reason(self.app_id), verdict.household()) {
                        (None, Some(household_id)) => Asked::Valid { household_id },
                        (reason, _) => Asked::Rejected(reason.unwrap_or_default()),
                    },
                    Err(_) => Asked::Outage(String::new()),
                }
            }
        }
    }

    async fn verdict_over_http(&self, node_id: &str, node_key: &str) -> Asked {
        let asked = json!({ "node_id": node_id, "node_key": node_key, "service_id": self.app_id });
        let (status, body) = match self.post(VALIDATE_NODE_PATH, &asked, PATIENCE).await {
            Ok(answer) => answer,
            Err(why) => return Asked::Outage(format!("Auth service unavailable: {why}")),
        };
        if status != StatusCode::OK {
            return Asked::Outage(format!("Auth service error: {}", status.as_u16()));
        }
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        if body["valid"] == true {
            Asked::Valid { household_id: text("household_id") }
        } else {
            Asked::Rejected(text("reason"))
        }
    }

    /// Registers a node that may use the asking service and the logs, and returns its key.
    pub(crate) async fn register(
        &self,
        waits: Waits,
        node_id: &str,
        household_id: &str,
        name: &str,
    ) -> Result<String, Refused> {
        match self.home() {
            Home::Python => self.register_over_http(node_id, household_id, name).await,
            Home::Jarvisd => {
                let mut turn = self.service.load.turn(waits);
                turn.check().await;
                turn.write().await;
                let node_key = new_key();
                let services = [LOGS.to_owned(), self.app_id.to_owned()];
                let new = NewNode {
                    node_id,
                    node_key: &node_key,
                    household_id,
                    name,
                    registered_by: None,
                    services: &services,
                };
                match self.service.world().register_node(new, Now::read()) {
                    Ok(_) => Ok(node_key),
                    Err(NotRegistered::Exists) => {
                        Err(Refused::Said(StatusCode::BAD_REQUEST, "node_id already exists".to_owned()))
                    }
                    Err(NotRegistered::NoHousehold) => {
                        Err(Refused::Said(StatusCode::NOT_FOUND, "Household not found".to_owned()))
                    }
                }
            }
        }
    }

    async fn register_over_http(
        &self,
        node_id: &str,
        household_id: &str,
        name: &str,
    ) -> Result<String, Refused> {
        let new =
            json!({ "node_id": node_id, "household_id": household_id, "name": name, "services": [LOGS] });
        let answer = self.post("/internal/nodes/register", &new, REGISTRATION).await;
        let (status, body) = answer.map_err(|why| Refused::Unavailable(why.to_string()))?;
        let parsed: Value = serde_json::from_str(&body).unwrap_or_default();
        let text = |name: &str| parsed[name].as_str().map(str::to_owned);
        match status {
            StatusCode::CREATED => text("node_key").ok_or(Refused::Failed(status, body)),
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND => match text("detail") {
                Some(detail) => Err(Refused::Said(status, detail)),
                None => Err(Refused::Failed(status, body)),
            },
            status => Err(Refused::Failed(status, body)),
        }
    }

    /// The id of the user whose access token this is. None: of nobody, or nobody could be asked.
    pub(crate) async fn user(&self, token: &str) -> Option<i64> {
        match self.home() {
            Home::Python => {
                let request =
                    Request::get("/auth/me").header(header::AUTHORIZATION, format!("Bearer {token}"));
                let answer = self.inside.ask(request.body(Body::empty()).ok()?, PATIENCE).await.ok()?;
                let (status, body) = text(answer).await.ok()?;
                let user: Value = serde_json::from_str(&body).ok()?;
                user["id"].as_i64().filter(|_| status == StatusCode::OK)
            }
            Home::Jarvisd => self.service.tokens.check(token, Now::read().wall),
        }
    }

    async fn post(
        &self,
        path: &str,
        body: &Value,
        patience: Duration,
    ) -> Result<(StatusCode, String), NoAnswer> {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .header(APP_ID_HEADER, self.app_id)
            .header(APP_KEY_HEADER, &*self.app_key)
            .body(Body::from(body.to_string()));
        let Ok(request) = request else { return Err(NoAnswer::Disconnected) };
        text(self.inside.ask(request, patience).await?).await
    }
}

async fn text(response: Response) -> Result<(StatusCode, String), NoAnswer> {
    let (head, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, LONGEST).await.map_err(|_| NoAnswer::Disconnected)?;
    Ok((head.status, String::from_utf8_lossy(&bytes).into_owned()))
}
