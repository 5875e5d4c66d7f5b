//! The time as told by a server, continued by the monotonic clock. The system clock is neither read nor set.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use node_core::time::{Instant, UnixTime};
use rustls::pki_types;
use rustls::time_provider::TimeProvider;

use crate::system::clock;

/// A time that a server told, and when it told it, by a clock that never steps.
#[derive(Debug)]
pub(super) struct TrustedTime {
    clock: fn() -> Instant,
    told: Mutex<Option<(UnixTime, Instant)>>,
}

impl TrustedTime {
    /// The time is unknown at first. `clock` measures what has passed since it is set.
    pub(super) const fn new(clock: fn() -> Instant) -> Self {
        Self { clock, told: Mutex::new(None) }
    }

    /// Sets the current time.
    pub(super) fn set(&self, time: UnixTime) {
        // No code panics while this is locked, so the value is always consistent.
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some((time, (self.clock)()));
    }

    /// The current time, if it was set.
    pub(super) fn now(&self) -> Option<UnixTime> {
        let (time, at) = (*self.told.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some(UnixTime(time.0.saturating_add((self.clock)().since(at).as_secs())))
    }
}

impl TimeProvider for TrustedTime {
    fn current_time(&self) -> Option<pki_types::UnixTime> {
        self.now().map(for_rustls)
    }
}

/// The build time of this program: where a time exchange starts to look for a moment at which a chain is
/// valid.
#[derive(Debug)]
pub(super) struct BuildTime;

impl TimeProvider for BuildTime {
    fn current_time(&self) -> Option<pki_types::UnixTime> {
        Some(for_rustls(clock::build_time()))
    }
}

const fn for_rustls(time: UnixTime) -> pki_types::UnixTime {
    pki_types::UnixTime::since_unix_epoch(Duration::from_secs(time.0))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn trusted_time_follows_the_monotonic_clock_once_set() {
        static UPTIME: AtomicU64 = AtomicU64::new(5_000);
        let time = TrustedTime::new(|| Instant::from_millis(UPTIME.load(Ordering::Relaxed)));
        let runs_for = |ms| UPTIME.fetch_add(ms, Ordering::Relaxed);
        assert_eq!(time.current_time(), None);
        runs_for(60_000);
        time.set(UnixTime(1_900_000_000));
        assert_eq!(time.now(), Some(UnixTime(1_900_000_000)));
        runs_for(999);
        assert_eq!(time.now(), Some(UnixTime(1_900_000_000)));
        runs_for(1);
        assert_eq!(time.now(), Some(UnixTime(1_900_000_001)));
        runs_for(86_400_000 * 365);
        assert_eq!(time.now(), Some(UnixTime(1_900_000_001 + 86_400 * 365)));
        assert_eq!(time.current_time().map(|t| t.as_secs()), Some(1_900_000_001 + 86_400 * 365));
        // A later answer may set it back.
        time.set(UnixTime(1_800_000_000));
        runs_for(2_000);
        assert_eq!(time.now(), Some(UnixTime(1_800_000_002)));
    }

    #[test]
    fn trusted_time_at_its_maximum_does_not_overflow() {
        static UPTIME: AtomicU64 = AtomicU64::new(0);
        let time = TrustedTime::new(|| Instant::from_millis(UPTIME.fetch_add(5_000, Ordering::Relaxed)));
        time.set(UnixTime(u64::MAX));
        assert_eq!(time.now(), Some(UnixTime(u64::MAX)));
    }

    #[test]
    fn trusted_time_runs_on_the_boot_clock() {
        let time = TrustedTime::new(clock::instant);
        time.set(UnixTime(4_000_000_000));
        let now = time.now().expect("told");
        assert!((4_000_000_000..4_000_000_060).contains(&now.0), "{now:?}");
    }
}
