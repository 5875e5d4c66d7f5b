//! Reports to the service manager (sd_notify(3)), if there is one.

use std::time::Duration;

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

/// Feeds the watchdog, twice in each of its periods.
#[derive(Debug)]
pub(super) struct Heartbeat {
    every: Option<Duration>,
    due: Instant,
}

impl Heartbeat {
    /// At the interval the service manager asks for in `$WATCHDOG_USEC`; never if it does not.
    pub(super) fn from_environment(now: Instant) -> Self {
        Self { every: sd_notify::watchdog_enabled().map(|period| period / 2), due: now }
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
