//! What the agent knows, for people and programs.

use super::{Activity, Agent, Claim, Pacing, Remembered, Verdict};
use crate::household::Household;
use crate::outcome::Outcome;
use crate::time::Instant;
use crate::wire::reasons;

/// Where what is reported comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The last call to the server told it.
    Server,
    /// It was told earlier and kept.
    Cache,
}

/// A view of what the agent knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report<'a> {
    /// How the proof goes.
    pub outcome: Outcome,
    /// What the node claims to be; `None` until that could be read.
    pub claim: Option<&'a Claim>,
    /// The household, while valid.
    pub household: Option<&'a Household>,
    /// Why not simply valid.
    pub reason: Option<&'a str>,
    /// What a person can do about it.
    pub fix: Option<&'a str>,
    /// Where the outcome comes from; `None` before anything is known.
    pub source: Option<Source>,
    /// When that was learnt.
    pub as_of: Option<Instant>,
    /// When the server or the setup is next looked at; `None` while that is being done.
    pub next_check: Option<Instant>,
    /// How many answers in a row were none, those to knocks included.
    pub failures: u32,
    /// By when the agent will have something new to tell, if it still runs.
    pub due: Instant,
    /// The server's last verdict, and on which claim: what has to survive a restart.
    pub verdict: Option<(&'a Claim, &'a Verdict)>,
}

impl<P: Pacing> Agent<P> {
    /// What the agent knows at `now`.
    #[must_use]
    pub fn report(&self, now: Instant) -> Report<'_> {
        let outcome = self.outcome(now);
        let obstacle = self.obstacle.as_ref();
        let mut report = Report {
            outcome,
            claim: self.setup.as_ref().map(|setup| &setup.claim),
            household: None,
            reason: obstacle.map(|o| o.trouble.reason.as_str()),
            fix: obstacle.map(|o| o.trouble.fix.as_str()),
            source: None,
            as_of: obstacle.map(|o| o.at),
            next_check: match self.activity {
                Activity::Waiting { until, .. } => Some(until),
                Activity::Unstarted
                | Activity::Reading { .. }
                | Activity::Calling { .. }
                | Activity::Ended => None,
            },
            failures: self.failures,
            due: self.deadline(),
            verdict: match (&self.remembered, &self.setup, &self.verdict) {
                // Not looked at yet, for want of a sound setup: still not to be lost.
                (Some(Remembered { claim, verdict }), _, _) => Some((claim, verdict)),
                (None, Some(setup), Some(verdict)) => Some((&setup.claim, verdict)),
                (None, _, _) => None,
            },
        };
        match (outcome, &self.verdict) {
            (Outcome::Valid | Outcome::ValidCached, Some(Verdict::Valid { at, household })) => {
                report.household = Some(household);
                report.as_of = Some(*at);
                report.source = Some(if outcome == Outcome::Valid { Source::Server } else { Source::Cache });
                if outcome == Outcome::ValidCached && obstacle.is_none() {
                    report.reason = Some("not confirmed since this program was started");
                    report.fix = Some("Nothing to do yet: the next answer is on its way.");
                }
            }
            (Outcome::NodeRejected, Some(Verdict::Rejected { at, reason })) => {
                report.reason = Some(reason.as_str());
                report.fix = Some(rejection_fix(reason.as_str()));
                report.as_of = Some(*at);
                let fresh = self.confirmed && obstacle.is_none();
                report.source = Some(if fresh { Source::Server } else { Source::Cache });
            }
            (Outcome::Starting, _) => {
                report.fix = Some("Nothing to do yet: the first answer is on its way.");
            }
            (Outcome::AppRejected | Outcome::Server | Outcome::Clock, _) => {
                let told = obstacle.is_some_and(|o| o.trouble.kind.is_the_servers_word());
                report.source = told.then_some(Source::Server);
            }
            (
                Outcome::Valid
                | Outcome::ValidCached
                | Outcome::NodeRejected
                | Outcome::Network
                | Outcome::Tls
                | Outcome::Setup,
                _,
            ) => {}
        }
        report
    }
}

/// What to do about a denial, by the reasons the service gives (jarvis-auth-wire.md).
fn rejection_fix(reason: &str) -> &'static str {
    match reason {
        reasons::NOT_FOUND => {
            "Check node_id in the credential file (case counts), or register the node and install its credential."
        }
        reasons::INACTIVE => {
            "Register the node under a new node_id and install that credential: nothing reactivates a node."
        }
        reasons::WRONG_KEY => {
            "Install the node's current credential: its key was rotated or is not the one in the file."
        }
        _ if reason.starts_with(reasons::NOT_GRANTED) => {
            "Grant the node that service on the auth service, or correct service_id."
        }
        _ => "Ask whoever runs the auth service why it rejects this node.",
    }
}
