//! `node-sim fleet`: arguments, table and JSON.

use core::fmt::Write;
use core::num::NonZero;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;

use lexopt::prelude::*;
use serde_json::{Value as Json, json};

use super::{Model, Plan, Policy, Tally, plot, real};

/// How it is called.
pub const HELP: &str = "\
Many nodes, one server, an outage: what they do to each other, in virtual time.

Usage:
  node-sim fleet --nodes N[,N…] [options]

  --nodes N[,N…]       how many nodes; several numbers are run one after the other
  --outage 30m         how long the server is away (s, m, h)
  --calm 0s            how long the nodes live with a sound server before that
  --after 24h          how long is looked on once it is back
  --server-rate 4      answers a second that it is good for
  --model measured     measured: as the real service, which deadlocks from 15 calls at once
                       ideal: a queue in which nobody who left is served
  --policy ours        none, exponential, equal-jitter, decorrelated, full-jitter, ours, knocking,
                       several with commas, or all
  --seed 1             decides all that is random
  --json               the figures as JSON
  --svg FILE           draws requests a second and nodes recovered; for one number of nodes

Or with real agents in real time, over real sockets and TLS, against a server:
  node-sim fleet --real URL --config FILE [--nodes 200] [options]

  --config FILE        a jarvis-node configuration; URL takes the place of its auth_url, and all
                       nodes share its credential
  --nodes-file FILE    gives each node its own: [{\"node_id\": …, \"node_key\": …}, …]
  --for 60s            how long
  --until-valid        ends as soon as each node has its verdict
  --yes-i-mean-it      needed for a server on another machine, which this could overwhelm
  --json, --svg, --server-rate, --seed as above. Times count from the start, and a node whose call
  fails later counts as recovered only once it has its verdict again; a stall is a time in which
  calls were under way and none was answered.
";

struct Options {
    nodes: Vec<u32>,
    plan: Plan,
    policies: Vec<Policy>,
    json: bool,
    svg: Option<PathBuf>,
    real: Option<real::Target>,
}

/// Runs `node-sim fleet` with what is left of the arguments, and returns what is to be printed.
///
/// # Errors
/// A sentence about an argument, or about the file that cannot be written.
pub fn command(arguments: lexopt::Parser) -> Result<String, String> {
    let Some(options) = parse(arguments).map_err(|e| format!("{e}; see node-sim fleet --help"))? else {
        return Ok(HELP.to_owned());
    };
    if let Some(target) = &options.real {
        return run_for_real(target, &options);
    }
    let mut table = HEADER.to_owned();
    let mut figures = Vec::new();
    for &nodes in &options.nodes {
        let plan = Plan { nodes, ..options.plan };
        let runs = run_all(&plan, &options.policies);
        for (policy, tally) in &runs {
            let figure = Figures::of(&plan, *policy, tally);
            table.push_str(&figure.row());
            figures.push(figure.json(&plan));
        }
        if let Some(file) = &options.svg {
            draw(file, &plan, &runs, &simulated(&plan))?;
        }
    }
    if options.json { Ok(format!("{:#}\n", Json::Array(figures))) } else { Ok(table) }
}

fn run_for_real(target: &real::Target, options: &Options) -> Result<String, String> {
    let plan = Plan { nodes: options.nodes.first().copied().unwrap_or(real::NODES), ..options.plan };
    let tally = real::run(target, &plan)?;
    let figure = Figures::of(&plan, Policy::Ours, &tally);
    let (row, mut json) = (figure.row(), figure.json(&plan));
    json["model"] = "none: a real server".into();
    if let Some(file) = &options.svg {
        let title = format!("{} nodes and a real server, for {} s", plan.nodes, plan.after.as_secs());
        draw(file, &plan, &[(Policy::Ours, tally)], &title)?;
    }
    if options.json { Ok(format!("{:#}\n", Json::Array(vec![json]))) } else { Ok(format!("{HEADER}{row}")) }
}

fn draw(file: &Path, plan: &Plan, runs: &[(Policy, Tally)], title: &str) -> Result<(), String> {
    std::fs::write(file, plot::draw(plan, runs, title))
        .map_err(|e| format!("cannot write {}: {e}", file.display()))
}

fn simulated(plan: &Plan) -> String {
    format!(
        "{} nodes, the server back after {} min; {} model, seed {}",
        plan.nodes,
        plan.outage.as_secs() / 60,
        match plan.model {
            Model::Measured => "measured",
            Model::Ideal => "ideal",
        },
        plan.seed,
    )
}

/// Runs the policies on all cores. None knows of another.
fn run_all(plan: &Plan, policies: &[Policy]) -> Vec<(Policy, Tally)> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some((place, policy)) = {
            let place = next.fetch_add(1, Ordering::Relaxed);
            policies.get(place).map(|policy| (place, *policy))
        } {
            let tally = plan.run(policy);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((place, policy, tally));
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(policies.len());
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let mut runs = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    runs.sort_unstable_by_key(|(place, ..)| *place);
    runs.into_iter().map(|(_, policy, tally)| (policy, tally)).collect()
}

fn parse(mut arguments: lexopt::Parser) -> Result<Option<Options>, lexopt::Error> {
    let mut options = Options {
        nodes: Vec::new(),
        plan: Plan {
            nodes: 0,
            calm: Duration::ZERO,
            outage: Duration::from_secs(1800),
            after: Duration::from_secs(86_400),
            rate: 4.0,
            model: Model::Measured,
            seed: 1,
        },
        policies: vec![Policy::Ours],
        json: false,
        svg: None,
        real: None,
    };
    let (mut url, mut config, mut nodes_file) = (None, None, None);
    let (mut lasts, mut until_valid, mut elsewhere) = (None, false, false);
    while let Some(argument) = arguments.next()? {
        let plan = &mut options.plan;
        match argument {
            Long("help") | Short('h') => return Ok(None),
            Long("nodes") => options.nodes = arguments.value()?.parse_with(numbers)?,
            Long("outage") => plan.outage = arguments.value()?.parse_with(span)?,
            Long("calm") => plan.calm = arguments.value()?.parse_with(span)?,
            Long("after") => plan.after = arguments.value()?.parse_with(span)?,
            Long("server-rate") => plan.rate = arguments.value()?.parse_with(rate)?,
            Long("model") => plan.model = arguments.value()?.parse_with(model)?,
            Long("policy") => options.policies = arguments.value()?.parse_with(policies)?,
            Long("seed") => plan.seed = arguments.value()?.parse()?,
            Long("real") => url = Some(arguments.value()?.string()?),
            Long("config") => config = Some(PathBuf::from(arguments.value()?)),
            Long("nodes-file") => nodes_file = Some(PathBuf::from(arguments.value()?)),
            Long("for") => lasts = Some(arguments.value()?.parse_with(span)?),
            Long("until-valid") => until_valid = true,
            Long("yes-i-mean-it") => elsewhere = true,
            Long("json") => options.json = true,
            Long("svg") => options.svg = Some(PathBuf::from(arguments.value()?)),
            Long(_) | Short(_) | Value(_) => return Err(argument.unexpected()),
        }
    }
    if let Some(url) = url {
        let config = config.ok_or("--real needs --config with a jarvis-node configuration")?;
        if options.nodes.len() > 1 || options.nodes.first().is_some_and(|nodes| *nodes > real::MOST_NODES) {
            return Err(format!("--real takes one number of nodes, {} at most", real::MOST_NODES).into());
        }
        options.plan.after = lasts.unwrap_or(Duration::from_secs(60));
        (options.plan.outage, options.plan.calm) = (Duration::ZERO, Duration::ZERO);
        options.real = Some(real::Target { url, config, nodes_file, until_valid, elsewhere });
        return Ok(Some(options));
    }
    if config.is_some() || nodes_file.is_some() || lasts.is_some() || until_valid || elsewhere {
        return Err("--config, --nodes-file, --for, --until-valid and --yes-i-mean-it go with --real".into());
    }
    match (&options.svg, options.nodes.len()) {
        (_, 0) => Err("--nodes is missing".into()),
        (Some(_), 2..) => Err("--svg draws one number of nodes".into()),
        (Some(_) | None, _) => Ok(Some(options)),
    }
}

fn numbers(text: &str) -> Result<Vec<u32>, String> {
    let number = |part: &str| match part.parse() {
        Ok(nodes @ 1..=1_000_000) => Ok(nodes),
        Ok(_) | Err(_) => Err(format!("'{part}' is not a number from 1 to 1000000")),
    };
    text.split(',').map(number).collect()
}

fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("'{text}' is not a time like 90s, 30m or 24h, of a month at most");
    let digits = text.trim_end_matches(['s', 'm', 'h']);
    let unit = match text.strip_prefix(digits) {
        Some("s") => 1,
        Some("m") => 60,
        Some("h") => 3600,
        Some(_) | None => return Err(wrong()),
    };
    let secs = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    secs.filter(|secs| *secs <= 31 * 86_400).map(Duration::from_secs).ok_or_else(wrong)
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.01..=900.0).contains(&rate) => Ok(rate),
        Ok(_) | Err(_) => Err(format!("'{text}' is not a number of answers a second from 0.01 to 900")),
    }
}

