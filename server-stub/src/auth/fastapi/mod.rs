//! Requests and refusals as FastAPI handles them: how a body is read, and what is said of a bad one.

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{StatusCode, header, request};
use axum::response::{IntoResponse, Response};

use crate::auth::python_json::{self, DecodeError, Value};
use crate::secrets::Unhashable;
use crate::server::answer::{Detail, internal, json_text, quoted};

pub(crate) mod form;

/// A body larger than this is not read. The service itself has no limit.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// A response other than the one asked for.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// A status and a sentence.
    Detail(StatusCode, &'static str),
    /// The same, with a sentence that depends on the request.
    Sentence(StatusCode, String),
    /// 401 for a user, which unlike an app is told how to authenticate.
    Bearer(&'static str),
    /// 429, and after how many seconds to come back.
    TooMany(u32),
    /// 422 with these errors, each a JSON object.
    Unprocessable(Vec<String>),
    /// 500: the service raised an exception.
    Internal,
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
            // *Assumption*: the sentence; the wire document records status and header only.
            Self::TooMany(seconds) => {
                let wait = [(header::RETRY_AFTER, seconds.to_string())];
                let text = detail("Too many requests. Please try again later.");
                (wait, json_text(StatusCode::TOO_MANY_REQUESTS, text)).into_response()
            }
            Self::Unprocessable(errors) => {
                json_text(StatusCode::UNPROCESSABLE_ENTITY, format!("{{\"detail\":[{}]}}", errors.join(",")))
            }
            Self::Internal => internal(),
        }
    }
}

/// What a request carried.
pub(crate) enum Body {
    /// No byte at all.
    Nothing,
    Json(Value),
    /// Not said to be JSON: FastAPI hands it on as it is.
    Raw(Bytes),
}

/// Reads a request to its end. This comes before any other check: malformed JSON is refused even to
/// those who may not call.
pub(crate) async fn read(request: Request) -> Result<(request::Parts, Body), Refusal> {
    let (head, body) = request.into_parts();
    let too_large = Refusal::Detail(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large for the stub");
    let bytes = axum::body::to_bytes(body, MAX_BODY).await.map_err(|_| too_large)?;
    let body = if bytes.is_empty() {
        Body::Nothing
    } else if says_json(&head) {
        Body::Json(parse(&bytes)?)
    } else {
        Body::Raw(bytes)
    };
    Ok((head, body))
}

fn says_json(head: &request::Parts) -> bool {
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|text| text.split(';').next()).unwrap_or_default();
    let media_type = media_type.trim().to_ascii_lowercase();
    media_type.strip_prefix("application/").is_some_and(|kind| kind == "json" || kind.ends_with("+json"))
}

fn parse(bytes: &[u8]) -> Result<Value, Refusal> {
    let unreadable = || Refusal::Detail(StatusCode::BAD_REQUEST, "There was an error parsing the body");
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = core::str::from_utf8(bytes).map_err(|_| unreadable())?;
    python_json::decode(text).map_err(|error| match error {
        DecodeError::Other => unreadable(),
        DecodeError::Syntax(message, at) => Refusal::Unprocessable(vec![format!(
            "{{\"type\":\"json_invalid\",\"loc\":[\"body\",{at}],\"msg\":\"JSON decode error\",\"input\":{{}},\
             \"ctx\":{{\"error\":{}}}}}",
            quoted(message)
        )]),
    })
}
