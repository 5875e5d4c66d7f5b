//! The cache of the issuer's keys, and the rules for fetching them again. The time is an argument, from a
//! monotonic clock.

use core::time::Duration;
use std::time::Instant;

use crate::jwt::{KeySet, PublicKey};

/// The last fetched keys.
pub(super) struct KeyCache {
    /// The lifetime of a set of keys.
    life: Duration,
    /// The shortest time between two fetches for unknown kids.
    cool_down: Duration,
    held: Option<(KeySet, Instant)>,
    /// The time of the last fetch for an unknown kid.
    asked_again: Option<Instant>,
}

/// The result of looking up a kid.
#[derive(Debug, PartialEq)]
pub(super) enum Look {
    Found(PublicKey),
    /// The keys must be fetched.
    Fetch,
    Unknown,
}

impl KeyCache {
    pub(super) const fn new(life: Duration, cool_down: Duration) -> Self {
        Self { life, cool_down, held: None, asked_again: None }
    }

    pub(super) fn look(&self, kid: &str, now: Instant) -> Look {
        let Some(keys) = self.fresh(now) else { return Look::Fetch };
        match keys.find(kid) {
            Some(key) => Look::Found(key.clone()),
            None if self.asked_again.is_some_and(|then| now.duration_since(then) < self.cool_down) => {
                Look::Unknown
            }
            None => Look::Fetch,
        }
    }

    /// Records the beginning of a fetch that [`KeyCache::look`] asked for.
    pub(super) fn fetching(&mut self, now: Instant) {
        if self.fresh(now).is_some() {
            self.asked_again = Some(now);
        }
    }

    /// Stores fetched keys.
    pub(super) fn fetched(&mut self, keys: KeySet, now: Instant) {
        self.held = Some((keys, now));
    }

    fn fresh(&self, now: Instant) -> Option<&KeySet> {
        let (keys, since) = self.held.as_ref()?;
        (now.duration_since(*since) < self.life).then_some(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::{Algorithm, SigningKey};
    use crate::run::inbound::Profile;

    fn key(kid: &str) -> PublicKey {
        SigningKey::new(Algorithm::EdDsa).expect("a key").named(kid).public().clone()
    }

    fn arp() -> KeyCache {
        KeyCache::new(Profile::Arp.key_life(), Profile::Arp.cool_down())
    }

    fn set(keys: &[&PublicKey]) -> KeySet {
        keys.iter().map(|&key| key.clone()).collect::<Vec<_>>().into()
    }

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn keys_are_believed_for_three_hundred_seconds() {
        let (mut cache, start, a) = (arp(), Instant::now(), key("a"));
        assert_eq!(cache.look("a", start), Look::Fetch);
        cache.fetching(start);
        cache.fetched(set(&[&a]), start);
        assert_eq!(cache.look("a", after(start, 299)), Look::Found(a));
        assert_eq!(cache.look("a", after(start, 300)), Look::Fetch);
    }

    #[test]
    fn unknown_kid_fetches_keys_at_most_every_30_seconds() {
        let (mut cache, start, a, b) = (arp(), Instant::now(), key("a"), key("b"));
        cache.fetching(start);
        cache.fetched(set(&[&a]), start);
        // A new key is found at once,
        assert_eq!(cache.look("b", after(start, 1)), Look::Fetch);
        cache.fetching(after(start, 1));
        cache.fetched(set(&[&a, &b]), after(start, 1));
        assert_eq!(cache.look("b", after(start, 1)), Look::Found(b));
        // and made-up kids cause no further fetch, while known ones are found.
        assert_eq!(cache.look("c", after(start, 30)), Look::Unknown);
        assert_eq!(cache.look("a", after(start, 30)), Look::Found(a));
        assert_eq!(cache.look("c", after(start, 31)), Look::Fetch);
    }

    #[test]
    fn the_cool_down_begins_with_the_fetch_even_if_that_fails() {
        let (mut cache, start, a) = (arp(), Instant::now(), key("a"));
        cache.fetching(start);
        cache.fetched(set(&[&a]), start);
        cache.fetching(after(start, 100));
        assert_eq!(cache.look("c", after(start, 129)), Look::Unknown);
        assert_eq!(cache.look("c", after(start, 130)), Look::Fetch);
        // The cool-down does not apply to expired keys.
        cache.fetching(after(start, 290));
        assert_eq!(cache.look("a", after(start, 300)), Look::Fetch);
    }

    #[test]
    fn smartem_keeps_keys_longer_and_fetches_for_each_unknown_kid() {
        let smartem = Profile::SmartEm;
        let (mut cache, start) = (KeyCache::new(smartem.key_life(), smartem.cool_down()), Instant::now());
        let a = key("a");
        cache.fetched(set(&[&a]), start);
        for _ in 0..2 {
            assert_eq!(cache.look("b", after(start, 1)), Look::Fetch);
            cache.fetching(after(start, 1));
        }
        assert_eq!(cache.look("a", after(start, 599)), Look::Found(a));
        assert_eq!(cache.look("a", after(start, 600)), Look::Fetch);
    }
}
