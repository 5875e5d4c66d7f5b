//! When a server is looked for that is away or hangs, and when it is called once it is back.

extern crate std;

use std::vec::Vec;

use super::*;
use crate::agent::{HUNG_RETRY, PROBE_TIMEOUT, probe_interval};
use crate::jitter::RETRY_CAP;

/// The kinds by which a server, or what is before it, shows that it is away.
const AWAY: [TroubleKind; 6] = [
    TroubleKind::NameUnknown,
    TroubleKind::Unreachable,
    TroubleKind::ClosedEarly,
    TroubleKind::HandshakeCut,
    TroubleKind::Busy,
    TroubleKind::Unserved,
];

const DAY: Duration = secs(86_400);
/// With the spread of these tests.
const FIRST_INTERVAL: Duration = Duration::from_millis(3200);
/// An interval and its tenth after a server's return the last node has called it.
const LAST_CALL: Duration = Duration::from_millis(3521);

/// A node with this seed whose first call is under way.
fn calling(seed: u64) -> Scenario {
    let mut scenario = Scenario::started();
    scenario.agent = Agent::new(seed);
    scenario.happens(Event::Started(None)).reads(setup());
    scenario
}

/// The call or the probe under way hangs until the node gives up.
fn hang(scenario: &mut Scenario) {
    let patience = if scenario.wants(&Action::Probe) { PROBE_TIMEOUT } else { secs(30) };
    scenario.later(patience).answered(inconclusive(TroubleKind::Stalled));
}

/// The shortest and the longest of the waits of many nodes.
fn extremes(mut wait_of: impl FnMut(u64) -> Duration) -> (Duration, Duration) {
    (0..300)
        .map(&mut wait_of)
        .fold((Duration::MAX, Duration::ZERO), |(low, high), wait| (low.min(wait), high.max(wait)))
}

/// The moments of the probes and of the calls in an outage of this kind, since its first failure. Nothing takes any time.
fn looks(kind: TroubleKind, outage: Duration) -> (Vec<Duration>, Vec<Duration>) {
    let mut scenario = Scenario::calling();
    let start = scenario.now.instant;
    let (mut probes, mut calls) = (Vec::new(), Vec::new());
    loop {
        scenario.answered(inconclusive(kind)).until_turn();
        let at = scenario.now.instant.since(start);
        if at >= outage {
            return (probes, calls);
        }
        if scenario.wants(&Action::Probe) { &mut probes } else { &mut calls }.push(at);
    }
}

fn within(moments: &[Duration], from: Duration, to: Duration) -> usize {
    moments.iter().filter(|at| (from..to).contains(at)).count()
}

#[test]
fn absent_server_is_probed_ever_more_seldom() {
    for kind in AWAY {
        let (probes, calls) = looks(kind, DAY);
        let mut last: Option<Duration> = None;
        for at in &probes {
            let Some(before) = last.replace(*at) else { continue };
            // The interval is that of the failure before: a look that ends one minute begins the next.
            let least = if before < secs(60) {
                FIRST_INTERVAL
            } else if before < secs(3600) {
                secs(5)
            } else {
                secs(30)
            };
            assert!(*at - before >= least, "{kind:?}: {before:?} to {at:?}");
        }
        assert!((15..=19).contains(&within(&probes, Duration::ZERO, secs(60))), "{kind:?}");
        assert!((600..=708).contains(&within(&probes, secs(60), secs(3600))), "{kind:?}");
        assert!((2400..=2760).contains(&within(&probes, secs(3600), DAY)), "{kind:?}");
        assert!(calls.len() < 65, "{kind:?}: {} calls", calls.len());
    }
}

#[test]
fn first_look_comes_within_an_interval() {
    for kind in AWAY {
        let (low, high) = extremes(|seed| calling(seed).answered(inconclusive(kind)).until_turn());
        let most = FIRST_INTERVAL;
        assert!(low < most / 20 && high > most * 19 / 20 && high <= most, "{low:?} {high:?}");
    }
}

#[test]
fn interval_is_no_longer_than_the_spread() {
    for (spread, least) in [(0, 800), (1, 800), (2, 1600), (4, 3200), (5, 3200), (150, 3200)] {
        assert_eq!(probe_interval(Duration::ZERO, secs(spread)), Duration::from_millis(least), "{spread}");
    }
}

