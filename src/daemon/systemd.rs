//! Reports to the service manager (sd_notify(3)), if there is one.

use std::time::Duration;

use log::warn;
use node_core::time::Instant;
use sd_notify::NotifyState;

/// The program runs.
pub(super) fn ready() {
    tell(&NotifyState::Ready);
}

/// The program is ending.
pub(super) fn stopping() {
    tell(&NotifyState::Stopping);
}

/// Sets the line that `systemctl status` shows.
pub(super) fn status(words: &str) {
    tell(&NotifyState::Status(words));
}

fn tell(state: &NotifyState<'_>) {
    // Without a service manager there is nothing to report to, and one that fails is not ours to repair.
    let _ = sd_notify::notify(std::slice::from_ref(state));
}

/// The shortest time between two signs of life: a loop that gives them faster does nothing else.
const LEAST: Duration = Duration::from_millis(100);

/// The time between two signs of life in a watchdog's `period`, two of which fit in it; `None` where there is no
/// watchdog, which 0 means as well (sd_watchdog_enabled(3)).
fn interval(period: Duration) -> Option<Duration> {
    (!period.is_zero()).then(|| (period / 2).max(LEAST))
}

/// Feeds the watchdog, twice in each of its periods.
#[derive(Debug)]
pub(super) struct Heartbeat {
    every: Option<Duration>,
    due: Instant,
}

impl Heartbeat {
    /// At the interval the service manager asks for in `$WATCHDOG_USEC`; never if it does not.
    pub(super) fn from_environment(now: Instant) -> Self {
        let every = sd_notify::watchdog_enabled().and_then(interval);
        if every == Some(LEAST) {
            warn!(
                "the service manager wants signs of life faster than they are given, which is every 100 ms at most; \
                 set WatchdogSec= in the unit to some seconds"
            );
        }
        Self { every, due: now }
    }

    /// Feeds the watchdog if that is due; returns when it is due next. Only the run loop may call this: it proves
    /// that the loop still turns.
    pub(super) fn beat(&mut self, now: Instant) -> Option<Instant> {
        let every = self.every?;
        if self.due <= now {
            tell(&NotifyState::Watchdog);
            self.due = now + every;
        }
        Some(self.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watchdog_interval_is_half_a_period_but_has_a_floor() {
        for (period, expected) in [
            (Duration::ZERO, None),
            (Duration::from_micros(1), Some(LEAST)),
            (Duration::from_millis(100), Some(LEAST)),
            (Duration::from_secs(60), Some(Duration::from_secs(30))),
        ] {
            assert_eq!(interval(period), expected);
        }
    }
}
