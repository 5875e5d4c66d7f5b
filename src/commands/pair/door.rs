//! The port that phones reach, and their connections: a few, each for a few seconds and one request.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use node_core::time::Instant;
use rustix::event::{PollFd, PollFlags};
use zeroize::Zeroizing;

use super::request;
use super::request::Request;
use crate::broker::{Answer, MAX_BODY, MAX_HEAD};

/// How long a peer may take to send its request, and to read the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most connections at once, and of one peer. A new one takes the place of the oldest.
const MOST: usize = 16;
const MOST_OF_ONE: usize = 4;
const CHUNK: usize = 4 * 1024;
/// How many times one connection is read, and how many new ones are taken, in one turn.
const STEPS: usize = 16;

pub(super) struct Door {
    listener: TcpListener,
    visits: Vec<Visit>,
}

/// One connection.
struct Visit {
    stream: TcpStream,
    from: IpAddr,
    deadline: Instant,
    state: State,
}

enum State {
    /// With what has arrived so far.
    Reading(Zeroizing<Vec<u8>>),
    Answering {
        answer: Answer,
        sent: usize,
    },
    /// All is sent. What still arrives is dropped, or the peer's system would report a broken connection.
    Ending,
}

impl Door {
    /// # Errors
    /// When the address cannot be had.
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, visits: Vec::new() })
    }

    /// # Errors
    /// Those of the system.
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What to wait for.
    pub(super) fn sources(&self) -> Vec<PollFd<'_>> {
        let visits = self.visits.iter().map(|visit| {
            let interest = match visit.state {
                State::Answering { .. } => PollFlags::OUT,
                State::Reading(_) | State::Ending => PollFlags::IN,
            };
            PollFd::new(&visit.stream, interest)
        });
        visits.chain([PollFd::new(&self.listener, PollFlags::IN)]).collect()
    }

    /// When the first connection is to end.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.visits.iter().map(|visit| visit.deadline).min()
    }

    /// Takes new connections, reads and writes, and ends what took too long. Each whole request is answered by `reply`.
    pub(super) fn turn(&mut self, now: Instant, reply: &mut dyn FnMut(&Request, IpAddr) -> Answer) {
        for _ in 0..STEPS {
            let Ok((stream, peer)) = self.listener.accept() else { break };
            self.admit(stream, peer.ip(), now);
        }
        self.visits.retain_mut(|visit| visit.deadline > now && visit.turn(reply).is_ok());
    }

    fn admit(&mut self, stream: TcpStream, from: IpAddr, now: Instant) {
        if stream.set_nonblocking(true).is_err() {
            return;
        }
        let of_one = self.visits.iter().filter(|visit| visit.from == from).count();
        if of_one >= MOST_OF_ONE {
            let oldest = self.visits.iter().position(|visit| visit.from == from);
            oldest.map(|place| self.visits.remove(place));
        } else if self.visits.len() >= MOST {
            self.visits.remove(0);
        }
        // Room for all of it at once: a buffer that grows leaves copies behind.
        let room = MAX_HEAD + 2 * MAX_BODY + CHUNK;
        let state = State::Reading(Zeroizing::new(Vec::with_capacity(room)));
        self.visits.push(Visit { stream, from, deadline: now + PATIENCE, state });
    }
}

impl Visit {
    /// Reads and writes what is possible without waiting.
    ///
    /// # Errors
    /// When the connection is over, for whatever reason.
    fn turn(&mut self, reply: &mut dyn FnMut(&Request, IpAddr) -> Answer) -> io::Result<()> {
        let over = || io::Error::from(ErrorKind::UnexpectedEof);
        let mut chunk = Zeroizing::new([0; CHUNK]);
        for _ in 0..STEPS {
            let done = match &mut self.state {
                State::Answering { answer, sent } => {
                    let rest = answer.bytes().get(*sent..).unwrap_or_default();
                    if rest.is_empty() {
                        self.stream.shutdown(Shutdown::Write)?;
                        self.state = State::Ending;
                        continue;
                    }
                    self.stream.write(rest).map(|len| *sent += len)
                }
                State::Ending => self.stream.read(&mut *chunk).and_then(|len| match len {
                    0 => Err(over()),
                    _ => Ok(()),
                }),
                State::Reading(arrived) => match self.stream.read(&mut *chunk) {
                    Ok(0) => return Err(over()),
                    Ok(len) => {
                        arrived.extend_from_slice(&chunk[..len]);
                        let answer = match request::read(arrived) {
                            Ok(None) => continue,
                            Ok(Some(request)) => reply(&request, self.from),
                            Err(refusal) => refusal.into(),
                        };
                        self.state = State::Answering { answer, sent: 0 };
                        Ok(())
                    }
                    Err(e) => Err(e),
                },
            };
            match done {
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() != ErrorKind::Interrupted => return Err(e),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}
