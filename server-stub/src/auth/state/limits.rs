//! Limits against guessing, for login, register and refresh only.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::{HashMap, VecDeque};
use std::time::Instant;

/// The requests that an address may send in [`MINUTE`].
const REQUESTS: usize = 30;
const MINUTE: Duration = Duration::from_secs(60);
/// After this many failed logins an address is locked out of an account until they are [`LOCKOUT`] old.
const FAILURES: usize = 8;
const LOCKOUT: Duration = Duration::from_secs(900);

/// Sliding windows: of requests per address, and of failed logins per account and address (*documented*: the
/// second window is per account and address, so that nobody can lock others out).
#[derive(Default)]
pub(super) struct Limits {
    requests: HashMap<IpAddr, VecDeque<Instant>>,
    failures: HashMap<(String, IpAddr), VecDeque<Instant>>,
}

impl Limits {
    /// Counts a request and returns whether it is admitted. A refused request is not counted.
    pub(crate) fn admits(&mut self, peer: IpAddr, now: Instant) -> bool {
        let window = self.requests.entry(peer).or_default();
        forget(window, MINUTE, now);
        let admitted = window.len() < REQUESTS;
        if admitted {
            window.push_back(now);
        }
        admitted
    }

    /// Whether `peer` has failed too often to log in as `email`.
    pub(crate) fn locked(&mut self, email: &str, peer: IpAddr, now: Instant) -> bool {
        self.failures.get_mut(&account(email, peer)).is_some_and(|window| {
            forget(window, LOCKOUT, now);
            window.len() >= FAILURES
        })
    }

    /// Counts a failed login.
    pub(crate) fn failed(&mut self, email: &str, peer: IpAddr, now: Instant) {
        self.failures.entry(account(email, peer)).or_default().push_back(now);
    }

    /// A successful login clears the failed ones.
    pub(crate) fn succeeded(&mut self, email: &str, peer: IpAddr) {
        self.failures.remove(&account(email, peer));
    }
}

fn account(email: &str, peer: IpAddr) -> (String, IpAddr) {
    (email.to_lowercase(), peer)
}

fn forget(window: &mut VecDeque<Instant>, age: Duration, now: Instant) {
    while window.front().is_some_and(|&at| now.saturating_duration_since(at) >= age) {
        window.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(core::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V6(core::net::Ipv6Addr::LOCALHOST);

    #[test]
    fn thirty_a_minute_and_address() {
        let (mut limits, now) = (Limits::default(), Instant::now());
        assert!((0..30).all(|_| limits.admits(HERE, now)));
        assert!(!limits.admits(HERE, now));
        assert!(!limits.admits(HERE, now + Duration::from_secs(59)));
        assert!(limits.admits(THERE, now));
        assert!(limits.admits(HERE, now + Duration::from_secs(60)));
    }

    #[test]
    fn eight_failures_lock_an_account_for_an_address() {
        let (mut limits, now) = (Limits::default(), Instant::now());
        (0..8).for_each(|n| {
            assert!(!limits.locked("a@example.com", HERE, now), "after {n}");
            limits.failed("a@example.com", HERE, now);
        });
        assert!(limits.locked("A@Example.com", HERE, now));
        assert!(!limits.locked("a@example.com", THERE, now));
        assert!(!limits.locked("b@example.com", HERE, now));
        assert!(limits.locked("a@example.com", HERE, now + Duration::from_secs(899)));
        assert!(!limits.locked("a@example.com", HERE, now + Duration::from_secs(900)));
    }

    #[test]
    fn success_forgives() {
        let (mut limits, now) = (Limits::default(), Instant::now());
        (0..8).for_each(|_| limits.failed("a@example.com", HERE, now));
        limits.succeeded("a@example.com", HERE);
        assert!(!limits.locked("a@example.com", HERE, now));
    }
}
