//! The command center's way to refuse: fields are complained about in a shape of its own, with 400.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::home::refusal::{Complaint, Refusal};
use crate::server::answer::{Detail, json};

/// A refusal, told as the command center does.
#[derive(Debug)]
pub(super) struct Refused(pub(super) Refusal);

#[derive(Serialize)]
struct Validation {
    error: &'static str,
    message: &'static str,
    details: Vec<String>,
}

impl Refused {
    pub(super) const fn detail(status: StatusCode, text: &'static str) -> Self {
        Self(Refusal::Detail(status, text))
    }

    pub(super) const fn sentence(status: StatusCode, text: String) -> Self {
        Self(Refusal::Sentence(status, text))
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl From<Detail> for Refused {
    fn from(detail: Detail) -> Self {
        Self(detail.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Refusal::Unprocessable(complaints) = self.0 else { return self.0.into_response() };
        let body = Validation {
            error: "validation_error",
            message: "Request validation failed. Please correct the highlighted fields.",
            details: complaints.iter().map(Complaint::line).collect(),
        };
        json(StatusCode::BAD_REQUEST, &body)
    }
}