#[test]
fn calls_after_a_return_are_spread_evenly() {
    // All calls fail in the same moment, and the server is back some looks later.
    for away in [secs(2), secs(10), secs(31)] {
        let mut quarters = [0; 4];
        for seed in 0..400 {
            let mut scenario = calling(seed);
            let back = scenario.now.instant + away;
            while scenario.now.instant < back {
                scenario.answered(inconclusive(TroubleKind::Unreachable)).until_turn();
            }
            scenario.until_call();
            let after = scenario.now.instant.since(back);
            assert!(after < LAST_CALL, "{away:?}: {after:?}");
            quarters[usize::try_from(4 * after.as_millis() / LAST_CALL.as_millis()).expect("few")] += 1;
        }
        assert!(quarters.iter().all(|calls| (60..=150).contains(calls)), "{away:?}: {quarters:?}");
    }
}

#[test]
fn server_that_is_back_is_called_within_the_spread() {
    // From a return right after the last failed look to the call, with the wait for the probe in it.
    let of = |seed| {
        let mut scenario = calling(seed);
        for _ in 0..10 {
            scenario.answered(inconclusive(TroubleKind::Unserved)).until_turn();
        }
        scenario.answered(inconclusive(TroubleKind::Unserved));
        let back = scenario.now.instant;
        scenario.until_call();
        scenario.now.instant.since(back)
    };
    let (low, high) = extremes(of);
    assert!(low >= FIRST_INTERVAL && high <= secs(4), "{low:?} {high:?}");
}

#[test]
fn server_back_after_long_is_called_at_once() {
    let mut scenario = Scenario::calling();
    let start = scenario.now.instant;
    while scenario.now.instant.since(start) < secs(120) {
        scenario.answered(inconclusive(TroubleKind::Unreachable)).until_turn();
    }
    scenario.answered(inconclusive(TroubleKind::Unreachable)).until_turn();
    assert!(scenario.wants(&Action::Probe));
    let probed = scenario.now.instant;
    scenario.answered(Answer::Reachable).until_turn();
    assert!(scenario.wants(&Action::Validate));
    assert_eq!(scenario.now.instant, probed, "the nodes' probes were spread already");
}

#[test]
fn larger_spread_keeps_the_nodes_of_a_large_home_apart() {
    let (low, high) = extremes(|seed| {
        let mut scenario = Scenario::started();
        scenario.agent = Agent::new(seed);
        let mut large = setup();
        large.settings.spread = secs(150);
        scenario.happens(Event::Started(None)).reads(large);
        scenario.answered(inconclusive(TroubleKind::Unreachable));
        scenario.until_call()
    });
    assert!(low < secs(5) && high > secs(140) && high <= secs(150), "{low:?} {high:?}");
}

#[test]
fn database_away_is_one_outage_however_the_probes_end() {
    let mut scenario = Scenario::calling();
    let start = scenario.now.instant;
    let mut calls = Vec::new();
    while scenario.now.instant.since(start) < DAY {
        scenario.answered(inconclusive(TroubleKind::Busy)).until_turn();
        assert!(scenario.wants(&Action::Probe), "each look begins with a probe");
        scenario.answered(Answer::Reachable).until_turn();
        assert!(scenario.wants(&Action::Validate));
        calls.push(scenario.now.instant.since(start));
    }
    assert!((12..=60).contains(&within(&calls, Duration::ZERO, secs(60))), "{calls:?}");
    assert!((600..=708).contains(&within(&calls, secs(60), secs(3600))));
    assert!((2400..=2760).contains(&within(&calls, secs(3600), DAY)));
}

#[test]
fn server_that_never_answers_probes_is_called_all_the_same() {
    for kind in AWAY {
        let (_, calls) = looks(kind, DAY);
        assert!(calls[0] < secs(120), "{kind:?}: {:?}", calls[0]);
        assert!(calls.windows(2).all(|pair| pair[1] - pair[0] < secs(2100)), "{kind:?}: {calls:?}");
    }
    let mut scenario = Scenario::calling();
    scenario.answered(inconclusive(TroubleKind::Unreachable)).until_turn();
    let start = scenario.now.instant;
    while !scenario.wants(&Action::Validate) {
        hang(&mut scenario);
        scenario.until_turn();
    }
    assert!(scenario.now.instant.since(start) < secs(6 * 3600));
}

