//! Reports to the service manager (sd_notify(3)), if there is one.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use log::warn;
use node_core::time::Instant;

/// The program runs.
pub(super) fn ready() {
    tell("READY=1");
}

/// The program is ending.
pub(super) fn stopping() {
    tell("STOPPING=1");
}

/// Sets the line that `systemctl status` shows.
pub(super) fn status(words: &str) {
    tell(&format!("STATUS={words}"));
}

fn tell(state: &str) {
    if let Some(socket) = std::env::var_os("NOTIFY_SOCKET") {
        // A service manager that fails is not ours to repair.
        let _ = send(socket.as_bytes(), state);
    }
}

/// Sends `state` if the socket takes it at once: a service manager or journal that does not read must not stop the run
/// loop.
///
/// # Errors
/// When it does not.
pub(super) fn send(socket: &[u8], state: &str) -> io::Result<()> {
    let address = match socket.strip_prefix(b"@") {
        #[cfg(target_os = "linux")]
        Some(name) => <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)?,
        #[cfg(not(target_os = "linux"))]
        Some(_) => return Err(io::ErrorKind::Unsupported.into()),
        None => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(socket))?,
    };
    let sender = UnixDatagram::unbound()?;
    sender.set_nonblocking(true)?;
    sender.send_to_addr(state.as_bytes(), &address).map(drop)
}

/// The period of the watchdog that the service manager has set for this program (sd_watchdog_enabled(3)).
fn watchdog_period() -> Option<Duration> {
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    let of_another = number("WATCHDOG_PID").is_some_and(|pid| pid != u64::from(std::process::id()));
    number("WATCHDOG_USEC").filter(|_| !of_another).map(Duration::from_micros)
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
        let every = watchdog_period().and_then(interval);
        if every == Some(LEAST) {
            warn!(
                "the service manager wants signs of life faster than they are given, which is every 100 ms at most; \
                 set WatchdogSec= in the unit to some seconds"
            );
        }
        Self { every, due: now }
    }

    /// Feeds the watchdog if that is due, or soon will be: the loop is awake already. Returns when it is due next. Only the
    /// run loop may call this: it proves that the loop still turns.
    pub(super) fn beat(&mut self, now: Instant) -> Option<Instant> {
        let every = self.every?;
        if self.due <= now + every / 2 {
            tell("WATCHDOG=1");
            self.due = now + every;
        }
        Some(self.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_manager_that_does_not_read_holds_nothing_up() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).expect("bound");
        let send = || send(path.as_os_str().as_bytes(), "WATCHDOG=1");
        send().expect("sent");
        // Blocking, one of these would never return.
        let refused = (0..10_000).find_map(|_| send().err()).expect("the queue ends");
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        let mut state = [0; 20];
        let len = manager.recv(&mut state).expect("the first");
        assert_eq!(&state[..len], b"WATCHDOG=1");
    }

    #[test]
    fn watchdog_is_fed_early_by_a_loop_that_is_awake() {
        let at = Instant::from_millis;
        let mut heartbeat = Heartbeat { every: Some(Duration::from_secs(30)), due: at(0) };
        for (now, next) in
            [(0, 30_000), (14_999, 30_000), (15_000, 45_000), (29_999, 45_000), (45_000, 75_000)]
        {
            assert_eq!(heartbeat.beat(at(now)), Some(at(next)), "{now}");
        }
        assert_eq!(Heartbeat { every: None, due: at(0) }.beat(at(0)), None);
    }

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
