//! Gives tokens to the other programs on the board, over a Unix socket that speaks HTTP/1.1. It is a part of the run
//! loop: it has no thread, never waits by itself, and does only a little at each of its turns, so that the LED keeps its
//! time however many programs call.
//!
//! | module | task |
//! |---|---|
//! | `plan` | the configuration, with names turned into numbers |
//! | `socket_file`, `callers`, `connection`, `descriptors` | the listening socket, the callers and their connections |
//! | `request`, `form`, `answer` | HTTP |
//! | `handler`, `rules`, `health` | the answers, and the rules that they follow |
//! | `client` | the other end: this program's own commands as callers |

mod answer;
mod callers;
pub mod client;
mod connection;
mod descriptors;
mod form;
#[cfg(fuzzing)]
pub mod fuzzing;
mod handler;
mod health;
mod plan;
mod request;
mod rules;
mod socket_file;

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use log::debug;
use node_core::time::{Instant, Now};
use rustix::event::{PollFd, PollFlags};

use self::answer::Refusal;
use self::callers::Caller;
use self::connection::{Connection, ConnectionId};
pub(crate) use self::handler::About;
use self::handler::{Handler, Reply};
pub(crate) use self::plan::Plan;
use self::socket_file::SocketFile;
use crate::error::Warning;
use crate::sts::{AccessToken, TokenError, Wanted};

/// The most connections at once.
const MAX_CONNECTIONS: usize = 1088;
/// One in this many of them is left for other users.
const FOR_OTHERS: usize = 17;
/// Descriptors for everything else.
const SPARE_DESCRIPTORS: usize = 64;
/// The most bytes that are kept of unfinished requests.
const MAX_HELD: usize = 256 * 1024;
/// The most of those bytes that one user may have.
const MAX_HELD_OF_ONE: usize = MAX_HELD / 4;
/// How many different exchanges one user may wait for: no more than a third of those that can be kept.
const MAX_EXCHANGES_OF_ONE: usize = 16;
/// How many connections are served in one turn.
const TURN: usize = 16;
/// How long after a failure the socket is tried again.
const LISTEN_RETRY: Duration = Duration::from_secs(30);
/// How long no connection is accepted when the system has no descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// A running broker.
pub(crate) struct Broker {
    plan: Plan,
    listening: Option<SocketFile>,
    /// When to listen or accept again, after either has failed.
    listen_due: Option<Instant>,
    /// Why there is no socket.
    not_listening: Option<String>,
    /// In ascending order of their ids.
    connections: Vec<Connection<UnixStream>>,
    max_connections: usize,
    next_id: u64,
    /// The connection that was served last. Those after it are served first.
    served: ConnectionId,
    handler: Handler,
}

impl Broker {
    /// A broker that follows `plan`. `seed` decides its random delays. If it cannot listen, the log says so and it tries
    /// again.
    pub(crate) fn new(plan: Plan, seed: u64, now: Instant) -> Self {
        let wanted = MAX_CONNECTIONS + SPARE_DESCRIPTORS;
        let allowed = descriptors::raise_limit(u64::try_from(wanted).unwrap_or(u64::MAX));
        let allowed = usize::try_from(allowed).unwrap_or(wanted);
        let mut broker = Self {
            handler: Handler::new(plan.rules.clone(), seed),
            plan,
            listening: None,
            listen_due: None,
            not_listening: None,
            connections: Vec::new(),
            max_connections: allowed.saturating_sub(SPARE_DESCRIPTORS).min(MAX_CONNECTIONS),
            next_id: 0,
            served: ConnectionId(0),
        };
        broker.listen(now);
        broker
    }

    /// Follows `plan` from now on.
    pub(crate) fn follow(&mut self, plan: Plan, now: Instant) {
        if plan.rules != self.plan.rules {
            // The callers that wait have met only the old rules.
            self.reject_waiting("the rules have changed; ask again", now);
            self.handler.rules = plan.rules.clone();
        }
        let moved = plan.socket != self.plan.socket;
        self.plan = plan;
        if moved || self.listening.as_ref().is_none_or(|socket| !socket.is_there()) {
            self.listen(now);
        }
    }

