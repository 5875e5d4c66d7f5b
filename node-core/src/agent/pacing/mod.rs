//! When to try again: spread at random, so that nodes which fell over together do not come
//! back together (the service deadlocks from 15 calls at once, docs/wire/jarvis-auth.md, "Load").
//!
//! Who refuses a connection is away, and to look again soon costs it nothing: the node at home knows within a
//! second or so that it is back. Who lets a node wait for long and then tells it nothing is overwhelmed.
//! Whether a server is, can be had for a millisecond of its time: `GET /health` hangs exactly while its
//! threads are taken. So a node that waits for its turn probes, and all who wait learn of one deadlock that
//! they come too fast. What this does to fleets of every size stands in docs/fleet.md.

use core::time::Duration;

use crate::jitter::{Jitter, RETRY_CAP};
use crate::time::Instant;
use crate::trouble::TroubleKind;

mod rule;

pub use self::rule::{AWAY_RETRY, Backoff, FIRST_WINDOW, OVERWHELMED, PROMPT, QUIET};

/// The ceiling of the first retry's delay after most failures.
pub const FIRST_RETRY: Duration = Duration::from_secs(2);

/// A rule for when the server is asked again. The device's agent has one that is fixed when it is compiled; the
/// simulator gives the agent others to compare them.
pub trait Pacing {
    /// What to do after an attempt that told nothing of the node.
    fn after_failure(&mut self, failure: &Failure, jitter: &mut Jitter) -> Pause;

    /// What to do after a probe that was answered. A rule that never probes validates.
    fn after_probe(&mut self, probed: &Probed, jitter: &mut Jitter) -> Pause;

    /// What to do after a good verdict that took `took` to come; `regular` is what is configured.
    fn after_success(&mut self, took: Duration, regular: Duration, jitter: &mut Jitter) -> Pause;

    /// Somebody has changed something, perhaps the server: what was learnt of it counts no more.
    fn start_anew(&mut self);
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

/// The next step and the wait before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// How long to wait.
    pub wait: Duration,
    /// What to do then.
    pub then: Step,
}

impl Pause {
    /// Validate after this.
    #[must_use]
    pub const fn validate(wait: Duration) -> Self {
        Self { wait, then: Step::Validate }
    }

    /// Probe after this.
    #[must_use]
    pub const fn probe(wait: Duration) -> Self {
        Self { wait, then: Step::Probe }
    }
}

/// An attempt that told nothing of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What stood in the way.
    pub kind: TroubleKind,
    /// Whether it was only a probe.
    pub probed: bool,
    /// When it failed.
    pub at: Instant,
    /// How long the attempt took.
    pub took: Duration,
    /// How many there were in a row, this one included.
    pub in_a_row: u32,
    /// How long the server asks to be left alone.
    pub retry_after: Option<Duration>,
    /// The offline grace period: how long a good verdict counts without a new one.
    pub grace: Duration,
}

impl Failure {
    /// Nobody was there to be bothered.
    const fn is_of_nobody(&self) -> bool {
        matches!(self.kind, TroubleKind::NameUnknown | TroubleKind::Unreachable)
    }

    /// Somebody was, and could not cope.
    fn is_of_somebody_overwhelmed(&self) -> bool {
        let told_nothing = matches!(
            self.kind,
            TroubleKind::Stalled | TroubleKind::Busy | TroubleKind::Unserved | TroubleKind::ClosedEarly
        );
        told_nothing && self.took >= OVERWHELMED
    }
}

/// A probe that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probed {
    /// When.
    pub at: Instant,
    /// How long that took.
    pub took: Duration,
    /// The offline grace period: how long a good verdict counts without a new one.
    pub grace: Duration,
}

