//! The agent, driven event by event; a file for each topic.

mod away;
mod grace;
mod properties;
mod retries;
mod setups;
mod verdicts;

use core::time::Duration;

use super::{
    ANSWER_OVERDUE, Action, Actions, Agent, Claim, Event, Exit, Remembered, Settings, Setup, Source, Verdict,
};
use crate::answer::Answer;
use crate::credential::NodeId;
use crate::household::Household;
use crate::outcome::Outcome;
use crate::service::Service;
use crate::text::Text;
use crate::time::{Instant, Now, UnixTime};
use crate::trouble::{Trouble, TroubleKind};

const BUILT: u64 = 1_780_000_000;

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn claim(node_id: &str, secrets_stamp: u64) -> Claim {
    Claim {
        node_id: NodeId::parse(node_id).expect("a node id"),
        service_id: Text::from("command-center"),
        asked_url: Text::from("https://auth.home"),
        secrets_stamp,
    }
}

fn setup() -> Setup {
    Setup {
        claim: claim("kitchen-pi", 1),
        service: Service::AUTH,
        settings: Settings {
            revalidate: secs(300),
            offline_grace: secs(86_400),
            start_splay: Duration::ZERO,
            spread: secs(4),
            request_timeout: secs(30),
            clock_floor: Some(UnixTime(BUILT)),
        },
    }
}

fn good() -> Answer {
    Answer::Valid(Household { id: Some(Text::from("h-1")), member_ids: Some([1, 2].into_iter().collect()) })
}

fn rejected() -> Answer {
    Answer::Rejected(Text::from("Invalid node credentials"))
}

fn inconclusive(kind: TroubleKind) -> Answer {
    Answer::Inconclusive {
        trouble: Service::AUTH.trouble(kind, format_args!("as tested")),
        retry_after: None,
    }
}

fn broken() -> Trouble {
    Trouble::setup(format_args!("broken"), format_args!("fix it"))
}

/// An agent, its time, and the actions it returned last.
struct Scenario {
    agent: Agent,
    now: Now,
    actions: Actions,
}

impl Scenario {
    /// An agent that was just started with the verdict of an earlier run.
    fn restarted(remembered: Option<Remembered>) -> Self {
        let now = Now { instant: Instant::from_millis(20_000), wall: UnixTime(BUILT + 60) };
        let mut scenario = Self { agent: Agent::new(42), now, actions: Actions::new() };
        scenario.happens(Event::Started(remembered));
        assert!(scenario.wants(&Action::ReadSetup));
        scenario
    }

    fn started() -> Self {
        Self::restarted(None)
    }

    /// An agent whose first call is under way.
    fn calling() -> Self {
        let mut scenario = Self::started();
        scenario.reads(setup());
        assert!(scenario.wants(&Action::Validate));
        scenario
    }

    fn happens(&mut self, event: Event) -> &mut Self {
        self.actions = self.agent.handle(event, self.now);
        self
    }

    fn reads(&mut self, setup: Setup) -> &mut Self {
        self.happens(Event::SetupRead(Ok(setup)))
    }

    fn answered(&mut self, answer: Answer) -> &mut Self {
        self.happens(Event::Answered(answer))
    }

    fn later(&mut self, by: Duration) -> &mut Self {
        self.now.instant = self.now.instant + by;
        self
    }

    /// Moves to the agent's deadline and reports it; returns how long that was.
    fn until_deadline(&mut self) -> Duration {
        let wait = self.agent.deadline().since(self.now.instant);
        self.later(wait).happens(Event::DeadlineReached);
        wait
    }

    /// Waits for the next validation. Deadlines, readings of the setup and probes before it are passed; probes are
    /// answered at once.
    fn until_call(&mut self) -> Duration {
        let start = self.now.instant;
        for _ in 0..10_000 {
            if self.wants(&Action::Validate) {
                return self.now.instant.since(start);
            }
            if self.wants(&Action::Probe) {
                self.answered(Answer::Reachable);
            } else if self.wants(&Action::ReadSetup) {
                self.reads(setup());
            } else {
                self.until_deadline();
            }
        }
        panic!("no call ever comes");
    }

    /// Waits for the next validation or probe.
    fn until_turn(&mut self) -> Duration {
        let start = self.now.instant;
        while !self.wants(&Action::Validate) && !self.wants(&Action::Probe) {
            if self.wants(&Action::ReadSetup) {
                self.reads(setup());
            } else {
                self.until_deadline();
            }
        }
        self.now.instant.since(start)
    }

    fn wants(&self, action: &Action) -> bool {
        self.actions.contains(action)
    }

    #[track_caller]
    fn shows(&self, outcome: Outcome) {
        assert_eq!(self.agent.report(self.now.instant).outcome, outcome);
    }
}
