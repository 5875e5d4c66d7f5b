//! Reading a request's body.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use super::ArpError;
use super::request::RUN_START;
use super::shape::error;

/// The largest body that is read, in bytes. The published services have no limit.
const MAX_BODY: usize = 1024 * 1024;

/// A valid request to start a run: its bytes and its value.
pub(crate) struct RunStart {
    pub(crate) sent: Bytes,
    pub(crate) request: Value,
}

/// Reads a request to start a run.
///
/// # Errors
/// 413: it is too long. 400 `invalid_request`, with every error in it.
pub(crate) async fn run_start(headers: &HeaderMap, body: Body) -> Result<RunStart, ArpError> {
    let too_large =
        || ArpError::new(StatusCode::PAYLOAD_TOO_LARGE, "http_error", "Request body too large for the stub");
    let sent = axum::body::to_bytes(body, MAX_BODY).await.map_err(|_| too_large())?;
    let place = [Value::from("body")];
    if sent.is_empty() {
        return Err(ArpError::invalid_request(vec![error("missing", &place, "Field required")]));
    }
    if !says_json(headers) {
        let message = "Input should be JSON; its Content-Type should say so";
        return Err(ArpError::invalid_request(vec![error("model_attributes_type", &place, message)]));
    }
    let request: Value = serde_json::from_slice(&sent)
        .map_err(|_| ArpError::invalid_request(vec![error("json_invalid", &place, "JSON decode error")]))?;
    let errors = RUN_START.errors(&request, &place);
    if errors.is_empty() { Ok(RunStart { sent, request }) } else { Err(ArpError::invalid_request(errors)) }
}

/// A body without a type counts as JSON, as in FastAPI.
fn says_json(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else { return true };
    let media_type = content_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    let media_type = media_type.trim().to_ascii_lowercase();
    media_type.strip_prefix("application/").is_some_and(|kind| kind == "json" || kind.ends_with("+json"))
}
