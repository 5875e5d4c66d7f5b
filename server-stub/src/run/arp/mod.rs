//! The parts that the ARP services share: health, version, and refusals (docs/wire/arp.md, "Run Gateway").
//! Their answers contain no null and no key outside the published schemas.

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::moment::written;

pub(crate) mod body;
mod error;
mod request;
mod shape;

pub(crate) use error::ArpError;

/// Events, one JSON object a line.
pub(super) const NDJSON: &str = "application/x-ndjson";

/// An answer in JSON.
pub(super) fn json_answer(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_string(body) {
        Ok(text) => (status, [(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(_) => ArpError::INTERNAL.into_response(),
    }
}

/// `GET /v1/health`. `checks` contains the services that it depends on; without any it is left out.
pub(crate) fn health(status: &str, checks: &[Value]) -> Value {
    let mut health = json!({ "status": status, "time": written(OffsetDateTime::now_utc()) });
    if !checks.is_empty() {
        health["checks"] = checks.into();
    }
    health
}

/// `GET /v1/version`.
pub(crate) fn version(service_name: &str) -> Value {
    json!({
        "service_name": service_name,
        "service_version": env!("CARGO_PKG_VERSION"),
        "supported_api_versions": ["v1"],
    })
}

/// The answer for an unknown path.
pub(crate) async fn not_found() -> ArpError {
    ArpError::new(StatusCode::NOT_FOUND, "http_error", "Not Found")
}

/// The answer for a wrong method.
pub(crate) async fn method_not_allowed() -> ArpError {
    ArpError::new(StatusCode::METHOD_NOT_ALLOWED, "http_error", "Method Not Allowed")
}

/// The run id of a path, percent-decoded.
pub(super) struct RunId(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for RunId {
    type Rejection = ArpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ArpError> {
        let path: Result<Path<String>, PathRejection> = Path::from_request_parts(parts, state).await;
        // Extraction fails only for invalid UTF-8, which no run id contains.
        path.map(|Path(id)| Self(id))
            .map_err(|_| ArpError::new(StatusCode::NOT_FOUND, "http_error", "Not Found"))
    }
}

impl RunId {
    /// The id of the run to cancel, if the path ends in `:cancel`. A `%3A` is already decoded.
    pub(super) fn cancelled(self) -> Result<Self, ArpError> {
        match self.0.strip_suffix(":cancel") {
            Some(id) if !id.is_empty() => Ok(Self(id.to_owned())),
            Some(_) | None => {
                Err(ArpError::new(StatusCode::METHOD_NOT_ALLOWED, "http_error", "Method Not Allowed"))
            }
        }
    }
}
