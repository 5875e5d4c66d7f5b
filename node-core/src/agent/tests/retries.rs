//! When the server is asked again.

use super::*;

#[test]
fn first_call_comes_at_random_within_the_splay() {
    let mut waits = heapless::Vec::<Duration, 64>::new();
    for seed in 0..64 {
        let mut scenario = Scenario::started();
        scenario.agent = Agent::new(seed);
        scenario.happens(Event::Started(None));
        let mut splayed = setup();
        splayed.settings.start_splay = secs(5);
        scenario.reads(splayed);
        scenario.shows(Outcome::Starting);
        waits.push(scenario.until_call()).expect("room");
    }
    assert!(waits.iter().all(|wait| *wait <= secs(5)), "{waits:?}");
    assert!(waits.iter().any(|wait| *wait > secs(4)), "{waits:?}");
    assert!(waits.iter().any(|wait| *wait < secs(1)), "{waits:?}");
}

#[test]
fn valid_node_is_validated_again_after_about_five_minutes() {
    let mut scenario = Scenario::calling();
    for _ in 0..50 {
        scenario.answered(good());
        let wait = scenario.until_call();
        assert!((secs(270)..=secs(330)).contains(&wait), "{wait:?}");
    }
}

#[test]
fn failures_back_off_and_a_success_starts_anew() {
    let mut scenario = Scenario::calling();
    for kind in [TroubleKind::Throttled, TroubleKind::NotUnderstood, TroubleKind::CertificateExpired] {
        for ceiling in [2, 4, 8, 16, 32, 60, 60, 60] {
            scenario.answered(inconclusive(kind));
            let wait = scenario.until_turn();
            assert!(wait <= secs(ceiling), "{wait:?} after a ceiling of {ceiling} s");
            assert!(scenario.wants(&Action::Validate), "{kind:?}: only a call can tell whether it is over");
        }
        scenario.answered(good()).until_call();
    }
    // Before it, a long outage lengthens nothing.
    for _ in 0..1000 {
        scenario.answered(inconclusive(TroubleKind::Unreachable)).until_turn();
    }
    scenario.answered(inconclusive(TroubleKind::Throttled));
    assert!(scenario.until_call() <= secs(2));
}

#[test]
fn retry_after_is_honoured_but_not_for_ever() {
    for (asked, least, most) in [(60, 60, 66), (1_000_000, 300, 330)] {
        for (kind, took) in [
            (TroubleKind::Throttled, 0),
            (TroubleKind::Busy, 0),
            (TroubleKind::Busy, 20),
            (TroubleKind::Unserved, 0),
        ] {
            let mut scenario = Scenario::calling();
            scenario.later(secs(took)).answered(Answer::Inconclusive {
                trouble: Service::AUTH.trouble(kind, format_args!("as tested")),
                retry_after: Some(secs(asked)),
            });
            let wait = scenario.until_turn();
            assert!((secs(least)..=secs(most)).contains(&wait), "{kind:?} after {took} s: {wait:?}");
        }
    }
}

#[test]
fn rejection_is_retried_slowly_and_after_reading_the_files() {
    for answer in [rejected(), inconclusive(TroubleKind::AppRejected)] {
        let mut scenario = Scenario::calling();
        scenario.answered(answer);
        let wait = scenario.until_deadline();
        assert!((secs(540)..=secs(660)).contains(&wait), "{wait:?}");
        assert!(scenario.wants(&Action::ReadSetup) && !scenario.wants(&Action::Validate));
        scenario.reads(setup());
        assert!(scenario.wants(&Action::Validate));
    }
}

#[test]
fn rejected_node_reads_its_files_before_every_retry() {
    let mut scenario = Scenario::calling();
    scenario.answered(rejected()).until_call();
    for _ in 0..5 {
        scenario.answered(inconclusive(TroubleKind::Unreachable)).until_deadline();
        assert!(scenario.wants(&Action::ReadSetup) && !scenario.wants(&Action::Validate));
        scenario.reads(setup());
    }
}

#[test]
fn one_call_is_under_way_at_a_time() {
    let mut scenario = Scenario::calling();
    for event in [Event::DeadlineReached, Event::ReloadRequested, Event::DeadlineReached] {
        scenario.happens(event);
        assert!(!scenario.wants(&Action::Validate) && !scenario.wants(&Action::ReadSetup));
    }
}

#[test]
fn clock_before_the_build_is_waited_for_without_a_call() {
    let mut scenario = Scenario::started();
    scenario.now.wall = UnixTime(12);
    scenario.reads(setup());
    assert!(!scenario.wants(&Action::Validate));
    scenario.shows(Outcome::Clock);
    for _ in 0..5 {
        assert_eq!(scenario.until_deadline(), crate::agent::CLOCK_RECHECK);
        assert!(!scenario.wants(&Action::Validate));
    }
    scenario.now.wall = UnixTime(BUILT);
    scenario.until_deadline();
    assert!(scenario.wants(&Action::Validate));
    scenario.answered(good());
    scenario.shows(Outcome::Valid);
}

#[test]
fn clock_is_not_needed_without_a_certificate() {
    let mut scenario = Scenario::started();
    scenario.now.wall = UnixTime(0);
    let mut plain = setup();
    plain.settings.clock_floor = None;
    scenario.reads(plain);
    assert!(scenario.wants(&Action::Validate));
}

#[test]
fn stepped_wall_clock_changes_no_deadline_and_no_verdict() {
    let mut scenario = Scenario::calling();
    scenario.answered(good());
    let deadline = scenario.agent.deadline();
    for wall in [0, BUILT * 2] {
        scenario.now.wall = UnixTime(wall);
        scenario.happens(Event::DeadlineReached);
        assert_eq!(scenario.agent.deadline(), deadline);
        scenario.shows(Outcome::Valid);
    }
}

#[test]
fn lost_answer_ends_the_program() {
    let mut scenario = Scenario::calling();
    let wait = scenario.until_deadline();
    assert_eq!(wait, secs(30) + crate::agent::ANSWER_OVERDUE);
    assert!(scenario.wants(&Action::Exit(Exit::AnswerLost)));
}
