//! Gives tokens to the other programs on the board, over a Unix socket that speaks HTTP/1.1. It is a part of the run
//! loop: it has no thread, never waits by itself, and does only a little at each of its turns, so that the LED keeps its
//! time however many programs call.
//!
//! | module | task |
//! |---|---|
//! | `plan` | the configuration, with names turned into numbers |
//! | `socket_file`, `descriptors` | the listening socket |
//! | `callers`, `connection`, `limits` | the callers, their connections, and how much each may have |
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
mod limits;
mod plan;
mod request;
mod rules;
mod socket_file;

use std::io;
use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use log::{debug, warn};
use node_core::time::{Instant, Now};
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

pub(crate) use self::answer::{Answer, Refusal};
use self::callers::{Caller, Owner};
use self::connection::{Connection, ConnectionId};
pub(crate) use self::handler::About;
use self::handler::{Handler, Reply};
use self::limits::MAX_CONNECTIONS;
pub(crate) use self::plan::{Plan, unchecked_issuer};
pub(crate) use self::request::{Body, Head, MAX_BODY, MAX_FIELDS, MAX_HEAD, Text};
use self::socket_file::SocketFile;
use crate::error::Warning;
use crate::sts::{AccessToken, TokenError, Wanted};
use crate::system::{failure, own};

