//! What the service manager is told (sd_notify(3)); nothing, where there is none.

use std::time::Duration;

use node_core::time::Instant;
use sd_notify::NotifyState;

/// The program runs.
pub fn ready() {
    tell(&NotifyState::Ready);
}

/// The program is ending.
pub fn stopping() {
    tell(&NotifyState::Stopping);
}

/// What `systemctl status` shows.
pub fn status(words: &str) {
    tell(&NotifyState::Status(words));
}

fn tell(state: &NotifyState<'_>) {
    // Nobody to tell is no failure, and a manager that cannot be reached is not ours to mend.
    let _ = sd_notify::notify(std::slice::from_ref(state));
}

/// Feeds the watchdog, twice in each of its periods.
#[derive(Debug)]
pub struct Heartbeat {
    every: Option<Duration>,
    due: Instant,
}

impl Heartbeat {
    /// As the service manager asked for in `$WATCHDOG_USEC`; never, if it did not.
    #[must_use]
    pub fn from_environment(now: Instant) -> Self {
        Self { every: sd_notify::watchdog_enabled().map(|period| period / 2), due: now }
    }

    /// Beats if it is time to; returns when it next is. To be called only by a loop that turns.
    pub fn beat(&mut self, now: Instant) -> Option<Instant> {
        let every = self.every?;
        if self.due <= now {
            tell(&NotifyState::Watchdog);
            self.due = now + every;
        }
        Some(self.due)
    }
}
