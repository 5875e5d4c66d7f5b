//! A run: hands the nodes what happens to them, and their calls to the server.

use core::time::Duration;

use node_core::agent::{PROBE_TIMEOUT, Settings};
use node_core::jitter::Jitter;
use node_core::time::{Instant, millis};

use super::agenda::{Agenda, Call, Item, Status};
use super::command::STEPS;
use super::nodes::{Input, Next, Nodes, Policy};
use super::server::Server;
use super::{Away, Plan, Tally};
use crate::progress::Progress;

/// How long a call waits for its answer, by default.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(45);
/// In milliseconds.
const CONNECT_TIMEOUT: u64 = 5_000;
/// In milliseconds: how soon a call fails while the server is away.
const FAILURE: u64 = 10;
/// How many items pass between two updates of the progress.
const ITEMS_A_STEP: u64 = 4096;

/// Runs `plan` with this retry rule in each node.
pub(super) fn run(plan: &Plan, policy: Policy, progress: &Progress) -> Tally {
    Fleet::new(plan, policy, progress).run()
}

struct Fleet<'a> {
    plan: &'a Plan,
    /// When the server returns, and when the run ends.
    back: u64,
    end: u64,
    nodes: Nodes,
    /// The number of each node's last call, and whether the node still waits for its answer.
    serials: Vec<(u32, bool)>,
    server: Server,
    agenda: Agenda,
    tally: Tally,
    progress: &'a Progress,
    /// The steps that were reported to `progress`.
    steps: u64,
}

impl<'a> Fleet<'a> {
    fn new(plan: &'a Plan, policy: Policy, progress: &'a Progress) -> Self {
        let mut seeds = Jitter::new(plan.seed);
        let seeds = (0..plan.nodes).map(|_| millis(seeds.up_to(Duration::from_millis(u64::MAX - 1))));
        let settings = Settings {
            revalidate: plan.revalidate,
            offline_grace: Duration::from_secs(86_400),
            start_splay: plan.spread.max(Duration::from_secs(5)),
            spread: plan.spread,
            request_timeout: REQUEST_TIMEOUT,
            clock_floor: None,
        };
        let back = millis(plan.outage);
        let mut tally = Tally::new(plan);
        tally.server_is_back(back);
        Self {
            plan,
            back,
            end: back + millis(plan.after),
            nodes: Nodes::new(policy, seeds, settings),
            serials: (0..plan.nodes).map(|_| (0, false)).collect(),
            server: Server::new(plan.model, plan.cores),
            agenda: Agenda::default(),
            tally,
            progress,
            steps: 0,
        }
    }

    fn run(mut self) -> Tally {
        for node in 0..self.plan.nodes {
            self.go_on(node, Input::Started, 0);
            self.advance_to(self.back * u64::from(node) / u64::from(self.plan.nodes));
        }
        let mut items = 0_u64;
        while let Some((now, item)) = self.agenda.next_before(self.end) {
            items += 1;
            if items.is_multiple_of(ITEMS_A_STEP) {
                self.advance_to(now);
            }
            self.pass(item, now);
        }
        self.advance_to(self.end);
        self.tally.stalls = self.server.stalls(self.end);
        self.tally
    }

    fn pass(&mut self, item: Item, now: u64) {
        let agenda = &mut self.agenda;
        match item {
            Item::Received(call) => self.server.receives(call, now, agenda),
            Item::Checked(place) => self.server.has_checked(place, now, agenda),
            Item::PoolTimedOut(place, ticket) => self.server.pool_timed_out(place, ticket, now, agenda),
            Item::Calls { node, is_probe } => self.call(node, is_probe, now),
            Item::GivenUp(call) if self.ends(call) => self.go_on(call.node, Input::Stalled, now),
            Item::Answered(call, status) if self.ends(call) => {
                self.tally.answered(call.node, status == Status::Good, now);
                self.go_on(call.node, Input::Answered(status), now);
            }
            Item::GivenUp(_) | Item::Answered(..) => {}
        }
    }

    /// Reports the progress of a run that has come to `now`.
    fn advance_to(&mut self, now: u64) {
        let steps = (now * STEPS).checked_div(self.end).unwrap_or(STEPS);
        self.progress.add(steps.saturating_sub(self.steps));
        self.steps = self.steps.max(steps);
    }

    /// Whether the node still waits for this call. From now on it does not.
    fn ends(&mut self, call: Call) -> bool {
        let awaited = &mut self.serials[call.node as usize];
        let was = *awaited == (call.serial, true);
        awaited.1 &= !was;
        was
    }

    /// Hands a node an input, and what follows from it until the node's next call to a server that is there. Nobody else is
    /// concerned by that, and a node, which takes kilobytes, is fetched from memory once for all of it.
    fn go_on(&mut self, node: u32, mut input: Input, mut now: u64) {
        while now < self.end {
            let (next, lapsed) = self.nodes.handle(node, input, Instant::from_millis(now));
            self.tally.lapsed += lapsed;
            let is_probe = match next {
                Next::Wait(until) => {
                    now = now.max(until.as_millis());
                    input = Input::DeadlineReached;
                    continue;
                }
                Next::Validate => false,
                Next::Probe => true,
            };
            if now >= self.back {
                return self.agenda.add(now, Item::Calls { node, is_probe });
            }
            self.tally.asked(node, is_probe, now);
            now += FAILURE;
            input = Input::Answered(answer_of_nobody(self.plan.away, is_probe));
        }
    }

