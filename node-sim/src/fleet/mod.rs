//! Many nodes and one server in virtual time: what they do to each other once an outage is over. Each node is
//! the agent that ships; its rule for asking again can be exchanged for others, to compare them.

mod agenda;
mod arguments;
mod command;
mod figures;
mod nodes;
mod plot;
mod policy;
mod real;
mod server;
mod tally;

use core::time::Duration;

pub use self::arguments::Arguments;
pub use self::command::run;
pub use self::policy::Policy;
pub use self::server::Model;
pub use self::tally::Tally;
use crate::progress::Progress;

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many nodes there are.
    pub nodes: u32,
    /// How long they live with a sound server before the outage.
    pub calm: Duration,
    /// How long the server is away: connections are refused.
    pub outage: Duration,
    /// How long is looked on after it.
    pub after: Duration,
    /// Answers a second that the server is good for.
    pub rate: f64,
    /// How it behaves.
    pub model: Model,
    /// Decides all that is random.
    pub seed: u64,
}

impl Plan {
    /// How long the server needs at least to answer every node once.
    #[must_use]
    pub fn limit(&self) -> Duration {
        Duration::from_secs_f64(f64::from(self.nodes) / self.rate)
    }

    /// Runs it with this rule in every node.
    #[must_use]
    pub fn run(&self, policy: Policy) -> Tally {
        self.run_with(policy, &Progress::hidden())
    }

    /// Like [`Self::run`], and counts [`command::STEPS`] steps on the way.
    fn run_with(&self, policy: Policy, progress: &Progress) -> Tally {
        policy.run(self, progress)
    }
}
