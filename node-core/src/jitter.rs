//! Random delays that spread calls over time.

use core::time::Duration;

use crate::time::millis;

/// The longest wait before a retry in a small home, and the longest `Retry-After` that is honoured.
pub const RETRY_CAP: Duration = Duration::from_secs(300);

/// Random numbers for spreading calls over time; not for secrets. SplitMix64 (Steele, Lea and
/// Flood, 2014): kept here because recorded transcripts depend on its numbers.
#[derive(Clone, Debug)]
pub struct Jitter(u64);

impl Jitter {
    /// A generator that gives the same delays for the same seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A duration from zero to `limit`, both included, to the millisecond.
    pub fn up_to(&mut self, limit: Duration) -> Duration {
        // The modulo's bias is below one in 10^9 for limits under a century.
        Duration::from_millis(self.next() % millis(limit).saturating_add(1))
    }

    /// `mean`, give or take up to a tenth.
    pub fn around(&mut self, mean: Duration) -> Duration {
        let tenth = mean / 10;
        mean - tenth + self.up_to(tenth * 2)
    }

    /// A random time up to `ceiling`, but not before `retry_after`, as [`Self::not_before`] has it.
    pub fn retry(&mut self, ceiling: Duration, retry_after: Option<Duration>) -> Duration {
        let delay = self.up_to(ceiling);
        self.not_before(delay, retry_after)
    }

    /// `delay`, but not before `retry_after`, of which at most [`RETRY_CAP`] is honoured. The server may ask all nodes for
    /// the same delay, so that is spread by up to a tenth.
    pub fn not_before(&mut self, delay: Duration, retry_after: Option<Duration>) -> Duration {
        match retry_after.map(|asked| asked.min(RETRY_CAP)) {
            Some(asked) => delay.max(asked + self.up_to(asked / 10)),
            None => delay,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::agent::exponential;

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
            let ceiling = S(2).saturating_mul(1 << failures.clamp(1, 10).saturating_sub(1)).min(RETRY_CAP);
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
