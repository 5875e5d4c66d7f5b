//! Models of the server: how much it answers, and what happens to the rest.

use std::collections::VecDeque;

use clap::ValueEnum;

use super::agenda::{Agenda, Call, Item, Status};

/// Half a round trip in a home network.
const WAY: u64 = 1;

/// How the server behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Model {
    /// As the service was measured: it deadlocks from 15 calls at once
    Measured,
    /// A queue without end that skips nodes which no longer wait
    Ideal,
}

impl Model {
    /// Its name on the command line and in the figures.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Ideal => "ideal",
        }
    }
}

#[derive(Debug)]
pub(super) enum Server {
    Measured(Box<Measured>),
    Ideal(Ideal),
}

impl Server {
    pub(super) fn new(model: Model, rate: f64) -> Self {
        match model {
            Model::Measured => Self::Measured(Box::new(Measured::new(rate))),
            Model::Ideal => {
                Self::Ideal(Ideal { service: per(1.0, rate), waiting: VecDeque::new(), serving: None })
            }
        }
    }

    /// A node makes a request. `false`: the server accepts no more connections.
    pub(super) fn is_called(&mut self, call: Call, now: u64, agenda: &mut Agenda) -> bool {
        match self {
            Self::Measured(server) => server.is_called(call, now, agenda),
            Self::Ideal(_) => {
                agenda.add(now + WAY, Item::Received(call));
                true
            }
        }
    }

    pub(super) fn receives(&mut self, call: Call, now: u64, agenda: &mut Agenda) {
        match self {
            Self::Measured(server) => server.receives(call, now, agenda),
            Self::Ideal(server) => {
                server.waiting.push_back(call);
                server.serve(now, agenda, &|_| true);
            }
        }
    }

    /// A check has ended. `awaited` says whether the node still waits for a call.
    pub(super) fn has_checked(
        &mut self,
        place: u32,
        now: u64,
        agenda: &mut Agenda,
        awaited: &dyn Fn(Call) -> bool,
    ) {
        match self {
            Self::Measured(server) => server.has_checked(place, now, agenda),
            Self::Ideal(server) => {
                if let Some(call) = server.serving.take() {
                    agenda.add(now + WAY, Item::Answered(call, Status::Good));
                }
                server.serve(now, agenda, awaited);
            }
        }
    }

    pub(super) fn pool_timed_out(&mut self, place: u32, ticket: u32, now: u64, agenda: &mut Agenda) {
        match self {
            Self::Measured(server) => server.pool_timed_out(place, ticket, now, agenda),
            Self::Ideal(_) => {}
        }
    }

