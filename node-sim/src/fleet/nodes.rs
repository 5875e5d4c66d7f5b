//! The nodes: carries the actions of all their agents out, as `host::run` does for one.

use core::time::Duration;

use jarvis_node::agent::{
    Action, Agent, Answer, Claim, Event, Household, Jitter, Outcome, Pacing, Remembered, Settings, Setup,
    Trouble, TroubleKind, Verdict,
};
use jarvis_node::credential::NodeId;
use jarvis_node::text::Text;
use jarvis_node::time::{Instant, Now, UnixTime, millis};

use super::agenda::{Agenda, Call, Item, Status};
use super::server::Server;
use super::{Plan, Tally};

/// The defaults of the configuration; the first calls are spread as those of nodes that have run for long.
const SETTINGS: Settings = Settings {
    revalidate: Duration::from_secs(300),
    offline_grace: Duration::from_secs(86_400),
    start_splay: Duration::from_secs(300),
    request_timeout: Duration::from_secs(30),
    clock_floor: None,
};
const CONNECT_TIMEOUT: u64 = 5_000;
/// How long somebody may take to open.
const KNOCK_TIMEOUT: u64 = 250;
/// How soon a board without a listener refuses a connection.
const REFUSAL: u64 = 2;

/// Runs `plan` with a rule of this kind in each node; with `knocks`, a node whose last call failed asks first
/// whether anybody is in.
pub(super) fn run<P: Pacing>(plan: &Plan, knocks: bool, pacing: impl Fn() -> P) -> Tally {
    Fleet::new(plan, knocks, pacing).run()
}

struct Fleet<'a, P> {
    plan: &'a Plan,
    agents: Vec<Agent<P>>,
    /// The number of each node's last call, and whether it waits for the answer.
    serials: Vec<(u32, bool)>,
    /// Whether a node asks first if anybody is in, once a call has failed.
    knocks: bool,
    /// Whether each node's last call did not fail.
    well: Vec<bool>,
    words: Words,
    server: Option<Server>,
    /// Until when the server is as it is.
    changes_at: u64,
    agenda: Agenda,
    tally: Tally,
}

/// What happens to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Started,
    SetupRead,
    Answered(Status),
    /// Nobody listens where the server was.
    Refused,
    /// No answer came in time.
    Stalled,
    DeadlineReached,
}

/// What nodes are told, put into words once.
struct Words {
    setup: Setup,
    good: Answer,
    unreachable: Answer,
    stalled: Answer,
    failed: Answer,
    cut: Answer,
}

impl Words {
    fn new() -> Self {
        let inconclusive = |kind| Answer::Inconclusive {
            trouble: Trouble { kind, reason: Text::new(), fix: Text::new() },
            retry_after: None,
        };
        Self {
            setup: Setup { claim: claim(), settings: SETTINGS },
            good: Answer::Valid(Household::default()),
            unreachable: inconclusive(TroubleKind::Unreachable),
            stalled: inconclusive(TroubleKind::Stalled),
            failed: inconclusive(TroubleKind::Busy),
            cut: inconclusive(TroubleKind::ClosedEarly),
        }
    }

