//! When a server that is away or overloaded is probed, and when it is asked again.

use super::*;
use crate::agent::{FIRST_WINDOW, OVERWHELMED, PROMPT, QUIET};

/// The validation or probe under way stalls.
fn stall(scenario: &mut Scenario) {
    let patience = if scenario.wants(&Action::Probe) { OVERWHELMED } else { secs(30) };
    scenario.later(patience).answered(inconclusive(TroubleKind::Stalled));
}

/// A node with this seed whose first call has stalled.
fn stalled(seed: u64) -> Scenario {
    let mut scenario = Scenario::started();
    scenario.agent = Agent::new(seed);
    scenario.happens(Event::Started(None)).reads(setup());
    stall(&mut scenario);
    scenario
}

/// The longest and the shortest of the waits for a call of many nodes that went through this.
fn waits(through: impl Fn(u64) -> Scenario) -> (Duration, Duration) {
    let waits = (0..200).map(|seed| through(seed).until_call());
    waits.fold((Duration::ZERO, Duration::MAX), |(high, low), wait| (high.max(wait), low.min(wait)))
}

#[test]
fn absent_server_is_probed_every_second_then_every_few() {
    for kind in [TroubleKind::Unreachable, TroubleKind::NameUnknown] {
        let mut scenario = Scenario::calling();
        let start = scenario.now.instant;
        let mut longest = Duration::ZERO;
        while scenario.now.instant.since(start) < secs(1800) {
            scenario.answered(inconclusive(kind));
            longest = longest.max(scenario.until_turn());
            assert!(scenario.wants(&Action::Probe));
        }
        assert!((secs(1)..=Duration::from_millis(1250)).contains(&longest), "{longest:?}");
        while scenario.now.instant.since(start) < secs(86_400) {
            scenario.answered(inconclusive(kind));
            longest = longest.max(scenario.until_turn());
        }
        assert!((secs(4)..secs(8)).contains(&longest), "{longest:?}");
        // A server that is back is asked at once.
        assert!(scenario.answered(Answer::Reachable).wants(&Action::Validate));
    }
}

#[test]
fn stalled_server_is_left_alone_then_asked_within_the_window() {
    let (longest, shortest) = waits(stalled);
    assert!(shortest >= QUIET - secs(2) && shortest < QUIET + FIRST_WINDOW / 10, "{shortest:?}");
    assert!(longest <= QUIET + FIRST_WINDOW + secs(3), "{longest:?}");
    assert!(longest >= QUIET + FIRST_WINDOW * 9 / 10, "{longest:?}");
}

#[test]
fn stall_makes_the_window_grow_once_however_many_probes() {
    let (longest, _) = waits(|seed| {
        let mut scenario = stalled(seed);
        for _ in 0..5 {
            scenario.until_turn();
            assert!(scenario.wants(&Action::Probe));
            stall(&mut scenario);
        }
        scenario
    });
    // The last of the probes before this one are minutes apart.
    assert!(longest <= QUIET + FIRST_WINDOW + secs(320), "{longest:?}");
}

#[test]
fn further_stall_triples_the_window_up_to_the_outages_length() {
    let again = |seed| {
        let mut scenario = stalled(seed);
        // The server is at ease for a while, and again it is not.
        let start = scenario.now.instant;
        while scenario.now.instant.since(start) < secs(20) {
            scenario.until_turn();
            scenario.answered(Answer::Reachable);
        }
        scenario.until_turn();
        stall(&mut scenario);
        scenario
    };
    let (longest, _) = waits(again);
    // Four times the half minute since the first, and not three times the first window.
    assert!(longest <= QUIET + FIRST_WINDOW + secs(30), "{longest:?}");
    let (longest, _) = waits(|seed| {
        let mut scenario = again(seed);
        scenario.later(secs(300));
        scenario.until_turn();
        scenario.answered(Answer::Reachable);
        scenario.until_turn();
        stall(&mut scenario);
        scenario
    });
    assert!(
        longest > QUIET + FIRST_WINDOW * 2 && longest <= QUIET + FIRST_WINDOW * 3 + secs(90),
        "{longest:?}"
    );
}

