//! How long a test waits, and how it keeps others from disturbing it.

use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

/// Long enough for a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `is_so` holds.
///
/// # Panics
/// If that takes longer than [`PATIENCE`].
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    // Short pauses first: most of what is waited for happens at once.
    let mut pause = Duration::from_millis(1);
    while !is_so() {
        assert!(Instant::now() < end, "this never happened: {what}");
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Keeps all other callers waiting while the guard lives. Tests of one binary run side by side; those that load
/// the whole machine and those that measure a rhythm must not meet.
pub fn undisturbed() -> MutexGuard<'static, ()> {
    static HEAVY: Mutex<()> = Mutex::new(());
    // A test that failed while it held the lock has left nothing behind.
    HEAVY.lock().unwrap_or_else(PoisonError::into_inner)
}
