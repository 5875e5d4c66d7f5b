//! Streams of events: resumed, many at once, and not read.

use std::collections::HashSet;
use std::time::Instant;

use serde_json::Value;

use test_support::waiting::{PATIENCE, until};

use super::rig;
use test_support::board::Event;

/// All events but the states, of which only the latest counts.
fn kept(events: &[Event]) -> Vec<Event> {
    events.iter().filter(|event| event.kind != "state").cloned().collect()
}

#[test]
fn resumed_stream_misses_and_repeats_nothing() {
    let board = rig::start();
    let mut stays = board.watch();
    stays.comes_to("valid");
    let mut leaves = board.watch();
    leaves.until("a line", |event| event.kind == "line");
    let last = leaves.seen.last().unwrap().id.clone();
    drop(leaves);
    board.set("server", false);
    board.set("reload", Value::Null);
    stays.comes_to("network");
    board.set("server", true);
    stays.comes_to("valid");
    let mut back = board.resume(Some(&last));
    assert_eq!(back.next().unwrap().kind, "state");
    back.until("a live state", |event| event.kind == "state");
    let seen = kept(&stays.seen);
    let from = seen.iter().position(|event| event.id == last).unwrap() + 1;
    let got = kept(&back.seen);
    let both = got.len().min(seen.len() - from);
    assert!(both > 10, "{got:#?}");
    assert_eq!(got[..both], seen[from..][..both]);
    // A client may also resume after an event of the state.
    let state = back.seen.iter().rfind(|event| event.kind == "state").unwrap().id.clone();
    let mut again = board.resume(Some(&state));
    again.until("a live state", |event| event.kind == "state" && event.data["node"]["outcome"] == "valid");
    let known: HashSet<_> = got.iter().map(|event| event.id.clone()).collect();
    assert!(kept(&again.seen).iter().all(|event| !known.contains(&event.id)), "{:#?}", again.seen);
}

#[test]
fn unknown_event_id_starts_the_stream_anew() {
    let board = rig::start();
    let mut first = board.watch();
    first.comes_to("valid");
    for id in ["1-2", "zz-1", "", "-", "1", "ffffffffffffffff-0"] {
        let mut watch = board.resume(Some(id));
        watch.until("the start of all", |event| event.data["kind"] == "power");
    }
}

#[test]
fn two_browsers_survive_one_that_leaves() {
    let board = rig::start();
    let (mut one, mut other) = (board.watch(), board.watch());
    one.comes_to("valid");
    other.comes_to("valid");
    for _ in 0..20 {
        drop(board.watch());
    }
    board.set("rotate", Value::Null);
    board.set("reload", Value::Null);
    one.comes_to("node-rejected");
    other.comes_to("node-rejected");
    drop(one);
    board.set("install", Value::Null);
    other.comes_to("valid");
    let numbers: Vec<u64> =
        kept(&other.seen).iter().map(|e| e.id.split_once('-').unwrap().1.parse().unwrap()).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "in order, each once: {numbers:?}");
}

#[test]
fn sixty_fifth_stream_is_refused() {
    let board = rig::start();
    let looking: Vec<_> = (0..64).map(|_| board.watch()).collect();
    assert_eq!(board.get("/events").status, 503);
    drop(looking);
    // The board frees their places once it notices that they have gone.
    until("a place", || board.may_look());
}

#[test]
fn client_that_does_not_read_is_cut_off() {
    let board = rig::start();
    let mut reads_nothing = board.watch();
    let mut stays = board.watch();
    // Megabytes: more than the system buffers for a connection and the board for a client.
    for _ in 0..4000 {
        board.set("clock", "now");
        stays.until("its line", |event| event.data["kind"] == "control");
    }
    let end = Instant::now() + PATIENCE;
    while reads_nothing.next().is_some() {
        assert!(Instant::now() < end, "still served");
    }
    assert!(reads_nothing.seen.len() > 1000, "what it got until then is good: {}", reads_nothing.seen.len());
    let last = reads_nothing.seen.iter().rfind(|event| event.kind != "state").unwrap().id.clone();
    assert!(stays.seen.iter().any(|event| event.id == last));
    stays.until("the next state", |event| event.kind == "state");
}
