//! One caller's connection: reads one request, may wait for a token, sends one answer. It never waits for the socket
//! itself: the run loop calls it when there is something to do.
//!
//! ```text
//!  Reading ──► request whole ──► Waiting ──► Answering ──► Over
//!     │              └─ answer is there ────────▲ ▲          ▲
//!     ├─ refused, or out of time ─────────────────┘          │
//!     └─ hung up (in Waiting and Answering, too) ────────────┘
//! ```

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use node_core::time::Instant;
use rustix::event::PollFlags;
use zeroize::Zeroizing;

use super::answer::{Answer, Refusal};
use super::callers::Caller;
use super::request;
use super::request::{BrokerRequest, Progress};

/// How long the caller may take to send its request, and to read the answer.
pub(super) const IO_TIMEOUT: Duration = Duration::from_secs(5);
/// How much is read at once. Most requests fit and need no memory of their own.
const CHUNK: usize = 4 * 1024;
/// How many times a socket is read in one turn.
const MAX_READS: usize = 8;

/// Tells a connection from all others, past ones included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ConnectionId(pub(super) u64);

/// A connection over `S`, which must not block.
pub(super) struct Connection<S> {
    pub(super) id: ConnectionId,
    pub(super) caller: Caller,
    pub(super) stream: S,
    state: ConnectionState,
    deadline: Instant,
}

enum ConnectionState {
    /// With the bytes of the request that have arrived so far.
    Reading(Zeroizing<Vec<u8>>),
    Waiting {
        /// Tells the exchange that it waits for from others; `None` if it waits for no exchange.
        exchange: Option<u64>,
    },
    Answering {
        answer: Arc<Answer>,
        sent: usize,
    },
    Over,
}

impl<S: Read + Write> Connection<S> {
    pub(super) fn new(id: ConnectionId, caller: Caller, stream: S, now: Instant) -> Self {
        let state = ConnectionState::Reading(Zeroizing::new(Vec::new()));
        Self { id, caller, stream, state, deadline: now + IO_TIMEOUT }
    }

    /// The events to poll for. The end of the connection is reported in any case.
    pub(super) const fn interest(&self) -> PollFlags {
        match self.state {
            ConnectionState::Reading(_) => PollFlags::IN,
            ConnectionState::Answering { .. } => PollFlags::OUT,
            ConnectionState::Waiting { .. } | ConnectionState::Over => PollFlags::empty(),
        }
    }

    pub(super) const fn deadline(&self) -> Instant {
        self.deadline
    }

    pub(super) const fn is_waiting(&self) -> bool {
        matches!(self.state, ConnectionState::Waiting { .. })
    }

    /// The exchange that it waits for, if any.
    pub(super) const fn exchange(&self) -> Option<u64> {
        match self.state {
            ConnectionState::Waiting { exchange } => exchange,
            ConnectionState::Reading(_) | ConnectionState::Answering { .. } | ConnectionState::Over => None,
        }
    }

    pub(super) const fn is_over(&self) -> bool {
        matches!(self.state, ConnectionState::Over)
    }

    /// How many bytes of a request it keeps.
    pub(super) fn held(&self) -> usize {
        match &self.state {
            ConnectionState::Reading(arrived) => arrived.len(),
            ConnectionState::Waiting { .. } | ConnectionState::Answering { .. } | ConnectionState::Over => 0,
        }
    }

    /// Reads or sends, now that the socket is ready. Returns the request once it is whole; the owner then answers it or
    /// keeps it waiting. At most `room` bytes of an unfinished request may be kept.
    pub(super) fn turn(&mut self, room: usize, now: Instant) -> Option<BrokerRequest> {
        match &self.state {
            ConnectionState::Reading(_) => self.read(room, now),
            ConnectionState::Answering { .. } => {
                self.send();
                None
            }
            // While waiting only the end of the connection makes the socket ready.
            ConnectionState::Waiting { .. } => {
                self.state = ConnectionState::Over;
                None
            }
            ConnectionState::Over => None,
        }
    }

    /// Queues the answer and sends as much of it as the socket takes.
    pub(super) fn answer(&mut self, answer: Arc<Answer>, now: Instant) {
        self.queue_response(answer, now);
        self.send();
    }

    /// Queues the answer. It is sent at the connection's next turn.
    pub(super) fn queue_response(&mut self, answer: Arc<Answer>, now: Instant) {
        self.state = ConnectionState::Answering { answer, sent: 0 };
        self.deadline = now + IO_TIMEOUT;
    }

