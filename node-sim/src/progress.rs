//! A progress bar on standard error, for work that takes long.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::time::Instant;

/// Work that is done sooner needs no bar.
const DELAY: Duration = Duration::from_secs(2);
const REDRAW: Duration = Duration::from_millis(100);
const WIDTH: usize = 40;

/// Counts steps of work, which may be done by several threads. Without a terminal nothing is drawn.
#[derive(Debug)]
pub(crate) struct Progress {
    total: u64,
    done: AtomicU64,
    /// When to draw the next time; `None` for never.
    next: Mutex<Option<Instant>>,
}

impl Progress {
    /// A bar for this many steps.
    #[must_use]
    pub(crate) fn new(total: u64) -> Self {
        let next = io::stderr().is_terminal().then(|| Instant::now() + DELAY);
        Self { total, done: AtomicU64::new(0), next: Mutex::new(next) }
    }

    /// Counts without drawing anything.
    #[must_use]
    pub(crate) const fn hidden() -> Self {
        Self { total: 0, done: AtomicU64::new(0), next: Mutex::new(None) }
    }

    /// Records that `steps` more are done.
    pub(crate) fn add(&self, steps: u64) {
        let done = self.done.fetch_add(steps, Ordering::Relaxed) + steps;
        // Another thread that draws at this moment draws almost the same.
        let Ok(mut next) = self.next.try_lock() else { return };
        if next.is_some_and(|next| Instant::now() >= next) {
            *next = Some(Instant::now() + REDRAW);
            write(&format!("\r\x1b[2K{}", bar(done, self.total)));
        }
    }

    /// Removes the bar from its line until the next redraw, so that something else can be written.
    pub(crate) fn clear(&self) {
        if let Ok(next) = self.next.lock()
            && next.is_some()
        {
            write("\r\x1b[2K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn bar(done: u64, total: u64) -> String {
    let percent = (done * 100).checked_div(total).unwrap_or(0).min(100);
    let filled = usize::try_from(percent).unwrap_or(0) * WIDTH / 100;
    format!("[{:<WIDTH$}] {percent:3} %", "#".repeat(filled))
}

fn write(text: &str) {
    let mut out = io::stderr().lock();
    // Without standard error there is nobody to show a bar to.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bar_fills_with_the_share_that_is_done() {
        assert_eq!(bar(0, 4), format!("[{}]   0 %", " ".repeat(WIDTH)));
        assert_eq!(bar(2, 4), format!("[{}{}]  50 %", "#".repeat(WIDTH / 2), " ".repeat(WIDTH / 2)));
        assert_eq!(bar(5, 4), format!("[{}] 100 %", "#".repeat(WIDTH)));
    }
}
