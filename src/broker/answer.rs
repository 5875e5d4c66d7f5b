//! Answers to callers: HTTP/1.1 with a JSON body, one on each connection.

use std::time::Duration;

use serde::Serialize;

use crate::files::json;
use crate::system::wiped::{self, Wiped};

/// Answers are sent in blocks of this many bytes, and filled up to a whole number of them by a header field. What is
/// written belongs to this program's memory until the caller has read it, and the system tells only whether more than a
/// quarter of the send buffer is unread (`unix_writable` in net/unix/af_unix.c). With the smallest buffer a block is
/// more than that, so a socket that takes more has been read to its end. Two blocks fill it.
pub(super) const BLOCK: usize = 1536;
/// The code of a refusal because of too many requests.
pub(super) const BUSY: &str = "busy";

/// `100 Continue`, as one block.
pub(super) fn go_ahead() -> Vec<u8> {
    let mut text = Vec::from(*b"HTTP/1.1 100 Continue\r\n");
    fill(&mut text, 2);
    text.extend_from_slice(b"\r\n");
    text
}

/// Adds a header field, so that `text` and `more` bytes after it are a whole number of blocks.
fn fill(text: &mut Vec<u8>, more: usize) {
    let (name, end) = (b"Padding: ", b"\r\n");
    let len = text.len() + name.len() + end.len() + more;
    text.extend_from_slice(name);
    text.resize(text.len() + len.next_multiple_of(BLOCK) - len, b'-');
    text.extend_from_slice(end);
}

/// A whole answer, head and body. Wiped when dropped: it may hold a token.
pub(crate) struct Answer(Wiped);

/// An answer that refuses the request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(super) status: u16,
    /// The reason for programs.
    pub(super) code: &'static str,
    /// The reason for people. Holds no secret.
    pub(super) message: String,
    /// How long to wait before asking again.
    pub(super) retry_after: Option<Duration>,
}

#[derive(Serialize)]
struct Wrapped<'a> {
    error: Inner<'a>,
}

#[derive(Serialize)]
struct Inner<'a> {
    code: &'a str,
    message: &'a str,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after: None }
    }

    /// The request is malformed.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request", message)
    }

    /// There are too many requests, of one caller or of all.
    pub(super) fn busy(message: impl Into<String>) -> Self {
        Self::new(503, BUSY, message).after(Some(Duration::from_secs(1)))
    }

    pub(super) fn after(self, retry_after: Option<Duration>) -> Self {
        Self { retry_after, ..self }
    }
}

impl Answer {
    /// 200 with `body`.
    pub(crate) fn ok(body: &impl Serialize) -> Self {
        Self::new(200, None, body)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// 200 with metrics.
    pub(crate) fn metrics(text: &str) -> Self {
        let kind = "text/plain; version=0.0.4; charset=utf-8";
        Self::whole(200, None, kind, text.as_bytes())
    }

    fn new(status: u16, retry_after: Option<Duration>, body: &impl Serialize) -> Self {
        let mut text = Body(Vec::with_capacity(BLOCK).into());
        // Cannot fail: no answer has maps with odd keys, and writing to memory never does.
        let _ = json::write(&mut text, body);
        Self::whole(status, retry_after, "application/json", &text.0)
    }

    /// An answer with a body of this media type.
    fn whole(status: u16, retry_after: Option<Duration>, kind: &str, body: &[u8]) -> Self {
        let length = body.len();
        // Room for all of it at once: a buffer that grows leaves copies behind.
        let mut text = Wiped::from(Vec::with_capacity((length + 512).next_multiple_of(BLOCK)));
        let allow = if status == 405 { "Allow: GET, POST\r\n" } else { "" };
        let retry_after = retry_after.map_or_else(String::new, |delay| {
            // Rounded up: a second too early would be in vain.
            format!("Retry-After: {}\r\n", delay.as_secs() + u64::from(delay.subsec_nanos() > 0))
        });
        text.extend_from_slice(
            format!(
                "HTTP/1.1 {status} {}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
                 Cache-Control: no-store\r\n{allow}{retry_after}Connection: close\r\n",
                reason(status)
            )
            .as_bytes(),
        );
        fill(&mut text, 2 + length);
        text.extend_from_slice(b"\r\n");
        text.extend_from_slice(body);
        Self(text)
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let Refusal { status, code, message, retry_after } = refusal;
        Self::new(status, retry_after, &Wrapped { error: Inner { code, message: &message } })
    }
}

/// A body that is written.
struct Body(Wiped);

impl std::io::Write for Body {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        wiped::extend(&mut self.0, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The reason phrase of RFC 9110, 15, for people at a terminal.
const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        411 => "Length Required",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(answer: &Answer) -> &str {
        std::str::from_utf8(answer.bytes()).expect("text")
    }

    #[test]
    fn answer_closes_the_connection_and_is_not_stored() {
        let answer = Answer::ok(&serde_json::json!({ "a": "ä" }));
        let (head, rest) = text(&answer).split_once("Padding: ").expect("filled up");
        assert_eq!(
            head,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\nCache-Control: no-store\r\n\
             Connection: close\r\n"
        );
        assert_eq!(rest.trim_start_matches('-'), "\r\n\r\n{\"a\":\"ä\"}");
    }

    #[test]
    fn answer_is_whole_blocks_and_never_moves_in_memory() {
        for len in (0..2 * BLOCK).chain([40_000]) {
            let body: String = std::iter::repeat_n('x', len).collect();
            let answer = Answer::ok(&body);
            assert_eq!(answer.bytes().len() % BLOCK, 0, "{len}");
            assert!(answer.bytes().len() <= (len + 512).next_multiple_of(BLOCK), "{len}");
        }
        assert_eq!(go_ahead().len(), BLOCK);
    }

    #[test]
    fn refusal_rounds_its_delay_up_to_whole_seconds() {
        let refusal = Refusal::busy("later \"perhaps\"").after(Some(Duration::from_millis(1001)));
        let answer = Answer::from(refusal);
        assert!(text(&answer).starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{}", text(&answer));
        assert!(text(&answer).contains("\r\nRetry-After: 2\r\n"), "{}", text(&answer));
        assert!(text(&answer).ends_with(r#"{"error":{"code":"busy","message":"later \"perhaps\""}}"#));
        assert!(!text(&Answer::from(Refusal::bad_request("no"))).contains("Retry-After"));
    }

    #[test]
    fn wrong_method_is_answered_with_the_allowed_ones() {
        let answer = Answer::from(Refusal::new(405, "method_not_allowed", "no"));
        assert!(text(&answer).contains("\r\nAllow: GET, POST\r\n"));
    }
}