    /// What keeps it from serving all callers.
    pub(crate) fn warnings(&self) -> Vec<Warning> {
        let socket = self.plan.socket.display();
        let not_listening = self.not_listening.as_ref().map(|why| {
            Warning::new(
                "broker_socket",
                format!("no tokens can be given out at {socket}: {why}"),
                "Correct broker.socket or free that path; it is tried again every 30 s.",
            )
        });
        let not_told_apart = self.plan.rules.overflow.exists().then(|| {
            Warning::new(
                "broker_callers",
                "callers cannot be told apart from inside this user namespace: only root and rules for numbers that \
                 are mapped into it work",
                "Take PrivateUsers= out of the unit.",
            )
        });
        not_listening.into_iter().chain(not_told_apart).collect()
    }

    /// Forgets all tokens: they are of another client or another STS.
    pub(crate) fn start_over(&mut self) {
        self.handler.start_over();
    }

    /// Asks the STS again for what it refused: its operator may have fixed the cause.
    pub(crate) fn forgive(&mut self) {
        self.handler.forgive();
    }

    /// The next token to fetch, if any.
    pub(crate) fn next_request(&mut self, now: Instant) -> Option<Wanted> {
        self.handler.cache.next_request(now)
    }

    /// Takes the result of fetching `wanted`. The callers that wait for it are answered in their turn.
    pub(crate) fn fetched(&mut self, wanted: &Wanted, result: Result<AccessToken, TokenError>, now: Instant) {
        for (id, answer) in self.handler.fetched(wanted, result, now) {
            if let Ok(index) = self.connections.binary_search_by_key(&id, |connection| connection.id) {
                self.connections[index].queue_response(answer, now);
            }
        }
    }

