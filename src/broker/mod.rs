//! Gives tokens to the other programs on the board, over a Unix socket that speaks HTTP/1.1. A part of the run
//! loop: it has no thread, waits for nothing itself, and does only a little at each of its turns, so that the
//! LED keeps its time however many call.
//!
//! | | |
//! |---|---|
//! | `plan` | what the configuration wants, names turned into numbers |
//! | `socket_file`, `callers`, `connection` | the door, who knocks, and what goes over it |
//! | `request`, `answer` | HTTP |
//! | `desk`, `rules` | what is answered to whom |

mod accounts;
mod answer;
mod callers;
pub mod client;
mod connection;
// Who calls can be asked of the kernel only there.
mod desk;
mod form;
#[cfg(fuzzing)]
pub mod fuzzing;
mod health;
mod plan;
mod request;
mod rules;
mod socket_file;

use std::io::ErrorKind;
use std::mem;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use log::{debug, warn};
use node_core::time::{Instant, Now};
use rustix::event::{PollFd, PollFlags};

use self::answer::Refusal;
use self::callers::Caller;
use self::connection::{Connection, Id};
pub use self::desk::About;
use self::desk::{Desk, Reply};
pub use self::plan::Plan;
use self::socket_file::SocketFile;
use crate::daemon::process;
use crate::sts::{AccessToken, TokenError, Wanted};

/// The most connections at once.
const MAX_CONNECTIONS: usize = 1088;
/// The part of them, one in so many, that is left for others when one user has all it may have.
const FOR_OTHERS: usize = 17;
/// Descriptors for everything else.
const SPARE_DESCRIPTORS: usize = 64;
/// The most bytes that are kept of requests that are not whole yet.
const MAX_HELD: usize = 256 * 1024;
/// The most of them that are one user's.
const MAX_HELD_OF_ONE: usize = MAX_HELD / 4;
/// How many different exchanges one user may wait for: no more than a third of what can be kept.
const MAX_EXCHANGES_OF_ONE: usize = 16;
/// How many connections are served before the loop looks after everything else.
const TURN: usize = 16;
/// When a socket that could not be made is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(30);
/// How long nobody is let in when the system has no descriptor left.
const PAUSE: Duration = Duration::from_secs(1);

/// The broker at work.
pub struct Broker {
    plan: Plan,
    door: Option<SocketFile>,
    /// When the door is next looked after: not there, or closed for a while.
    door_due: Option<Instant>,
    complained: bool,
    /// By ascending id.
    connections: Vec<Connection<UnixStream>>,
    max_connections: usize,
    next_id: u64,
    /// Who was served last; others come first.
    served: Id,
    desk: Desk,
}

impl Broker {
    /// A broker that works by `plan`. `seed` decides its random delays. A socket that cannot be had is
    /// complained of and tried for again.
    #[must_use]
    pub fn new(plan: Plan, seed: u64, now: Instant) -> Self {
        let wanted = MAX_CONNECTIONS + SPARE_DESCRIPTORS;
        let allowed = process::allow_descriptors(u64::try_from(wanted).unwrap_or(u64::MAX));
        let allowed = usize::try_from(allowed).unwrap_or(wanted);
        if plan.rules.strangers.exist() {
            warn!(
                "callers cannot be told apart from inside this user namespace: only root and rules for numbers that \
                 are mapped into it work (PrivateUsers= in the unit?)"
            );
        }
        let mut broker = Self {
            desk: Desk::new(plan.rules.clone(), seed),
            plan,
            door: None,
            door_due: None,
            complained: false,
            connections: Vec::new(),
            max_connections: allowed.saturating_sub(SPARE_DESCRIPTORS).min(MAX_CONNECTIONS),
            next_id: 0,
            served: Id(0),
        };
        broker.open_door(now);
        broker
    }

    /// Works by `plan` from now on.
    pub fn follow(&mut self, plan: Plan, now: Instant) {
        if plan.rules != self.plan.rules {
            // Who waits was let in by the old ones.
            self.reject_waiting("the rules have changed; ask again", now);
            self.desk.rules = plan.rules.clone();
        }
        let moved = plan.socket != self.plan.socket;
        self.plan = plan;
        if moved || self.door.as_ref().is_none_or(|door| !door.is_there()) {
            self.complained = false;
            self.open_door(now);
        }
    }

    /// The tokens so far are of another client or another STS.
    pub fn start_over(&mut self) {
        self.desk.start_over();
    }

    /// What the STS refused for good may have been mended there.
    pub fn forgive(&mut self) {
        self.desk.forgive();
    }

    /// What is to be fetched now, if anything.
    pub fn next_request(&mut self, now: Instant) -> Option<Wanted> {
        self.desk.cache.next_request(now)
    }

