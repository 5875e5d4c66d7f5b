//! Failures: which requests they block, and for how long.

use super::*;

#[test]
fn unreachable_sts_is_retried_once_for_all_with_backoff() {
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
        // The caller that waits for the other token gets the answer, too.
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
fn unset_clock_is_retried_soon_without_backoff() {
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
fn token_is_served_during_sts_outage_until_it_expires() {
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
fn retry_after_delays_the_next_request() {
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
fn refused_client_is_not_retried_until_reconfigured() {
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
fn refused_grant_does_not_block_the_other_grant() {
    let (own, other, x) = (plain("a"), plain("b"), exchange("a", "s"));
    for (blocked, blocked_too, allowed) in [(&own, &other, &x), (&x, &exchange("b", "t"), &own)] {
        let mut cache = TokenCache::new(7);
        for (waiter, wanted) in [(1, blocked), (2, blocked_too), (3, allowed)] {
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
        assert_eq!(retry_in(&cache.ask(blocked, 4, at(10))), None);
        assert_eq!(retry_in(&cache.ask(blocked_too, 4, at(10))), None, "asked once for all of its kind");
        assert!(matches!(cache.ask(allowed, 4, at(10)), Asked::Held(_)));
        cache.forgive();
        assert_eq!(cache.ask(blocked_too, 5, at(10)), Asked::Waiting);
    }
}

#[test]
fn permanent_refusal_is_retried_after_forgive() {
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
}

#[test]
fn long_delay_ends_with_forgive() {
    let (mut cache, a) = (TokenCache::new(1), plain("a"));
    assert_eq!(cache.ask(&a, 1, at(0)), Asked::Waiting);
    fetch(&mut cache, &a, Err(failed(429, Some(S(100_000)))), at(0));
    assert!(retry_in(&cache.ask(&a, 2, at(1))) > Some(S(250)));
    cache.forgive();
    assert_eq!(cache.ask(&a, 3, at(2)), Asked::Waiting);
}

#[test]
fn answer_to_an_exchange_blocks_no_own_token() {
    let (mut cache, a) = (TokenCache::new(1), plain("a"));
    for (nth, (status, error)) in
        (1..).zip([(401, "invalid_client"), (401, ""), (401, "unauthorized_client")])
    {
        let exchanged = exchange("a", &format!("subject-{nth}"));
        assert_eq!(cache.ask(&exchanged, nth, at(0)), Asked::Waiting, "{status} {error}");
        let TokenError::Refused { error, .. } = refused(status, error) else { unreachable!() };
        let refused = TokenError::Refused {
            grant: Grant::Exchange,
            status,
            error,
            description: Text::new(),
            retry_after: None,
            undated: false,
        };
        fetch(&mut cache, &exchanged, Err(refused), at(0));
    }
    assert_eq!(cache.ask(&a, 9, at(0)), Asked::Waiting);
    assert_eq!(cache.next_request(at(0)), Some(a));
}

#[test]
fn refusal_in_flight_before_forgive_is_not_permanent() {
    let (mut cache, a) = (TokenCache::new(1), plain("a"));
    assert_eq!(cache.ask(&a, 1, at(0)), Asked::Waiting);
    assert_eq!(cache.next_request(at(0)).as_ref(), Some(&a));
    cache.forgive();
    assert_eq!(cache.fetched(&a, Err(refused(401, "invalid_client")), at(1)), vec![], "it still waits");
    let told = fetch(&mut cache, &a, Ok(token(1, at(1), S(300))), at(1));
    assert!(matches!(told[..], [(1, Asked::Held(_))]), "{told:?}");
    // A token that arrives is kept though its request is older.
    cache.start_over();
    assert_eq!(cache.ask(&a, 1, at(2)), Asked::Waiting);
    assert_eq!(cache.next_request(at(2)).as_ref(), Some(&a));
    cache.forgive();
    assert_eq!(cache.fetched(&a, Ok(token(2, at(2), S(300))), at(3)).len(), 1);
}

#[test]
fn refusal_of_one_audience_does_not_block_another() {
    for (error, permanent) in [
        (refused(400, "invalid_client"), true),
        (refused(400, "invalid_scope"), false),
        (refused(403, "access_denied"), false),
        (TokenError::Unusable { grant: GRANT, flaw: InvalidTokenError::NoExpiry }, false),
        (TokenError::troubled(Grant::Exchange, 500, None), false),
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
