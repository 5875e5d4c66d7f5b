//! jarvisd, by its source: there is no limit of calls at once and no deadlock. A check of a key (bcrypt, cost 12) keeps a
//! core busy, also when the client has left. A check that succeeded counts for a minute, for the node and for its app.
//! What is written goes through one writer, in the order of arrival.

use std::collections::{HashMap, VecDeque};

use server_stub::numbers::jarvisd;

use super::agenda::{Agenda, Call, Item, Status};
use super::server::{WAY, millis};

/// In milliseconds.
const CHECK: u64 = millis(jarvisd::CHECK);
/// In milliseconds.
const PROOF: u64 = millis(jarvisd::PROOF);
/// What a call takes of the writer, in milliseconds: the three turns of a heartbeat. A validation that is none takes
/// nothing, so the figures are the worse of both.
const WRITING: u64 = 3 * millis(jarvisd::WRITE);

#[derive(Debug)]
pub(super) struct Jarvisd {
    free_cores: u32,
    wanting_core: VecDeque<u32>,
    /// The checks that wait or are under way, each under a number of its own.
    checks: HashMap<u32, Check>,
    numbers: u32,
    /// Until when a check counts: that of the app, and those of the nodes.
    app_proof: u64,
    proofs: HashMap<u32, u64>,
    written_until: u64,
}

/// The check of one key.
#[derive(Clone, Copy, Debug)]
struct Check {
    call: Call,
    /// Whether it is the app's key, and not the node's.
    is_app: bool,
    /// When the call wanted it: if the key is right, it counts for a minute from then.
    since: u64,
}

impl Jarvisd {
    pub(super) fn new(cores: u32) -> Self {
        Self {
            free_cores: cores,
            wanting_core: VecDeque::new(),
            checks: HashMap::new(),
            numbers: 0,
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

    pub(super) fn has_checked(&mut self, check: u32, now: u64, agenda: &mut Agenda) {
        self.free_cores += 1;
        if let Some(next) = self.wanting_core.pop_front() {
            self.start(next, now, agenda);
        }
        let Some(Check { call, is_app, since }) = self.checks.remove(&check) else { return };
        if is_app {
            self.app_proof = since + PROOF;
            self.check_node(call, now, agenda);
        } else {
            self.proofs.insert(call.node, since + PROOF);
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
        let number = self.numbers;
        self.numbers = self.numbers.wrapping_add(1);
        self.checks.insert(number, Check { call, is_app, since: now });
        if self.free_cores > 0 {
            self.start(number, now, agenda);
        } else {
            self.wanting_core.push_back(number);
        }
    }

    fn start(&mut self, check: u32, now: u64, agenda: &mut Agenda) {
        self.free_cores -= 1;
        agenda.add(now + CHECK, Item::Checked(check));
    }

    fn answer(&mut self, call: Call, now: u64, agenda: &mut Agenda) {
        self.written_until = self.written_until.max(now) + WRITING;
        agenda.add(self.written_until + WAY, Item::Answered(call, Status::Good));
    }
}
