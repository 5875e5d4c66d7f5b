//! What callers get: HTTP/1.1 with a body of JSON, one answer a connection.

use std::time::Duration;

use serde::Serialize;
use zeroize::Zeroizing;

/// A whole answer, head and body. Wiped when dropped: it may hold a token.
pub(super) struct Answer(Zeroizing<Vec<u8>>);

/// Why there is nothing else to tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// Its name for programs.
    pub(super) code: &'static str,
    /// For people; holds no secret.
    pub(super) message: String,
    /// When to ask again.
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
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after: None }
    }

    /// A request that no caller should send.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request", message)
    }

    /// Too much at once, of one caller or of all.
    pub(super) fn busy(message: impl Into<String>) -> Self {
        Self::new(503, "busy", message).after(Some(Duration::from_secs(1)))
    }

    pub(super) fn after(self, retry_after: Option<Duration>) -> Self {
        Self { retry_after, ..self }
    }
}

impl Answer {
    /// 200 with `body`.
    pub(super) fn ok(body: &impl Serialize) -> Self {
        Self::new(200, None, body)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn new(status: u16, retry_after: Option<Duration>, body: &impl Serialize) -> Self {
        // Room for any token at once: a buffer that grows leaves copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(1024));
        let mut length = Length(0);
        // Neither can fail: what is answered has no maps with odd keys, and memory takes what it is given.
        let _ = serde_json::to_writer(&mut length, body);
        text.reserve_exact(length.0);
        let allow = if status == 405 { "Allow: GET, POST\r\n" } else { "" };
        let retry_after = retry_after.map_or_else(String::new, |delay| {
            // Not before it is of use.
            format!("Retry-After: {}\r\n", delay.as_secs() + u64::from(delay.subsec_nanos() > 0))
        });
        text.extend_from_slice(
            format!(
                "HTTP/1.1 {status} {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                 Cache-Control: no-store\r\n{allow}{retry_after}Connection: close\r\n\r\n",
                reason(status),
                length.0
            )
            .as_bytes(),
        );
        let _ = serde_json::to_writer(&mut *text, body);
        Self(text)
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let Refusal { status, code, message, retry_after } = refusal;
        Self::new(status, retry_after, &Wrapped { error: Inner { code, message: &message } })
    }
}

/// Counts what would be written.
struct Length(usize);

impl std::io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The words of RFC 9110, 15, which nobody reads but people at a terminal.
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
    fn an_answer_is_whole_closes_the_connection_and_is_kept_nowhere() {
        let answer = Answer::ok(&serde_json::json!({ "a": "ä" }));
        assert_eq!(
            text(&answer),
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\nCache-Control: no-store\r\n\
             Connection: close\r\n\r\n{\"a\":\"ä\"}"
        );
    }

    #[test]
    fn a_refusal_says_when_to_come_back_in_whole_seconds_and_not_too_early() {
        let refusal = Refusal::busy("later \"perhaps\"").after(Some(Duration::from_millis(1001)));
        let answer = Answer::from(refusal);
        assert!(text(&answer).starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{}", text(&answer));
        assert!(text(&answer).contains("\r\nRetry-After: 2\r\n"), "{}", text(&answer));
        assert!(text(&answer).ends_with(r#"{"error":{"code":"busy","message":"later \"perhaps\""}}"#));
        assert!(!text(&Answer::from(Refusal::bad_request("no"))).contains("Retry-After"));
    }

    #[test]
    fn a_wrong_method_is_told_the_right_ones() {
        let answer = Answer::from(Refusal::new(405, "method_not_allowed", "no"));
        assert!(text(&answer).contains("\r\nAllow: GET, POST\r\n"));
    }
}
