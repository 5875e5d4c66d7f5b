//! A run: hands the nodes what happens to them, and their calls to the server.

use core::time::Duration;

use node_core::agent::{PROBE_TIMEOUT, Settings};
use node_core::jitter::Jitter;
use node_core::time::{Instant, millis};

use super::agenda::{Agenda, Call, Item, Status};
use super::command::STEPS;
use super::nodes::{Input, Next, Node, Policy};
use super::server::Server;
use super::{Away, Plan, Tally};
use crate::progress::Progress;

/// How long a call waits for its answer, by default.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(45);
/// In milliseconds.
const CONNECT_TIMEOUT: u64 = 5_000;
/// In milliseconds: how soon a call fails while the server is away.
const FAILURE: u64 = 10;
/// How many events pass between two updates of the progress.
const EVENTS_A_STEP: u64 = 4096;

/// Runs `plan` with this retry rule in each node.
pub(super) fn run(plan: &Plan, policy: Policy, progress: &Progress) -> Tally {
    Fleet::new(plan, policy, progress).run()
}

struct Fleet<'a> {
    plan: &'a Plan,
    /// When the server returns, and when the run ends.
    back: u64,
    end: u64,
    nodes: Vec<Node>,
    /// The number of each node's last call, and whether the node still waits for its answer.
    serials: Vec<(u32, bool)>,
    server: Option<Server>,
    agenda: Agenda,
    tally: Tally,
    progress: &'a Progress,
    /// The steps that were reported to `progress`.
    steps: u64,
}

impl<'a> Fleet<'a> {
    fn new(plan: &'a Plan, policy: Policy, progress: &'a Progress) -> Self {
        let mut seeds = Jitter::new(plan.seed);
        let mut seed = || millis(seeds.up_to(Duration::from_millis(u64::MAX - 1)));
        let settings = Settings {
            revalidate: plan.revalidate,
            offline_grace: Duration::from_secs(86_400),
            start_splay: plan.spread.max(Duration::from_secs(5)),
            spread: plan.spread,
            request_timeout: REQUEST_TIMEOUT,
            clock_floor: None,
        };
        let back = millis(plan.outage);
        Self {
            plan,
            back,
            end: back + millis(plan.after),
            nodes: (0..plan.nodes).map(|_| Node::new(policy, seed(), settings)).collect(),
            serials: (0..plan.nodes).map(|_| (0, false)).collect(),
            server: None,
            agenda: Agenda::default(),
            tally: Tally::new(plan),
            progress,
            steps: 0,
        }
    }

    fn run(mut self) -> Tally {
        for node in 0..self.plan.nodes {
            self.handle(node, Input::Started, 0);
        }
        self.pass_until(self.back);
        self.server = Some(Server::new(self.plan.model, self.plan.cores));
        self.tally.server_is_back(self.back);
        self.pass_until(self.end);
        self.advance_to(STEPS);
        self.tally.stalls = self.server.as_ref().map(|server| server.stalls(self.end)).unwrap_or_default();
        self.tally
    }

    fn pass_until(&mut self, end: u64) {
        while let Some((now, item)) = self.agenda.next_before(end) {
            self.tally.events += 1;
            if self.tally.events.is_multiple_of(EVENTS_A_STEP) {
                self.advance_to(now * STEPS / self.end.max(1));
            }
            match item {
                Item::Woken(node) => self.handle(node, Input::DeadlineReached, now),
                Item::GivenUp(call) if self.ends(call) => self.handle(call.node, Input::Stalled, now),
                Item::Answered(call, status) if self.ends(call) => {
                    self.tally.answered(call.node, status == Status::Good, now);
                    self.handle(call.node, Input::Answered(status), now);
                }
                Item::GivenUp(_) | Item::Answered(..) => {}
                Item::Received(_) | Item::Checked(_) | Item::PoolTimedOut(..) => {
                    self.at_the_server(item, now);
                }
            }
        }
    }

    fn advance_to(&mut self, steps: u64) {
        self.progress.add(steps.saturating_sub(self.steps));
        self.steps = self.steps.max(steps);
    }

    fn at_the_server(&mut self, item: Item, now: u64) {
        let Some(server) = &mut self.server else { return };
        let agenda = &mut self.agenda;
        match item {
            Item::Received(call) => server.receives(call, now, agenda),
            Item::Checked(place) => server.has_checked(place, now, agenda),
            Item::PoolTimedOut(place, ticket) => server.pool_timed_out(place, ticket, now, agenda),
            Item::Answered(..) | Item::GivenUp(_) | Item::Woken(_) => {}
        }
    }

    /// Whether the node still waits for this call. From now on it does not.
    fn ends(&mut self, call: Call) -> bool {
        let awaited = &mut self.serials[call.node as usize];
        let was = *awaited == (call.serial, true);
        awaited.1 &= !was;
        was
    }

    fn handle(&mut self, node: u32, input: Input, now: u64) {
        let (next, lapsed) = self.nodes[node as usize].handle(input, Instant::from_millis(now));
        self.tally.lapsed += lapsed;
        match next {
            Next::Wait(until) => self.agenda.add(until.as_millis(), Item::Woken(node)),
            Next::Validate => self.call(node, false, now),
            Next::Probe => self.call(node, true, now),
        }
    }

    fn call(&mut self, node: u32, is_probe: bool, now: u64) {
        let (serial, awaits) = &mut self.serials[node as usize];
        *serial = serial.wrapping_add(1);
        *awaits = true;
        let call = Call { node, serial: *serial, is_probe };
        self.tally.asked(node, is_probe, now);
        let Some(server) = &mut self.server else {
            let status = match (self.plan.away, is_probe) {
                (Away::Refused, _) => Status::Unreachable,
                (Away::Proxy, _) => Status::Unserved,
                (Away::Database, true) => Status::Reachable,
                (Away::Database, false) => Status::Failed,
            };
            return self.agenda.add(now + FAILURE, Item::Answered(call, status));
        };
        if server.is_called(call, now, &mut self.agenda) {
            let patience = if is_probe { PROBE_TIMEOUT } else { REQUEST_TIMEOUT };
            self.agenda.add(now + millis(patience), Item::GivenUp(call));
        } else {
            self.agenda.add(now + CONNECT_TIMEOUT, Item::Answered(call, Status::Unreachable));
        }
    }
}
