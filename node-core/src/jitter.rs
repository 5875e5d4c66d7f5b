//! Random delays that spread calls over time.

use core::time::Duration;

use crate::time::millis;

/// The longest wait before a retry, and the longest `Retry-After` that is honoured.
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

    /// A random time up to `ceiling`, but not before `retry_after`, of which at most [`RETRY_CAP`] is honoured. The
    /// server may ask all nodes for the same delay, so that is spread by up to a tenth.
    pub fn retry(&mut self, ceiling: Duration, retry_after: Option<Duration>) -> Duration {
        let delay = self.up_to(ceiling);
        match retry_after.map(|asked| asked.min(RETRY_CAP)) {
            Some(asked) => delay.max(asked + self.up_to(asked / 10)),
            None => delay,
        }
    }
}
