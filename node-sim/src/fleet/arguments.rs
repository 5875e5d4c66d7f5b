//! The arguments of `node-sim fleet`.

use core::time::Duration;
use std::path::PathBuf;

use clap::Parser;

use super::{Away, Model, Plan, Policy, real};
use crate::span::Span;

/// The longest time that can be simulated.
const A_MONTH: Duration = Duration::from_secs(31 * 86_400);

/// What `node-sim fleet` is asked to do.
#[derive(Debug, Parser)]
pub struct FleetArguments {
    /// How many nodes; several numbers are run one after the other [default with --real: 200]
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = node_count)]
    nodes: Vec<u32>,
    /// How long the server is away
    #[arg(long, value_name = "TIME", default_value = "50s", value_parser = span)]
    outage: Duration,
    /// How the outage looks to the nodes
    #[arg(long, value_enum, default_value = "refused")]
    away: Away,
    /// How long the run goes on once the server is back
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = span)]
    after: Duration,
    /// The service
    #[arg(long, value_enum, default_value = "measured")]
    model: Model,
    /// How many cores the server has
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=256))]
    cores: u32,
    /// The nodes' spread_secs
    #[arg(long, value_name = "TIME", default_value = "4s", value_parser = span)]
    spread: Duration,
    /// The nodes' revalidate_secs
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = span)]
    revalidate: Duration,
    /// Retry rules to compare: full-jitter, ours; several with commas, or all
    #[arg(long, value_name = "POLICY,…", default_value = "ours", value_parser = policies)]
    policy: Policies,
    /// The seed of everything random
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Print the figures as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Run real agents against the server at this URL
    #[arg(long, value_name = "URL", help_heading = "With a real server")]
    real: Option<String>,
    /// A jarvis-node configuration; all nodes share its credential
    #[arg(long, value_name = "FILE", help_heading = "With a real server")]
    config: Option<PathBuf>,
    /// A credential for each node: [{"node_id": …, "node_key": …}, …]
    #[arg(long, value_name = "FILE", help_heading = "With a real server")]
    nodes_file: Option<PathBuf>,
    /// How long the run takes [default: 60s]
    #[arg(long = "for", value_name = "TIME", value_parser = span, help_heading = "With a real server")]
    duration: Option<Duration>,
    /// End as soon as each node has its verdict
    #[arg(long, help_heading = "With a real server")]
    until_valid: bool,
    /// Needed for a server on another machine, which this could overload
    #[arg(long, help_heading = "With a real server")]
    yes_i_mean_it: bool,
}

/// The rules that are compared.
#[derive(Clone, Debug)]
pub(super) struct Policies(pub(super) Vec<Policy>);

impl FleetArguments {
    /// The server to run against, if it is a real one.
    ///
    /// # Errors
    /// A sentence about arguments that do not go together.
    pub(super) fn target(&self) -> Result<Option<real::Target>, String> {
        let Some(url) = self.real.clone() else {
            let real = self.config.is_some()
                || self.nodes_file.is_some()
                || self.duration.is_some()
                || self.until_valid
                || self.yes_i_mean_it;
            return if real {
                Err("--config, --nodes-file, --for, --until-valid and --yes-i-mean-it go with --real".into())
            } else {
                Ok(None)
            };
        };
        let config = self.config.clone().ok_or("--real needs --config with a jarvis-node configuration")?;
        if self.nodes.len() > 1 || self.nodes.first().is_some_and(|nodes| *nodes > real::MOST_NODES) {
            return Err(format!("--real takes one number of nodes, {} at most", real::MOST_NODES));
        }
        let nodes_file = self.nodes_file.clone();
        let (until_valid, elsewhere) = (self.until_valid, self.yes_i_mean_it);
        Ok(Some(real::Target { url, config, nodes_file, until_valid, elsewhere }))
    }

    /// The plan of a run against a real server.
    pub(super) fn real_plan(&self) -> Plan {
        let nodes = self.nodes.first().copied().unwrap_or(real::NODES);
        let after = self.duration.unwrap_or(Duration::from_secs(60));
        Plan { outage: Duration::ZERO, after, ..self.plan(nodes) }
    }

    /// The plans of the simulated runs, one for each number of nodes.
    ///
    /// # Errors
    /// A sentence about the numbers of nodes.
    pub(super) fn plans(&self) -> Result<Vec<Plan>, String> {
        if self.nodes.is_empty() {
            return Err("--nodes is missing".into());
        }
        Ok(self.nodes.iter().map(|nodes| self.plan(*nodes)).collect())
    }

    pub(super) fn policies(&self) -> &[Policy] {
        &self.policy.0
    }

    const fn plan(&self, nodes: u32) -> Plan {
        Plan {
            nodes,
            outage: self.outage,
            away: self.away,
            after: self.after,
            model: self.model,
            cores: self.cores,
            spread: self.spread,
            revalidate: self.revalidate,
            seed: self.seed,
        }
    }
}

fn node_count(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(nodes @ 1..=1_000_000) => Ok(nodes),
        Ok(_) | Err(_) => Err(format!("'{text}' is not a number from 1 to 1000000")),
    }
}

fn span(text: &str) -> Result<Duration, String> {
    let span = text.parse().ok().map(|Span(span)| span).filter(|span| *span <= A_MONTH);
    span.ok_or_else(|| format!("'{text}' is not a time like 90s, 30m or 24h, of a month at most"))
}

fn policies(text: &str) -> Result<Policies, String> {
    if text == "all" {
        return Ok(Policies(Policy::ALL.to_vec()));
    }
    let known = |name: &str| Policy::ALL.into_iter().find(|policy| policy.name() == name);
    let names = || Policy::ALL.map(Policy::name).join(", ");
    let policy =
        |name: &str| known(name).ok_or_else(|| format!("there is no policy '{name}': {}, all", names()));
    text.split(',').map(policy).collect::<Result<_, _>>().map(Policies)
}
