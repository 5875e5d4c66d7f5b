use std::collections::{BTreeMap, BTreeSet};

use node_core::jitter::RETRY_CAP;
use node_core::service::Service;
use node_core::text::Text;
use node_core::trouble::{Trouble, TroubleKind};
use proptest::prelude::*;

use super::*;
use crate::sts::error::Grant;
use crate::sts::{SubjectToken, test_token as token};

mod failures;
mod properties;
mod room;

const S: fn(u64) -> Duration = Duration::from_secs;
const GRANT: Grant = Grant::ClientCredentials;

fn at(secs: u64) -> Instant {
    Instant::from_millis(secs * 1000)
}

fn plain(audience: &str) -> Wanted {
    Wanted { audience: audience.into(), scope: None, subject: None }
}

fn exchange(audience: &str, subject: &str) -> Wanted {
    Wanted { subject: Some(SubjectToken::parse(subject).expect("a subject")), ..plain(audience) }
}

fn away() -> TokenError {
    TokenError::Unanswered {
        grant: GRANT,
        trouble: Service::STS.trouble(TroubleKind::Unreachable, format_args!("x")),
    }
}

fn failed(status: u16, retry_after: Option<Duration>) -> TokenError {
    TokenError::troubled(GRANT, status, retry_after)
}

fn refused(status: u16, error: &str) -> TokenError {
    let error = Text::from(error);
    let description = Text::new();
    TokenError::Refused { grant: GRANT, status, error, description, retry_after: None, undated: false }
}

/// Fetches `wanted` at `now` for one caller. The token lives for `life`.
fn with(cache: &mut TokenCache<u32>, wanted: &Wanted, serial: u64, life: Duration, now: Instant) {
    assert_eq!(cache.ask(wanted, 0, now), Asked::Waiting);
    fetch(cache, wanted, Ok(token(serial, now, life)), now);
}

fn fetch(
    cache: &mut TokenCache<u32>,
    wanted: &Wanted,
    result: Result<AccessToken, TokenError>,
    now: Instant,
) -> Vec<(u32, Asked)> {
    assert_eq!(cache.next_request(now).as_ref(), Some(wanted));
    cache.fetched(wanted, result, now)
}

fn fingerprint(asked: &Asked) -> &str {
    let Asked::Held(token) = asked else { panic!("no token: {asked:?}") };
    token.fingerprint()
}

fn retry_in(asked: &Asked) -> Option<Duration> {
    let Asked::Failed { retry_in, .. } = asked else { panic!("no failure: {asked:?}") };
    *retry_in
}

#[test]
fn concurrent_callers_share_one_request() {
    let (mut cache, a) = (TokenCache::new(1), plain("a"));
    for waiter in 0..1000 {
        assert_eq!(cache.ask(&a, waiter, at(1)), Asked::Waiting);
    }
    assert_eq!(cache.deadline(), Some(at(1)));
    assert_eq!(cache.next_request(at(1)), Some(a.clone()));
    assert_eq!((cache.next_request(at(2)), cache.deadline()), (None, None));
    assert_eq!(cache.ask(&a, 1000, at(2)), Asked::Waiting);
    let told = cache.fetched(&a, Ok(token(1, at(1), S(300))), at(3));
    assert_eq!(told.len(), 1001);
    for (waiter, (told, asked)) in (0..).zip(&told) {
        assert_eq!((*told, fingerprint(asked)), (waiter, token(1, at(1), S(300)).fingerprint()));
    }
    assert!(matches!(cache.ask(&a, 0, at(3)), Asked::Held(_)));
    // Each caller gets one answer.
    assert_eq!(cache.fetched(&a, Ok(token(2, at(3), S(300))), at(3)), vec![]);
}

#[test]
fn token_in_use_is_renewed_while_old_one_is_served() {
    let (mut cache, a) = (TokenCache::new(2), plain("a"));
    with(&mut cache, &a, 1, S(300), at(0));
    assert_eq!(cache.deadline(), None, "nobody has asked since");
    cache.ask(&a, 0, at(100));
    let due = cache.deadline().expect("in use");
    assert!(due >= at(270) && due <= at(276), "{due:?}");
    assert_eq!(cache.next_request(at(269)), None);
    assert_eq!(cache.next_request(due), Some(a.clone()));
    let old = cache.ask(&a, 0, at(299));
    assert_eq!(fingerprint(&old), token(1, at(0), S(300)).fingerprint());
    assert_eq!(cache.ask(&a, 7, at(300)), Asked::Waiting, "never handed out at its end");
    let told = cache.fetched(&a, Ok(token(2, due, S(300))), at(301));
    assert_eq!(told.len(), 1);
    assert_ne!(fingerprint(&told[0].1), fingerprint(&old));
}

#[test]
fn token_requested_late_is_renewed_and_unused_one_lapses() {
    let (mut cache, a) = (TokenCache::new(3), plain("a"));
    with(&mut cache, &a, 1, S(300), at(0));
    assert!(matches!(cache.ask(&a, 0, at(290)), Asked::Held(_)));
    assert_eq!(fetch(&mut cache, &a, Ok(token(2, at(290), S(300))), at(290)), vec![]);
    assert_eq!((cache.deadline(), cache.next_request(at(10_000))), (None, None));
}

#[test]
fn short_lived_token_is_renewed_after_three_quarters() {
    for (life, earliest, latest) in [(40, 30_000, 32_000), (100, 75_000, 80_000), (120, 90_000, 96_000)] {
        let (mut cache, a) = (TokenCache::new(life), plain("a"));
        with(&mut cache, &a, 1, S(life), at(0));
        cache.ask(&a, 0, at(1));
        let due = cache.deadline().expect("in use").as_millis();
        assert!((earliest..=latest).contains(&due), "{life}: {due}");
    }
}

