//! The nodes: carries out the actions of all agents, as the device's run loop does for one.

use core::num::NonZero;
use core::ops::Range;
use core::time::Duration;
use std::panic::resume_unwind;
use std::thread;

use node_core::agent::{
    Action, Agent, Claim, Event, OVERWHELMED, Pacing, Remembered, Settings, Setup, Verdict,
};
use node_core::answer::Answer;
use node_core::credential::NodeId;
use node_core::household::Household;
use node_core::jitter::Jitter;
use node_core::outcome::Outcome;
use node_core::text::Text;
use node_core::time::{Instant, Now, UnixTime, millis};
use node_core::trouble::{Trouble, TroubleKind};

use super::agenda::{Agenda, Call, Item, Status, Turn};
use super::command::STEPS;
use super::server::Server;
use super::{Plan, Tally};
use crate::progress::Progress;

/// The configuration's defaults, except that the first calls are spread like those of nodes that have run for
/// long.
const SETTINGS: Settings = Settings {
    revalidate: Duration::from_secs(300),
    offline_grace: Duration::from_secs(86_400),
    start_splay: Duration::from_secs(300),
    request_timeout: Duration::from_secs(30),
    clock_floor: None,
};
const CONNECT_TIMEOUT: u64 = 5_000;
/// How soon a machine without a listener refuses a connection.
const REFUSAL: u64 = 2;
/// How many events pass between two updates of the progress.
const EVENTS_A_STEP: u64 = 4096;

/// Runs `plan` with a retry rule of this kind in each node.
pub(super) fn run<P: Pacing + Send>(plan: &Plan, progress: &Progress, pacing: impl Fn() -> P) -> Tally {
    Fleet::new(plan, progress, pacing).run()
}

struct Fleet<'a, P> {
    plan: &'a Plan,
    alone: Alone,
    end: u64,
    /// Until this time, nodes run side by side on all cores, and wait here when they have nothing to do
    /// before it.
    until: u64,
    /// The waiting nodes, and their deadlines.
    waiting: Vec<(u32, u64)>,
    agents: Vec<Agent<P>>,
    /// The number of each node's last call, and whether the node still waits for its answer.
    serials: Vec<(u32, bool)>,
    server: Option<Server>,
    agenda: Agenda,
    tally: Tally,
    progress: &'a Progress,
    /// The steps that were reported to `progress`.
    steps: u64,
}

/// An event for one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Started,
    SetupRead,
    Answered(Status),
    /// No listener is on the server's port.
    Refused,
    /// No answer arrived in time.
    Stalled,
    DeadlineReached,
}

impl Input {
    /// Built where it is needed: copying this kilobyte takes longer than the agent's work with it.
    #[inline]
    fn into_event(self, setup: &Setup) -> Event {
        let kind = match self {
            Self::Started => {
                let verdict = Verdict::Valid { at: Instant::default(), household: Household::default() };
                return Event::Started(Some(Remembered { claim: claim(), verdict }));
            }
            Self::SetupRead => return Event::SetupRead(Ok(setup.clone())),
            Self::DeadlineReached => return Event::DeadlineReached,
            Self::Answered(Status::Good) => return Event::Answered(Answer::Valid(Household::default())),
            Self::Answered(Status::Reachable) => return Event::Answered(Answer::Reachable),
            Self::Answered(Status::Failed) => TroubleKind::Busy,
            Self::Answered(Status::NotAccepted) | Self::Refused => TroubleKind::Unreachable,
            Self::Answered(Status::Cut) => TroubleKind::ClosedEarly,
            Self::Stalled => TroubleKind::Stalled,
        };
        let trouble = Trouble { kind, reason: Text::new(), fix: Text::new() };
        Event::Answered(Answer::Inconclusive { trouble, retry_after: None })
    }
}

fn claim() -> Claim {
    #[expect(clippy::unwrap_used, reason = "a node id that stands here")]
    let node_id = NodeId::parse("kitchen-pi").unwrap();
    Claim {
        node_id,
        service_id: Text::from("command-center"),
        auth_url: Text::from("http://auth.home:7701"),
        secrets_stamp: 1,
    }
}