fn model(text: &str) -> Result<Model, String> {
    match text {
        "measured" => Ok(Model::Measured),
        "ideal" => Ok(Model::Ideal),
        _ => Err(format!("there is no model '{text}': measured, ideal")),
    }
}

fn policies(text: &str) -> Result<Vec<Policy>, String> {
    if text == "all" {
        return Ok(Policy::ALL.to_vec());
    }
    let known = |name: &str| Policy::ALL.into_iter().find(|policy| policy.name() == name);
    let names = || Policy::ALL.map(Policy::name).join(", ");
    let policy =
        |name: &str| known(name).ok_or_else(|| format!("there is no policy '{name}': {}, all", names()));
    text.split(',').map(policy).collect()
}

const HEADER: &str = "  \
nodes  policy         recovered     half     95 %     last  of limit  calls/node   most  peak/s    stall  stalled  lapsed
";

/// What stands in the table and in the JSON.
struct Figures {
    nodes: u32,
    policy: Policy,
    recovered: usize,
    half: Option<Duration>,
    nearly_all: Option<Duration>,
    last: Option<Duration>,
    of_limit: Option<f64>,
    calls: f64,
    most_calls: u32,
    peak: u32,
    longest_stall: Duration,
    stalled: Duration,
    lapsed: u32,
    calls_each_second: Vec<u32>,
    recoveries: Vec<u64>,
}

