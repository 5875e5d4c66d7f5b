//! Time as values that are passed in: this crate never reads a clock.

use core::ops::Add;
use core::time::Duration;

/// A moment since the board was started, in milliseconds, suspended time included
/// (`CLOCK_BOOTTIME`; in the simulator, virtual time). Never steps, unlike [`UnixTime`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The moment `ms` milliseconds after the board was started.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the board was started.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to this moment; zero if this is not later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates: a deadline that far away is never reached anyway.
    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(millis(by)))
    }
}

/// `d` in whole milliseconds, saturating.
#[must_use]
pub const fn millis(d: Duration) -> u64 {
    d.as_secs().saturating_mul(1000).saturating_add(d.subsec_millis() as u64)
}

/// Wall-clock time in seconds since 1970-01-01T00:00:00Z. On a board without a clock battery
/// this starts at 0 and is stepped once the network has told the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub u64);

/// Both clocks, read together at the moment something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The clock for all timers.
    pub instant: Instant,
    /// The clock for certificates.
    pub wall: UnixTime,
}
