//! One caller's connection: reads one request, may wait for a token, sends one answer. Never waits for the
//! socket itself; the run loop says when there is something to do.
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
use super::request::{Progress, Request};

/// How long a request may take to arrive, and an answer to be taken.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How much is read at once. Most requests are whole then, and need no memory of their own.
const CHUNK: usize = 4 * 1024;
/// How often a socket is read before others have their turn.
const READS: usize = 8;

/// Tells a connection from all others there ever were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id(pub(super) u64);

/// A connection over `S`, which must not block.
pub(super) struct Connection<S> {
    pub(super) id: Id,
    pub(super) caller: Caller,
    pub(super) stream: S,
    state: State,
    deadline: Instant,
}

enum State {
    /// With what has arrived, unless that is nothing.
    Reading(Zeroizing<Vec<u8>>),
    Waiting {
        /// Tells the exchange it waits for from others, if it is one.
        exchange: Option<u64>,
    },
    Answering {
        answer: Arc<Answer>,
        sent: usize,
    },
    Over,
}

impl<S: Read + Write> Connection<S> {
    pub(super) fn new(id: Id, caller: Caller, stream: S, now: Instant) -> Self {
        let state = State::Reading(Zeroizing::new(Vec::new()));
        Self { id, caller, stream, state, deadline: now + PATIENCE }
    }

    /// What is to be waited for; that the other end is gone is noticed in any case.
    pub(super) const fn interest(&self) -> PollFlags {
        match self.state {
            State::Reading(_) => PollFlags::IN,
            State::Answering { .. } => PollFlags::OUT,
            State::Waiting { .. } | State::Over => PollFlags::empty(),
        }
    }

    pub(super) const fn deadline(&self) -> Instant {
        self.deadline
    }

    pub(super) const fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting { .. })
    }

    /// The exchange that it waits for, if it is one.
    pub(super) const fn exchange(&self) -> Option<u64> {
        match self.state {
            State::Waiting { exchange } => exchange,
            State::Reading(_) | State::Answering { .. } | State::Over => None,
        }
    }

    pub(super) const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// How many bytes of a request it keeps.
    pub(super) fn held(&self) -> usize {
        match &self.state {
            State::Reading(arrived) => arrived.len(),
            State::Waiting { .. } | State::Answering { .. } | State::Over => 0,
        }
    }

    /// Does what can be done now that the socket is ready. Returns the request once it is whole; it is then to
    /// be answered, or to be kept waiting. At most `room` bytes of it may be kept.
    pub(super) fn turn(&mut self, room: usize, now: Instant) -> Option<Request> {
        match &self.state {
            State::Reading(_) => self.read(room, now),
            State::Answering { .. } => {
                self.send();
                None
            }
            // Nothing else was to be heard but that nobody is there any more.
            State::Waiting { .. } => {
                self.state = State::Over;
                None
            }
            State::Over => None,
        }
    }

    /// Begins to send the answer.
    pub(super) fn answer(&mut self, answer: Arc<Answer>, now: Instant) {
        self.queue_response(answer, now);
        self.send();
    }

    /// The same, but leaves the sending to its turn.
    pub(super) fn queue_response(&mut self, answer: Arc<Answer>, now: Instant) {
        self.state = State::Answering { answer, sent: 0 };
        self.deadline = now + PATIENCE;
    }

    /// Keeps the caller waiting until `deadline`, for this `exchange` if it is for one.
    pub(super) fn wait(&mut self, exchange: Option<u64>, deadline: Instant) {
        self.state = State::Waiting { exchange };
        self.deadline = deadline;
    }

    /// Ends what took too long.
    pub(super) fn time_is_up(&mut self, now: Instant) {
        match &self.state {
            State::Reading(arrived) if arrived.is_empty() => self.state = State::Over,
            State::Reading(_) => {
                let secs = PATIENCE.as_secs();
                let why = std::format!("the request did not arrive within {secs} seconds");
                self.refuse(Refusal::new(408, "too_slow", why), now);
            }
            State::Waiting { .. } => {
                let why = "the STS did not answer in time; the next attempt is made by itself";
                self.refuse(Refusal::new(504, "sts_timeout", why), now);
            }
            State::Answering { .. } | State::Over => self.state = State::Over,
        }
    }

    pub(super) fn refuse(&mut self, refusal: Refusal, now: Instant) {
        self.answer(Arc::new(refusal.into()), now);
    }

    fn read(&mut self, room: usize, now: Instant) -> Option<Request> {
        let mut chunk = Zeroizing::new([0; CHUNK]);
        for _ in 0..READS {
            let len = match self.stream.read(&mut *chunk) {
                Ok(0) => {
                    self.hung_up(now);
                    return None;
                }
                Ok(len) => len,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return None,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(_) => {
                    self.state = State::Over;
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

    /// Takes what has just arrived; keeps it only if it is not the end of a request.
    fn take(&mut self, chunk: &[u8], room: usize) -> Result<Option<Request>, Refusal> {
        let State::Reading(arrived) = &mut self.state else { return Ok(None) };
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
                    // Who does not hear it goes on after a second.
                    let _ = self.stream.write(b"HTTP/1.1 100 Continue\r\n\r\n");
                }
                Ok(None)
            }
        }
    }

    /// No more will come. The caller may have closed only its own half.
    fn hung_up(&mut self, now: Instant) {
        if self.held() == 0 {
            self.state = State::Over;
        } else {
            self.refuse(Refusal::bad_request("the request ends in its middle"), now);
        }
    }

    fn send(&mut self) {
        while let State::Answering { answer, sent } = &mut self.state {
            let rest = answer.bytes().get(*sent..).unwrap_or_default();
            if rest.is_empty() {
                self.state = State::Over;
                self.drain();
                return;
            }
            match self.stream.write(rest) {
                Ok(0) => self.state = State::Over,
                Ok(len) => *sent += len,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.state = State::Over,
            }
        }
    }

    /// What was sent and never read would make the caller's system report a broken connection.
    fn drain(&mut self) {
        let mut chunk = Zeroizing::new([0; CHUNK]);
        for _ in 0..READS {
            if !matches!(self.stream.read(&mut *chunk), Ok(len) if len > 0) {
                return;
            }
        }
    }
}

/// Adds `chunk` to what is kept of a request.
fn keep(arrived: &mut Zeroizing<Vec<u8>>, chunk: &[u8], room: usize) -> Result<(), Refusal> {
    if arrived.len() + chunk.len() > room {
        return Err(Refusal::busy("too many requests are under way that are not whole yet"));
    }
    // A buffer that is outgrown is wiped, too.
    let mut longer = Zeroizing::new(Vec::with_capacity(arrived.len() + chunk.len()));
    longer.extend_from_slice(arrived);
    longer.extend_from_slice(chunk);
    *arrived = longer;
    Ok(())
}

#[cfg(test)]
mod tests;