    fn of(&self, told: Told) -> Event {
        let answer = match told {
            Told::Started => {
                let verdict = Verdict::Valid { at: Instant::default(), household: Household::default() };
                return Event::Started(Some(Remembered { claim: claim(), verdict }));
            }
            Told::SetupRead => return Event::SetupRead(Ok(self.setup.clone())),
            Told::DeadlineReached => return Event::DeadlineReached,
            Told::Answered(Status::Good | Status::Open) => &self.good,
            Told::Answered(Status::Failed) => &self.failed,
            Told::Answered(Status::NotAccepted) | Told::Refused => &self.unreachable,
            Told::Answered(Status::Cut) => &self.cut,
            Told::Stalled => &self.stalled,
        };
        Event::Answered(answer.clone())
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

impl<'a, P: Pacing> Fleet<'a, P> {
    fn new(plan: &'a Plan, knocks: bool, pacing: impl Fn() -> P) -> Self {
        let mut seeds = Jitter::new(plan.seed);
        let mut seed = || millis(seeds.up_to(Duration::from_millis(u64::MAX - 1)));
        Self {
            plan,
            agents: (0..plan.nodes).map(|_| Agent::with_pacing(seed(), pacing())).collect(),
            serials: (0..plan.nodes).map(|_| (0, false)).collect(),
            knocks,
            well: vec![true; plan.nodes as usize],
            words: Words::new(),
            server: None,
            changes_at: 0,
            agenda: Agenda::default(),
            tally: Tally::new(plan),
        }
    }

    fn run(mut self) -> Tally {
        let gone = millis(self.plan.calm);
        let back = gone + millis(self.plan.outage);
        let end = back + millis(self.plan.after);
        let new_server = || Some(Server::new(self.plan.model, self.plan.rate));
        (self.server, self.changes_at) = (if gone > 0 { new_server() } else { None }, gone);
        for node in 0..self.plan.nodes {
            // Without a calm time the server is away from the start.
            self.changes_at = if gone > 0 { gone } else { back };
            self.tell(node, Told::Started, 0);
        }
        self.pass_until(gone);
        self.server = None;
        self.changes_at = back;
        self.cut_all(gone);
        self.pass_until(back);
        self.server = new_server();
        self.changes_at = end;
        self.tally.server_is_back(back);
        self.pass_until(end);
        self.tally.stalls = self.server.as_ref().map(|server| server.stalls(end)).unwrap_or_default();
        self.tally
    }

    fn pass_until(&mut self, end: u64) {
        while let Some((now, item)) = self.agenda.next_before(end) {
            self.tally.events += 1;
            match item {
                Item::Woken(node) => self.tell(node, Told::DeadlineReached, now),
                Item::GivenUp(call) => {
                    if self.ends(call) {
                        self.well[call.node as usize] = false;
                        self.tell(call.node, Told::Stalled, now);
                    }
                }
                Item::Answered(call, status) => {
                    if self.ends(call) {
                        self.is_answered(call.node, status, now);
                    }
                }
                Item::Received(_) | Item::Checked(_) | Item::PoolTimedOut(..) => {
                    self.at_the_server(item, now)
                }
            }
        }
    }

    fn is_answered(&mut self, node: u32, status: Status, now: u64) {
        if status == Status::Open {
            return self.call(node, false, now);
        }
        let good = status == Status::Good;
        self.well[node as usize] = good;
        self.tally.answered(node, good, now);
        self.tell(node, Told::Answered(status), now);
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
            Item::Answered(..) | Item::GivenUp(_) | Item::Woken(_) => {}
        }
    }

    /// Whether the node still waits for this call; from now on it does not.
    fn ends(&mut self, call: Call) -> bool {
        let awaited = &mut self.serials[call.node as usize];
        let was = *awaited == (call.serial, true);
        awaited.1 &= !was;
        was
    }

    /// The server goes away over the calls that are under way.
    fn cut_all(&mut self, now: u64) {
        self.agenda.forget_the_server();
        for node in 0..self.plan.nodes {
            if let (serial, true) = self.serials[node as usize] {
                self.agenda.add(now + 1, Item::Answered(Call { node, serial, knocks: false }, Status::Cut));
            }
        }
    }

    /// Tells a node what happened, and again what follows from that, as long as nobody else is concerned.
    fn tell(&mut self, node: u32, told: Told, mut now: u64) {
        let mut next = Some(told);
        while let Some(told) = next.take() {
            let clocks = Now { instant: Instant::from_millis(now), wall: UnixTime(now / 1000) };
            let mut calls = false;
            let agent = &mut self.agents[node as usize];
            // Looked at where they are: they take kilobytes.
            for action in &agent.handle(self.words.of(told), clocks) {
                match action {
                    Action::ReadSetup => next = Some(Told::SetupRead),
                    Action::Validate => calls = true,
                    Action::Show(outcome) => {
                        let kept =
                            matches!(outcome, Outcome::Valid | Outcome::ValidCached | Outcome::Starting);
                        self.tally.lapsed += u32::from(!kept);
                    }
                    Action::Publish | Action::KeepOldSetup(_) | Action::Exit(_) => {}
                }
            }
            if calls && self.server.is_none() && now + REFUSAL < self.changes_at {
                now += REFUSAL;
                self.well[node as usize] = false;
                next = Some(Told::Refused);
            } else if calls {
                let knocks = self.knocks && !self.well[node as usize];
                self.call(node, knocks, now);
                return;
            }
            if next.is_none() {
                let due = millis(agent.deadline().since(Instant::default()));
                // Nobody hears of what a node does alone, so that it need not stand in line for it.
                if self.server.is_none() && due < self.changes_at {
                    now = due.max(now);
                    next = Some(Told::DeadlineReached);
                } else {
                    self.agenda.add(due.max(now), Item::Woken(node));
                }
            }
        }
    }

    fn call(&mut self, node: u32, knocks: bool, now: u64) {
        let (serial, awaits) = &mut self.serials[node as usize];
        *serial = serial.wrapping_add(1);
        *awaits = true;
        let call = Call { node, serial: *serial, knocks };
        if knocks {
            self.tally.knocks += 1;
        } else {
            self.tally.called(node, now);
        }
        let accepted =
            self.server.as_mut().is_some_and(|server| server.is_called(call, now, &mut self.agenda));
        if accepted {
            let patience = if knocks { KNOCK_TIMEOUT } else { millis(SETTINGS.request_timeout) };
            self.agenda.add(now + patience, Item::GivenUp(call));
        } else {
            let after = if self.server.is_some() { CONNECT_TIMEOUT } else { REFUSAL };
            self.agenda.add(now + after, Item::Answered(call, Status::NotAccepted));
        }
    }
}
