//! Requests and refusals as FastAPI handles them: reading a body, and the errors of a bad one.

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{StatusCode, header, request};
use axum::response::{IntoResponse, Response};

use crate::secrets::Unhashable;
use crate::server::answer::{Detail, internal, json_text, quoted};

pub(crate) mod form;
mod json;

use json::JsonValue;

/// The largest body that is read. The real service has no limit.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// The real decoder's (CPython's) errors for malformed bodies, as recorded: body, message, and place in
/// characters. Other bodies get a general message and the place where serde_json stopped.
const RECORDED_ERRORS: [(&str, &str, usize); 1] =
    [("{\"node_id\":\"kitchen-pi\",}", "Expecting property name enclosed in double quotes", 24)];

/// A response other than the one asked for.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// A status and a sentence.
    Detail(StatusCode, &'static str),
    /// A status and a sentence that depends on the request.
    Sentence(StatusCode, String),
    /// 401 for a user. Unlike an app, a user gets a `WWW-Authenticate` header.
    Bearer(&'static str),
    /// 429, with the seconds to wait.
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
            // *Assumption*: the sentence. Only status and header are recorded.
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

/// The body of a request.
pub(crate) enum RequestBody {
    /// It is empty.
    Nothing,
    Json(JsonValue),
    /// Its type is not JSON: FastAPI passes it on unparsed.
    Raw(Bytes),
}

/// Reads a request to its end. This comes before any other check, so malformed JSON is refused even for
/// unauthorized callers.
pub(crate) async fn read(request: Request) -> Result<(request::Parts, RequestBody), Refusal> {
    let (head, body) = request.into_parts();
    let too_large = Refusal::Detail(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large for the stub");
    let bytes = axum::body::to_bytes(body, MAX_BODY).await.map_err(|_| too_large)?;
    let body = if bytes.is_empty() {
        RequestBody::Nothing
    } else if says_json(&head) {
        RequestBody::Json(parse(&bytes)?)
    } else {
        RequestBody::Raw(bytes)
    };
    Ok((head, body))
}

fn says_json(head: &request::Parts) -> bool {
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|text| text.split(';').next()).unwrap_or_default();
    let media_type = media_type.trim().to_ascii_lowercase();
    media_type.strip_prefix("application/").is_some_and(|kind| kind == "json" || kind.ends_with("+json"))
}

fn parse(bytes: &[u8]) -> Result<JsonValue, Refusal> {
    let unreadable = || Refusal::Detail(StatusCode::BAD_REQUEST, "There was an error parsing the body");
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = core::str::from_utf8(bytes).map_err(|_| unreadable())?;
    serde_json::from_str(text).map_err(|error| {
        if error.to_string().starts_with("recursion limit exceeded") {
            return unreadable();
        }
        let recorded = RECORDED_ERRORS.iter().find(|(body, ..)| *body == text);
        let (_, message, at) = recorded.copied().unwrap_or(("", "Expecting value", position(text, &error)));
        Refusal::Unprocessable(vec![format!(
            "{{\"type\":\"json_invalid\",\"loc\":[\"body\",{at}],\"msg\":\"JSON decode error\",\"input\":{{}},\
             \"ctx\":{{\"error\":{}}}}}",
            quoted(message)
        )])
    })
}

/// The place of an error in characters, as the service counts.
fn position(text: &str, error: &serde_json::Error) -> usize {
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    let before: usize = lines.map(|line| line.chars().count()).sum();
    let line = text.split('\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    // The column counts bytes, from 1.
    let column = error.column().saturating_sub(1).min(line.len());
    before + line.bytes().take(column).filter(|byte| byte & 0xc0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &str) -> String {
        match parse(body.as_bytes()) {
            Err(Refusal::Unprocessable(errors)) => errors.join(","),
            other => panic!("{body:?} gave {other:?}"),
        }
    }

    #[test]
    fn malformed_json_is_told_with_its_place() {
        for (body, at) in [
            ("", 0),
            ("nul", 2),
            ("{\"a\":}", 5),
            ("{\"ä€😀\":}", 7),
            ("{\"a\":1,\n\"ä\":x}", 12),
            ("{} {}", 3),
        ] {
            let place = format!("\"loc\":[\"body\",{at}],\"msg\":\"JSON decode error\",\"input\":{{}}");
            assert!(told(body).contains(&place), "{body:?}: {}", told(body));
        }
    }

    #[test]
    fn recorded_errors_have_the_words_of_the_service() {
        for (body, message, at) in RECORDED_ERRORS {
            assert!(
                told(body).contains(message) && told(body).contains(&format!("[\"body\",{at}]")),
                "{body}"
            );
        }
    }

    #[test]
    fn deep_nesting_is_refused_without_a_place() {
        let refused = parse("[".repeat(100_000).as_bytes());
        assert!(matches!(refused, Err(Refusal::Detail(StatusCode::BAD_REQUEST, _))), "{refused:?}");
        assert!(parse(format!("{}{}", "[".repeat(100), "]".repeat(100)).as_bytes()).is_ok());
    }
}