    /// When there is something to do even if no socket is ready.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let connections = self.connections.iter().map(Connection::deadline);
        connections.chain(self.handler.cache.deadline()).chain(self.listen_due).min()
    }

    /// The sockets to wait for: the listening one, unless it is paused, and then every connection.
    pub(crate) fn sources(&self) -> Vec<PollFd<'_>> {
        let listening = self.listening.as_ref().filter(|_| self.listen_due.is_none());
        let listening = listening.map(|socket| PollFd::new(&socket.listener, PollFlags::IN));
        let connections = self.connections.iter().map(|one| PollFd::new(&one.stream, one.interest()));
        listening.into_iter().chain(connections).collect()
    }

    /// Serves some of the sockets that are `ready`, by their places in [`Broker::sources`].
    pub(crate) fn turn(&mut self, ready: &[usize], about: &About<'_>, now: Now) {
        let listeners = usize::from(self.listening.is_some() && self.listen_due.is_none());
        let (new_callers, ready) = ready.split_at(ready.partition_point(|place| *place < listeners));
        let places: Vec<_> = ready.iter().map(|place| place - listeners).collect();
        let first = places.partition_point(|place| self.connections[*place].id <= self.served);
        for place in places[first..].iter().chain(&places[..first]).take(TURN) {
            self.served = self.connections[*place].id;
            self.serve(*place, about, now);
        }
        self.end_overdue(now.instant);
        self.connections.retain(|connection| !connection.is_over());
        if self.connections.is_empty() {
            // Frees the memory that a thousand callers took.
            self.connections = Vec::new();
        }
        if self.listen_due.is_some_and(|due| due <= now.instant) {
            self.listen_due = None;
            if self.listening.is_none() {
                self.listen(now.instant);
            }
        }
        if !new_callers.is_empty() {
            self.accept(about, now);
        }
    }

    fn listen(&mut self, now: Instant) {
        // Drop the old socket first, so that it does not remove the new one's file.
        self.listening = None;
        match SocketFile::open(&self.plan.socket) {
            Ok(socket) => {
                (self.listening, self.listen_due, self.not_listening) = (Some(socket), None, None);
            }
            Err(e) => {
                self.listen_due = Some(now + LISTEN_RETRY);
                self.not_listening = Some(e.to_string());
            }
        }
    }

    fn accept(&mut self, about: &About<'_>, now: Now) {
        for _ in 0..TURN {
            let Some(socket) = &self.listening else { return };
            let stream = match socket.listener.accept() {
                Ok((stream, _)) => stream,
                Err(e) if matches!(e.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => {
                    continue;
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) => {
                    debug!("no more connections for now: {e}");
                    self.listen_due = Some(now.instant + ACCEPT_PAUSE);
                    return;
                }
            };
            // A caller whose user is not known is not served.
            let (Ok(caller), Ok(())) = (Caller::of(&stream), stream.set_nonblocking(true)) else { continue };
            self.next_id += 1;
            let mut connection = Connection::new(ConnectionId(self.next_id), caller, stream, now.instant);
            if let Some(why) = self.too_many(caller) {
                connection.refuse(Refusal::busy(why), now.instant);
                continue;
            }
            self.connections.push(connection);
            // Most callers have sent their request by now.
            self.serve(self.connections.len() - 1, about, now);
            self.connections.pop_if(|connection| connection.is_over());
        }
    }

    fn too_many(&self, caller: Caller) -> Option<&'static str> {
        if self.connections.len() >= self.max_connections {
            return Some("too many connections");
        }
        let own = || self.connections.iter().filter(|one| one.caller.uid == caller.uid).count();
        let most = self.max_connections - self.max_connections / FOR_OTHERS;
        // Counted only if there are enough connections in all.
        let full = self.connections.len() >= most && own() >= most;
        full.then_some("too many connections of one user")
    }

    fn serve(&mut self, place: usize, about: &About<'_>, now: Now) {
        let (caller, mine) = (self.connections[place].caller, self.connections[place].held());
        let held = |of: &dyn Fn(&Caller) -> bool| -> usize {
            self.connections.iter().filter(|one| of(&one.caller)).map(Connection::held).sum()
        };
        let (all, own) = (held(&|_| true), held(&|other| other.uid == caller.uid));
        let room = (MAX_HELD + mine).saturating_sub(all).min((MAX_HELD_OF_ONE + mine).saturating_sub(own));
        let connection = &mut self.connections[place];
        let waited = connection.is_waiting();
        let Some(request) = connection.turn(room, now.instant) else {
            if waited && connection.is_over() {
                self.handler.cache.forget(&connection.id);
            }
            return;
        };
        match self.handler.reply(connection.id, connection.caller, &request, about, now) {
            Reply::Now(answer) => connection.answer(Arc::new(answer), now.instant),
            Reply::Later => {
                let exchange = request.exchange();
                connection.wait(exchange, now.instant + self.plan.token_timeout);
                if exchange.is_some() && self.exchanges_of(caller) > MAX_EXCHANGES_OF_ONE {
                    let connection = &mut self.connections[place];
                    self.handler.cache.forget(&connection.id);
                    let why = "one user waits for too many different exchanges";
                    connection.refuse(Refusal::busy(why), now.instant);
                }
            }
        }
    }

    /// How many different exchanges the caller's user waits for.
    fn exchanges_of(&self, caller: Caller) -> usize {
        let own = self.connections.iter().filter(|one| one.caller.uid == caller.uid);
        let mut exchanges: Vec<_> = own.filter_map(Connection::exchange).collect();
        exchanges.sort_unstable();
        exchanges.dedup();
        exchanges.len()
    }

    /// Ends some of the overdue connections. The rest will still be overdue in the next turn.
    fn end_overdue(&mut self, now: Instant) {
        let overdue = self.connections.iter_mut().filter(|connection| connection.deadline() <= now);
        for connection in overdue.take(TURN) {
            if connection.is_waiting() {
                self.handler.cache.forget(&connection.id);
            }
            connection.time_out(now);
        }
    }

    fn reject_waiting(&mut self, why: &str, now: Instant) {
        let answer = Arc::new(Refusal::busy(why).into());
        for connection in self.connections.iter_mut().filter(|connection| connection.is_waiting()) {
            self.handler.cache.forget(&connection.id);
            connection.queue_response(Arc::clone(&answer), now);
        }
    }
}

// Only Linux tells who the caller is.
#[cfg(all(test, target_os = "linux"))]
mod tests;
