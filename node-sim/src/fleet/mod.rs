//! Many nodes and one server in virtual time: how they affect each other after an outage. Each node is the
//! agent that ships, or for comparison one with a plain full jitter.

mod agenda;
mod arguments;
mod command;
mod figures;
mod jarvisd;
mod nodes;
mod python;
mod real;
mod run;
mod server;
mod tally;

use core::time::Duration;

use clap::ValueEnum;

pub use self::arguments::FleetArguments;
pub use self::command::run;
pub use self::nodes::Policy;
pub use self::server::Model;
pub use self::tally::Tally;
use crate::progress::Progress;

/// The parameters of a simulation.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The number of nodes. They start while the server is away, with a verdict from before.
    pub nodes: u32,
    /// How long the outage lasts.
    pub outage: Duration,
    /// How it looks to the nodes.
    pub away: Away,
    /// How long the simulation goes on after the outage.
    pub after: Duration,
    /// The service.
    pub model: Model,
    /// How many cores it has.
    pub cores: u32,
    /// The nodes' `spread_secs`.
    pub spread: Duration,
    /// The nodes' `revalidate_secs`.
    pub revalidate: Duration,
    /// The seed of everything random.
    pub seed: u64,
}

/// How an outage looks to the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Away {
    /// Connections are refused
    Refused,
    /// A proxy before the service answers 502
    Proxy,
    /// The service's database is away: GET /health is answered as ever, and calls fail at once with 500
    Database,
}

impl Plan {
    /// Runs the simulation with this retry rule in every node.
    #[must_use]
    pub fn run(&self, policy: Policy) -> Tally {
        self.run_with(policy, &Progress::hidden())
    }

    /// Runs the simulation, and reports [`command::STEPS`] steps of progress.
    fn run_with(&self, policy: Policy, progress: &Progress) -> Tally {
        run::run(self, policy, progress)
    }
}
