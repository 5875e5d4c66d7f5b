//! A client of the broker's socket.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::net::RecvFlags;
use serde_json::Value;

use crate::http;
use crate::waiting::PATIENCE;

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    head: String,
    /// The body, which is JSON.
    pub body: Value,
}

impl Answer {
    /// Reads the bytes of a connection that has ended.
    ///
    /// # Panics
    /// If `bytes` are anything but one whole answer.
    pub fn read(bytes: &[u8]) -> Self {
        let text = str::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.strip_prefix("HTTP/1.1 ").unwrap()[..3].parse().unwrap();
        let answer = Self { status, head: head.into(), body: body.parse().unwrap() };
        assert_eq!(answer.field("content-length"), Some(body.len().to_string().as_str()), "{text}");
        for (name, value) in
            [("connection", "close"), ("cache-control", "no-store"), ("content-type", "application/json")]
        {
            assert_eq!(answer.field(name), Some(value), "{text}");
        }
        answer
    }

    /// The same as of any server.
    pub fn to_http(&self) -> http::Answer {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        http::Answer {
            status: self.status,
            headers: fields.map(|(name, value)| (name.into(), value.into())).collect(),
            body: self.body.to_string(),
        }
    }

    /// A header field.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// `error.code` of an answer that is an error and nothing else.
    ///
    /// # Panics
    /// If it is another.
    pub fn code(&self) -> &str {
        assert_eq!(self.body.as_object().map(serde_json::Map::len), Some(1), "{self:?}");
        assert!(!self.message().is_empty(), "{self:?}");
        self.body["error"]["code"].as_str().unwrap_or_else(|| panic!("no error: {self:?}"))
    }

    /// `error.message`, or nothing.
    pub fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap_or_default()
    }

    /// `access_token` of an answer with a token.
    ///
    /// # Panics
    /// If it has none.
    pub fn token(&self) -> &str {
        assert_eq!(self.status, 200, "{self:?}");
        self.body["access_token"].as_str().unwrap()
    }

    /// Status and error code, for comparisons.
    pub fn brief(&self) -> (u16, &str) {
        (self.status, if self.status == 200 { "" } else { self.code() })
    }
}

/// A connection.
#[derive(Debug)]
pub struct Caller(UnixStream);

impl Caller {
    /// A connection to this socket.
    ///
    /// # Panics
    /// If there is none to be had.
    pub fn at(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    /// Sends these bytes; whether the other end took them.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok()
    }

    /// Closes the sending half.
    ///
    /// # Panics
    /// If it cannot be closed.
    pub fn close_sending_half(&self) {
        self.0.shutdown(Shutdown::Write).unwrap();
    }

    /// Reads until the other end closes.
    ///
    /// # Panics
    /// If it does not.
    pub fn read_all(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).unwrap();
        bytes
    }

    /// Reads until the other end closes, which may happen before it has read all that was sent.
    ///
    /// # Panics
    /// If it does not close.
    pub fn read_all_or_reset(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Err(e) = self.0.read_to_end(&mut bytes) {
            assert_eq!(e.kind(), ErrorKind::ConnectionReset, "{e}");
        }
        bytes
    }

    /// The whole answer.
    pub fn answer(self) -> Answer {
        Answer::read(&self.read_all())
    }

    /// Whether an answer has come, or the other end has closed.
    pub fn is_answered(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        rustix::net::recv(&self.0, &mut [0_u8], flags).is_ok()
    }
}

/// A request of this method and target, without a body.
pub fn request(method: &str, target: &str) -> Vec<u8> {
    format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}
