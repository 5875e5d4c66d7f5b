//! Refusals: a status and `{"error":{"code","message"}}`, with `details` only where documented.

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::json_answer;

/// A refusal of an ARP service.
#[derive(Debug, PartialEq)]
pub(crate) struct ArpError {
    status: StatusCode,
    code: Cow<'static, str>,
    message: Cow<'static, str>,
    details: Option<Value>,
    /// The error code of the challenge (RFC 6750, section 3.1). Only this service's own refusals of a
    /// caller's token have one.
    challenge: Option<&'static str>,
}

impl ArpError {
    /// An internal error.
    pub(super) const INTERNAL: Self = Self {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        code: Cow::Borrowed("internal_error"),
        message: Cow::Borrowed("Internal server error"),
        details: None,
        challenge: None,
    };

    pub(crate) fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, code: code.into(), message: message.into(), details: None, challenge: None }
    }

    /// The caller's token is missing, malformed or invalid.
    pub(crate) fn unauthorized(challenge: &'static str, message: &'static str) -> Self {
        let refusal = Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message);
        Self { challenge: Some(challenge), ..refusal }
    }

    /// The body is invalid; each error is `{"type","loc","msg"}`.
    pub(crate) fn invalid_request(errors: Vec<Value>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", "Request validation failed")
            .with_details(Some(json!({ "errors": errors })))
    }

    pub(crate) fn with_details(self, details: Option<Value>) -> Self {
        Self { details, ..self }
    }
}

impl IntoResponse for ArpError {
    fn into_response(self) -> Response {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(details) = self.details {
            error["details"] = details;
        }
        let mut response = json_answer(self.status, &json!({ "error": error }));
        if let Some(challenge) = self.challenge {
            let challenge = format!("Bearer error=\"{challenge}\", error_description=\"{}\"", self.message);
            // Both texts are constants with characters that a header can contain.
            if let Ok(value) = HeaderValue::from_str(&challenge) {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
            }
        }
        response
    }
}
