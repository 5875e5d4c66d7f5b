//! Answers that the HTTP library would not write, written byte by byte.

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use super::socket::{DRIP, Reset, wait_for_the_end};
use crate::server::faults::Delivery;

const TERABYTE: u64 = 1 << 40;
/// A second verdict, after the requested one.
const REJECTION: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 41\r\n\r\n\
                        {\"valid\":false,\"reason\":\"Node not found\"}";

/// An answer about to be written.
struct Writing<S> {
    stream: S,
    reset: Reset,
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// Writes `response` in this way, and ends the connection.
pub(super) async fn deliver<S>(stream: S, reset: Reset, response: Response, how: Delivery)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (head, body) = response.into_parts();
    // The stub's own answers are in memory.
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default().to_vec();
    let writing = Writing { stream, reset, status: head.status, headers: head.headers, body };
    // The stub does not depend on how the client reacts.
    let _ = writing.out(how).await;
}

impl<S: AsyncRead + AsyncWrite + Unpin> Writing<S> {
    async fn out(mut self, how: Delivery) -> std::io::Result<()> {
        let length = self.body.len();
        let sized = |length: usize| format!("content-length: {length}\r\n");
        let whole = [self.head("HTTP/1.1", &sized(length)), self.body.clone()].concat();
        let head_length = whole.len() - length;
        match how {
            Delivery::StatusLineGarbage => self.then_close(b"SSH-2.0-OpenSSH_9.2p1\r\n").await,
            Delivery::HttpNine => {
                let body = self.body.clone();
                self.then_close(&body).await
            }
            Delivery::HttpTen => {
                let head = self.head("HTTP/1.0", &sized(length));
                self.with_body(head).await
            }
            Delivery::HeaderSlow => self.slowly(&[], &whole).await,
            Delivery::HeaderEndless => {
                let begun = self.begun();
                self.endlessly(&begun, &b"x-filler: aaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(256)).await
            }
            Delivery::HeaderLineEndless => {
                let begun = [self.begun(), b"x-filler: ".to_vec()].concat();
                self.endlessly(&begun, &[b'a'; 8192]).await
            }
            Delivery::HeaderNul => self.with_header("x-odd: a\0b\r\n").await,
            Delivery::HeaderNoColon => self.with_header("x-odd\r\n").await,
            Delivery::HeaderFolded => self.with_header("x-odd: a\r\n  b\r\n").await,
            Delivery::HeaderCut => self.then_close(&whole[..head_length / 2]).await,
            Delivery::HeaderReset => self.then_reset(&whole[..head_length / 2]).await,
            Delivery::BodySlow => self.slowly(&whole[..head_length], &whole[head_length..]).await,
            Delivery::BodyStall => {
                self.stream.write_all(&whole[..head_length + length / 2]).await?;
                self.stream.flush().await?;
                wait_for_the_end(&mut self.stream).await;
                Ok(())
            }
            Delivery::BodyCut => self.then_close(&whole[..head_length + length / 2]).await,
            Delivery::BodyReset => self.then_reset(&whole[..head_length + length / 2]).await,
            Delivery::BodyEndless => {
                let head = self.head("HTTP/1.1", "connection: close\r\n");
                self.endlessly(&head, &[b' '; 8192]).await
            }
            Delivery::BodyHuge => {
                let head = self.head("HTTP/1.1", &format!("content-length: {TERABYTE}\r\n"));
                self.endlessly(&head, &[b' '; 8192]).await
            }
            Delivery::BodyToClose => {
                let head = self.head("HTTP/1.1", "connection: close\r\n");
                self.with_body(head).await
            }
            Delivery::BodyTruncated => {
                let head = self.head("HTTP/1.1", "connection: close\r\n");
                let bytes = [head, self.body.clone()].concat();
                self.stream.write_all(&bytes).await?;
                // Dropping the stream sends no close_notify, so the client cannot tell the end from a
                // truncation.
                self.stream.flush().await
            }
            Delivery::LengthShort => self.framed(&sized(length.saturating_sub(10))).await,
            Delivery::LengthLong => self.framed(&sized(length + 100)).await,
            Delivery::LengthNegative => self.framed("content-length: -1\r\n").await,
            Delivery::LengthWords => self.framed("content-length: many\r\n").await,
            Delivery::LengthOverflow => {
                self.framed(&format!("content-length: 1{}\r\n", "0".repeat(30))).await
            }
            Delivery::LengthConflict => self.framed(&(sized(length) + &sized(length / 2))).await,
            Delivery::Chunked => self.chunked("", "0\r\n\r\n").await,
            Delivery::ChunkedCut => self.chunked("", "").await,
            Delivery::ChunkedGarbage => self.chunked("", "many\r\nbytes\r\n").await,
            Delivery::ChunkedOverflow => self.chunked("", &format!("1{}\r\n", "0".repeat(18))).await,
            Delivery::ChunkedAndLength => self.chunked(&sized(length / 2), "0\r\n\r\n").await,
            Delivery::ChunkedEndless => {
                let head = self.head("HTTP/1.1", "transfer-encoding: chunked\r\n");
                self.endlessly(&head, &b"1\r\n \r\n".repeat(1024)).await
            }
            Delivery::ContinueOnce => {
                let bytes = [b"HTTP/1.1 100 Continue\r\n\r\n", whole.as_slice()].concat();
                self.then_close(&bytes).await
            }
            Delivery::ContinueFlood => {
                self.endlessly(&[], &b"HTTP/1.1 100 Continue\r\n\r\n".repeat(256)).await
            }
            Delivery::HintsFlood => {
                let hint = b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n";
                self.endlessly(&[], &hint.repeat(128)).await
            }
            Delivery::SwitchingProtocols => {
                let bytes =
                    b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
                self.stream.write_all(bytes).await?;
                self.endlessly(&[0x81, 4], b"ping").await
            }
            Delivery::TwoAnswers => self.then_close(&[&whole, REJECTION].concat()).await,
            Delivery::CloseUnsaid => self.then_close(&whole).await,
        }
    }

    /// Status line and the answer's own headers.
    fn begun(&self) -> Vec<u8> {
        self.begun_in("HTTP/1.1")
    }

    fn begun_in(&self, version: &str) -> Vec<u8> {
        let reason = self.status.canonical_reason().unwrap_or_default();
        let mut head = format!("{version} {} {reason}\r\n", self.status.as_str()).into_bytes();
        for (name, value) in &self.headers {
            head.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        head
    }

    /// The whole head; `framing` contains the header lines that define the end of the body.
    fn head(&self, version: &str, framing: &str) -> Vec<u8> {
        [&self.begun_in(version), framing.as_bytes(), b"\r\n"].concat()
    }

    async fn framed(self, framing: &str) -> std::io::Result<()> {
        let head = self.head("HTTP/1.1", framing);
        self.with_body(head).await
    }

    async fn with_header(self, line: &str) -> std::io::Result<()> {
        let framing = format!("{line}content-length: {}\r\n", self.body.len());
        self.framed(&framing).await
    }

    async fn with_body(self, head: Vec<u8>) -> std::io::Result<()> {
        let bytes = [head, self.body.clone()].concat();
        self.then_close(&bytes).await
    }

    /// The body in two chunks, and then `end`.
    async fn chunked(self, framing: &str, end: &str) -> std::io::Result<()> {
        let head = self.head("HTTP/1.1", &format!("{framing}transfer-encoding: chunked\r\n"));
        let (first, second) = self.body.split_at(self.body.len() / 2);
        let mut bytes = head;
        for chunk in [first, second].into_iter().filter(|chunk| !chunk.is_empty()) {
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(end.as_bytes());
        self.then_close(&bytes).await
    }

    async fn then_close(mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.shutdown().await
    }

    async fn then_reset(mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await?;
        self.reset.on_drop();
        Ok(())
    }

    async fn slowly(mut self, at_once: &[u8], slowly: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(at_once).await?;
        for byte in slowly {
            self.stream.write_all(&[*byte]).await?;
            self.stream.flush().await?;
            tokio::time::sleep(DRIP).await;
        }
        self.stream.shutdown().await
    }

    async fn endlessly(mut self, before: &[u8], piece: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(before).await?;
        loop {
            self.stream.write_all(piece).await?;
            tokio::task::yield_now().await;
        }
    }
}