/// [`FIRST_RETRY`], doubled with each further failure up to [`RETRY_CAP`].
#[must_use]
pub fn exponential(failures: u32) -> Duration {
    FIRST_RETRY.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(RETRY_CAP)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn extremes(mut draw: impl FnMut() -> Duration) -> (Duration, Duration) {
        (0..10_000).fold((Duration::MAX, Duration::ZERO), |(low, high), _| {
            let d = draw();
            (low.min(d), high.max(d))
        })
    }

    #[test]
    fn retry_ceiling_doubles_up_to_the_cap_and_is_used_in_full() {
        let mut jitter = Jitter::new(1);
        for (failures, ceiling) in [(1, 2), (2, 4), (3, 8), (8, 256), (9, 300), (10, 300), (u32::MAX, 300)] {
            let (low, high) = extremes(|| jitter.retry(exponential(failures), None));
            assert!(high <= S(ceiling) && high > S(ceiling) * 99 / 100, "{failures}: {high:?}");
            assert!(low < S(ceiling) / 100, "{failures}: {low:?}");
        }
    }

    #[test]
    fn retry_after_is_honoured_up_to_the_cap_and_spread() {
        let mut jitter = Jitter::new(2);
        let (low, high) = extremes(|| jitter.retry(exponential(1), Some(S(60))));
        assert!(low >= S(60) && high > S(65) && high <= S(66), "{low:?} {high:?}");
        let (low, high) = extremes(|| jitter.retry(exponential(1), Some(S(1_000_000))));
        assert!(low >= S(300) && high <= S(330), "{low:?} {high:?}");
    }

    #[test]
    fn revalidation_is_spread_by_a_tenth_either_way() {
        let mut jitter = Jitter::new(3);
        let (low, high) = extremes(|| jitter.around(S(300)));
        assert!(low >= S(270) && low < S(271), "{low:?}");
        assert!(high <= S(330) && high > S(329), "{high:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn retry_comes_neither_after_its_cap_nor_too_early(
            seed: u64,
            failures: u32,
            asked in prop::option::of((0..=u64::MAX, 0..1_000_000_000_u32)),
        ) {
            let asked = asked.map(|(secs, nanos)| Duration::new(secs, nanos));
            let delay = Jitter::new(seed).retry(exponential(failures), asked);
            let most = RETRY_CAP + asked.map_or(Duration::ZERO, |_| RETRY_CAP / 10);
            prop_assert!(delay <= most, "{delay:?}");
            let least = asked.map_or(Duration::ZERO, |asked| asked.min(RETRY_CAP));
            prop_assert!(delay >= least, "{delay:?} of {asked:?}");
            // Two seconds, doubled with each failure, but reckoned without shifting bits.
            let ceiling = (1..failures.clamp(1, 20)).fold(2.0, |secs: f64, _| (secs * 2.0).min(300.0));
            let alone = Jitter::new(seed).retry(exponential(failures), None).as_secs_f64();
            prop_assert!(alone <= ceiling, "{alone} of {ceiling}");
        }

        #[test]
        fn retries_are_spread_evenly_and_differ_between_nodes(seed: u64, failures: u32, other: u64) {
            let ceiling = FIRST_RETRY.saturating_mul(1 << failures.clamp(1, 10).saturating_sub(1)).min(RETRY_CAP);
            let mut jitter = Jitter::new(seed);
            let mut quarters = [0; 4];
            for _ in 0..200 {
                let delay = jitter.retry(exponential(failures), None);
                quarters[(delay.as_millis() * 4 / (ceiling.as_millis() + 1)) as usize] += 1;
            }
            // 50 of each are to be expected; one case in 10^9 is outside of this by chance.
            prop_assert!(quarters.iter().all(|n| (12..=95).contains(n)), "{quarters:?}");
            let delays = |seed| {
                let mut jitter = Jitter::new(seed);
                [0; 8].map(|_| jitter.retry(exponential(8), Some(RETRY_CAP)))
            };
            prop_assert!(seed == other || delays(seed) != delays(other));
        }

        #[test]
        fn spread_delay_stays_within_a_tenth(seed: u64, mean in 0..31_536_000_000_u64) {
            let mean = Duration::from_millis(mean);
            let spread = Jitter::new(seed).around(mean);
            prop_assert!(spread >= mean - mean / 10 && spread <= mean + mean / 10, "{spread:?} of {mean:?}");
        }
    }

    #[test]
    fn seed_repeats_its_delays() {
        let draw = |seed| {
            let mut jitter = Jitter::new(seed);
            [0; 4].map(|_| jitter.up_to(S(1000)))
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }
}
