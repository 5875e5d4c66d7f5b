//! Many nodes and one server in virtual time: how they affect each other after an outage. Each node is the
//! agent that ships; its retry rule can be replaced by others, to compare them.

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

pub use self::arguments::FleetArguments;
pub use self::command::run;
pub use self::policy::Policy;
pub use self::server::Model;
pub use self::tally::Tally;
use crate::progress::Progress;

/// The parameters of a simulation.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The number of nodes.
    pub nodes: u32,
    /// How long they run with a healthy server before the outage.
    pub calm: Duration,
    /// How long the outage lasts; connections are refused meanwhile.
    pub outage: Duration,
    /// How long the simulation goes on after the outage.
    pub after: Duration,
    /// How many requests a second the server can answer.
    pub rate: f64,
    /// The model of the server.
    pub model: Model,
    /// The seed of everything random.
    pub seed: u64,
}

impl Plan {
    /// The shortest time in which the server can answer every node once.
    #[must_use]
    pub fn limit(&self) -> Duration {
        Duration::from_secs_f64(f64::from(self.nodes) / self.rate)
    }

    /// Runs the simulation with this retry rule in every node.
    #[must_use]
    pub fn run(&self, policy: Policy) -> Tally {
        self.run_with(policy, &Progress::hidden())
    }

    /// Runs the simulation, and reports [`command::STEPS`] steps of progress.
    fn run_with(&self, policy: Policy, progress: &Progress) -> Tally {
        policy.run(self, progress)
    }
}
