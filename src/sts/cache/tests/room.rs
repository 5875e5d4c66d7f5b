//! Eviction: what is kept, and what makes room.

use super::*;

#[test]
fn exchanged_tokens_never_evict_own_tokens() {
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
    // Entries with waiting callers stay, until there is no room left.
    let full = (0..200).find(|i| cache.ask(&exchange("b", &format!("{i}")), 0, at(150)) == Asked::Full);
    assert_eq!(full, Some(48));
    // Own tokens evict each other, until only entries with waiting callers are left.
    let full = (0..200).find(|i| cache.ask(&plain(&format!("new-{i}")), 0, at(150)) == Asked::Full);
    assert_eq!(full, Some(16));
}

#[test]
fn expired_unused_entry_is_dropped_with_its_subject() {
    let mut cache = TokenCache::new(18);
    with(&mut cache, &exchange("a", "good"), 1, S(600), at(0));
    with(&mut cache, &exchange("a", "ends"), 2, S(300), at(0));
    let junk = exchange("a", "junk");
    assert_eq!(cache.ask(&junk, 1, at(0)), Asked::Waiting);
    fetch(&mut cache, &junk, Err(refused(400, "invalid_request")), at(0));
    assert_eq!((cache.next_request(at(299)), cache.entries.len()), (None, 3));
    // The number of failures is remembered for a while.
    assert_eq!((cache.next_request(at(300)), cache.entries.len()), (None, 2));
    assert!(cache.entries.iter().all(|entry| entry.wanted != exchange("a", "ends")));
    assert_eq!((cache.next_request(at(2000)), cache.entries.len()), (None, 0));
    // Neither an entry with a waiting caller nor one in flight is dropped.
    assert_eq!(cache.ask(&junk, 1, at(2000)), Asked::Waiting);
    assert_eq!(cache.next_request(at(2000)), Some(junk.clone()));
    cache.forget(&1);
    assert_eq!((cache.next_request(at(9000)), cache.entries.len()), (None, 1));
    assert_eq!(cache.fetched(&junk, Ok(token(3, at(9000), S(300))), at(9000)), vec![]);
    assert!(matches!(cache.ask(&junk, 1, at(9001)), Asked::Held(_)));
}

#[test]
fn failed_requests_evict_no_good_token() {
    let mut cache = TokenCache::new(17);
    for i in 0..40 {
        with(&mut cache, &exchange("a", &format!("good-{i}")), i, S(300), at(0));
    }
    // Each is refused on its own.
    for i in 0..100 {
        let junk = exchange("a", &format!("junk-{i}"));
        assert_eq!(cache.ask(&junk, 1, at(1 + i)), Asked::Waiting);
        fetch(&mut cache, &junk, Err(refused(400, "invalid_request")), at(1 + i));
    }
    // The same holds while every request is blocked.
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
fn long_subjects_and_waiters_are_bounded() {
    let mut cache = TokenCache::new(15);
    let long = |i: u32| exchange("a", &format!("{i:08192}"));
    let full = (0..40).find(|i| cache.ask(&long(*i), 0, at(0)) == Asked::Full);
    assert_eq!(full, Some(16));
    let mut cache = TokenCache::new(16);
    let full = (0..4000).find(|waiter| cache.ask(&plain("a"), *waiter, at(0)) == Asked::Full);
    assert_eq!(full, Some(2048));
}