    /// Keeps the caller waiting until `deadline`; with `exchange` for that exchange.
    pub(super) fn wait(&mut self, exchange: Option<u64>, deadline: Instant) {
        self.state = ConnectionState::Waiting { exchange };
        self.deadline = deadline;
    }

    /// Ends the connection's present step, whose deadline has passed.
    pub(super) fn time_out(&mut self, now: Instant) {
        match &self.state {
            ConnectionState::Reading(arrived) if arrived.is_empty() => self.state = ConnectionState::Over,
            ConnectionState::Reading(_) => {
                let secs = IO_TIMEOUT.as_secs();
                let why = format!("the request did not arrive within {secs} seconds");
                self.refuse(Refusal::new(408, "too_slow", why), now);
            }
            ConnectionState::Waiting { .. } => {
                let why = "the STS did not answer in time; the next attempt is made by itself";
                self.refuse(Refusal::new(504, "sts_timeout", why), now);
            }
            ConnectionState::Answering { .. } | ConnectionState::Over => self.state = ConnectionState::Over,
        }
    }

    pub(super) fn refuse(&mut self, refusal: Refusal, now: Instant) {
        self.answer(Arc::new(refusal.into()), now);
    }

    fn read(&mut self, room: usize, now: Instant) -> Option<BrokerRequest> {
        let mut chunk = Zeroizing::new([0; CHUNK]);
        for _ in 0..MAX_READS {
            let len = match self.stream.read(&mut *chunk) {
                Ok(0) => {
                    self.end_of_input(now);
                    return None;
                }
                Ok(len) => len,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return None,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(_) => {
                    self.state = ConnectionState::Over;
                    return None;
                }
            };
            match self.take(&chunk[..len], room) {
                Ok(Some(request)) => return Some(request),
                Ok(None) => {}
                Err(refusal) => {
                    self.refuse(refusal, now);
                    return None;
                }
            }
        }
        None
    }

    /// Takes bytes that have just arrived. They are kept only if the request is not whole yet.
    fn take(&mut self, chunk: &[u8], room: usize) -> Result<Option<BrokerRequest>, Refusal> {
        let ConnectionState::Reading(arrived) = &mut self.state else { return Ok(None) };
        let progress = if arrived.is_empty() {
            request::read(chunk)?
        } else {
            keep(arrived, chunk, room)?;
            request::read(arrived)?
        };
        match progress {
            Progress::Whole(request) => Ok(Some(request)),
            Progress::Incomplete { wants_go_ahead } => {
                if arrived.is_empty() {
                    keep(arrived, chunk, room)?;
                }
                if wants_go_ahead {
                    // If this is lost the caller goes on after a second anyway.
                    let _ = self.stream.write(b"HTTP/1.1 100 Continue\r\n\r\n");
                }
                Ok(None)
            }
        }
    }

    /// The caller sends no more. It may have closed only its own half of the connection.
    fn end_of_input(&mut self, now: Instant) {
        if self.held() == 0 {
            self.state = ConnectionState::Over;
        } else {
            self.refuse(Refusal::bad_request("the request ends in its middle"), now);
        }
    }

    fn send(&mut self) {
        while let ConnectionState::Answering { answer, sent } = &mut self.state {
            let rest = answer.bytes().get(*sent..).unwrap_or_default();
            if rest.is_empty() {
                self.state = ConnectionState::Over;
                self.drain();
                return;
            }
            match self.stream.write(rest) {
                Ok(0) => self.state = ConnectionState::Over,
                Ok(len) => *sent += len,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.state = ConnectionState::Over,
            }
        }
    }

    /// Reads and drops the rest: with unread bytes the caller's system would report a broken connection.
    fn drain(&mut self) {
        let mut chunk = Zeroizing::new([0; CHUNK]);
        for _ in 0..MAX_READS {
            if !matches!(self.stream.read(&mut *chunk), Ok(len) if len > 0) {
                return;
            }
        }
    }
}

/// Adds `chunk` to the kept bytes of a request.
fn keep(arrived: &mut Zeroizing<Vec<u8>>, chunk: &[u8], room: usize) -> Result<(), Refusal> {
    if arrived.len() + chunk.len() > room {
        return Err(Refusal::busy("too many requests are under way that are not whole yet"));
    }
    // A new buffer, so that the old one is wiped when it is dropped.
    let mut longer = Zeroizing::new(Vec::with_capacity(arrived.len() + chunk.len()));
    longer.extend_from_slice(arrived);
    longer.extend_from_slice(chunk);
    *arrived = longer;
    Ok(())
}

#[cfg(test)]
mod tests;
