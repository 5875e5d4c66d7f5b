//! Answers that any service can give: JSON, and refusals of the form `{"detail": …}`.

use std::borrow::Cow;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A refusal: a status and a sentence.
#[derive(Debug)]
pub(crate) struct Detail(pub(crate) StatusCode, pub(crate) Cow<'static, str>);

impl Detail {
    pub(crate) const NOT_FOUND: Self = Self::new(StatusCode::NOT_FOUND, "Not Found");
    pub(crate) const METHOD_NOT_ALLOWED: Self =
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");

    pub(crate) const fn new(status: StatusCode, text: &'static str) -> Self {
        Self(status, Cow::Borrowed(text))
    }

    pub(crate) const fn sentence(status: StatusCode, text: String) -> Self {
        Self(status, Cow::Owned(text))
    }
}

impl IntoResponse for Detail {
    fn into_response(self) -> Response {
        json_text(self.0, format!("{{\"detail\":{}}}", quoted(&self.1)))
    }
}

/// An answer with a body: compact JSON, null keys present.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    serde_json::to_string(body).map_or_else(|_| internal(), |text| json_text(status, text))
}

/// An answer whose body is JSON already.
pub(crate) fn json_text(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// Marks an answer to an exception in the service, which each home tells in its own form.
#[derive(Clone, Copy)]
pub(crate) struct Exception;

/// 500, as after an exception in the service.
pub(crate) fn internal() -> Response {
    let mut response = (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error").into_response();
    response.extensions_mut().insert(Exception);
    response
}

/// `text` as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