/// A node's next step, after it ran for as long as it affects nobody else.
#[derive(Clone, Copy, Debug)]
struct Step {
    at: u64,
    /// The call or probe that it makes at `at`. `None`: `at` is a deadline that the agent has not been told
    /// of.
    turns: Option<Turn>,
    /// How many offline grace periods ended before that.
    lapsed: u32,
}

/// The data that a node needs to run on its own.
struct Alone {
    setup: Setup,
    /// When calls are refused.
    away: Range<u64>,
}

impl Alone {
    /// Hands `input` to a node at the time `now`, and lets it run until it calls a server that may be there,
    /// or until a deadline at `until` or later. Other nodes cannot notice the order in which this happens, so
    /// it is done at once; the node's memory, which is large, is then loaded only once.
    fn advance<P: Pacing>(&self, agent: &mut Agent<P>, input: Input, now: u64, until: u64) -> Step {
        let mut step = Step { at: now, turns: None, lapsed: 0 };
        let mut next = input;
        loop {
            let clocks = Now { instant: Instant::from_millis(step.at), wall: UnixTime(step.at / 1000) };
            let (mut turns, mut reads) = (None, false);
            // Borrowed: the actions take kilobytes.
            for action in &agent.handle(next.into_event(&self.setup), clocks) {
                match action {
                    Action::ReadSetup => reads = true,
                    Action::Validate => turns = Some(Turn::Validate),
                    Action::Probe => turns = Some(Turn::Probe),
                    Action::Show(Outcome::Valid | Outcome::ValidCached | Outcome::Starting)
                    | Action::Publish
                    | Action::KeepOldSetup(_)
                    | Action::Exit(_) => {}
                    Action::Show(_) => step.lapsed += 1,
                }
            }
            if turns.is_some() && self.away.contains(&step.at) && self.away.contains(&(step.at + REFUSAL)) {
                step.at += REFUSAL;
                next = Input::Refused;
            } else if turns.is_some() {
                return Step { turns, ..step };
            } else if reads {
                next = Input::SetupRead;
            } else {
                step.at = millis(agent.deadline().since(Instant::default())).max(step.at);
                if step.at >= until {
                    return step;
                }
                next = Input::DeadlineReached;
            }
        }
    }
}

impl<'a, P: Pacing + Send> Fleet<'a, P> {
    fn new(plan: &'a Plan, progress: &'a Progress, pacing: impl Fn() -> P) -> Self {
        let mut seeds = Jitter::new(plan.seed);
        let mut seed = || millis(seeds.up_to(Duration::from_millis(u64::MAX - 1)));
        let gone = millis(plan.calm);
        let back = gone + millis(plan.outage);
        Self {
            plan,
            alone: Alone { setup: Setup { claim: claim(), settings: SETTINGS }, away: gone..back },
            end: back + millis(plan.after),
            // By then every node has noticed.
            until: back.min(gone + 2),
            waiting: Vec::new(),
            agents: (0..plan.nodes).map(|_| Agent::with_pacing(seed(), pacing())).collect(),
            serials: (0..plan.nodes).map(|_| (0, false)).collect(),
            server: None,
            agenda: Agenda::default(),
            tally: Tally::new(plan),
            progress,
            steps: 0,
        }
    }

