//! The config service: tells clients where the services of a home are (docs/wire/jarvis-home.md, "Discovery").
//!
//! The rows name the stub's own ports. Their host is `localhost`, as a real home has it, so a client on another
//! machine has to name the host that it wants instead. Not here: `/services/health`, and changes of the rows.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;
use serde_json::json;

use crate::home::Home;
use crate::home::refusal::Refusal;
use crate::openapi;
use crate::server::answer;
use row::{Row, ShownRow};

pub(crate) mod announcement;
mod public;
mod row;
mod style;

pub use public::{PublicUrl, PublicUrlError};
pub(crate) use row::Listed;

/// The auth service's name.
pub(crate) const AUTH: &str = "jarvis-auth";
/// The service's own name.
pub(crate) const CONFIG: &str = "jarvis-config-service";
/// No service of the stub is the broker. It is listed, because each home has one.
const MQTT: Listed = Listed { name: "jarvis-mqtt-broker", scheme: "mqtt", port: 1884 };

/// The service's data.
pub(crate) struct ConfigService {
    home: Home,
    /// By name.
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Listing<'a> {
    services: Vec<ShownRow<'a>>,
}

impl ConfigService {
    /// With a row for each of `listed`, and for the MQTT broker.
    pub(crate) fn new(home: Home, listed: &[Listed], public: &[PublicUrl]) -> Self {
        let mut listed: Vec<_> = listed.iter().chain([&MQTT]).collect();
        listed.sort_unstable_by_key(|listed| listed.name);
        let now = time::OffsetDateTime::now_utc();
        let rows = (1..).zip(listed).map(|(id, listed)| {
            // The last one counts.
            let public = public.iter().rfind(|public| public.service() == listed.name);
            Row::new(home, id, listed, public, now)
        });
        Self { home, rows: rows.collect() }
    }

    /// The paths as the home serves them.
    pub(crate) fn served(self) -> Router {
        let home = self.home;
        home.serve(routes().with_state(Arc::new(self)), openapi::config_service(home))
    }
}

pub(crate) fn routes() -> Router<Arc<ConfigService>> {
    Router::new()
        .route("/info", get(async || answer::json(StatusCode::OK, &json!({ "service": CONFIG }))))
        .route("/health", get(async || answer::json(StatusCode::OK, &json!({ "status": "ok" }))))
        .route("/services", get(list))
        .route("/services/{name}", get(show))
}

async fn list(State(service): State<Arc<ConfigService>>, request: Request) -> Result<Response, Refusal> {
    let asked = service.asked(&request)?;
    let services = service.rows.iter().map(|row| row.shown(&asked)).collect();
    Ok(answer::json(StatusCode::OK, &Listing { services }))
}

async fn show(
    State(service): State<Arc<ConfigService>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    let asked = service.asked(&request)?;
    let row = service.rows.iter().find(|row| row.name() == name);
    let absent = || Refusal::Sentence(StatusCode::NOT_FOUND, format!("Service '{name}' not found"));
    Ok(answer::json(StatusCode::OK, &row.ok_or_else(absent)?.shown(&asked)))
}
