use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::vec;

use proptest::prelude::*;

use super::*;
use crate::agent::{RETRY_CAP, Trouble, TroubleKind};
use crate::host::sts::error::Grant;
use crate::host::sts::token::tests::token;
use crate::host::sts::wanted::SubjectToken;
use crate::text::Text;

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
        trouble: Trouble::new(TroubleKind::Unreachable, format_args!("x")),
    }
}

fn failed(status: u16, retry_after: Option<Duration>) -> TokenError {
    TokenError::Failed { grant: GRANT, status, retry_after }
}

fn refused(status: u16, error: &str) -> TokenError {
    let error = Text::from(error);
    let description = Text::new();
    TokenError::Refused { grant: GRANT, status, error, description, retry_after: None, undated: false }
}

/// A cache in which `wanted` was fetched at `now` for somebody, to live for `life`.
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
fn however_many_ask_it_is_fetched_once_and_all_are_told() {
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
    // Nobody is told twice.
    assert_eq!(cache.fetched(&a, Ok(token(2, at(3), S(300))), at(3)), vec![]);
}

#[test]
fn what_is_in_use_is_renewed_before_its_end_while_the_old_one_is_handed_out() {
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
fn one_asked_for_late_is_renewed_at_once_and_one_not_asked_for_lapses() {
    let (mut cache, a) = (TokenCache::new(3), plain("a"));
    with(&mut cache, &a, 1, S(300), at(0));
    assert!(matches!(cache.ask(&a, 0, at(290)), Asked::Held(_)));
    assert_eq!(fetch(&mut cache, &a, Ok(token(2, at(290), S(300))), at(290)), vec![]);
    assert_eq!((cache.deadline(), cache.next_request(at(10_000))), (None, None));
}

#[test]
fn short_lives_are_renewed_after_three_quarters() {
    for (life, earliest, latest) in [(40, 30_000, 32_000), (100, 75_000, 80_000), (120, 90_000, 96_000)] {
        let (mut cache, a) = (TokenCache::new(life), plain("a"));
        with(&mut cache, &a, 1, S(life), at(0));
        cache.ask(&a, 0, at(1));
        let due = cache.deadline().expect("in use").as_millis();
        assert!((earliest..=latest).contains(&due), "{life}: {due}");
    }
}

#[test]
fn an_sts_that_is_away_is_asked_again_after_growing_delays_and_for_all_at_once() {
    let (mut cache, a, b) = (TokenCache::new(4), plain("a"), plain("b"));
    let mut now = at(0);
    cache.ask(&b, 2, now);
    let mut longest = Duration::ZERO;
    for attempt in 0..12 {
        if attempt > 0 {
            cache.ask(&b, 2, now);
        }
        assert_eq!(cache.ask(&a, 1, now), Asked::Waiting);
        let wanted = cache.next_request(now).expect("due");
        let told = cache.fetched(&wanted, Err(away()), now);
        // Whoever waited for the other one is told as well.
        assert_eq!(told.iter().map(|(waiter, _)| *waiter).collect::<BTreeSet<_>>(), BTreeSet::from([1, 2]));
        let delay = retry_in(&told[0].1).expect("not for ever");
        assert_eq!(cache.deadline(), None, "nobody waits, so nothing is fetched");
        if !delay.is_zero() {
            assert_eq!(retry_in(&cache.ask(&b, 3, now)), Some(delay));
        }
        assert_eq!(cache.next_request(now), None);
        longest = longest.max(delay);
        now = now + delay;
    }
    assert!(longest > S(60) && longest <= RETRY_CAP, "{longest:?}");
    with(&mut cache, &a, 1, S(300), now);
    assert_eq!(cache.ask(&b, 4, now), Asked::Waiting, "one success clears the way");
}

#[test]
fn a_clock_that_is_not_set_is_looked_at_again_soon_and_lengthens_no_delay() {
    let (mut cache, a) = (TokenCache::new(4), plain("a"));
    for i in 0..20 {
        assert_eq!(cache.ask(&a, 1, at(5 * i)), Asked::Waiting, "{i}");
        let unset = TokenError::Unanswered { grant: GRANT, trouble: Trouble::clock() };
        let told = fetch(&mut cache, &a, Err(unset), at(5 * i));
        assert_eq!(retry_in(&told[0].1), Some(S(5)), "{i}");
    }
    assert_eq!(cache.ask(&a, 1, at(100)), Asked::Waiting);
    let (told, mut fresh) = (fetch(&mut cache, &a, Err(away()), at(100)), TokenCache::new(4));
    fresh.ask(&a, 1, at(100));
    let first = fetch(&mut fresh, &a, Err(away()), at(100));
    assert_eq!(retry_in(&told[0].1), retry_in(&first[0].1), "the first failure that counts");
}

#[test]
fn a_token_outlives_the_sts_as_long_as_it_is_good() {
    let (mut cache, a) = (TokenCache::new(5), plain("a"));
    with(&mut cache, &a, 1, S(300), at(0));
    cache.ask(&a, 0, at(1));
    let mut attempts = 0;
    while let Some(due) = cache.deadline() {
        assert!(due < at(300), "{due:?}");
        assert_eq!(fetch(&mut cache, &a, Err(away()), due), vec![]);
        assert!(matches!(cache.ask(&a, 0, due), Asked::Held(_)));
        attempts += 1;
    }
    assert!(attempts > 1, "{attempts}");
    assert!(!matches!(cache.ask(&a, 0, at(300)), Asked::Held(_)));
}

#[test]
fn retry_after_is_honoured() {
    let (mut cache, a) = (TokenCache::new(6), plain("a"));
    for error in [failed(429, Some(S(60))), failed(503, Some(S(60)))] {
        cache.start_over();
        cache.ask(&a, 0, at(0));
        let told = fetch(&mut cache, &a, Err(error), at(0));
        let delay = retry_in(&told[0].1).expect("not for ever");
        assert!(delay >= S(60) && delay <= S(66), "{delay:?}");
    }
}

#[test]
fn a_refused_client_asks_no_more_until_it_is_configured_anew() {
    let (mut cache, a, b) = (TokenCache::new(7), plain("a"), plain("b"));
    cache.ask(&a, 1, at(0));
    let told = fetch(&mut cache, &a, Err(refused(401, "invalid_client")), at(0));
    assert_eq!(retry_in(&told[0].1), None);
    for wanted in [&a, &b, &exchange("a", "s")] {
        assert_eq!(retry_in(&cache.ask(wanted, 2, at(1_000_000))), None);
    }
    assert_eq!((cache.next_request(at(1_000_000)), cache.deadline()), (None, None));
    cache.start_over();
    assert_eq!(cache.ask(&b, 3, at(1_000_000)), Asked::Waiting);
}

#[test]
fn a_grant_that_the_client_has_no_leave_for_stands_in_the_way_of_no_other_grant() {
    let (own, other, x) = (plain("a"), plain("b"), exchange("a", "s"));
    for (denied, denied_too, allowed) in [(&own, &other, &x), (&x, &exchange("b", "t"), &own)] {
        let mut cache = TokenCache::new(7);
        for (waiter, wanted) in [(1, denied), (2, denied_too), (3, allowed)] {
            assert_eq!(cache.ask(wanted, waiter, at(0)), Asked::Waiting);
        }
        while let Some(wanted) = cache.next_request(at(0)) {
            let result = if wanted.grant() == allowed.grant() {
                Ok(token(1, at(0), S(300)))
            } else {
                Err(refused(401, "unauthorized_client"))
            };
            cache.fetched(&wanted, result, at(0));
        }
        assert_eq!(retry_in(&cache.ask(denied, 4, at(10))), None);
        assert_eq!(retry_in(&cache.ask(denied_too, 4, at(10))), None, "asked once for all of its kind");
        assert!(matches!(cache.ask(allowed, 4, at(10)), Asked::Held(_)));
        cache.forgive();
        assert_eq!(cache.ask(denied_too, 5, at(10)), Asked::Waiting);
    }
}

#[test]
fn what_was_refused_for_good_is_asked_for_again_when_somebody_says_that_it_was_mended() {
    for status in [401, 400] {
        let (mut cache, a) = (TokenCache::new(1), plain("a"));
        assert_eq!(cache.ask(&a, 1, at(0)), Asked::Waiting);
        fetch(&mut cache, &a, Err(refused(status, "invalid_client")), at(0));
        assert_eq!(retry_in(&cache.ask(&a, 2, at(900))), None, "{status}");
        cache.forgive();
        assert_eq!((cache.deadline(), cache.next_request(at(901))), (None, None), "{status}: nobody asks");
        assert_eq!(cache.ask(&a, 3, at(901)), Asked::Waiting, "{status}");
        assert_eq!(cache.next_request(at(901)), Some(a), "{status}");
    }
    // What passes by itself is waited for all the same: a reload is no reason to press an STS in trouble.
    let (mut cache, a) = (TokenCache::new(1), plain("a"));
    assert_eq!(cache.ask(&a, 1, at(0)), Asked::Waiting);
    fetch(&mut cache, &a, Err(failed(503, Some(S(60)))), at(0));
    cache.forgive();
    assert!(retry_in(&cache.ask(&a, 2, at(1))).is_some());
}

#[test]
fn what_was_on_its_way_before_the_mend_is_not_refused_for_good_after_it() {
    let (mut cache, a) = (TokenCache::new(1), plain("a"));
    assert_eq!(cache.ask(&a, 1, at(0)), Asked::Waiting);
    assert_eq!(cache.next_request(at(0)).as_ref(), Some(&a));
    cache.forgive();
    assert_eq!(cache.fetched(&a, Err(refused(401, "invalid_client")), at(1)), vec![], "it still waits");
    let told = fetch(&mut cache, &a, Ok(token(1, at(1), S(300))), at(1));
    assert!(matches!(told[..], [(1, Asked::Held(_))]), "{told:?}");
    // What came well is kept, though it was asked for before.
    cache.start_over();
    assert_eq!(cache.ask(&a, 1, at(2)), Asked::Waiting);
    assert_eq!(cache.next_request(at(2)).as_ref(), Some(&a));
    cache.forgive();
    assert_eq!(cache.fetched(&a, Ok(token(2, at(2), S(300))), at(3)).len(), 1);
}

#[test]
fn what_is_refused_for_one_audience_stands_in_the_way_of_no_other() {
    for (error, permanent) in [
        (refused(400, "invalid_client"), true),
        (refused(400, "invalid_scope"), false),
        (refused(403, "access_denied"), false),
        (TokenError::Unusable { grant: GRANT, flaw: Flaw::NoExpiry }, false),
        (TokenError::Failed { grant: Grant::Exchange, status: 500, retry_after: None }, false),
    ] {
        let (mut cache, a, b) = (TokenCache::new(8), plain("a"), plain("b"));
        cache.ask(&a, 1, at(0));
        cache.ask(&b, 2, at(1));
        let told = fetch(&mut cache, &a, Err(error), at(1));
        assert_eq!(told.len(), 1);
        assert_eq!(retry_in(&told[0].1).is_none(), permanent);
        assert_eq!(cache.next_request(at(1)), Some(b));
    }
}

#[test]
fn a_refused_token_is_fetched_anew_for_those_who_say_so_and_only_now_and_then() {
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
    // When there is no new one, whoever wanted it hears so, and the old one stays for others.
    let told = fetch(&mut cache, &a, Err(away()), at(32));
    assert!(matches!(told[..], [(5, Asked::Failed { .. })]), "{told:?}");
    assert_eq!(fingerprint(&cache.ask(&a, 6, at(33))), new);
}

#[test]
fn a_refused_token_that_was_not_asked_for_anew_may_be_at_the_next_chance() {
    let (mut cache, a, b) = (TokenCache::new(9), plain("a"), plain("b"));
    with(&mut cache, &a, 1, S(300), at(0));
    let old = cache.ask(&a, 0, at(1));
    let old = fingerprint(&old);
    // Nothing can be asked for at the moment.
    cache.ask(&b, 1, at(2));
    fetch(&mut cache, &b, Err(failed(503, Some(S(10)))), at(2));
    assert!(matches!(cache.ask_again(&a, old, 2, at(3)), Asked::Failed { .. }));
    // And then whoever asked left before it was.
    assert_eq!(cache.ask_again(&a, old, 3, at(14)), Asked::Waiting);
    cache.forget(&3);
    assert_eq!(cache.ask_again(&a, old, 4, at(15)), Asked::Waiting);
    assert_eq!(cache.next_request(at(15)), Some(a));
}

#[test]
fn what_ends_with_its_subject_is_not_renewed() {
    let (mut cache, x) = (TokenCache::new(10), exchange("a", "subject"));
    cache.ask(&x, 0, at(0));
    let bounded = crate::host::sts::token::tests::ending_with_its_subject(at(0), S(100));
    assert_eq!(fetch(&mut cache, &x, Ok(bounded), at(0)).len(), 1);
    assert!(matches!(cache.ask(&x, 0, at(99)), Asked::Held(_)));
    assert_eq!(cache.deadline(), None);
    assert_eq!(cache.ask(&x, 0, at(100)), Asked::Waiting);
}

#[test]
fn a_token_that_came_too_late_is_a_failure_and_not_asked_for_over_and_over() {
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
fn those_who_left_are_neither_fetched_for_nor_told() {
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
fn after_a_new_configuration_nothing_of_the_old_one_is_handed_out() {
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

#[test]
fn exchanges_make_room_for_each_other_and_never_push_the_nodes_own_out() {
    let mut cache = TokenCache::new(14);
    for i in 0..16 {
        with(&mut cache, &plain(&format!("own-{i}")), i, S(300), at(0));
    }
    for i in 0..200 {
        with(&mut cache, &exchange("a", &format!("subject-{i}")), 100 + i, S(300), at(1 + i / 2));
    }
    assert!(cache.entries.len() <= MAX_ENTRIES && cache.bytes() <= MAX_BYTES);
    for i in 0..16 {
        assert!(matches!(cache.ask(&plain(&format!("own-{i}")), 0, at(150)), Asked::Held(_)), "{i}");
    }
    assert!(matches!(cache.ask(&exchange("a", "subject-199"), 0, at(150)), Asked::Held(_)));
    // Those that somebody waits for stay, and then there is no room.
    let full = (0..200).find(|i| cache.ask(&exchange("b", &format!("{i}")), 0, at(150)) == Asked::Full);
    assert_eq!(full, Some(48));
    // The node's own tokens make room for each other, and then those that somebody waits for stay as well.
    let full = (0..200).find(|i| cache.ask(&plain(&format!("new-{i}")), 0, at(150)) == Asked::Full);
    assert_eq!(full, Some(16));
}

#[test]
fn what_has_ended_and_nobody_asks_for_is_not_kept_nor_is_its_subject() {
    let mut cache = TokenCache::new(18);
    with(&mut cache, &exchange("a", "good"), 1, S(600), at(0));
    with(&mut cache, &exchange("a", "ends"), 2, S(300), at(0));
    let junk = exchange("a", "junk");
    assert_eq!(cache.ask(&junk, 1, at(0)), Asked::Waiting);
    fetch(&mut cache, &junk, Err(refused(400, "invalid_request")), at(0));
    assert_eq!((cache.next_request(at(299)), cache.entries.len()), (None, 3));
    // How often it has failed is remembered for a while.
    assert_eq!((cache.next_request(at(300)), cache.entries.len()), (None, 2));
    assert!(cache.entries.iter().all(|entry| entry.wanted != exchange("a", "ends")));
    assert_eq!((cache.next_request(at(2000)), cache.entries.len()), (None, 0));
    // Neither what somebody waits for nor what is on its way is dropped.
    assert_eq!(cache.ask(&junk, 1, at(2000)), Asked::Waiting);
    assert_eq!(cache.next_request(at(2000)), Some(junk.clone()));
    cache.forget(&1);
    assert_eq!((cache.next_request(at(9000)), cache.entries.len()), (None, 1));
    assert_eq!(cache.fetched(&junk, Ok(token(3, at(9000), S(300))), at(9000)), vec![]);
    assert!(matches!(cache.ask(&junk, 1, at(9001)), Asked::Held(_)));
}

#[test]
fn what_comes_to_nothing_pushes_no_good_token_out() {
    let mut cache = TokenCache::new(17);
    for i in 0..40 {
        with(&mut cache, &exchange("a", &format!("good-{i}")), i, S(300), at(0));
    }
    // Each refused by itself.
    for i in 0..100 {
        let junk = exchange("a", &format!("junk-{i}"));
        assert_eq!(cache.ask(&junk, 1, at(1 + i)), Asked::Waiting);
        fetch(&mut cache, &junk, Err(refused(400, "invalid_request")), at(1 + i));
    }
    // And while nothing can be had at all.
    assert_eq!(cache.ask(&plain("own"), 1, at(101)), Asked::Waiting);
    fetch(&mut cache, &plain("own"), Err(refused(401, "invalid_client")), at(101));
    let kept = cache.entries.len();
    for i in 0..100 {
        let asked = cache.ask(&exchange("a", &format!("more-{i}")), 1, at(102));
        assert_eq!(retry_in(&asked), None);
    }
    assert_eq!(cache.entries.len(), kept);
    for i in 0..40 {
        let good = cache.ask(&exchange("a", &format!("good-{i}")), 1, at(110));
        assert!(matches!(good, Asked::Held(_)), "{i}");
    }
}

#[test]
fn long_subjects_and_waiters_are_bounded_too() {
    let mut cache = TokenCache::new(15);
    let long = |i: u32| exchange("a", &format!("{i:08192}"));
    let full = (0..40).find(|i| cache.ask(&long(*i), 0, at(0)) == Asked::Full);
    assert_eq!(full, Some(16));
    let mut cache = TokenCache::new(16);
    let full = (0..4000).find(|waiter| cache.ask(&plain("a"), *waiter, at(0)) == Asked::Full);
    assert_eq!(full, Some(2048));
}

#[derive(Clone, Debug)]
enum Op {
    Ask(u8),
    AskAgain(u8),
    Pass(u64),
    Fetch,
    Answer(Outcome),
    Forget(u8),
    StartOver,
}

#[derive(Clone, Debug)]
enum Outcome {
    Token(u64),
    Away,
    Overload(Option<u64>),
    Refused(u16, &'static str),
}

fn op() -> impl Strategy<Value = Op> {
    let outcome = prop_oneof![
        6 => (1..900_u64).prop_map(Outcome::Token),
        2 => Just(Outcome::Away),
        1 => prop::option::of(0..1000_u64).prop_map(Outcome::Overload),
        1 => prop_oneof![Just((401, "invalid_client")), Just((400, "invalid_client")), Just((400, "invalid_scope"))]
            .prop_map(|(status, error)| Outcome::Refused(status, error)),
    ];
    prop_oneof![
        8 => any::<u8>().prop_map(Op::Ask),
        2 => any::<u8>().prop_map(Op::AskAgain),
        6 => prop_oneof![0..2000_u64, 0..400_000_u64].prop_map(Op::Pass),
        6 => Just(Op::Fetch),
        6 => outcome.prop_map(Op::Answer),
        1 => any::<u8>().prop_map(Op::Forget),
        1 => Just(Op::StartOver),
    ]
}

/// What is known of the cache from outside it.
#[derive(Default)]
struct Model {
    /// Which token came for what: fingerprint by number, by number of what is wanted.
    owners: BTreeMap<Box<str>, usize>,
    /// Who waits, for which.
    waiting: BTreeMap<u32, usize>,
    /// What has been asked for since it was last fetched.
    asked: BTreeSet<usize>,
    next_waiter: u32,
    in_flight: Option<(usize, Instant)>,
    outdated: bool,
    client_refused: bool,
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_in_whatever_order(seed: u64, ops in prop::collection::vec(op(), 1..200)) {
        let wanted: Vec<Wanted> = (0..6)
            .map(|i| if i < 3 { plain(&format!("{i}")) } else { exchange("x", &format!("{i}")) })
            .collect();
        let number = |w: &Wanted| wanted.iter().position(|one| one == w).expect("one of them");
        let (mut cache, mut model) = (TokenCache::new(seed), Model::default());
        let (mut now, mut serial) = (at(1000), 0);
        for op in ops {
            match op {
                Op::Pass(ms) => now = now + Duration::from_millis(ms),
                Op::Ask(which) | Op::AskAgain(which) => {
                    let which = usize::from(which) % wanted.len();
                    let waiter = model.next_waiter;
                    model.next_waiter += 1;
                    let asked = if matches!(op, Op::Ask(_)) {
                        cache.ask(&wanted[which], waiter, now)
                    } else {
                        let any = model.owners.iter().filter(|(_, of)| **of == which).map(|(f, _)| f.clone()).next_back();
                        cache.ask_again(&wanted[which], any.as_deref().unwrap_or("none"), waiter, now)
                    };
                    model.asked.insert(which);
                    match &asked {
                        Asked::Held(token) => {
                            prop_assert!(now < token.expires(), "{now:?} {token:?}");
                            prop_assert_eq!(model.owners.get(token.fingerprint()), Some(&which));
                        }
                        Asked::Waiting => {
                            prop_assert!(!model.client_refused);
                            prop_assert_eq!(model.waiting.insert(waiter, which), None);
                        }
                        Asked::Failed { retry_in, .. } => {
                            prop_assert!(retry_in.is_none_or(|wait| !wait.is_zero() && wait <= S(330)));
                        }
                        Asked::Full => prop_assert!(false, "there is room for six"),
                    }
                }
                Op::Fetch => {
                    let deadline = cache.deadline();
                    let request = cache.next_request(now);
                    prop_assert_eq!(request.is_some(), deadline.is_some_and(|deadline| deadline <= now));
                    if let Some(request) = request {
                        prop_assert_eq!(model.in_flight, None);
                        prop_assert!(!model.client_refused, "asked for though the client is refused");
                        let which = number(&request);
                        let needed = model.asked.contains(&which) || model.waiting.values().any(|w| *w == which);
                        prop_assert!(needed, "nobody needs it");
                        model.in_flight = Some((which, now));
                    }
                }
                Op::Answer(outcome) => {
                    let Some((which, sent)) = model.in_flight.take() else { continue };
                    serial += 1;
                    let result = match outcome {
                        Outcome::Token(life) => Ok(token(serial, sent, S(life))),
                        Outcome::Away => Err(away()),
                        Outcome::Overload(after) => Err(failed(503, after.map(S))),
                        Outcome::Refused(status, error) => Err(refused(status, error)),
                    };
                    let outdated = core::mem::take(&mut model.outdated);
                    let good = match &result {
                        Ok(token) => {
                            model.owners.insert(token.fingerprint().into(), which);
                            now < token.expires()
                        }
                        Err(error) => {
                            model.client_refused |= error.concern() == Concern::Client && !outdated;
                            false
                        }
                    };
                    let told = cache.fetched(&wanted[which], result, now);
                    if !outdated {
                        if good {
                            model.asked.remove(&which);
                        }
                        prop_assert!(!model.waiting.values().any(|w| *w == which) || !told.is_empty());
                    }
                    for (waiter, asked) in told {
                        let waited_for = model.waiting.remove(&waiter);
                        prop_assert!(waited_for.is_some(), "told though it did not wait");
                        if let Asked::Held(token) = &asked {
                            prop_assert!(now < token.expires());
                            prop_assert_eq!(model.owners.get(token.fingerprint()).copied(), waited_for);
                        } else {
                            prop_assert!(matches!(asked, Asked::Failed { .. }), "{asked:?}");
                        }
                    }
                    prop_assert!(outdated || !model.waiting.values().any(|w| *w == which), "left waiting");
                }
                Op::Forget(n) => {
                    let gone = model.waiting.keys().nth(usize::from(n) % 8).copied();
                    if let Some(gone) = gone {
                        cache.forget(&gone);
                        model.waiting.remove(&gone);
                    }
                }
                Op::StartOver => {
                    cache.start_over();
                    model.outdated = model.in_flight.is_some();
                    model.client_refused = false;
                    model.owners.clear();
                }
            }
            // Nobody waits for what nobody will fetch.
            if !model.waiting.is_empty() && model.in_flight.is_none() {
                prop_assert!(cache.deadline().is_some_and(|deadline| deadline <= now + S(330)));
            }
            prop_assert!(cache.entries.len() <= wanted.len());
        }
    }
}
