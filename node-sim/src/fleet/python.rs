//! The Python auth service, as it was measured (docs/wire/jarvis-auth.md, "Load").

use std::collections::VecDeque;

use server_stub::numbers::python::{self, CONNECTIONS, THREADS};

use super::agenda::{Agenda, Call, Item, Status};
use super::server::{Stalls, WAY, millis};

/// The service. A call needs a thread (of 40), a connection of the pool (of 15) and for its first
/// check a core (of 2 in the measurement). For the second check it needs a second connection while it keeps the first. Fifteen
/// calls at once hold all connections and wait for more, so nothing moves until the pool's time-out of 30 s.
/// The call that it hits is answered 500. Calls whose node has given up are served all the same.
#[derive(Debug)]
pub(super) struct Python {
    received_until: u64,
    threads: usize,
    connections: usize,
    /// All cores, and those that are free.
    cores: (u32, u32),
    /// Calls that wait for a thread.
    waiting: VecDeque<Call>,
    places: Vec<Place>,
    free: Vec<u32>,
    wanting_connection: VecDeque<u32>,
    wanting_core: VecDeque<u32>,
    tickets: u32,
    pub(super) stalls: Stalls,
}

/// A call with a thread.
#[derive(Clone, Copy, Debug)]
struct Place {
    call: Call,
    connections: usize,
    /// The number under which it waits for a connection.
    ticket: Option<u32>,
}

/// In milliseconds.
const CHECK: u64 = millis(python::CHECK);
/// In milliseconds.
const POOL_TIMEOUT: u64 = millis(python::POOL_TIMEOUT);
/// An estimate of the time that the thread which reads the network needs per request.
const RECEIVING: u64 = 1;
/// An estimate of how many requests can wait before connections are no longer accepted: the limit of open
/// files in a usual container.
const KEPT: usize = 65_536;

impl Python {
    pub(super) fn new(cores: u32) -> Self {
        Self {
            received_until: 0,
            threads: THREADS,
            connections: CONNECTIONS,
            cores: (cores, cores),
            waiting: VecDeque::new(),
            places: Vec::new(),
            free: Vec::new(),
            wanting_connection: VecDeque::new(),
            wanting_core: VecDeque::new(),
            tickets: 0,
            stalls: Stalls::default(),
        }
    }

    pub(super) fn is_called(&mut self, call: Call, now: u64, agenda: &mut Agenda) -> bool {
        let unread = usize::try_from(self.received_until.saturating_sub(now) / RECEIVING).unwrap_or(KEPT);
        if self.waiting.len() + unread >= KEPT {
            return false;
        }
        self.received_until = self.received_until.max(now + WAY) + RECEIVING;
        agenda.add(self.received_until, Item::Received(call));
        true
    }

    pub(super) fn receives(&mut self, call: Call, now: u64, agenda: &mut Agenda) {
        self.waiting.push_back(call);
        self.hand_out_threads(now, agenda);
        self.look(now);
    }

    pub(super) fn has_checked(&mut self, place: u32, now: u64, agenda: &mut Agenda) {
        self.cores.1 += 1;
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

    pub(super) fn pool_timed_out(&mut self, place: u32, ticket: u32, now: u64, agenda: &mut Agenda) {
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
                u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
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
            if self.cores.1 > 0 {
                self.check_on_a_core(place, now, agenda);
            } else {
                self.wanting_core.push_back(place);
            }
        }
    }

    fn check_on_a_core(&mut self, place: u32, now: u64, agenda: &mut Agenda) {
        self.cores.1 -= 1;
        agenda.add(now + CHECK, Item::Checked(place));
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
        self.stalls.note(inside && self.cores.0 == self.cores.1, now);
    }
}