impl Figures {
    fn of(plan: &Plan, policy: Policy, tally: &Tally) -> Self {
        let recoveries = tally.recoveries();
        let nodes = plan.nodes as usize;
        let by = |share: usize| {
            recoveries.get((nodes * share).div_ceil(100).max(1) - 1).copied().map(Duration::from_millis)
        };
        let (calls, most_calls) = tally.calls_a_node();
        Self {
            nodes: plan.nodes,
            policy,
            recovered: recoveries.len(),
            half: by(50),
            nearly_all: by(95),
            last: tally.last(),
            of_limit: tally.last().map(|last| last.as_secs_f64() / plan.limit().as_secs_f64()),
            calls,
            most_calls,
            peak: tally.each_second().iter().copied().max().unwrap_or(0),
            longest_stall: Duration::from_millis(tally.stalls.0),
            stalled: Duration::from_millis(tally.stalls.1),
            lapsed: tally.lapsed,
            calls_each_second: tally.each_second().to_vec(),
            recoveries,
        }
    }

    fn row(&self) -> String {
        let mut row = String::new();
        let time = |at: Option<Duration>| at.map_or_else(|| "-".to_owned(), in_words);
        let of_limit = self.of_limit.map_or_else(|| "-".to_owned(), |of| format!("{of:.2}"));
        let _ = writeln!(
            row,
            "{:>7}  {:<13}  {:>9} {:>8} {:>8} {:>8}  {:>8}  {:>10.2}  {:>5}  {:>6}  {:>7}  {:>7}  {:>6}",
            self.nodes,
            self.policy.name(),
            self.recovered,
            time(self.half),
            time(self.nearly_all),
            time(self.last),
            of_limit,
            self.calls,
            self.most_calls,
            self.peak,
            in_words(self.longest_stall),
            in_words(self.stalled),
            self.lapsed,
        );
        row
    }

    fn json(&self, plan: &Plan) -> Json {
        let secs = |at: Option<Duration>| at.map(|at| at.as_secs_f64());
        let per_minute: Vec<u32> =
            self.calls_each_second.chunks(60).map(|minute| minute.iter().sum()).collect();
        let mut recovered_by_minute = vec![0_u32; per_minute.len()];
        for at in &self.recoveries {
            if let Some(minute) =
                usize::try_from(at / 60_000).ok().and_then(|m| recovered_by_minute.get_mut(m))
            {
                *minute += 1;
            }
        }
        json!({
            "nodes": self.nodes,
            "policy": self.policy.name(),
            "model": match plan.model { Model::Measured => "measured", Model::Ideal => "ideal" },
            "seed": plan.seed,
            "calm_secs": plan.calm.as_secs(),
            "outage_secs": plan.outage.as_secs(),
            "after_secs": plan.after.as_secs(),
            "server_rate": plan.rate,
            "limit_secs": plan.limit().as_secs_f64(),
            "recovered": self.recovered,
            "half_secs": secs(self.half),
            "nearly_all_secs": secs(self.nearly_all),
            "last_secs": secs(self.last),
            "last_of_limit": self.of_limit,
            "calls_a_node": self.calls,
            "most_calls_of_a_node": self.most_calls,
            "peak_calls_a_second": self.peak,
            "longest_stall_secs": self.longest_stall.as_secs_f64(),
            "stalled_secs": self.stalled.as_secs_f64(),
            "grace_lapsed": self.lapsed,
            "calls_each_minute": per_minute,
            "recovered_each_minute": recovered_by_minute,
        })
    }
}

fn in_words(span: Duration) -> String {
    let secs = span.as_secs_f64();
    if secs == 0.0 {
        "0".to_owned()
    } else if secs < 120.0 {
        format!("{secs:.1} s")
    } else if secs < 7200.0 {
        format!("{:.1} m", secs / 60.0)
    } else {
        format!("{:.1} h", secs / 3600.0)
    }
}
