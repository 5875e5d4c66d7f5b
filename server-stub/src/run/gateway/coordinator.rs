//! The gateway's client of the coordinator: calls with their own token, and answers cleaned for the caller.

use core::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::settings::GatewaySettings;
use crate::run::arp::{ArpError, NDJSON, json_answer};
use crate::run::outbound::{CallError, Outbound, authorize, request};

/// The time limit for an answer. Events have none after that.
const WITHIN: Duration = Duration::from_secs(10);
/// The time limit for a health check.
const HEALTH_WITHIN: Duration = Duration::from_secs(2);
/// The longest answer, in bytes.
const MOST: usize = 4 * 1024 * 1024;

/// The members of a run. A coordinator can send more, and nulls.
const RUN: [&str; 7] =
    ["run_id", "state", "root_node_run_id", "run_context", "started_at", "ended_at", "extensions"];

/// All characters except the unreserved ones of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The coordinator's address and audience.
pub(super) struct Downstream {
    outbound: Outbound,
    url: String,
    audience: String,
}

impl Downstream {
    pub(super) fn new(settings: &GatewaySettings, outbound: Outbound) -> Self {
        let (url, audience) = (settings.coordinator_url.clone(), settings.coordinator_audience.clone());
        Self { outbound, url, audience }
    }

    /// The audience of tokens for it.
    pub(super) fn audience(&self) -> &str {
        &self.audience
    }

    /// The coordinator's health, and the gateway's resulting status and check. The path needs no token.
    pub(super) async fn health(&self) -> (&'static str, Value) {
        let (status, message) = match self.ask_health().await {
            Ok(status) => return (status, json!({ "name": "run_coordinator", "status": status })),
            Err(error) => ("degraded", error.to_string()),
        };
        (status, json!({ "name": "run_coordinator", "status": "down", "message": message }))
    }

    async fn ask_health(&self) -> Result<&'static str, CallError> {
        let call = request(Method::GET, &format!("{}/v1/health", self.url), Body::empty())?;
        let answer = self.outbound.call_whole(call, HEALTH_WITHIN, MOST).await?;
        let health: Value = serde_json::from_slice(answer.body()).map_err(|_| CallError::Http)?;
        match health["status"].as_str() {
            Some("ok") if answer.status() == StatusCode::OK => Ok("ok"),
            Some("degraded") if answer.status() == StatusCode::OK => Ok("degraded"),
            Some("down") if answer.status() == StatusCode::OK => Ok("down"),
            Some(_) | None => Err(CallError::Http),
        }
    }

    /// A call whose answer is a run.
    pub(super) async fn run(
        &self,
        method: Method,
        path: &str,
        body: Body,
        token: &str,
    ) -> Result<Response, ArpError> {
        let answer = self.call(method, path, body, token).await.map_err(|_| unavailable())?;
        let (head, body) = answer.into_parts();
        let whole = tokio::time::timeout(WITHIN, axum::body::to_bytes(body, MOST)).await;
        let body = whole.ok().and_then(Result::ok).ok_or_else(unavailable)?;
        if !head.status.is_success() {
            return Err(passed_on(head.status, &body));
        }
        run(&body).map(|run| json_answer(StatusCode::OK, &run)).ok_or_else(unavailable)
    }

    /// Passes events on, byte for byte and as they arrive.
    pub(super) async fn events(&self, path: &str, token: &str) -> Result<Response, ArpError> {
        let answer = self.call(Method::GET, path, Body::empty(), token).await.map_err(|_| unavailable())?;
        let (mut head, body) = answer.into_parts();
        if !head.status.is_success() {
            let whole = tokio::time::timeout(WITHIN, axum::body::to_bytes(body, MOST)).await;
            return Err(passed_on(head.status, &whole.ok().and_then(Result::ok).unwrap_or_default()));
        }
        let content_type = head.headers.remove(header::CONTENT_TYPE);
        let content_type = content_type.unwrap_or(HeaderValue::from_static(NDJSON));
        Ok(([(header::CONTENT_TYPE, content_type)], body).into_response())
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Body,
        token: &str,
    ) -> Result<axum::http::Response<Body>, CallError> {
        let mut call = request(method, &format!("{}{path}", self.url), body)?;
        authorize(&mut call, token)?;
        call.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.outbound.call(call, WITHIN).await
    }
}

