//! The counters of a run.

use core::time::Duration;

use super::Plan;

/// The result of a run. Times are in milliseconds since the server's return unless noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    back: Option<u64>,
    /// When each node first became valid.
    recovered: Vec<Option<u64>>,
    /// How many calls each node made until then.
    calls: Vec<u32>,
    /// Calls per second of the run.
    each_second: Vec<u32>,
    /// The longest stall of the server, and all stalls together.
    pub stalls: (u64, u64),
    /// How many offline grace periods ended in the whole run.
    pub lapsed: u32,
    /// How many calls and how many probes were made while the server was away.
    pub in_outage: (u64, u64),
    /// How many probes were made after its return until each node had recovered.
    pub probes: u64,
}

impl Tally {
    pub(super) fn new(plan: &Plan) -> Self {
        let nodes = plan.nodes as usize;
        Self {
            back: None,
            recovered: vec![None; nodes],
            calls: vec![0; nodes],
            each_second: vec![0; usize::try_from(plan.after.as_secs()).unwrap_or(0) + 1],
            stalls: (0, 0),
            lapsed: 0,
            in_outage: (0, 0),
            probes: 0,
        }
    }

    /// The server is back at this time; what is before that is the outage.
    pub(super) fn server_is_back(&mut self, at: u64) {
        self.back = Some(at);
    }

    pub(super) fn asked(&mut self, node: u32, is_probe: bool, now: u64) {
        let Some(since) = self.back.and_then(|back| now.checked_sub(back)) else {
            self.in_outage.0 += u64::from(!is_probe);
            self.in_outage.1 += u64::from(is_probe);
            return;
        };
        let waits = self.recovered[node as usize].is_none();
        if is_probe {
            self.probes += u64::from(waits);
            return;
        }
        self.calls[node as usize] += u32::from(waits);
        if let Some(second) = usize::try_from(since / 1000).ok().and_then(|at| self.each_second.get_mut(at)) {
            *second += 1;
        }
    }

    pub(super) fn answered(&mut self, node: u32, good: bool, now: u64) {
        if let (Some(back), true) = (self.back, good) {
            self.recovered[node as usize].get_or_insert(now - back);
        }
    }

    /// The node's call failed: it counts as recovered only after the next good verdict.
    pub(super) fn failed(&mut self, node: u32) {
        self.recovered[node as usize] = None;
    }

    /// The times at which nodes recovered, sorted.
    #[must_use]
    pub fn recoveries(&self) -> Vec<u64> {
        let mut times: Vec<u64> = self.recovered.iter().flatten().copied().collect();
        times.sort_unstable();
        times
    }

    /// When the last node recovered, if all did.
    #[must_use]
    pub fn last(&self) -> Option<Duration> {
        let slowest = self.recovered.iter().copied().try_fold(0, |slowest, at| Some(slowest.max(at?)));
        slowest.map(Duration::from_millis)
    }

    /// How many probes a node made after the server's return until it recovered: the mean.
    #[must_use]
    pub fn probes_a_node(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let mean = self.probes as f64 / self.calls.len().max(1) as f64;
        mean
    }

    /// How many calls a node made until it recovered, or until the end: the mean and the maximum.
    #[must_use]
    pub fn calls_a_node(&self) -> (f64, u32) {
        let all: u64 = self.calls.iter().map(|calls| u64::from(*calls)).sum();
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let mean = all as f64 / self.calls.len().max(1) as f64;
        (mean, self.calls.iter().copied().max().unwrap_or(0))
    }

    /// Calls per second of the run.
    #[must_use]
    pub fn each_second(&self) -> &[u32] {
        &self.each_second
    }
}
