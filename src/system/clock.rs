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

/// `YYYY-MM-DDThh:mm:ssZ` (RFC 3339).
#[must_use]
pub fn rfc3339(UnixTime(secs): UnixTime) -> String {
    let (hour, minute, second) = (secs / 3600 % 24, secs / 60 % 60, secs % 60);
    let (mut year, mut day) = (1970, secs / 86_400);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    // 400 years have 146,097 days: all full cycles in one step.
    year += day / 146_097 * 400;
    day %= 146_097;
    while day >= 365 + u64::from(leap(year)) {
        day -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", day + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_written_as_in_rfc_3339() {
        for (secs, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_348_800, "2026-11-22T12:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (1_798_761_600, "2027-01-01T00:00:00Z"),
            // Not a leap year, and past what 32 bits can count.
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (13_569_465_600, "2400-01-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(UnixTime(secs)), text);
        }
    }
}
