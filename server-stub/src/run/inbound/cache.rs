//! How long keys are believed, and when they are fetched again. It is told what time it is, by a clock
//! that nobody sets.

use core::time::Duration;
use std::time::Instant;

use crate::jwt::{KeySet, PublicKey};

/// How long a set of keys is believed.
const LIFE: Duration = Duration::from_secs(300);
/// How long after a fetch for an unknown kid there is no other.
const COOL_DOWN: Duration = Duration::from_secs(30);

/// The keys as they were last fetched.
#[derive(Default)]
pub(super) struct KeyCache {
    held: Option<(KeySet, Instant)>,
    /// When an unknown kid last had them fetched again.
    asked_again: Option<Instant>,
}

/// What is known of a kid.
#[derive(Debug, PartialEq)]
pub(super) enum Look {
    Found(PublicKey),
    /// Only a fetch can tell.
    Fetch,
    Unknown,
}

impl KeyCache {
    pub(super) fn look(&self, kid: &str, now: Instant) -> Look {
        let Some(keys) = self.fresh(now) else { return Look::Fetch };
        match keys.find(kid) {
            Some(key) => Look::Found(key.clone()),
            None if self.asked_again.is_some_and(|then| now.duration_since(then) < COOL_DOWN) => {
                Look::Unknown
            }
            None => Look::Fetch,
        }
    }

    /// A fetch begins that [`KeyCache::look`] asked for.
    pub(super) fn fetching(&mut self, now: Instant) {
        if self.fresh(now).is_some() {
            self.asked_again = Some(now);
        }
    }

    /// The keys have been fetched.
    pub(super) fn fetched(&mut self, keys: KeySet, now: Instant) {
        self.held = Some((keys, now));
    }

    fn fresh(&self, now: Instant) -> Option<&KeySet> {
        let (keys, since) = self.held.as_ref()?;
        (now.duration_since(*since) < LIFE).then_some(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::{Algorithm, SigningKey};

    fn key(kid: &str) -> PublicKey {
        SigningKey::new(Algorithm::EdDsa).expect("a key").named(kid).public().clone()
    }

    fn set(keys: &[&PublicKey]) -> KeySet {
        keys.iter().map(|&key| key.clone()).collect::<Vec<_>>().into()
    }

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn keys_are_believed_for_three_hundred_seconds() {
        let (mut cache, start, a) = (KeyCache::default(), Instant::now(), key("a"));
        assert_eq!(cache.look("a", start), Look::Fetch);
        cache.fetching(start);
        cache.fetched(set(&[&a]), start);
        assert_eq!(cache.look("a", after(start, 299)), Look::Found(a));
        assert_eq!(cache.look("a", after(start, 300)), Look::Fetch);
    }

    #[test]
    fn unknown_kid_fetches_keys_at_most_every_30_seconds() {
        let (mut cache, start, a, b) = (KeyCache::default(), Instant::now(), key("a"), key("b"));
        cache.fetching(start);
        cache.fetched(set(&[&a]), start);
        // A key that is new since then is found at once,
        assert_eq!(cache.look("b", after(start, 1)), Look::Fetch);
        cache.fetching(after(start, 1));
        cache.fetched(set(&[&a, &b]), after(start, 1));
        assert_eq!(cache.look("b", after(start, 1)), Look::Found(b));
        // and who makes kids up is not served again so soon, while others are.
        assert_eq!(cache.look("c", after(start, 30)), Look::Unknown);
        assert_eq!(cache.look("a", after(start, 30)), Look::Found(a));
        assert_eq!(cache.look("c", after(start, 31)), Look::Fetch);
    }

    #[test]
    fn the_cool_down_begins_with_the_fetch_even_if_that_fails() {
        let (mut cache, start, a) = (KeyCache::default(), Instant::now(), key("a"));
        cache.fetching(start);
        cache.fetched(set(&[&a]), start);
        cache.fetching(after(start, 100));
        assert_eq!(cache.look("c", after(start, 129)), Look::Unknown);
        assert_eq!(cache.look("c", after(start, 130)), Look::Fetch);
        // It does not keep keys that are too old from being fetched.
        cache.fetching(after(start, 290));
        assert_eq!(cache.look("a", after(start, 300)), Look::Fetch);
    }
}