#[test]
fn lone_node_calls_again_within_half_a_minute_of_a_hang() {
    let (low, high) = extremes(|seed| {
        let mut scenario = calling(seed);
        hang(&mut scenario);
        scenario.until_call()
    });
    assert!(low < secs(4) && high > secs(27) && high <= HUNG_RETRY, "{low:?} {high:?}");
}

#[test]
fn hangs_in_a_row_double_the_wait_up_to_five_minutes() {
    for (hangs, ceiling) in [(1, 30), (2, 60), (3, 120), (4, 240), (5, 300), (9, 300)] {
        let (_, high) = extremes(|seed| {
            let mut scenario = calling(seed);
            for _ in 1..hangs {
                hang(&mut scenario);
                scenario.until_turn();
            }
            hang(&mut scenario);
            scenario.until_turn()
        });
        assert!(high <= secs(ceiling) && high > secs(ceiling) * 9 / 10, "{hangs}: {high:?}");
    }
    assert_eq!(RETRY_CAP, secs(300));
}

#[test]
fn late_failure_counts_as_a_hang_and_a_quick_one_does_not() {
    for kind in
        [TroubleKind::Busy, TroubleKind::Unserved, TroubleKind::ClosedEarly, TroubleKind::HandshakeCut]
    {
        for (took, most) in [(PROBE_TIMEOUT - secs(1), FIRST_INTERVAL), (PROBE_TIMEOUT, HUNG_RETRY)] {
            let (_, high) =
                extremes(|seed| calling(seed).later(took).answered(inconclusive(kind)).until_turn());
            assert!(high <= most && high > most * 9 / 10, "{kind:?} after {took:?}: {high:?}");
        }
    }
    // A name or an address that is sought for long is nobody's overload.
    for kind in [TroubleKind::NameUnknown, TroubleKind::Unreachable] {
        let mut scenario = Scenario::calling();
        assert!(scenario.later(secs(20)).answered(inconclusive(kind)).until_turn() <= FIRST_INTERVAL);
    }
}

#[test]
fn verdict_ends_what_was_learnt_of_an_outage() {
    let mut scenario = Scenario::calling();
    for _ in 0..6 {
        hang(&mut scenario);
        scenario.until_turn();
    }
    let start = scenario.now.instant;
    while scenario.now.instant.since(start) < DAY / 4 {
        scenario.answered(inconclusive(TroubleKind::Unreachable)).until_turn();
    }
    scenario.answered(Answer::Reachable).until_call();
    let wait = scenario.answered(good()).until_turn();
    assert!((secs(270)..=secs(330)).contains(&wait), "{wait:?}");
    assert!(scenario.wants(&Action::Validate), "revalidation needs no probe");
    assert!(scenario.answered(inconclusive(TroubleKind::Unreachable)).until_turn() <= FIRST_INTERVAL);
    scenario.answered(Answer::Reachable).until_call();
    hang(&mut scenario);
    assert!(scenario.until_turn() <= HUNG_RETRY);
}

#[test]
fn reload_forgets_the_outage_and_validates_at_once() {
    let mut scenario = Scenario::calling();
    for _ in 0..6 {
        hang(&mut scenario);
        scenario.until_turn();
    }
    hang(&mut scenario);
    scenario.happens(Event::ReloadRequested).reads(setup());
    assert!(scenario.wants(&Action::Validate));
    hang(&mut scenario);
    assert!(scenario.until_call() <= HUNG_RETRY);
}

#[test]
fn probe_under_way_at_a_reload_is_ignored() {
    let mut scenario = Scenario::calling();
    scenario.answered(inconclusive(TroubleKind::Unreachable)).until_turn();
    assert!(!scenario.happens(Event::ReloadRequested).wants(&Action::ReadSetup), "not before it is answered");
    scenario.answered(Answer::Reachable);
    assert!(scenario.wants(&Action::ReadSetup));
    assert!(scenario.reads(setup()).wants(&Action::Validate));
}
