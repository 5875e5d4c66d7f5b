//! The retry rule: when the server is asked again after an attempt that told nothing of the node. docs/retry.md explains
//! it, with what it does to a home and to the service.
//!
//! - *Away*: nobody is there, or a proxy or the service says that it cannot serve. The server is probed, `GET /health`,
//!   which costs it next to nothing. Once a probe is answered, the nodes call within the spread of the server's return.
//! - *Hung*: somebody took the call, and did not answer in time. The server is probed after ever longer random times.
//! - *Refused*: anything else. The server is called after random times up to a minute.

use core::time::Duration;

use crate::jitter::{Jitter, RETRY_CAP};
use crate::time::Instant;
use crate::trouble::TroubleKind;

/// How long a probe waits for its answer. A call that fails after this or later has hung.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(10);
/// Within this the server is probed after the first hang; twice as long after each further one, up to [`RETRY_CAP`].
pub const HUNG_RETRY: Duration = Duration::from_secs(30);
/// ...or within so many times the spread: a service that hangs is far slower than one that answers.
const HUNG_SPREADS: u32 = 7;
/// The longest wait after a refusal that names no other.
pub const REFUSED_RETRY: Duration = Duration::from_secs(60);
/// One attempt in so many is a call even if no probe was answered: perhaps only `/health` is not served.
const PROBES_A_CALL: u32 = 60;
/// ...and in the first minute one in so many, which is about its end.
const FIRST_PROBES_A_CALL: u32 = 15;
/// How long a server that is away is looked for soon again.
const FIRST_MINUTE: Duration = Duration::from_secs(60);
/// Between these is the time from one probe to the next in the first minute.
const FIRST_INTERVAL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(4));
/// The ceiling of the first wait of [`exponential`].
const FIRST_RETRY: Duration = Duration::from_secs(2);

/// The least time between two probes of a server that has been away for `lasted`; a tenth may come on top. At first it is
/// most of the spread, since a call that may come so late needs no earlier probe.
#[must_use]
pub fn probe_interval(lasted: Duration, spread: Duration) -> Duration {
    let (least, most) = FIRST_INTERVAL;
    if lasted < FIRST_MINUTE {
        return spread.clamp(least, most) * 4 / 5;
    }
    Duration::from_secs(if lasted.as_secs() < 3600 { 5 } else { 30 })
}

/// Two seconds, doubled with each further failure up to [`RETRY_CAP`].
#[must_use]
pub fn exponential(failures: u32) -> Duration {
    FIRST_RETRY.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(RETRY_CAP)
}

/// How the server is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Step {
    /// Ask it about the node.
    #[default]
    Validate,
    /// Ask it only whether it answers.
    Probe,
}

/// An attempt that told nothing of the node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure {
    pub(super) kind: TroubleKind,
    pub(super) step: Step,
    pub(super) at: Instant,
    pub(super) took: Duration,
    pub(super) retry_after: Option<Duration>,
    /// Within this time the nodes of a home call a server that is back.
    pub(super) spread: Duration,
}

impl Failure {
    fn has_hung(&self) -> bool {
        self.kind == TroubleKind::Stalled
            || self.took >= PROBE_TIMEOUT && self.kind.is_away() && !self.kind.is_no_answer()
    }
}

/// What counts since the last verdict.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Retry {
    away_since: Option<Instant>,
    failed_at: Option<Instant>,
    hangs: u32,
    refusals: u32,
    /// Probes in a row that were not answered.
    probes: u32,
}

impl Retry {
    /// The next step after a failure, and the wait before it.
    pub(super) fn after_failure(&mut self, failure: &Failure, jitter: &mut Jitter) -> (Step, Duration) {
        let &Failure { kind, step, at, retry_after, spread, .. } = failure;
        self.failed_at = Some(at);
        self.probes = if step == Step::Probe { self.probes.saturating_add(1) } else { 0 };
        let lasts = self.away_since.map(|since| at.since(since));
        let is_new = lasts.is_some_and(|lasts| lasts < FIRST_MINUTE);
        let most = if is_new { FIRST_PROBES_A_CALL } else { PROBES_A_CALL };
        let look = if self.probes < most { Step::Probe } else { Step::Validate };
        let (step, delay) = if failure.has_hung() {
            let first = HUNG_RETRY.max(spread * HUNG_SPREADS);
            let ceiling = first.saturating_mul(1 << self.hangs.min(16)).min(RETRY_CAP.max(first));
            self.hangs = self.hangs.saturating_add(1);
            (look, jitter.up_to(ceiling))
        } else if !kind.is_away() {
            self.refusals = self.refusals.saturating_add(1);
            (Step::Validate, jitter.up_to(exponential(self.refusals).min(REFUSED_RETRY)))
        } else if let Some(lasts) = lasts {
            let interval = probe_interval(lasts, spread);
            (look, interval + jitter.up_to(interval / 10))
        } else {
            self.away_since = Some(at);
            (look, jitter.up_to(probe_interval(Duration::ZERO, spread)))
        };
        (step, jitter.not_before(delay, retry_after))
    }

    /// How long to wait before the call after a probe that was answered. The server has returned since the last failure, at
    /// another moment of it for each node: so much of the spread has passed. Probes that are as far apart as the spread
    /// have spread the nodes already.
    pub(super) fn after_probe(&self, at: Instant, spread: Duration, jitter: &mut Jitter) -> Duration {
        let (_, most) = FIRST_INTERVAL;
        let passed = self.failed_at.map_or(Duration::ZERO, |failed| at.since(failed));
        if spread <= most { Duration::ZERO } else { jitter.up_to(spread.saturating_sub(passed)) }
    }
}
