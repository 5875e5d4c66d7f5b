//! Answers other than the one asked for, as a handler says them.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::secrets::Unhashable;
use crate::server::answer::{Detail, internal, json_text, quoted};

/// A response other than the one asked for. Renders as FastAPI does; [`super::Home::serve`] gives it the form
/// of its home.
#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    /// A status and a sentence.
    Detail(StatusCode, &'static str),
    /// A status and a sentence that depends on the request.
    Sentence(StatusCode, String),
    /// 401 for a user. Unlike an app, a user gets a `WWW-Authenticate` header.
    Bearer(&'static str),
    /// 429, with the seconds to wait.
    TooMany(u32),
    /// 422 with these complaints.
    Unprocessable(Vec<Complaint>),
    /// 500: the service raised an exception.
    Internal,
}

/// What is wrong with one part of a request, in pydantic's words.
#[derive(Clone, Debug)]
pub(crate) struct Complaint {
    pub(crate) kind: &'static str,
    /// Where it is: `["body", "messages", 0, "role"]`.
    pub(crate) place: Vec<Step>,
    pub(crate) message: String,
    /// The bad value, as JSON.
    pub(crate) input: String,
    /// Details, as JSON.
    pub(crate) context: Option<String>,
}

/// A step on the way to a value.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Name(String),
    Index(usize),
}

impl From<&str> for Step {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl Complaint {
    /// As FastAPI writes it.
    fn json(&self) -> String {
        let Self { kind, place, message, input, context } = self;
        let step = |step: &Step| match step {
            Step::Name(name) => quoted(name),
            Step::Index(index) => index.to_string(),
        };
        let place = place.iter().map(step).collect::<Vec<_>>().join(",");
        let context = context.as_ref().map_or_else(String::new, |context| format!(",\"ctx\":{context}"));
        let message = quoted(message);
        format!("{{\"type\":\"{kind}\",\"loc\":[{place}],\"msg\":{message},\"input\":{input}{context}}}")
    }

    /// As the command center tells it: `body -> messages -> 0 -> role: …`.
    pub(crate) fn line(&self) -> String {
        let step = |step: &Step| match step {
            Step::Name(name) => name.clone(),
            Step::Index(index) => index.to_string(),
        };
        format!("{}: {}", self.place.iter().map(step).collect::<Vec<_>>().join(" -> "), self.message)
    }
}

impl From<Unhashable> for Refusal {
    fn from(_: Unhashable) -> Self {
        Self::Internal
    }
}

impl From<Detail> for Refusal {
    fn from(Detail(status, text): Detail) -> Self {
        Self::Sentence(status, text.into_owned())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let detail = |text: &str| format!("{{\"detail\":{}}}", quoted(text));
        match self {
            Self::Detail(status, text) => json_text(status, detail(text)),
            Self::Sentence(status, text) => json_text(status, detail(&text)),
            Self::Bearer(text) => {
                let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
                (challenge, json_text(StatusCode::UNAUTHORIZED, detail(text))).into_response()
            }
            // The sentences are jarvisd's. *Assumption*: Python's are the same; of those only status and
            // header are recorded.
            Self::TooMany(seconds) => {
                let text = if seconds > 60 {
                    "Too many failed login attempts. Please try again later."
                } else {
                    "Too many requests. Please slow down."
                };
                let wait = [(header::RETRY_AFTER, seconds.to_string())];
                (wait, json_text(StatusCode::TOO_MANY_REQUESTS, detail(text))).into_response()
            }
            Self::Unprocessable(complaints) => {
                let all = complaints.iter().map(Complaint::json).collect::<Vec<_>>().join(",");
                json_text(StatusCode::UNPROCESSABLE_ENTITY, format!("{{\"detail\":[{all}]}}"))
            }
            Self::Internal => internal(),
        }
    }
}