    fn run(mut self) -> Tally {
        let Range { start: gone, end: back } = self.alone.away;
        let new_server = || Some(Server::new(self.plan.model, self.plan.rate));
        self.server = if gone > 0 { new_server() } else { None };
        for node in 0..self.plan.nodes {
            self.handle(node, Input::Started, 0);
        }
        self.pass_until(gone);
        self.server = None;
        self.cut_all(gone);
        self.pass_until(self.until);
        self.until = self.end;
        self.wake_waiting();
        self.pass_until(back);
        self.server = new_server();
        self.tally.server_is_back(back);
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
                Item::Woken(node, turn) => self.call(node, turn, now),
                Item::GivenUp(call) => {
                    if self.ends(call) {
                        self.handle(call.node, Input::Stalled, now);
                    }
                }
                Item::Answered(call, status) => {
                    if self.ends(call) {
                        self.is_answered(call.node, status, now);
                    }
                }
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

    fn is_answered(&mut self, node: u32, status: Status, now: u64) {
        self.tally.answered(node, status == Status::Good, now);
        self.handle(node, Input::Answered(status), now);
    }

    fn at_the_server(&mut self, item: Item, now: u64) {
        let Some(server) = &mut self.server else { return };
        let (agenda, serials) = (&mut self.agenda, &self.serials);
        match item {
            Item::Received(call) => server.receives(call, now, agenda),
            Item::Checked(place) => {
                let awaited = |call: Call| serials[call.node as usize] == (call.serial, true);
                server.has_checked(place, now, agenda, &awaited);
            }
            Item::PoolTimedOut(place, ticket) => server.pool_timed_out(place, ticket, now, agenda),
            Item::Answered(..) | Item::GivenUp(_) | Item::Woken(..) => {}
        }
    }

    /// Whether the node still waits for this call. From now on it does not.
    fn ends(&mut self, call: Call) -> bool {
        let awaited = &mut self.serials[call.node as usize];
        let was = *awaited == (call.serial, true);
        awaited.1 &= !was;
        was
    }

    /// The server goes away during these calls.
    fn cut_all(&mut self, now: u64) {
        self.agenda.forget_the_server();
        for node in 0..self.plan.nodes {
            if let (serial, true) = self.serials[node as usize] {
                self.agenda.add(now + 1, Item::Answered(Call { node, serial, is_probe: false }, Status::Cut));
            }
        }
    }

    /// Hands an input to a node, and lets it run.
    fn handle(&mut self, node: u32, input: Input, now: u64) {
        let step = self.alone.advance(&mut self.agents[node as usize], input, now, self.until);
        self.note(node, step);
    }

    fn note(&mut self, node: u32, step: Step) {
        self.tally.lapsed += step.lapsed;
        if let Some(turn) = step.turns {
            self.agenda.add(step.at, Item::Woken(node, turn));
        } else if step.at < self.end {
            self.waiting.push((node, step.at));
        }
    }

    /// Hands the waiting nodes their deadlines. They do not affect each other, so each core takes a share.
    fn wake_waiting(&mut self) {
        let mut waiting = core::mem::take(&mut self.waiting);
        waiting.sort_unstable();
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let share = self.agents.len().div_ceil(threads).max(1);
        let (alone, until) = (&self.alone, self.until);
        let steps: Vec<(u32, Step)> = thread::scope(|scope| {
            let mut workers = Vec::new();
            for (first, agents) in (0_u32..).step_by(share).zip(self.agents.chunks_mut(share)) {
                let of_the_share = waiting.iter().filter_map(move |(node, at)| {
                    Some((*node, *at, usize::try_from(node.checked_sub(first)?).ok()?))
                });
                workers.push(scope.spawn(move || {
                    let mut steps = Vec::new();
                    for (node, at, place) in of_the_share {
                        if let Some(agent) = agents.get_mut(place) {
                            steps.push((node, alone.advance(agent, Input::DeadlineReached, at, until)));
                        }
                    }
                    steps
                }));
            }
            workers
                .into_iter()
                .flat_map(|worker| worker.join().unwrap_or_else(|why| resume_unwind(why)))
                .collect()
        });
        for (node, step) in steps {
            self.note(node, step);
        }
    }

    fn call(&mut self, node: u32, turn: Turn, now: u64) {
        let is_probe = turn == Turn::Probe;
        let (serial, awaits) = &mut self.serials[node as usize];
        *serial = serial.wrapping_add(1);
        *awaits = true;
        let call = Call { node, serial: *serial, is_probe };
        if is_probe {
            self.tally.probes += 1;
        } else {
            self.tally.called(node, now);
        }
        let accepted =
            self.server.as_mut().is_some_and(|server| server.is_called(call, now, &mut self.agenda));
        if accepted {
            let patience = if is_probe { OVERWHELMED } else { SETTINGS.request_timeout };
            self.agenda.add(now + millis(patience), Item::GivenUp(call));
        } else if self.server.is_some() && now >= self.alone.away.end {
            // Nothing can happen between this and the time-out.
            self.serials[node as usize].1 = false;
            if now + CONNECT_TIMEOUT < self.end {
                self.handle(node, Input::Answered(Status::NotAccepted), now + CONNECT_TIMEOUT);
            }
        } else {
            let after = if self.server.is_some() { CONNECT_TIMEOUT } else { REFUSAL };
            self.agenda.add(now + after, Item::Answered(call, Status::NotAccepted));
        }
    }
}