    fn call(&mut self, node: u32, is_probe: bool, now: u64) {
        let (serial, awaits) = &mut self.serials[node as usize];
        *serial = serial.wrapping_add(1);
        *awaits = true;
        let call = Call { node, serial: *serial, is_probe };
        self.tally.asked(node, is_probe, now);
        if self.server.is_called(call, now, &mut self.agenda) {
            let patience = if is_probe { PROBE_TIMEOUT } else { REQUEST_TIMEOUT };
            self.agenda.add(now + millis(patience), Item::GivenUp(call));
        } else {
            self.agenda.add(now + CONNECT_TIMEOUT, Item::Answered(call, Status::Unreachable));
        }
    }
}

/// The answer to a call or a probe while the server is away.
const fn answer_of_nobody(away: Away, is_probe: bool) -> Status {
    match (away, is_probe) {
        (Away::Refused, _) => Status::Unreachable,
        (Away::Proxy, _) => Status::Unserved,
        (Away::Database, true) => Status::Reachable,
        (Away::Database, false) => Status::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Model;

    /// What is to come in [`plain_run`]. Of two things in the same millisecond, a node's deadline comes last.
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    enum Coming {
        Item(Item),
        Deadline(u32),
    }

    /// The same run one step at a time: every deadline and every answer waits for its turn, in a list that is searched for
    /// the earliest.
    fn plain_run(plan: &Plan, policy: Policy) -> Tally {
        let progress = Progress::hidden();
        let mut fleet = Fleet::new(plan, policy, &progress);
        let mut coming = Vec::new();
        for node in 0..plan.nodes {
            plain_step(&mut fleet, node, Input::Started, 0, &mut coming);
        }
        while let Some(place) = (0..coming.len()).min_by_key(|place| coming[*place]) {
            let (now, next) = coming.swap_remove(place);
            if now >= fleet.end {
                break;
            }
            match next {
                Coming::Deadline(node) => {
                    plain_step(&mut fleet, node, Input::DeadlineReached, now, &mut coming);
                }
                Coming::Item(Item::Answered(call, status)) if fleet.ends(call) => {
                    fleet.tally.answered(call.node, status == Status::Good, now);
                    plain_step(&mut fleet, call.node, Input::Answered(status), now, &mut coming);
                }
                Coming::Item(Item::GivenUp(call)) if fleet.ends(call) => {
                    plain_step(&mut fleet, call.node, Input::Stalled, now, &mut coming);
                }
                Coming::Item(Item::Answered(..) | Item::GivenUp(_)) => {}
                Coming::Item(at_the_server) => fleet.pass(at_the_server, now),
            }
            empty_agenda(&mut fleet, &mut coming);
        }
        fleet.tally.stalls = fleet.server.stalls(fleet.end);
        fleet.tally
    }

    fn plain_step(fleet: &mut Fleet<'_>, node: u32, input: Input, now: u64, coming: &mut Vec<(u64, Coming)>) {
        let (next, lapsed) = fleet.nodes.handle(node, input, Instant::from_millis(now));
        fleet.tally.lapsed += lapsed;
        let is_probe = match next {
            Next::Wait(until) => return coming.push((until.as_millis().max(now), Coming::Deadline(node))),
            Next::Validate => false,
            Next::Probe => true,
        };
        fleet.call(node, is_probe, now);
        if now < fleet.back {
            // Nobody is there: in place of what the server made of it.
            fleet.agenda = Agenda::default();
            fleet.server = Server::new(fleet.plan.model, fleet.plan.cores);
            let call = Call { node, serial: fleet.serials[node as usize].0, is_probe };
            let answer = answer_of_nobody(fleet.plan.away, is_probe);
            coming.push((now + FAILURE, Coming::Item(Item::Answered(call, answer))));
        }
    }

    fn empty_agenda(fleet: &mut Fleet<'_>, coming: &mut Vec<(u64, Coming)>) {
        let mut agenda = core::mem::take(&mut fleet.agenda);
        while let Some((at, item)) = agenda.next_before(u64::MAX) {
            coming.push((at, Coming::Item(item)));
        }
    }

    #[test]
    fn run_ahead_gives_the_figures_of_a_run_step_by_step() {
        for away in [Away::Refused, Away::Proxy, Away::Database] {
            for (model, policy) in [
                (Model::Measured, Policy::Ours),
                (Model::Measured, Policy::FullJitter),
                (Model::Jarvisd, Policy::Ours),
            ] {
                for (nodes, outage) in [(3, 90_000), (40, 0), (40, 50)] {
                    let secs = Duration::from_secs;
                    let plan = Plan {
                        nodes,
                        outage: secs(outage),
                        away,
                        after: secs(900),
                        model,
                        cores: 2,
                        spread: secs(4),
                        revalidate: secs(300),
                        seed: 3,
                    };
                    let tally = run(&plan, policy, &Progress::hidden());
                    assert!(tally == plain_run(&plan, policy), "{policy:?}: {plan:?}");
                }
            }
        }
    }
}