/// How many connections are served in one turn.
const TURN: usize = 16;
/// How many connections are refused in one turn: that takes a fraction of the time.
const REFUSALS: usize = 128;
/// How long after a failure the socket is tried again.
const LISTEN_RETRY: Duration = Duration::from_secs(30);
/// How often it is looked whether the socket's file is still there, at most: only when there is something else to do.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How often the log tells that connections are refused.
const TELL_AGAIN: Duration = Duration::from_secs(600);
/// How long no connection is accepted when the system has no descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// A running broker.
pub(crate) struct Broker {
    plan: Plan,
    listening: Option<SocketFile>,
    /// When to listen or accept again, after either has failed.
    listen_due: Option<Instant>,
    /// Why there is no socket.
    not_listening: Option<Warning>,
    /// The folder in which others could put another socket in the place of this one.
    open_folder: Option<PathBuf>,
    /// When to look whether the socket's file is still there.
    look_due: Instant,
    /// When the log may tell again that connections are refused.
    tell_due: Instant,
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
        let wanted = MAX_CONNECTIONS + limits::SPARE_DESCRIPTORS;
        let allowed = descriptors::raise_limit(u64::try_from(wanted).unwrap_or(u64::MAX));
        let allowed = usize::try_from(allowed).unwrap_or(wanted);
        let mut broker = Self {
            handler: Handler::new(plan.rules.clone(), seed),
            plan,
            listening: None,
            listen_due: None,
            not_listening: None,
            open_folder: None,
            look_due: now,
            tell_due: now,
            connections: Vec::new(),
            max_connections: limits::max_connections(allowed),
            next_id: 0,
            served: ConnectionId(0),
        };
        broker.listen(now);
        broker.look(now);
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
        if moved || !self.is_there() {
            self.listen(now);
        }
        self.look(now);
    }

    /// What keeps it from serving all callers.
    pub(crate) fn warnings(&self) -> Vec<Warning> {
        let socket = self.plan.socket.display();
        let not_told_apart = self.plan.rules.overflow.exists().then(|| {
            Warning::new(
                "broker_callers",
                "callers cannot be told apart from inside this user namespace: only root and rules for numbers that \
                 are mapped into it work",
                "Take PrivateUsers= out of the unit.",
            )
        });
        let open_folder = self.open_folder.as_ref().map(|folder| {
            Warning::new(
                "broker_folder",
                format!(
                    "others may write to {}, and could put another socket in the place of {socket}, to which callers \
                     would send their own tokens",
                    folder.display()
                ),
                "Set broker.socket to a path in a folder that only root and this daemon's user may write to, such as \
                 /run/jarvis-node-agent.",
            )
        });
        let too_few = (self.max_connections < MAX_CONNECTIONS).then(|| {
            Warning::new(
                "broker_limit",
                format!(
                    "at {socket} only {} callers are served at once, instead of {MAX_CONNECTIONS}, as this program may \
                     have few files open: others are turned away",
                    self.max_connections
                ),
                failure::fix_shortage(&Errno::MFILE.into()).unwrap_or_default(),
            )
        });
        let own =
            self.not_listening.clone().into_iter().chain(not_told_apart).chain(open_folder).chain(too_few);
        own.chain(self.handler.warnings()).collect()
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
        self.handler.next_request(now)
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
        let connections = self.connections.iter().filter_map(Connection::deadline);
        connections.chain(self.handler.cache.deadline()).chain(self.listen_due).min()
    }

    /// The sockets to wait for: the listening one, unless it is paused, and then every connection that can be polled.
    pub(crate) fn sources(&self) -> Vec<PollFd<'_>> {
        let listening = self.listening.as_ref().filter(|_| self.listen_due.is_none());
        let listening = listening.map(|socket| PollFd::new(&socket.listener, PollFlags::IN));
        let connections =
            self.connections.iter().filter_map(|one| Some(PollFd::new(&one.stream, one.interest()?)));
        listening.into_iter().chain(connections).collect()
    }

    /// Serves some of the sockets that are `ready`, by their places in [`Broker::sources`].
    pub(crate) fn turn(&mut self, ready: &[usize], about: &About<'_>, now: Now) {
        let listeners = usize::from(self.listening.is_some() && self.listen_due.is_none());
        let (new_callers, ready) = ready.split_at(ready.partition_point(|place| *place < listeners));
        let polled = self.connections.iter().enumerate().filter(|(_, one)| one.interest().is_some());
        let polled: Vec<_> = polled.map(|(place, _)| place).collect();
        let places: Vec<_> = ready.iter().map(|place| polled[place - listeners]).collect();
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
            self.handler.forget_metrics();
        }
        if self.listen_due.is_some_and(|due| due <= now.instant) {
            self.listen_due = None;
            if self.listening.is_none() {
                self.listen(now.instant);
            }
        }
        if self.look_due <= now.instant && self.look(now.instant) {
            return;
        }
        if !new_callers.is_empty() {
            self.accept(about, now);
        }
    }

    /// Adds its metrics.
    pub(crate) fn write_metrics(&self, out: &mut String) {
        self.handler.counts.write(out);
    }

    /// Where its socket is.
    pub(crate) fn socket(&self) -> &Path {
        &self.plan.socket
    }

    /// Makes the socket again if somebody has removed it or closed it to callers, and looks who may write to its folder.
    /// Returns whether the socket is made again.
    pub(crate) fn look(&mut self, now: Instant) -> bool {
        self.look_due = now + LOOK_AGAIN;
        let lost = self.listening.is_some() && !self.is_there();
        if lost {
            warn!(
                "somebody has removed {} or changed who may call, and it is made again",
                self.plan.socket.display()
            );
            self.listen(now);
        }
        self.open_folder = socket_file::open_folder(&self.plan.socket).filter(|_| self.listening.is_some());
        lost
    }

    fn is_there(&self) -> bool {
        self.listening.as_ref().is_some_and(SocketFile::is_open_to_all)
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
                self.not_listening = Some(not_listening(&self.plan.socket, &e));
            }
        }
    }

    fn accept(&mut self, about: &About<'_>, now: Now) {
        let (mut accepted, mut refused) = (0, 0);
        while accepted < TURN && refused < REFUSALS {
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
            let Ok(caller) = Caller::of(&stream) else { continue };
            let owner = Owner::of(caller, &self.plan.rules, &self.plan.persons);
            // Closed without an answer: unread answers are what there must not be more of.
            if !limits::has_room(&self.connections, owner, self.max_connections) {
                refused += 1;
                self.handler.counts.turned_away();
                self.tell_refusal(caller, now.instant);
                continue;
            }
            accepted += 1;
            self.handler.counts.accepted();
            if connection::prepare(&stream).is_err() {
                continue;
            }
            self.next_id += 1;
            let id = ConnectionId(self.next_id);
            self.connections.push(Connection::new(id, caller, owner, stream, now.instant));
            // Most callers have sent their request by now.
            self.serve(self.connections.len() - 1, about, now);
            self.connections.pop_if(|connection| connection.is_over());
        }
    }

    fn tell_refusal(&mut self, caller: Caller, now: Instant) {
        if self.tell_due <= now {
            self.tell_due = now + TELL_AGAIN;
            warn!(
                "a connection of {caller} to {} was closed without an answer: it has as many as it may have, whose \
                 answers it waits for or has not read",
                self.plan.socket.display()
            );
        }
    }

    fn serve(&mut self, place: usize, about: &About<'_>, now: Now) {
        let room = limits::room_to_keep(&self.connections, &self.connections[place]);
        let connection = &mut self.connections[place];
        let waited = connection.is_waiting();
        let Some(request) = connection.turn(room, now.instant) else {
            if waited && !connection.is_waiting() {
                self.handler.cache.forget(&connection.id);
            }
            return;
        };
        let owner = connection.owner;
        match self.handler.reply(connection.id, connection.caller, owner.person, &request, about, now) {
            Reply::Now(answer) => connection.answer(answer, now.instant),
            Reply::Later => {
                let exchange = request.exchange();
                connection.wait(exchange, now.instant + self.plan.token_timeout);
                if exchange.is_some() && limits::has_too_many_exchanges(&self.connections, owner) {
                    let connection = &mut self.connections[place];
                    self.handler.cache.forget(&connection.id);
                    let refusal = self.handler.busy("one user waits for too many different exchanges");
                    connection.refuse(refusal, now.instant);
                }
            }
        }
    }

    /// Ends some of the overdue connections. The rest will still be overdue in the next turn.
    fn end_overdue(&mut self, now: Instant) {
        let is_overdue = |one: &Connection<_>| one.deadline().is_some_and(|deadline| deadline <= now);
        let overdue = self.connections.iter_mut().filter(|connection| is_overdue(connection));
        for connection in overdue.take(TURN) {
            if connection.is_waiting() {
                self.handler.cache.forget(&connection.id);
                self.handler.counts.answers.add("sts_timeout");
            }
            connection.time_out(now);
        }
    }

    fn reject_waiting(&mut self, why: &str, now: Instant) {
        let answer = Arc::new(Refusal::busy(why).into());
        for connection in self.connections.iter_mut().filter(|connection| connection.is_waiting()) {
            self.handler.counts.answers.add(answer::BUSY);
            self.handler.cache.forget(&connection.id);
            connection.queue_response(Arc::clone(&answer), now);
        }
    }
}

/// What would keep a broker from listening at `path`, as far as it shows before.
pub(crate) fn socket_warning(path: &Path) -> Option<Warning> {
    socket_file::check(path).err().map(|why| not_listening(path, &why))
}

fn not_listening(socket: &Path, why: &io::Error) -> Warning {
    let message =
        format!("no tokens can be given out at {}, which is tried again every 30 s: {why}", socket.display());
    Warning::new("broker_socket", message, own::fix_writing(why, socket, "broker.socket"))
}

// Only Linux tells who the caller is.
#[cfg(all(test, target_os = "linux"))]
mod tests;
