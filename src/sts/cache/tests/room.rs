//! What is kept, and what has to make room.

use super::*;

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
