//! The client of the broker: with it this program's own commands ask the daemon for a token.

use std::borrow::Cow;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fmt, io, thread};

use node_core::text::Shown;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustix::net::sockopt::Timeout;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, sockopt};
use serde::Deserialize;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::config;
use crate::error::SetupError;
use crate::files::json;

/// The broker's socket unless another is configured.
const DEFAULT_SOCKET: &str = "/run/jarvis-node-agent/node.sock";
/// How long to wait for a place in the daemon's queue.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to try again when the daemon closes without an answer, or starts anew.
const PATIENCE: Duration = Duration::from_secs(10);
/// The first wait between two attempts; then twice as long each.
const FIRST_WAIT: Duration = Duration::from_millis(20);
/// Longer than the daemon keeps a caller waiting.
const TIMEOUT: Duration = Duration::from_secs(1300);
/// The longest answer, head included. No token is as long.
const MAX_ANSWER: u64 = 64 * 1024;

/// A token, as the broker hands it out.
pub struct Token {
    text: Zeroizing<String>,
    fingerprint: String,
}

impl Token {
    /// The token itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Tells this token from others without showing it.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({} bytes)", self.text.len())
    }
}

/// Why there is no token.
#[derive(Debug, Error)]
pub enum ClientError {
    /// No broker listens at the socket.
    #[error(
        "nobody gives out tokens at {} ({why}); does the daemon run, and does its configuration have `broker`?",
        .socket.display()
    )]
    NoBroker {
        /// The socket.
        socket: PathBuf,
        /// The system's reason.
        why: io::Error,
    },
    /// Nobody listens where the socket is unless the configuration says otherwise, and that cannot be used.
    #[error(
        "{config}; nor does anybody give out tokens at {}, where that is asked for without a configuration ({why})",
        .socket.display()
    )]
    NoConfig {
        /// What is wrong with the configuration.
        config: SetupError,
        /// The socket that was tried.
        socket: PathBuf,
        /// The system's reason.
        why: io::Error,
    },
    /// The broker refuses.
    #[error("{message}")]
    Refused {
        /// Its status.
        status: u16,
        /// Its message.
        message: String,
    },
    /// The broker lets this user have no more connections.
    #[error(
        "the daemon at {} has no room for another caller ({why}); if that lasts, look for programs that leave \
         connections to it open or do not read its answers", .socket.display()
    )]
    Busy {
        /// The socket.
        socket: PathBuf,
        /// What happened instead of an answer.
        why: io::Error,
    },
    /// Another program than a broker answers.
    #[error("what answers at {} is no jarvis-node", .socket.display())]
    NotUnderstood {
        /// The socket.
        socket: PathBuf,
    },
}

impl ClientError {
    /// The program's exit code, by sysexits(3).
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::NoBroker { .. } | Self::NoConfig { .. } => 69,
            Self::Refused { status: 403, .. } => 77,
            Self::Refused { status: 400..=499, .. } => 64,
            Self::Refused { .. } | Self::Busy { .. } => 75,
            Self::NotUnderstood { .. } => 76,
        }
    }
}

/// The broker's socket: `given`, else `$JARVIS_NODE_SOCKET`, else the one in the configuration at `config_file`, else the
/// default.
pub(crate) fn socket(given: Option<PathBuf>, config_file: &Path) -> PathBuf {
    let configured = || {
        let json = config::read_leniently(config_file);
        config::plausible_path(json.get("broker")?.get("socket")?.as_str()?, config_file)
    };
    given
        .or_else(|| std::env::var_os("JARVIS_NODE_SOCKET").map(PathBuf::from))
        .or_else(configured)
        .unwrap_or_else(|| DEFAULT_SOCKET.into())
}

/// Asks the broker at `socket` for a token for `audience`; for the configured one if it is empty. With `refused`, the fingerprint of a token that a service
/// has refused, it asks for another one than that.
///
/// # Errors
/// Why there is none.
pub fn token(
    socket: &Path,
    audience: &str,
    scope: Option<&str>,
    refused: Option<&str>,
) -> Result<Token, ClientError> {
    let mut target = String::from("/v1/token");
    let parameters = [("?audience=", Some(audience)), ("&scope=", scope), ("&refused=", refused)];
    for (name, value) in parameters.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        target += name;
        target.extend(utf8_percent_encode(value, NON_ALPHANUMERIC));
    }
    let socket_of = |why| match is_busy(&why) {
        true => ClientError::Busy { socket: socket.into(), why },
        false => ClientError::NoBroker { socket: socket.into(), why },
    };
    let answer = exchange(socket, &target, PATIENCE).map_err(socket_of)?;
    read(&answer).ok_or_else(|| ClientError::NotUnderstood { socket: socket.into() })?
}

/// Whether the broker closed without an answer, or the queue before it stayed full.
fn is_busy(error: &io::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof, WouldBlock};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof | WouldBlock)
}

/// Asks until there is an answer, or `patience` is over.
fn exchange(socket: &Path, target: &str, patience: Duration) -> io::Result<Zeroizing<Vec<u8>>> {
    let (start, mut wait) = (Instant::now(), FIRST_WAIT);
    loop {
        match connect(socket).and_then(|stream| converse(stream, target)) {
            // Refused: the daemon has ended and may start again. One that nobody started leaves no socket.
            Err(e)
                if (is_busy(&e) || e.kind() == ErrorKind::ConnectionRefused)
                    && start.elapsed() + wait < patience =>
            {
                thread::sleep(wait);
                wait *= 2;
            }
            done => return done,
        }
    }
}