#[test]
fn late_probe_answers_delay_a_validation_but_not_for_ever() {
    let mut scenario = Scenario::calling();
    scenario.answered(inconclusive(TroubleKind::Unreachable));
    let start = scenario.now.instant;
    scenario.until_turn();
    scenario.later(PROMPT).answered(Answer::Reachable);
    assert!(!scenario.wants(&Action::Validate), "it may be overwhelmed");
    while !scenario.wants(&Action::Validate) {
        scenario.until_turn();
        if scenario.wants(&Action::Probe) {
            scenario.later(PROMPT).answered(Answer::Reachable);
        }
    }
    let took = scenario.now.instant.since(start);
    assert!(took < secs(600), "{took:?}");
}

#[test]
fn window_is_kept_for_the_next_outage_and_gone_in_a_day() {
    let away = |scenario: &mut Scenario| {
        scenario.answered(inconclusive(TroubleKind::Unreachable));
        scenario.until_call()
    };
    let (longest, _) = waits(|seed| {
        let mut scenario = stalled(seed);
        scenario.until_call();
        scenario.later(Duration::from_millis(500)).answered(good()).until_call();
        scenario.answered(inconclusive(TroubleKind::Unreachable));
        scenario
    });
    assert!(longest > FIRST_WINDOW / 2, "the server's return must not bring the crowd back: {longest:?}");
    let mut scenario = stalled(1);
    scenario.until_call();
    for _ in 0..100 {
        scenario.later(Duration::from_millis(500)).answered(good()).until_call();
    }
    assert!(away(&mut scenario) <= secs(1));
}

#[test]
fn quick_failure_opens_no_window() {
    let mut scenario = Scenario::calling();
    for kind in
        [TroubleKind::Busy, TroubleKind::ClosedEarly, TroubleKind::Stalled, TroubleKind::NotUnderstood]
    {
        scenario.later(secs(9)).answered(inconclusive(kind));
        assert!(scenario.until_turn() <= secs(16));
        assert!(scenario.wants(&Action::Validate), "broken, not overwhelmed");
    }
    scenario.answered(inconclusive(TroubleKind::Unreachable));
    assert!(scenario.until_call() <= secs(2));
}

#[test]
fn reload_forgets_the_window_and_validates_at_once() {
    let mut scenario = stalled(1);
    scenario.happens(Event::ReloadRequested).reads(setup());
    assert!(scenario.wants(&Action::Validate));
    for _ in 0..20 {
        scenario.answered(inconclusive(TroubleKind::Unreachable));
        assert!(scenario.until_call() <= secs(2));
    }
}

#[test]
fn probe_under_way_at_a_reload_is_ignored() {
    let mut scenario = stalled(1);
    scenario.until_turn();
    assert!(!scenario.happens(Event::ReloadRequested).wants(&Action::ReadSetup), "not before it is answered");
    scenario.answered(Answer::Reachable);
    assert!(scenario.wants(&Action::ReadSetup));
    assert!(scenario.reads(setup()).wants(&Action::Validate));
}

#[test]
fn server_that_ignores_probes_is_asked_within_hours() {
    let mut scenario = Scenario::calling();
    scenario.answered(inconclusive(TroubleKind::Unreachable));
    let start = scenario.now.instant;
    while !scenario.wants(&Action::Validate) {
        scenario.until_turn();
        if scenario.wants(&Action::Probe) {
            stall(&mut scenario);
        }
    }
    let took = scenario.now.instant.since(start);
    assert!((secs(3600)..secs(5400)).contains(&took), "{took:?}");
    // If the validation stalls as well, it goes on probing.
    stall(&mut scenario);
    scenario.until_turn();
    assert!(scenario.wants(&Action::Probe));
}

#[test]
fn long_outage_does_not_lengthen_the_next_retry() {
    let mut scenario = Scenario::calling();
    for _ in 0..1000 {
        scenario.answered(inconclusive(TroubleKind::Unreachable));
        scenario.until_turn();
    }
    assert!(scenario.answered(Answer::Reachable).wants(&Action::Validate));
    scenario.answered(inconclusive(TroubleKind::Busy));
    assert!(scenario.until_turn() <= secs(2));
}

#[test]
fn window_never_makes_a_verdict_end_before_the_next() {
    for grace in [0, 60, 1000, 86_400] {
        let mut scenario = Scenario::started();
        let mut given = setup();
        given.settings.offline_grace = secs(grace);
        scenario.reads(given);
        for _ in 0..8 {
            stall(&mut scenario);
            scenario.until_call();
            scenario.later(secs(3600));
        }
        scenario.answered(good());
        let wait = scenario.until_turn();
        let now = scenario.now.instant;
        assert_eq!(scenario.agent.report(now).outcome, Outcome::Valid, "{grace} s of grace: after {wait:?}");
    }
}