#[test]
fn refused_token_is_refetched_with_rate_limit() {
    let (mut cache, a) = (TokenCache::new(9), plain("a"));
    with(&mut cache, &a, 1, S(300), at(0));
    let old = cache.ask(&a, 0, at(1));
    let old = fingerprint(&old);
    assert_eq!(cache.ask_again(&a, old, 1, at(2)), Asked::Waiting);
    assert_eq!(cache.ask_again(&a, old, 2, at(2)), Asked::Waiting, "for the same one");
    assert_eq!(fingerprint(&cache.ask(&a, 3, at(2))), old, "others are not kept waiting");
    assert_eq!(cache.next_request(at(2)), Some(a.clone()));
    assert_eq!(cache.ask_again(&a, old, 4, at(3)), Asked::Waiting);
    let told = cache.fetched(&a, Ok(token(2, at(2), S(300))), at(3));
    assert_eq!(told.iter().map(|(waiter, _)| *waiter).collect::<Vec<_>>(), [1, 2, 4]);
    let new = fingerprint(&told[0].1);
    assert_ne!(new, old);
    assert_eq!(fingerprint(&cache.ask_again(&a, old, 5, at(4))), new, "there is a new one by now");
    assert_eq!(fingerprint(&cache.ask_again(&a, new, 5, at(31))), new, "too soon");
    assert_eq!(cache.next_request(at(31)), None);
    assert_eq!(cache.ask_again(&a, new, 5, at(32)), Asked::Waiting);
    // If the refetch fails, the caller gets the error, and other callers get the old token.
    let told = fetch(&mut cache, &a, Err(away()), at(32));
    assert!(matches!(told[..], [(5, Asked::Failed { .. })]), "{told:?}");
    assert_eq!(fingerprint(&cache.ask(&a, 6, at(33))), new);
}

#[test]
fn refused_token_not_refetched_yet_is_not_rate_limited() {
    let (mut cache, a, b) = (TokenCache::new(9), plain("a"), plain("b"));
    with(&mut cache, &a, 1, S(300), at(0));
    let old = cache.ask(&a, 0, at(1));
    let old = fingerprint(&old);
    // Another request is in flight.
    cache.ask(&b, 1, at(2));
    fetch(&mut cache, &b, Err(failed(503, Some(S(10)))), at(2));
    assert!(matches!(cache.ask_again(&a, old, 2, at(3)), Asked::Failed { .. }));
    // The caller leaves before its request is made.
    assert_eq!(cache.ask_again(&a, old, 3, at(14)), Asked::Waiting);
    cache.forget(&3);
    assert_eq!(cache.ask_again(&a, old, 4, at(15)), Asked::Waiting);
    assert_eq!(cache.next_request(at(15)), Some(a));
}

#[test]
fn token_ending_with_its_subject_is_not_renewed() {
    let (mut cache, x) = (TokenCache::new(10), exchange("a", "subject"));
    cache.ask(&x, 0, at(0));
    let bounded = crate::sts::token::tests::ending_with_its_subject(at(0), S(100));
    assert_eq!(fetch(&mut cache, &x, Ok(bounded), at(0)).len(), 1);
    assert!(matches!(cache.ask(&x, 0, at(99)), Asked::Held(_)));
    assert_eq!(cache.deadline(), None);
    assert_eq!(cache.ask(&x, 0, at(100)), Asked::Waiting);
}

#[test]
fn token_expired_on_arrival_is_a_failure_with_backoff() {
    let (mut cache, a) = (TokenCache::new(11), plain("a"));
    cache.ask(&a, 1, at(0));
    assert_eq!(cache.next_request(at(0)), Some(a.clone()));
    let told = cache.fetched(&a, Ok(token(1, at(0), S(20))), at(20));
    assert!(
        matches!(&told[..], [(1, Asked::Failed { error, .. })] if error.code() == "token_request_failed")
    );
    assert_eq!(cache.next_request(at(20)), None);
}

#[test]
fn caller_that_left_is_not_fetched_for() {
    let (mut cache, a) = (TokenCache::new(12), plain("a"));
    cache.ask(&a, 1, at(0));
    cache.forget(&1);
    assert_eq!((cache.deadline(), cache.next_request(at(0))), (None, None));
    cache.ask(&a, 1, at(1));
    cache.ask(&a, 2, at(1));
    cache.next_request(at(1));
    cache.forget(&1);
    let told = cache.fetched(&a, Ok(token(1, at(1), S(300))), at(2));
    assert!(matches!(told[..], [(2, Asked::Held(_))]), "{told:?}");
}

#[test]
fn new_configuration_discards_tokens_of_the_old_one() {
    let (mut cache, a, b) = (TokenCache::new(13), plain("a"), plain("b"));
    with(&mut cache, &a, 1, S(300), at(0));
    cache.ask(&b, 1, at(1));
    assert_eq!(cache.next_request(at(1)), Some(b.clone()));
    cache.start_over();
    assert_eq!(cache.ask(&a, 2, at(2)), Asked::Waiting);
    assert_eq!(cache.next_request(at(2)), None, "one at a time, though it is of the old one");
    assert_eq!(cache.fetched(&b, Ok(token(2, at(1), S(300))), at(3)), vec![]);
    assert_eq!(cache.next_request(at(3)), Some(b.clone()));
    let told = cache.fetched(&b, Ok(token(3, at(3), S(300))), at(4));
    assert!(matches!(told[..], [(1, Asked::Held(_))]), "{told:?}");
    assert_eq!(cache.next_request(at(4)), Some(a));
}
