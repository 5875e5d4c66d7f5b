//! Reading the body of a request, and the errors of a bad one.

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{StatusCode, header, request};

use super::Home;
use super::json::JsonValue;
use super::refusal::{Complaint, Refusal, Step};
use crate::server::answer::quoted;

/// The largest body that is read for a Python service. The real one has no limit.
const MAX_PYTHON: usize = 16 * 1024 * 1024;
/// The largest body that jarvisd reads.
const MAX_JARVISD: usize = 1024 * 1024;

/// CPython's errors for malformed bodies, as recorded: body, message, and place in characters. Other bodies
/// get a general message and the place where serde_json stopped.
const RECORDED_ERRORS: [(&str, &str, usize); 1] =
    [("{\"node_id\":\"kitchen-pi\",}", "Expecting property name enclosed in double quotes", 24)];

/// The body of a request.
#[derive(Debug)]
pub(crate) enum RequestBody {
    /// It is empty.
    Nothing,
    Json(JsonValue),
    /// Its type is not JSON: FastAPI passes it on unparsed.
    Raw(Bytes),
    /// It cannot be used. jarvisd says so only when it comes to the body, after its other checks.
    Unusable(Refusal),
}

impl Home {
    /// Reads a request to its end. A Python service refuses malformed JSON here, before any other check, even
    /// for unauthorized callers; jarvisd refuses it when the body is used.
    pub(crate) async fn read(self, request: Request) -> Result<(request::Parts, RequestBody), Refusal> {
        let (head, body) = request.into_parts();
        let body = match self {
            Self::Python => {
                let too_large =
                    Refusal::Detail(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large for the stub");
                let bytes = axum::body::to_bytes(body, MAX_PYTHON).await.map_err(|_| too_large)?;
                if bytes.is_empty() {
                    RequestBody::Nothing
                } else if says_json(&head) {
                    let value = python(&bytes)?;
                    if matches!(value, JsonValue::Null) {
                        RequestBody::Nothing
                    } else {
                        RequestBody::Json(value)
                    }
                } else {
                    RequestBody::Raw(bytes)
                }
            }
            Self::Jarvisd => match axum::body::to_bytes(body, MAX_JARVISD).await {
                Ok(bytes) if bytes.trim_ascii().is_empty() => RequestBody::Nothing,
                Ok(bytes) => go(&bytes).map_or_else(RequestBody::Unusable, RequestBody::Json),
                Err(_) => RequestBody::Unusable(Refusal::Detail(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "Request body too large",
                )),
            },
        };
        Ok((head, body))
    }
}

fn says_json(head: &request::Parts) -> bool {
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|text| text.split(';').next()).unwrap_or_default();
    let media_type = media_type.trim().to_ascii_lowercase();
    media_type.strip_prefix("application/").is_some_and(|kind| kind == "json" || kind.ends_with("+json"))
}

fn python(bytes: &[u8]) -> Result<JsonValue, Refusal> {
    let unreadable = || Refusal::Detail(StatusCode::BAD_REQUEST, "There was an error parsing the body");
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = core::str::from_utf8(bytes).map_err(|_| unreadable())?;
    serde_json::from_str(text).map_err(|error| {
        if error.to_string().starts_with("recursion limit exceeded") {
            return unreadable();
        }
        let recorded = RECORDED_ERRORS.iter().find(|(body, ..)| *body == text);
        let (_, message, at) =
            recorded.copied().unwrap_or(("", "Expecting value", place_in_characters(text, &error)));
        malformed(at, Some(format!("{{\"error\":{}}}", quoted(message))))
    })
}

/// Go's decoder takes invalid UTF-8 as U+FFFD and ignores what follows the value. It counts bytes, and says 0
/// where the text ends too early.
fn go(bytes: &[u8]) -> Result<JsonValue, Refusal> {
    let text = String::from_utf8_lossy(bytes);
    match serde_json::Deserializer::from_str(&text).into_iter().next() {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) if error.is_eof() => Err(malformed(0, None)),
        Some(Err(error)) => Err(malformed(bytes_before(&text, &error) + error.column(), None)),
        // An empty text is no body, and does not come here.
        None => Err(malformed(0, None)),
    }
}

fn malformed(at: usize, context: Option<String>) -> Refusal {
    Refusal::Unprocessable(vec![Complaint {
        kind: "json_invalid",
        place: vec!["body".into(), Step::Index(at)],
        message: "JSON decode error".to_owned(),
        input: "{}".to_owned(),
        context,
    }])
}

/// The bytes before the line of an error.
fn bytes_before(text: &str, error: &serde_json::Error) -> usize {
    text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum()
}

/// The place of an error in characters, as CPython counts.
fn place_in_characters(text: &str, error: &serde_json::Error) -> usize {
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    let before: usize = lines.map(|line| line.chars().count()).sum();
    let line = text.split('\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    // The column counts bytes, from 1.
    let column = error.column().saturating_sub(1).min(line.len());
    before + line.bytes().take(column).filter(|byte| byte & 0xc0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    async fn told(refused: Result<JsonValue, Refusal>) -> String {
        let response = refused.expect_err("refused").into_response();
        let body = axum::body::to_bytes(response.into_body(), 4096).await.expect("a body");
        String::from_utf8(body.to_vec()).expect("text")
    }

    #[tokio::test]
    async fn malformed_json_is_told_with_its_place() {
        for (body, at) in [
            ("", 0),
            ("nul", 2),
            ("{\"a\":}", 5),
            ("{\"ä€😀\":}", 7),
            ("{\"a\":1,\n\"ä\":x}", 12),
            ("{} {}", 3),
        ] {
            let place = format!("\"loc\":[\"body\",{at}],\"msg\":\"JSON decode error\",\"input\":{{}}");
            let told = told(python(body.as_bytes())).await;
            assert!(told.contains(&place), "{body:?}: {told}");
        }
    }

    #[tokio::test]
    async fn go_counts_bytes_and_says_0_at_the_end() {
        for (body, at) in [("{\"a\":tru}", 9), ("{\"a\":", 0), ("{\"ä\":x}", 7), ("{\"a\":1,\n\"b\":x}", 13)]
        {
            let told = told(go(body.as_bytes())).await;
            let said = format!("\"loc\":[\"body\",{at}],\"msg\":\"JSON decode error\",\"input\":{{}}}}]");
            assert!(told.contains(&said), "{body:?}: {told}");
        }
        assert!(go(b"{} and more").is_ok());
        let JsonValue::Text(text) = go(b"\"a\xffb\"").expect("a value") else { panic!("no text") };
        assert_eq!(text, "a\u{fffd}b");
    }

    #[tokio::test]
    async fn recorded_errors_have_the_words_of_the_service() {
        for (body, message, at) in RECORDED_ERRORS {
            let told = told(python(body.as_bytes())).await;
            assert!(told.contains(message) && told.contains(&format!("[\"body\",{at}]")), "{body}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_without_a_place() {
        let refused = python("[".repeat(100_000).as_bytes());
        assert!(matches!(refused, Err(Refusal::Detail(StatusCode::BAD_REQUEST, _))), "{refused:?}");
        assert!(python(format!("{}{}", "[".repeat(100), "]".repeat(100)).as_bytes()).is_ok());
    }
}
