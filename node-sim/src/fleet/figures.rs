//! The figures of a run, as a row of the table and as JSON.

use core::fmt::Write;
use core::time::Duration;

use serde_json::{Value as Json, json};

use super::{Plan, Policy, Tally};

pub(super) const HEADER: &str = "  \
nodes  policy         recovered     half     95 %     last  calls/node   most  probes/node    stall  stalled  lapsed
";

/// What the table and the JSON show.
pub(super) struct Figures {
    nodes: u32,
    policy: Policy,
    recovered: usize,
    half: Option<Duration>,
    nearly_all: Option<Duration>,
    last: Option<Duration>,
    calls: f64,
    most_calls: u32,
    probes: f64,
    in_outage: (u64, u64),
    peak: u32,
    longest_stall: Duration,
    stalled: Duration,
    lapsed: u32,
    calls_each_second: Vec<u32>,
    recoveries: Vec<u64>,
}

impl Figures {
    pub(super) fn of(plan: &Plan, policy: Policy, tally: &Tally) -> Self {
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
            calls,
            most_calls,
            probes: tally.probes_a_node(),
            in_outage: tally.in_outage,
            peak: tally.each_second().iter().copied().max().unwrap_or(0),
            longest_stall: Duration::from_millis(tally.stalls.0),
            stalled: Duration::from_millis(tally.stalls.1),
            lapsed: tally.lapsed,
            calls_each_second: tally.each_second().to_vec(),
            recoveries,
        }
    }

    pub(super) fn row(&self) -> String {
        let mut row = String::new();
        let time = |at: Option<Duration>| at.map_or_else(|| "-".to_owned(), in_words);
        let _ = writeln!(
            row,
            "{:>7}  {:<13}  {:>9} {:>8} {:>8} {:>8}  {:>10.2}  {:>5}  {:>11.1}  {:>7}  {:>7}  {:>6}",
            self.nodes,
            self.policy.name(),
            self.recovered,
            time(self.half),
            time(self.nearly_all),
            time(self.last),
            self.calls,
            self.most_calls,
            self.probes,
            in_words(self.longest_stall),
            in_words(self.stalled),
            self.lapsed,
        );
        row
    }

    pub(super) fn json(&self, plan: &Plan) -> Json {
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
            "model": plan.model.name(),
            "seed": plan.seed,
            "outage_secs": plan.outage.as_secs(),
            "after_secs": plan.after.as_secs(),
            "cores": plan.cores,
            "spread_secs": plan.spread.as_secs(),
            "revalidate_secs": plan.revalidate.as_secs(),
            "recovered": self.recovered,
            "half_secs": secs(self.half),
            "nearly_all_secs": secs(self.nearly_all),
            "last_secs": secs(self.last),
            "calls_a_node": self.calls,
            "most_calls_of_a_node": self.most_calls,
            "probes_a_node": self.probes,
            "calls_in_the_outage": self.in_outage.0,
            "probes_in_the_outage": self.in_outage.1,
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