/// Connects, and waits in the order of all callers if the queue is full (unix(7), `SO_SNDTIMEO`).
fn connect(socket: &Path) -> io::Result<UnixStream> {
    let stream = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    sockopt::set_socket_timeout(&stream, Timeout::Send, Some(CONNECT_TIMEOUT))?;
    rustix::net::connect(&stream, &SocketAddrUnix::new(socket)?)?;
    let stream = UnixStream::from(stream);
    stream.set_read_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

/// Sends the request and reads the answer, which may be there without the request having been read: the broker answers
/// a caller that it does not let in, and hangs up.
fn converse(mut stream: UnixStream, target: &str) -> io::Result<Zeroizing<Vec<u8>>> {
    let sent = stream.write_all(format!("GET {target} HTTP/1.1\r\nHost: jarvis-node\r\n\r\n").as_bytes());
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut answer = Zeroizing::new(Vec::with_capacity(usize::try_from(MAX_ANSWER).unwrap_or_default()));
    match stream.take(MAX_ANSWER).read_to_end(&mut answer) {
        Err(e) if answer.is_empty() || e.kind() != ErrorKind::ConnectionReset => Err(e),
        Ok(_) if answer.is_empty() => Err(sent
            .err()
            .unwrap_or_else(|| io::Error::new(ErrorKind::UnexpectedEof, "closed without an answer"))),
        Ok(_) | Err(_) => Ok(answer),
    }
}

#[derive(Deserialize)]
struct TokenAnswer<'a> {
    #[serde(borrow)]
    access_token: Cow<'a, str>,
    fingerprint: String,
}

#[derive(Deserialize)]
struct ErrorAnswer {
    error: ErrorText,
}

#[derive(Deserialize)]
struct ErrorText {
    message: String,
}

/// Reads an answer; `None` if no broker can have sent it.
pub(crate) fn read(answer: &[u8]) -> Option<Result<Token, ClientError>> {
    let mut fields = [httparse::EMPTY_HEADER; 16];
    let mut head = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(len) = head.parse(answer).ok()? else { return None };
    let status = head.code?;
    let body = &answer[len..];
    if status == 200 {
        let TokenAnswer { access_token, fingerprint } = json::object(body).ok()?;
        // It is sent in a header.
        let sound = !access_token.is_empty() && access_token.bytes().all(|b| b.is_ascii_graphic());
        let text = Zeroizing::new(access_token.into_owned());
        return sound.then_some(Ok(Token { text, fingerprint }));
    }
    let ErrorAnswer { error } = json::object(body).ok()?;
    // Another program may have answered, and this reaches the user's terminal.
    let message = Shown(&error.message).to_string();
    Some(Err(ClientError::Refused { status, message }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_brokers_answers_are_understood() {
        let ok = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"access_token\":\"a.b.c\",\"fingerprint\":\"00ff\"}";
        let token = read(ok).expect("understood").expect("a token");
        assert_eq!((token.expose(), token.fingerprint()), ("a.b.c", "00ff"));
        assert_eq!(format!("{token:?}"), "Token(5 bytes)");
        for (status, code) in [(403, 77), (400, 64), (502, 75), (503, 75), (504, 75)] {
            let answer = format!(
                "HTTP/1.1 {status} X\r\n\r\n{{\"error\":{{\"code\":\"c\",\"message\":\"no\\u001b[2J\"}}}}"
            );
            let refused = read(answer.as_bytes()).expect("understood").expect_err("no token");
            assert_eq!((refused.exit_code(), refused.to_string().as_str()), (code, "no [2J"));
        }
        for odd in [
            "",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\n\r\n{\"access_token\":\"a\\r\\nX: y\",\"fingerprint\":\"\"}",
            "HTTP/1.1 200 OK\r\n\r\n{\"access_token\":\"\",\"fingerprint\":\"\"}",
            "HTTP/1.1 500 Oh\r\n\r\nno",
            "220 smtp.example\r\n",
        ] {
            assert!(read(odd.as_bytes()).is_none(), "{odd}");
        }
    }

    #[test]
    fn refusal_before_the_request_is_read_is_still_heard() {
        let busy = "HTTP/1.1 503 X\r\n\r\n{\"error\":{\"code\":\"busy\",\"message\":\"later\"}}";
        // Even if the broker left some of the request unread, which the system reports as a reset.
        for unheard in ["", "x"] {
            let (mut own, mut other) = UnixStream::pair().expect("a pair");
            own.write_all(unheard.as_bytes()).expect("taken");
            other.write_all(busy.as_bytes()).expect("taken");
            drop(other);
            let answer = converse(own, "/v1/token").expect("heard");
            let refused = read(&answer).expect("understood").expect_err("no token");
            assert_eq!((refused.exit_code(), refused.to_string().as_str()), (75, "later"));
        }
        let (own, other) = UnixStream::pair().expect("a pair");
        drop(other);
        converse(own, "/v1/token").expect_err("no broker is there");
    }

    #[test]
    fn broker_that_closes_without_an_answer_is_asked_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("s");
        let listener = std::os::unix::net::UnixListener::bind(&path).expect("bound");
        let broker = thread::spawn(move || {
            for busy in [true, true, false] {
                let (mut caller, _) = listener.accept().expect("a caller");
                if !busy {
                    caller.read_exact(&mut [0; 14]).expect("a request");
                    caller.write_all(b"answer").expect("taken");
                }
            }
        });
        let long = Duration::from_secs(60);
        assert_eq!(&**exchange(&path, "/v1/token", long).expect("answered at last"), b"answer");
        broker.join().expect("ended");
        // Its file is still there, as after a kill.
        let refused = exchange(&path, "/v1/token", FIRST_WAIT * 4).expect_err("nobody listens");
        assert_eq!((refused.kind(), is_busy(&refused)), (ErrorKind::ConnectionRefused, false));
    }
}
