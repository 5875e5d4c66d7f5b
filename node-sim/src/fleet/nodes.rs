//! The nodes of a fleet: the agent that ships, and beside it a plain full jitter to compare it with.

use core::time::Duration;

use node_core::agent::{Action, Agent, Claim, Event, Remembered, Settings, Setup, Verdict, exponential};
use node_core::answer::Answer;
use node_core::credential::NodeId;
use node_core::household::Household;
use node_core::jitter::Jitter;
use node_core::outcome::Outcome;
use node_core::service::Service;
use node_core::text::Text;
use node_core::time::{Instant, Now, UnixTime};
use node_core::trouble::{Trouble, TroubleKind};

use super::agenda::Status;

/// A retry rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Any time up to two seconds, doubled with each failure up to a minute.
    FullJitter,
    /// The agent's own rule.
    Ours,
}

impl Policy {
    /// All rules.
    pub const ALL: [Self; 2] = [Self::FullJitter, Self::Ours];

    /// The name on the command line and in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FullJitter => "full-jitter",
            Self::Ours => "ours",
        }
    }
}

/// The longest wait of the plain full jitter.
const FULL_JITTER_CAP: Duration = Duration::from_secs(60);

/// What happens to a node.
#[derive(Clone, Copy, Debug)]
pub(super) enum Input {
    Started,
    Answered(Status),
    /// No answer arrived in time.
    Stalled,
    DeadlineReached,
}

/// What a node does next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Next {
    Validate,
    Probe,
    /// Nothing before this time.
    Wait(Instant),
}

/// The nodes of a fleet, which all have the same setup.
pub(super) enum Nodes {
    Ours { agents: Vec<Agent>, setup: Box<Setup> },
    FullJitter { nodes: Vec<FullJitter>, settings: Settings },
}

/// A node with a plain full jitter.
pub(super) struct FullJitter {
    jitter: Jitter,
    failures: u32,
}

impl Nodes {
    /// As many nodes as there are seeds.
    pub(super) fn new(policy: Policy, seeds: impl Iterator<Item = u64>, settings: Settings) -> Self {
        match policy {
            Policy::Ours => Self::Ours {
                agents: seeds.map(Agent::new).collect(),
                setup: Box::new(Setup { claim: claim(), service: Service::AUTH, settings }),
            },
            Policy::FullJitter => Self::FullJitter {
                nodes: seeds.map(|seed| FullJitter { jitter: Jitter::new(seed), failures: 0 }).collect(),
                settings,
            },
        }
    }

    /// Hands a node an input. Returns its next step, and how many times its offline grace period has ended.
    pub(super) fn handle(&mut self, node: u32, input: Input, now: Instant) -> (Next, u32) {
        match self {
            Self::Ours { agents, setup } => ask_agent(&mut agents[node as usize], setup, input, now),
            Self::FullJitter { nodes, settings } => (nodes[node as usize].handle(input, now, settings), 0),
        }
    }
}

impl FullJitter {
    fn handle(&mut self, input: Input, now: Instant, settings: &Settings) -> Next {
        let wait = match input {
            Input::DeadlineReached => return Next::Validate,
            Input::Started => self.jitter.up_to(settings.start_splay),
            Input::Answered(Status::Good) => {
                self.failures = 0;
                self.jitter.around(settings.revalidate)
            }
            Input::Answered(_) | Input::Stalled => {
                self.failures += 1;
                self.jitter.up_to(exponential(self.failures).min(FULL_JITTER_CAP))
            }
        };
        Next::Wait(now + wait)
    }
}

fn ask_agent(agent: &mut Agent, setup: &Setup, input: Input, now: Instant) -> (Next, u32) {
    let clocks = Now { instant: now, wall: UnixTime(now.as_millis() / 1000) };
    let (mut next, mut lapsed, mut reads) = (None, 0, false);
    // Made in its place and borrowed: events and actions take kilobytes.
    let mut actions = agent.handle(into_event(input), clocks);
    loop {
        for action in &actions {
            match action {
                Action::ReadSetup => reads = true,
                Action::Validate => next = Some(Next::Validate),
                Action::Probe => next = Some(Next::Probe),
                Action::Show(Outcome::Valid | Outcome::ValidCached | Outcome::Starting)
                | Action::Publish
                | Action::KeepOldSetup(_)
                | Action::Exit(_) => {}
                Action::Show(_) => lapsed += 1,
            }
        }
        if !core::mem::take(&mut reads) {
            break;
        }
        actions = agent.handle(Event::SetupRead(Ok(setup.clone())), clocks);
    }
    (next.unwrap_or_else(|| Next::Wait(agent.deadline())), lapsed)
}

#[inline]
fn into_event(input: Input) -> Event {
    let kind = match input {
        Input::Started => {
            let verdict = Verdict::Valid { at: Instant::default(), household: Household::default() };
            return Event::Started(Some(Remembered { claim: claim(), verdict }));
        }
        Input::DeadlineReached => return Event::DeadlineReached,
        Input::Answered(Status::Good) => return Event::Answered(Answer::Valid(Household::default())),
        Input::Answered(Status::Reachable) => return Event::Answered(Answer::Reachable),
        Input::Answered(Status::Failed) => TroubleKind::Busy,
        Input::Answered(Status::Unserved) => TroubleKind::Unserved,
        Input::Answered(Status::Unreachable) => TroubleKind::Unreachable,
        Input::Stalled => TroubleKind::Stalled,
    };
    let trouble = Trouble { kind, reason: Text::new(), fix: Text::new() };
    Event::Answered(Answer::Inconclusive { trouble, retry_after: None })
}

fn claim() -> Claim {
    #[expect(clippy::unwrap_used, reason = "a node id that stands here")]
    let node_id = NodeId::parse("kitchen-pi").unwrap();
    Claim {
        node_id,
        service_id: Text::from("command-center"),
        asked_url: Text::from("http://auth.home:7701"),
        secrets_stamp: 1,
    }
}
