//! How jarvisd writes an answer: as Go's `encoding/json` and `net/http` do (docs/wire/jarvis-home.md, "Ports
//! and framing").

use core::pin::Pin;
use core::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;

use super::json::JsonValue;
use crate::server::answer::{Detail, Exception};

/// A handler's output that fits into this many bytes is sent with its length, longer output in chunks.
const BUFFER: usize = 2048;
/// More than any answer has.
const LONGEST: usize = 16 * 1024 * 1024;

/// An answer of the Go library itself.
pub(super) fn text(status: StatusCode, text: &'static str) -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (status, headers, text).into_response()
}

/// Gives an answer in the form of the Python services the form of jarvisd. Bodies that are not JSON stay.
pub(super) async fn as_go(response: Response) -> Response {
    if response.extensions().get::<Exception>().is_some() {
        let failed = Detail::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
        return rewritten(failed.into_response()).await;
    }
    if is_json(&response) { rewritten(response).await } else { response }
}

pub(super) fn is_json(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json")
}

async fn rewritten(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    // It is of the other form.
    head.headers.remove(header::CONTENT_LENGTH);
    // A service's own answers are in memory.
    let bytes = axum::body::to_bytes(body, LONGEST).await.unwrap_or_default();
    let text = match serde_json::from_slice::<JsonValue>(&bytes) {
        Ok(value) => written(value),
        Err(_) => String::from_utf8_lossy(&bytes).into_owned(),
    };
    let body = Body::from(text);
    let whole = matches!(body.size_hint().exact(), Some(length) if length <= BUFFER as u64);
    Response::from_parts(head, if whole { body } else { Body::new(Unmeasured(body)) })
}

/// The value as Go encodes a map: names in alphabetical order, `&`, `<` and `>` escaped, a newline at the
/// end. The complaints in a list `detail` are structs there, and keep their order; what they repeat of the
/// request is a map.
fn written(value: JsonValue) -> String {
    let text = sorted(value).to_string();
    let mut written = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        match c {
            // Outside of strings JSON has none of them.
            '&' => written.push_str("\\u0026"),
            '<' => written.push_str("\\u003c"),
            '>' => written.push_str("\\u003e"),
            '\u{2028}' => written.push_str("\\u2028"),
            '\u{2029}' => written.push_str("\\u2029"),
            c => written.push(c),
        }
    }
    written.push('\n');
    written
}

fn sorted(value: JsonValue) -> JsonValue {
    match value {
        JsonValue::Object(mut members) => {
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            JsonValue::Object(members.into_iter().map(member).collect())
        }
        JsonValue::Array(items) => JsonValue::Array(items.into_iter().map(sorted).collect()),
        JsonValue::Null | JsonValue::Bool(_) | JsonValue::Number(_) | JsonValue::Text(_) => value,
    }
}

fn member((name, value): (String, JsonValue)) -> (String, JsonValue) {
    if name == "detail"
        && let JsonValue::Array(items) = value
    {
        return (name, JsonValue::Array(items.into_iter().map(complaint).collect()));
    }
    (name, sorted(value))
}

/// A complaint without pydantic's details, which jarvisd does not have.
fn complaint(value: JsonValue) -> JsonValue {
    let JsonValue::Object(members) = value else { return value };
    let kept = members.into_iter().filter(|(name, _)| name != "ctx");
    JsonValue::Object(kept.map(|(name, value)| (name, sorted(value))).collect())
}

/// A body whose length is not known before its end, so that it goes out in chunks.
struct Unmeasured(Body);

impl HttpBody for Unmeasured {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        written(serde_json::from_str(text).expect("JSON"))
    }

    #[test]
    fn names_are_sorted_and_html_is_escaped() {
        assert_eq!(
            told("{\"b\":\"<&>\",\"a\":{\"d\":1,\"c\":[{\"z\":0,\"y\":0}]}}"),
            "{\"a\":{\"c\":[{\"y\":0,\"z\":0}],\"d\":1},\"b\":\"\\u003c\\u0026\\u003e\"}\n"
        );
    }

    #[test]
    fn complaints_keep_their_order_but_not_what_they_repeat() {
        assert_eq!(
            told("{\"detail\":[{\"type\":\"x\",\"loc\":[\"body\"],\"input\":{\"b\":1,\"a\":2},\"ctx\":{}}]}"),
            "{\"detail\":[{\"type\":\"x\",\"loc\":[\"body\"],\"input\":{\"a\":2,\"b\":1}}]}\n"
        );
    }
}