    /// How long it has been stalled with work in progress until `now`: the longest stall, and all of them
    /// together.
    pub(super) fn stalls(&self, now: u64) -> (u64, u64) {
        match self {
            Self::Measured(server) => server.stalls.until(now),
            Self::Ideal(_) => (0, 0),
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive time")]
fn per(work: f64, rate: f64) -> u64 {
    ((1000.0 * work / rate).round() as u64).max(1)
}

#[derive(Debug)]
pub(super) struct Ideal {
    service: u64,
    waiting: VecDeque<Call>,
    serving: Option<Call>,
}

impl Ideal {
    fn serve(&mut self, now: u64, agenda: &mut Agenda, awaited: &dyn Fn(Call) -> bool) {
        while self.serving.is_none() {
            let Some(call) = self.waiting.pop_front() else { return };
            if call.is_probe {
                agenda.add(now + WAY, Item::Answered(call, Status::Reachable));
            } else if awaited(call) {
                self.serving = Some(call);
                agenda.add(now + self.service, Item::Checked(0));
            }
        }
    }
}

/// The measured service. A call needs a thread (of 40), a connection of the pool (of 15) and for its first
/// check a core (of 2). For the second check it needs a second connection while it keeps the first. Fifteen
/// calls at once hold all connections and wait for more, so nothing moves until the pool's time-out of 30 s.
/// The call that it hits is answered 500. Calls whose node has given up are served all the same.
#[derive(Debug)]
pub(super) struct Measured {
    /// The time of a check on a core: 245 ms at four answers a second.
    check: u64,
    received_until: u64,
    threads: u32,
    connections: u32,
    cores: u32,
    /// Calls that wait for a thread.
    waiting: VecDeque<Call>,
    places: Vec<Place>,
    free: Vec<u32>,
    wanting_connection: VecDeque<u32>,
    wanting_core: VecDeque<u32>,
    tickets: u32,
    stalls: Stalls,
}

/// A call with a thread.
#[derive(Clone, Copy, Debug)]
struct Place {
    call: Call,
    connections: u32,
    /// The number under which it waits for a connection.
    ticket: Option<u32>,
}

const THREADS: u32 = 40;
const CONNECTIONS: u32 = 15;
const CORES: u32 = 2;
const POOL_TIMEOUT: u64 = 30_000;
/// An estimate of the time that the thread which reads the network needs per request.
const RECEIVING: u64 = 1;
/// An estimate of how many requests can wait before connections are no longer accepted: the limit of open
/// files in a usual container.
const KEPT: usize = 65_536;

impl Measured {
    fn new(rate: f64) -> Self {
        Self {
            check: per(0.98, rate),
            received_until: 0,
            threads: THREADS,
            connections: CONNECTIONS,
            cores: CORES,
            waiting: VecDeque::new(),
            places: Vec::new(),
            free: Vec::new(),
            wanting_connection: VecDeque::new(),
            wanting_core: VecDeque::new(),
            tickets: 0,
            stalls: Stalls::default(),
        }
    }

    fn is_called(&mut self, call: Call, now: u64, agenda: &mut Agenda) -> bool {
        let unread = usize::try_from(self.received_until.saturating_sub(now) / RECEIVING).unwrap_or(KEPT);
        if self.waiting.len() + unread >= KEPT {
            return false;
        }
        self.received_until = self.received_until.max(now + WAY) + RECEIVING;
        agenda.add(self.received_until, Item::Received(call));
        true
    }

    fn receives(&mut self, call: Call, now: u64, agenda: &mut Agenda) {
        self.waiting.push_back(call);
        self.hand_out_threads(now, agenda);
        self.look(now);
    }

    fn has_checked(&mut self, place: u32, now: u64, agenda: &mut Agenda) {
        self.cores += 1;
        if let Some(next) = self.wanting_core.pop_front() {
            self.check_on_a_core(next, now, agenda);
        }
        if self.places[place as usize].connections == 1 {
            self.want_connection(place, now, agenda);
        } else {
            self.leave(place, Status::Good, now, agenda);
        }
        self.look(now);
    }

    fn pool_timed_out(&mut self, place: u32, ticket: u32, now: u64, agenda: &mut Agenda) {
        if self.places[place as usize].ticket == Some(ticket) {
            self.wanting_connection.retain(|waits| *waits != place);
            self.leave(place, Status::Failed, now, agenda);
        }
        self.look(now);
    }

    fn hand_out_threads(&mut self, now: u64, agenda: &mut Agenda) {
        while self.threads > 0 {
            let Some(call) = self.waiting.pop_front() else { return };
            if call.is_probe {
                agenda.add(now + WAY, Item::Answered(call, Status::Reachable));
                continue;
            }
            self.threads -= 1;
            let place = Place { call, connections: 0, ticket: None };
            let index = if let Some(index) = self.free.pop() {
                self.places[index as usize] = place;
                index
            } else {
                self.places.push(place);
                u32::try_from(self.places.len() - 1).unwrap_or(THREADS)
            };
            self.want_connection(index, now, agenda);
        }
    }

    fn want_connection(&mut self, place: u32, now: u64, agenda: &mut Agenda) {
        self.tickets = self.tickets.wrapping_add(1);
        self.places[place as usize].ticket = Some(self.tickets);
        self.wanting_connection.push_back(place);
        self.hand_out_connections(now, agenda);
        if self.places[place as usize].ticket.is_some() {
            agenda.add(now + POOL_TIMEOUT, Item::PoolTimedOut(place, self.tickets));
        }
    }

    fn hand_out_connections(&mut self, now: u64, agenda: &mut Agenda) {
        while self.connections > 0 {
            let Some(place) = self.wanting_connection.pop_front() else { return };
            self.connections -= 1;
            let served = &mut self.places[place as usize];
            served.connections += 1;
            served.ticket = None;
            if self.cores > 0 {
                self.check_on_a_core(place, now, agenda);
            } else {
                self.wanting_core.push_back(place);
            }
        }
    }

    fn check_on_a_core(&mut self, place: u32, now: u64, agenda: &mut Agenda) {
        self.cores -= 1;
        agenda.add(now + self.check, Item::Checked(place));
    }

    fn leave(&mut self, place: u32, status: Status, now: u64, agenda: &mut Agenda) {
        let Place { call, connections, .. } = self.places[place as usize];
        self.places[place as usize].ticket = None;
        self.connections += connections;
        self.threads += 1;
        self.free.push(place);
        agenda.add(now + WAY, Item::Answered(call, status));
        self.hand_out_connections(now, agenda);
        self.hand_out_threads(now, agenda);
    }

    fn look(&mut self, now: u64) {
        let inside = self.threads < THREADS;
        self.stalls.note(inside && self.cores == CORES, now);
    }
}

/// How long nothing has moved.
#[derive(Debug, Default)]
struct Stalls {
    since: Option<u64>,
    longest: u64,
    total: u64,
}

impl Stalls {
    fn note(&mut self, stalled: bool, now: u64) {
        match (self.since, stalled) {
            (None, true) => self.since = Some(now),
            (Some(_), false) => {
                (self.longest, self.total) = self.until(now);
                self.since = None;
            }
            (None, false) | (Some(_), true) => {}
        }
    }

    fn until(&self, now: u64) -> (u64, u64) {
        let lasts = self.since.map_or(0, |since| now - since);
        (self.longest.max(lasts), self.total + lasts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The time, the call, and its answer.
    type Answered = (u64, Call, Status);

    /// This many calls at once, and probes a second later: the answers, and the stalls.
    fn at_once(calls: u32, probes: u32) -> (Vec<Answered>, (u64, u64)) {
        let mut agenda = Agenda::default();
        let mut server = Server::new(Model::Measured, 4.0);
        for node in 0..calls + probes {
            let is_probe = node >= calls;
            let call = Call { node, serial: 1, is_probe };
            assert!(server.is_called(call, if is_probe { 1000 } else { 0 }, &mut agenda));
        }
        let mut answers = Vec::new();
        let mut end = 0;
        while let Some((now, item)) = agenda.next_before(u64::MAX) {
            match item {
                Item::Received(call) => server.receives(call, now, &mut agenda),
                Item::Checked(place) => server.has_checked(place, now, &mut agenda, &|_| true),
                Item::PoolTimedOut(place, ticket) => server.pool_timed_out(place, ticket, now, &mut agenda),
                Item::Answered(call, status) => answers.push((now, call, status)),
                Item::GivenUp(_) | Item::Woken(..) => panic!("the server wakes nobody"),
            }
            end = now;
        }
        (answers, server.stalls(end))
    }

    #[test]
    fn up_to_fourteen_calls_are_answered_four_a_second() {
        let (answers, stalls) = at_once(1, 0);
        assert!(matches!(answers[..], [(480..=520, _, Status::Good)]), "{answers:?}");
        assert_eq!(stalls, (0, 0));
        let (answers, stalls) = at_once(14, 0);
        assert!(answers.iter().all(|(_, _, status)| *status == Status::Good), "{answers:?}");
        assert!((3400..3800).contains(&answers[13].0), "four a second: {answers:?}");
        assert_eq!(stalls, (0, 0));
    }

    #[test]
    fn fifteen_calls_deadlock_until_the_pools_time_out() {
        let (answers, (longest, _)) = at_once(15, 0);
        assert_eq!(answers.len(), 15);
        assert!(answers[0].0 > 30_000, "{answers:?}");
        assert!(answers.iter().any(|(_, _, status)| *status == Status::Failed), "{answers:?}");
        assert!((26_000..=30_000).contains(&longest), "{longest}");
    }

    #[test]
    fn probe_behind_forty_calls_waits_for_the_pools_time_out() {
        let opened = |calls| {
            let (answers, _) = at_once(calls, 1);
            answers.iter().find(|(_, _, status)| *status == Status::Reachable).map(|(at, _, _)| *at)
        };
        assert!(opened(39).is_some_and(|at| at < 1100), "{:?}", opened(39));
        assert!(opened(40).is_some_and(|at| at > 28_000), "{:?}", opened(40));
    }
}
