//! The real clocks.

use node_core::time::{Instant, Now, UnixTime};
use rustix::time::{ClockId, clock_gettime};

/// Counts suspended time too, and starts at zero at every boot.
#[cfg(target_os = "linux")]
const SINCE_BOOT: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const SINCE_BOOT: ClockId = ClockId::Monotonic;

/// Reads both clocks.
#[must_use]
pub fn now() -> Now {
    let wall = clock_gettime(ClockId::Realtime);
    Now { instant: instant(), wall: UnixTime(u64::try_from(wall.tv_sec).unwrap_or_default()) }
}

/// Time since the board was started.
#[must_use]
pub fn instant() -> Instant {
    let t = clock_gettime(SINCE_BOOT);
    let secs = u64::try_from(t.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(t.tv_nsec).unwrap_or_default();
    Instant::from_millis(secs * 1000 + nanos / 1_000_000)
}

/// When this program was built. A clock that shows an earlier time is not set: the board has no battery for it and
/// starts at 1970.
#[must_use]
pub fn build_time() -> UnixTime {
    // Cannot fail: build.rs writes nothing but digits.
    UnixTime(env!("JARVIS_NODE_BUILD_TIME").parse().unwrap_or_default())
}
