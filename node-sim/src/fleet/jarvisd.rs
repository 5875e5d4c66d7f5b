//! jarvisd, by its source: there is no limit of calls at once and no deadlock. A check of a key (bcrypt, cost 12) keeps a
//! core busy, also when the client has left. A check that succeeded counts for a minute, for the node and for its app.
//! What is written goes through one writer, in the order of arrival.

use std::collections::{HashMap, VecDeque};

use super::agenda::{Agenda, Call, Item, Status};
use super::server::WAY;

/// The time of a check on a core, in milliseconds; the author's estimate.
const CHECK: u64 = 100;
/// How long a check counts, in milliseconds.
const PROOF: u64 = 60_000;
/// What a call takes of the writer, in milliseconds: an estimate of three turns, which only a heartbeat needs.
const WRITING: u64 = 15;

#[derive(Debug)]
pub(super) struct Jarvisd {
    free_cores: u32,
    wanting_core: VecDeque<u32>,
    /// Calls whose keys are being checked, each with whether it is the app's key.
    places: Vec<(Call, bool)>,
    /// Until when a check counts: that of the app, and those of the nodes.
    app_proof: u64,
    proofs: HashMap<u32, u64>,
    written_until: u64,
}

impl Jarvisd {
    pub(super) fn new(cores: u32) -> Self {
        Self {
            free_cores: cores,
            wanting_core: VecDeque::new(),
            places: Vec::new(),
            app_proof: 0,
            proofs: HashMap::new(),
            written_until: 0,
        }
    }

    pub(super) fn is_called(call: Call, now: u64, agenda: &mut Agenda) -> bool {
        agenda.add(now + WAY, Item::Received(call));
        true
    }

    pub(super) fn receives(&mut self, call: Call, now: u64, agenda: &mut Agenda) {
        if call.is_probe {
            agenda.add(now + WAY, Item::Answered(call, Status::Reachable));
        } else if self.app_proof > now {
            self.check_node(call, now, agenda);
        } else {
            self.check(call, true, now, agenda);
        }
    }

    pub(super) fn has_checked(&mut self, place: u32, now: u64, agenda: &mut Agenda) {
        self.free_cores += 1;
        if let Some(next) = self.wanting_core.pop_front() {
            self.start(next, now, agenda);
        }
        let (call, is_app) = self.places[place as usize];
        if is_app {
            self.app_proof = now + PROOF;
            self.check_node(call, now, agenda);
        } else {
            self.proofs.insert(call.node, now + PROOF);
            self.answer(call, now, agenda);
        }
    }

    fn check_node(&mut self, call: Call, now: u64, agenda: &mut Agenda) {
        if self.proofs.get(&call.node).is_some_and(|until| *until > now) {
            self.answer(call, now, agenda);
        } else {
            self.check(call, false, now, agenda);
        }
    }

    fn check(&mut self, call: Call, is_app: bool, now: u64, agenda: &mut Agenda) {
        let place = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        self.places.push((call, is_app));
        if self.free_cores > 0 {
            self.start(place, now, agenda);
        } else {
            self.wanting_core.push_back(place);
        }
    }

    fn start(&mut self, place: u32, now: u64, agenda: &mut Agenda) {
        self.free_cores -= 1;
        agenda.add(now + CHECK, Item::Checked(place));
    }

    fn answer(&mut self, call: Call, now: u64, agenda: &mut Agenda) {
        self.written_until = self.written_until.max(now) + WRITING;
        agenda.add(self.written_until + WAY, Item::Answered(call, Status::Good));
    }
}