    /// Takes what came of fetching `wanted`. Those who waited are answered in their turn.
    pub fn fetched(&mut self, wanted: &Wanted, result: Result<AccessToken, TokenError>, now: Instant) {
        for (id, answer) in self.desk.fetched(wanted, result, now) {
            if let Ok(index) = self.connections.binary_search_by_key(&id, |connection| connection.id) {
                self.connections[index].queue_response(answer, now);
            }
        }
    }

    /// When there is something to do even if no socket is ready.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let connections = self.connections.iter().map(Connection::deadline);
        connections.chain(self.desk.cache.deadline()).chain(self.door_due).min()
    }

    /// What is to be waited for: the door, if it is open, and then every connection.
    #[must_use]
    pub fn sources(&self) -> Vec<PollFd<'_>> {
        let door = self.door.as_ref().filter(|_| self.door_due.is_none());
        let door = door.map(|door| PollFd::new(&door.listener, PollFlags::IN));
        let connections = self.connections.iter().map(|one| PollFd::new(&one.stream, one.interest()));
        door.into_iter().chain(connections).collect()
    }

    /// Serves some of those that are `ready`, by their places in [`Broker::sources`].
    pub fn turn(&mut self, ready: &[usize], about: &About<'_>, now: Now) {
        let doors = usize::from(self.door.is_some() && self.door_due.is_none());
        let (at_door, ready) = ready.split_at(ready.partition_point(|place| *place < doors));
        let places: Vec<_> = ready.iter().map(|place| place - doors).collect();
        let first = places.partition_point(|place| self.connections[*place].id <= self.served);
        for place in places[first..].iter().chain(&places[..first]).take(TURN) {
            self.served = self.connections[*place].id;
            self.serve(*place, about, now);
        }
        self.end_overdue(now.instant);
        self.connections.retain(|connection| !connection.is_over());
        if self.connections.is_empty() {
            // A thousand callers leave no more behind than one.
            self.connections = Vec::new();
        }
        if self.door_due.is_some_and(|due| due <= now.instant) {
            self.door_due = None;
            if self.door.is_none() {
                self.open_door(now.instant);
            }
        }
        if !at_door.is_empty() {
            self.let_in(about, now);
        }
    }

    fn open_door(&mut self, now: Instant) {
        // The old one first, so that its file is gone before there is a new one of the same name.
        self.door = None;
        match SocketFile::open(&self.plan.socket) {
            Ok(door) => {
                (self.door, self.door_due, self.complained) = (Some(door), None, false);
            }
            Err(e) => {
                self.door_due = Some(now + TRY_AGAIN);
                if !mem::replace(&mut self.complained, true) {
                    let path = self.plan.socket.display();
                    warn!("no tokens can be given out at {path}, which is tried again every 30 s: {e}");
                }
            }
        }
    }

    fn let_in(&mut self, about: &About<'_>, now: Now) {
        for _ in 0..TURN {
            let Some(door) = &self.door else { return };
            let stream = match door.listener.accept() {
                Ok((stream, _)) => stream,
                Err(e) if matches!(e.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => {
                    continue;
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) => {
                    debug!("no more connections for now: {e}");
                    self.door_due = Some(now.instant + PAUSE);
                    return;
                }
            };
            // Who cannot be seen is not served.
            let (Ok(caller), Ok(())) = (Caller::of(&stream), stream.set_nonblocking(true)) else { continue };
            self.next_id += 1;
            let mut connection = Connection::new(Id(self.next_id), caller, stream, now.instant);
            if let Some(why) = self.too_many(caller) {
                connection.refuse(Refusal::busy(why), now.instant);
                continue;
            }
            self.connections.push(connection);
            // It has usually said by now what it wants.
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
        // Nobody can have that many while there are fewer in all.
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
                self.desk.cache.forget(&connection.id);
            }
            return;
        };
        match self.desk.reply(connection.id, connection.caller, &request, about, now) {
            Reply::Now(answer) => connection.answer(Arc::new(answer), now.instant),
            Reply::Later => {
                let exchange = request.exchange();
                connection.wait(exchange, now.instant + self.plan.patience);
                if exchange.is_some() && self.exchanges_of(caller) > MAX_EXCHANGES_OF_ONE {
                    let connection = &mut self.connections[place];
                    self.desk.cache.forget(&connection.id);
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

    /// Ends some of what is overdue. The rest still is in the next turn.
    fn end_overdue(&mut self, now: Instant) {
        let overdue = self.connections.iter_mut().filter(|connection| connection.deadline() <= now);
        for connection in overdue.take(TURN) {
            if connection.is_waiting() {
                self.desk.cache.forget(&connection.id);
            }
            connection.time_is_up(now);
        }
    }

    fn reject_waiting(&mut self, why: &str, now: Instant) {
        let answer = Arc::new(Refusal::busy(why).into());
        for connection in self.connections.iter_mut().filter(|connection| connection.is_waiting()) {
            self.desk.cache.forget(&connection.id);
            connection.queue_response(Arc::clone(&answer), now);
        }
    }
}

// Who calls can be asked of the kernel only there.
#[cfg(all(test, target_os = "linux"))]
mod tests;
