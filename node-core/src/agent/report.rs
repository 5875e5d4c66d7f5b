//! The agent's report for people and programs.

use super::{Activity, Agent, Claim, Next, Remembered, Verdict};
use crate::household::Household;
use crate::outcome::Outcome;
use crate::service::Service;
use crate::text::Text;
use crate::time::Instant;
use crate::wire::reasons;

/// Where the reported outcome comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The last answer of the server.
    Server,
    /// An earlier answer that was kept.
    Cache,
}

/// The reason of a verdict that was kept over a restart, until the first answer.
pub const NOT_CONFIRMED: &str = "not confirmed since this program was started";

/// Everything the agent knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report<'a> {
    /// The outcome.
    pub outcome: Outcome,
    /// The node's claim; `None` until a setup could be read.
    pub claim: Option<&'a Claim>,
    /// The household, while valid.
    pub household: Option<&'a Household>,
    /// Why the outcome is not simply valid.
    pub reason: Option<&'a str>,
    /// The fix: a sentence about what a person can do.
    pub fix: Option<Text<300>>,
    /// Where the outcome comes from; `None` before anything is known.
    pub source: Option<Source>,
    /// When the outcome was learnt.
    pub as_of: Option<Instant>,
    /// When the server is next asked or the setup next read; `None` while that is under way, and in what was published
    /// before it began it has passed by then.
    pub next_check: Option<Instant>,
    /// How many validations and probes in a row have failed.
    pub failures: u32,
    /// The time by which the report is renewed, if the agent still runs.
    pub due: Instant,
    /// The server's last verdict and its claim, which have to survive a restart.
    pub verdict: Option<(&'a Claim, &'a Verdict)>,
}

impl Agent {
    /// The beginning of a call is not reported, only its answer.
    fn due(&self) -> Instant {
        match (self.activity, &self.setup) {
            (Activity::Waiting { until, then: Next::Call }, Some(setup)) => {
                until + setup.settings.lost_after()
            }
            _ => self.deadline(),
        }
    }

    /// The agent's report at `now`.
    #[must_use]
    pub fn report(&self, now: Instant) -> Report<'_> {
        let outcome = self.outcome(now);
        let obstacle = self.obstacle.as_ref();
        let mut report = Report {
            outcome,
            claim: self.setup.as_ref().map(|setup| &setup.claim),
            household: None,
            reason: obstacle.map(|o| o.trouble.reason.as_str()),
            fix: obstacle.map(|o| o.trouble.fix.clone()),
            source: None,
            as_of: obstacle.map(|o| o.at),
            next_check: match self.activity {
                Activity::Waiting { until, .. } => Some(until),
                Activity::NotStarted
                | Activity::Reading { .. }
                | Activity::Calling { .. }
                | Activity::Ended => None,
            },
            failures: self.failures,
            due: self.due(),
            verdict: match (&self.remembered, &self.setup, &self.verdict) {
                // Not used yet, because there is no sound setup; it must not be lost all the same.
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
                    report.reason = Some(NOT_CONFIRMED);
                    report.fix = Some("Nothing to do yet: the next answer is on its way.".into());
                }
            }
            (Outcome::NodeRejected, Some(Verdict::Rejected { at, reason })) => {
                report.reason = Some(reason.as_str());
                let service = self.setup.as_ref().map_or(Service::AUTH, |setup| setup.service);
                report.fix = Some(rejection_fix(reason.as_str(), service));
                report.as_of = Some(*at);
                let fresh = self.confirmed && obstacle.is_none();
                report.source = Some(if fresh { Source::Server } else { Source::Cache });
            }
            (Outcome::Starting, _) => {
                report.fix = Some("Nothing to do yet: the first answer is on its way.".into());
            }
            (Outcome::AppRejected | Outcome::Server | Outcome::Clock, _) => {
                let from_server = obstacle.is_some_and(|o| o.trouble.kind.is_from_server());
                report.source = from_server.then_some(Source::Server);
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

/// The fix for a rejection, by the auth service's reason (docs/wire/jarvis-auth.md) and by the service that was asked for it.
fn rejection_fix(reason: &str, Service { name, address, .. }: Service) -> Text<300> {
    match reason {
        reasons::NOT_FOUND => Text::format(format_args!(
            "Check node_id in the credential file (case counts), and that {address} leads to the home that the node was \
             registered in; or register it there and install its credential."
        )),
        reasons::INACTIVE => {
            "Register the node under a new node_id and install that credential: nothing reactivates a node.".into()
        }
        reasons::WRONG_KEY => {
            "Install the node's current credential: its key was rotated or is not the one in the file.".into()
        }
        // Only an app says which service it asks for.
        _ if reason.starts_with(reasons::NOT_GRANTED) && address == Service::AUTH.address => {
            "Put a service that the node is granted into service_id: a command center grants jarvis-command-center and \
             jarvis-logs, or a Python one its own app id (by default command-center). Or grant the node that service on \
             the auth service."
                .into()
        }
        _ if reason.starts_with(reasons::NOT_GRANTED) => Text::format(format_args!(
            "Grant the node that service on the auth service: {name} in {address} asks for it under its own app id. To the \
             nodes that it enrolls a command center grants jarvis-command-center, jarvisd's also jarvis-logs."
        )),
        _ => "Ask whoever runs the auth service why it rejects this node.".into(),
    }
}
