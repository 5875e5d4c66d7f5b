//! One caller's connection: reads one request, may wait for a token, sends one answer, and lasts until that is read. It
//! never waits for the socket itself: the run loop calls it when there is something to do.
//!
//! ```text
//!  Reading ──► request whole ──► Waiting ──► Answering ──► Unread ──► Over
//!     │              └─ answer is there ────────▲ ▲           ▲
//!     ├─ refused, or out of time ─────────────────┘           │
//!     └─ hung up (in Waiting and Answering, too) ─────────────┘
//! ```
//!
//! What was written belongs to this program's memory (and to its control group's) until the caller has read it or is gone,
//! even if this end is closed. So a connection counts until then, whatever the caller does: `Unread`.

mod peer;

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use node_core::time::Instant;
use rustix::event::PollFlags;
use zeroize::Zeroizing;

pub(super) use self::peer::{Peer, prepare};
use super::answer::{Answer, BLOCK, Refusal, go_ahead};
use super::callers::{Caller, Owner};
use super::request;
use super::request::{BrokerRequest, Progress};
use crate::system::wiped::{self, Scratch};

/// How long the caller may take to send its request, and to read the answer.
pub(super) const IO_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a caller is looked at that has shut its end down without reading the answer. The system reports nothing
/// more of it until it is gone, and not even that as an event.
pub(super) const UNREAD_AGAIN: Duration = Duration::from_secs(30);
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
    /// The person to whom it counts.
    pub(super) owner: Owner,
    pub(super) stream: S,
    state: ConnectionState,
    /// `None` while the caller has all the time it wants.
    deadline: Option<Instant>,
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
    /// Some of what was written is not read yet.
    Unread {
        /// Whether the system reports its end all the time, so that it cannot be polled.
        shut_down: bool,
    },
    Over,
}

impl<S: Peer> Connection<S> {
    pub(super) fn new(id: ConnectionId, caller: Caller, owner: Owner, stream: S, now: Instant) -> Self {
        let state = ConnectionState::Reading(Zeroizing::new(Vec::new()));
        Self { id, caller, owner, stream, state, deadline: Some(now + IO_TIMEOUT) }
    }

    /// The events to poll for; `None` if it cannot be polled. The end of the connection is reported in any case.
    pub(super) const fn interest(&self) -> Option<PollFlags> {
        match self.state {
            ConnectionState::Reading(_) => Some(PollFlags::IN),
            ConnectionState::Answering { .. } | ConnectionState::Unread { shut_down: false } => {
                Some(PollFlags::OUT)
            }
            ConnectionState::Waiting { .. } | ConnectionState::Over => Some(PollFlags::empty()),
            ConnectionState::Unread { shut_down: true } => None,
        }
    }

    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(super) const fn is_waiting(&self) -> bool {
        matches!(self.state, ConnectionState::Waiting { .. })
    }

    /// The exchange that it waits for, if any.
    pub(super) const fn exchange(&self) -> Option<u64> {
        match self.state {
            ConnectionState::Waiting { exchange } => exchange,
            ConnectionState::Reading(_)
            | ConnectionState::Answering { .. }
            | ConnectionState::Unread { .. }
            | ConnectionState::Over => None,
        }
    }

    pub(super) const fn is_over(&self) -> bool {
        matches!(self.state, ConnectionState::Over)
    }

    /// How many bytes of a request it keeps.
    pub(super) fn held(&self) -> usize {
        match &self.state {
            ConnectionState::Reading(arrived) => arrived.len(),
            ConnectionState::Waiting { .. }
            | ConnectionState::Answering { .. }
            | ConnectionState::Unread { .. }
            | ConnectionState::Over => 0,
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
                self.end();
                None
            }
            ConnectionState::Unread { .. } => {
                self.look_again(now);
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
        self.deadline = Some(now + IO_TIMEOUT);
    }

    /// Keeps the caller waiting until `deadline`; with `exchange` for that exchange.
    pub(super) fn wait(&mut self, exchange: Option<u64>, deadline: Instant) {
        self.state = ConnectionState::Waiting { exchange };
        self.deadline = Some(deadline);
    }

    /// Ends the connection's present step, whose deadline has passed.
    pub(super) fn time_out(&mut self, now: Instant) {
        match &self.state {
            ConnectionState::Reading(arrived) if arrived.is_empty() => self.end(),
            ConnectionState::Reading(_) => {
                let secs = IO_TIMEOUT.as_secs();
                let why = format!("the request did not arrive within {secs} seconds");
                self.refuse(Refusal::new(408, "too_slow", why), now);
            }
            ConnectionState::Waiting { .. } => {
                let why = "the STS did not answer in time; the next attempt is made by itself";
                self.refuse(Refusal::new(504, "sts_timeout", why), now);
            }
            ConnectionState::Answering { .. } => self.end(),
            ConnectionState::Unread { .. } => self.look_again(now),
            ConnectionState::Over => {}
        }
    }

    pub(super) fn refuse(&mut self, refusal: Refusal, now: Instant) {
        self.answer(Arc::new(refusal.into()), now);
    }

    fn read(&mut self, room: usize, now: Instant) -> Option<BrokerRequest> {
        let mut chunk = Scratch::<CHUNK>::default();
        for _ in 0..MAX_READS {
            let len = match self.stream.read(&mut chunk) {
                Ok(0) => {
                    self.end_of_input(now);
                    return None;
                }
                Ok(len) => len,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return None,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(_) => {
                    self.end();
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
                    let _ = self.stream.write(&go_ahead());
                }
                Ok(None)
            }
        }
    }

    /// The caller sends no more. It may have closed only its own half of the connection.
    fn end_of_input(&mut self, now: Instant) {
        if self.held() == 0 {
            self.end();
        } else {
            self.refuse(Refusal::bad_request("the request ends in its middle"), now);
        }
    }

    fn send(&mut self) {
        while let ConnectionState::Answering { answer, sent } = &mut self.state {
            let rest = answer.bytes().get(*sent..).unwrap_or_default();
            if rest.is_empty() {
                return self.end();
            }
            match self.stream.write(&rest[..rest.len().min(BLOCK)]) {
                Ok(len) if len > 0 => *sent += len,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => return self.end(),
            }
        }
    }

    /// Nothing more is read or written. It is over once all that was written is read.
    fn end(&mut self) {
        // First, so that a caller that is still writing hears of it, and reads.
        self.stream.stop_input();
        self.drain();
        self.deadline = None;
        self.state = match self.stream.has_read() {
            true => ConnectionState::Over,
            false => ConnectionState::Unread { shut_down: false },
        };
    }

    /// An event came, or it is time: if still not all is read, the event was that the caller has shut its end down.
    fn look_again(&mut self, now: Instant) {
        if self.stream.has_read() {
            self.state = ConnectionState::Over;
        } else {
            self.state = ConnectionState::Unread { shut_down: true };
            self.deadline = Some(now + UNREAD_AGAIN);
        }
    }

    /// Reads and drops the rest: with unread bytes the caller's system would report a broken connection.
    fn drain(&mut self) {
        let mut chunk = Scratch::<CHUNK>::default();
        for _ in 0..MAX_READS {
            if !matches!(self.stream.read(&mut chunk), Ok(len) if len > 0) {
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
    wiped::extend(arrived, chunk);
    Ok(())
}

#[cfg(test)]
mod tests;