/// The path of a run.
pub(super) fn path(id: &str, end: &str) -> String {
    format!("/v1/runs/{}{end}", utf8_percent_encode(id, RESERVED))
}

fn unavailable() -> ArpError {
    ArpError::new(StatusCode::BAD_GATEWAY, "run_coordinator_unavailable", "Run Coordinator request failed")
}

/// The coordinator's refusal as the gateway's, without its headers: a 401 has no `WWW-Authenticate`, because
/// it concerns the gateway's token, not the caller's.
fn passed_on(status: StatusCode, body: &Bytes) -> ArpError {
    let refusal: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = &refusal["error"];
    match (error["code"].as_str(), error["message"].as_str()) {
        (Some(code), Some(message)) if status.is_client_error() || status.is_server_error() => {
            let details = error.get("details").filter(|details| details.is_object());
            ArpError::new(status, code.to_owned(), message.to_owned()).with_details(details.cloned())
        }
        _ => unavailable(),
    }
}

/// A run by its schema. None: it is not a run.
fn run(body: &Bytes) -> Option<Value> {
    let mut run: Map<String, Value> = serde_json::from_slice(body).ok()?;
    run.retain(|name, value| RUN.contains(&name.as_str()) && !value.is_null());
    if let Some(Value::Object(context)) = run.get_mut("run_context") {
        without_nulls(context);
        for part in ["actor", "trace"] {
            if let Some(Value::Object(part)) = context.get_mut(part) {
                without_nulls(part);
            }
        }
    }
    let has = |name| run.get(name).is_some_and(Value::is_string);
    (has("run_id") && has("state") && has("root_node_run_id")).then(|| run.into())
}

fn without_nulls(object: &mut Map<String, Value>) {
    object.retain(|_, value| !value.is_null());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_into_paths_so_that_they_stay_one_part() {
        assert_eq!(path("run_1", ""), "/v1/runs/run_1");
        assert_eq!(path("a/b?c:d ü", ":cancel"), "/v1/runs/a%2Fb%3Fc%3Ad%20%C3%BC:cancel");
    }

    /// As the published coordinator sends it.
    #[test]
    fn nulls_and_unknown_members_are_not_passed_on() {
        let sent = json!({
            "run_id": "r", "state": "running", "root_node_run_id": "n", "ended_at": null, "extensions": null,
            "run_context": { "tenant_id": null, "actor": { "type": "t", "id": "i", "uri": null },
                             "identity": { "kept": null } },
            "more": 1,
        });
        let passed = json!({
            "run_id": "r", "state": "running", "root_node_run_id": "n",
            "run_context": { "actor": { "type": "t", "id": "i" }, "identity": { "kept": null } },
        });
        assert_eq!(run(&sent.to_string().into()), Some(passed));
        for bad in ["", "[]", "{}", r#"{"run_id":"r","state":"running"}"#] {
            assert_eq!(run(&Bytes::from_static(bad.as_bytes())), None, "{bad}");
        }
    }

    #[test]
    fn refusals_are_passed_on_and_what_is_none_is_a_failure() {
        let passed = |status, body: &str| passed_on(status, &body.to_owned().into());
        let refusal =
            r#"{"error":{"code":"c","message":"m","details":{"a":1},"retryable":null},"extensions":null}"#;
        let expected = ArpError::new(StatusCode::CONFLICT, "c", "m").with_details(Some(json!({ "a": 1 })));
        assert_eq!(passed(StatusCode::CONFLICT, refusal), expected);
        for (status, body) in [
            (StatusCode::BAD_GATEWAY, "<html>"),
            (StatusCode::NOT_FOUND, r#"{"detail":"Not Found"}"#),
            (StatusCode::TEMPORARY_REDIRECT, refusal),
        ] {
            assert_eq!(passed(status, body), unavailable(), "{status}");
        }
    }
}
