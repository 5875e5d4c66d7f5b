//! When the server is asked again.

use super::*;

#[test]
fn the_first_call_comes_at_random_within_the_splay() {
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
fn a_valid_node_is_validated_again_after_five_minutes_give_or_take_a_tenth() {
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
    for ceiling in [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300] {
        scenario.answered(inconclusive(TroubleKind::Stalled));
        let wait = scenario.until_call();
        assert!(wait <= secs(ceiling), "{wait:?} after a ceiling of {ceiling} s");
    }
    scenario.answered(good()).until_call();
    scenario.answered(inconclusive(TroubleKind::Stalled));
    assert!(scenario.until_call() <= secs(2));
}

#[test]
fn while_nobody_is_there_it_asks_about_every_second_and_after_a_day_still_every_few() {
    for kind in [TroubleKind::Unreachable, TroubleKind::NameUnknown] {
        let mut scenario = Scenario::calling();
        let start = scenario.now.instant;
        let mut wait = Duration::ZERO;
        while scenario.now.instant.since(start) < secs(1800) {
            scenario.answered(inconclusive(kind));
            wait = scenario.until_call();
            assert!(wait <= Duration::from_millis(1250), "{wait:?}");
        }
        let mut longest = wait;
        while scenario.now.instant.since(start) < secs(86_400) {
            longest = longest.max(scenario.answered(inconclusive(kind)).until_call());
        }
        assert!((secs(4)..secs(8)).contains(&longest), "{longest:?}");
    }
}

/// Has each call stall for its whole time-out; returns the longest of the waits after it.
fn stall(scenario: &mut Scenario, times: u32) -> Duration {
    let waits = (0..times).map(|_| {
        scenario.later(secs(30)).answered(inconclusive(TroubleKind::Stalled));
        scenario.until_call()
    });
    waits.max().unwrap_or_default()
}

#[test]
fn an_overwhelmed_server_is_asked_within_a_window_that_doubles_up_to_a_third_of_the_grace() {
    let windows = [240, 480, 960, 1920, 3840, 7680, 15_360, 28_800, 28_800];
    let mut longest = [Duration::ZERO; 9];
    for seed in 0..64 {
        let mut scenario = Scenario::started();
        scenario.agent = Agent::new(seed);
        scenario.happens(Event::Started(None)).reads(setup());
        for (longest, window) in longest.iter_mut().zip(windows) {
            let wait = stall(&mut scenario, 1);
            assert!(wait <= secs(window), "{wait:?} of {window} s");
            *longest = wait.max(*longest);
        }
    }
    for (longest, window) in longest.into_iter().zip(windows) {
        assert!(longest > secs(window) * 3 / 4, "only {longest:?} of {window} s is used");
    }
}

#[test]
fn a_crowd_is_remembered_at_the_next_outage_and_forgotten_after_days() {
    let mut scenario = Scenario::calling();
    stall(&mut scenario, 2);
    scenario.later(Duration::from_millis(500)).answered(good());
    let wait = scenario.until_call();
    assert!((secs(432)..=secs(528)).contains(&wait), "it asks as seldom as the others: {wait:?}");
    let longest = |scenario: &mut Scenario| {
        let waits = (0..30).map(|_| scenario.answered(inconclusive(TroubleKind::Unreachable)).until_call());
        waits.max().unwrap_or_default()
    };
    assert!(longest(&mut scenario) > secs(240), "the server's return must not bring the crowd back");
    for _ in 0..1500 {
        scenario.later(Duration::from_millis(500)).answered(good()).until_call();
    }
    assert!(longest(&mut scenario) < secs(2));
}

#[test]
fn a_server_that_is_slow_to_say_yes_is_not_taken_for_one_at_ease() {
    let mut scenario = Scenario::calling();
    stall(&mut scenario, 3);
    for _ in 0..100 {
        scenario.later(secs(3)).answered(good());
        let wait = scenario.until_call();
        assert!((secs(864)..=secs(1056)).contains(&wait), "{wait:?}");
    }
}

#[test]
fn a_failure_that_came_quickly_opens_no_window() {
    let mut scenario = Scenario::calling();
    for kind in
        [TroubleKind::Busy, TroubleKind::ClosedEarly, TroubleKind::Stalled, TroubleKind::NotUnderstood]
    {
        scenario.later(secs(9)).answered(inconclusive(kind));
        assert!(scenario.until_call() <= secs(16));
    }
    scenario.answered(inconclusive(TroubleKind::Unreachable));
    assert!(scenario.until_call() <= secs(2));
}

#[test]
fn a_reload_forgets_the_crowd() {
    let mut scenario = Scenario::calling();
    stall(&mut scenario, 8);
    scenario.answered(inconclusive(TroubleKind::Unreachable)).happens(Event::ReloadRequested).reads(setup());
    for _ in 0..20 {
        scenario.answered(inconclusive(TroubleKind::Unreachable));
        assert!(scenario.until_call() <= secs(2));
    }
}

#[test]
fn retry_after_is_honoured_but_not_for_ever() {
    for (asked, least, most) in [(60, 60, 66), (1_000_000, 300, 330)] {
        let mut scenario = Scenario::calling();
        scenario.answered(Answer::Inconclusive {
            trouble: Trouble::new(TroubleKind::Busy, format_args!("429")),
            retry_after: Some(secs(asked)),
        });
        let wait = scenario.until_call();
        assert!((secs(least)..=secs(most)).contains(&wait), "{wait:?}");
    }
}

#[test]
fn rejections_are_retried_slowly_and_only_after_reading_the_files_again() {
    for answer in [denied(), inconclusive(TroubleKind::AppRejected)] {
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
fn a_rejected_node_reads_its_files_before_every_try_of_an_outage_too() {
    let mut scenario = Scenario::calling();
    scenario.answered(denied()).until_call();
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
fn a_clock_before_the_build_is_waited_for_without_a_call() {
    let mut scenario = Scenario::started();
    scenario.now.wall = UnixTime(12);
    scenario.reads(setup());
    assert!(!scenario.wants(&Action::Validate));
    scenario.shows(Outcome::Clock);
    for _ in 0..5 {
        assert_eq!(scenario.until_deadline(), super::super::CLOCK_RECHECK);
        assert!(!scenario.wants(&Action::Validate));
    }
    scenario.now.wall = UnixTime(BUILT);
    scenario.until_deadline();
    assert!(scenario.wants(&Action::Validate));
    scenario.answered(good());
    scenario.shows(Outcome::Valid);
}

#[test]
fn no_clock_is_needed_where_no_certificate_is() {
    let mut scenario = Scenario::started();
    scenario.now.wall = UnixTime(0);
    let mut plain = setup();
    plain.settings.clock_floor = None;
    scenario.reads(plain);
    assert!(scenario.wants(&Action::Validate));
}

#[test]
fn a_stepped_wall_clock_moves_no_deadline_and_takes_no_verdict() {
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
fn an_answer_that_never_comes_ends_the_program() {
    let mut scenario = Scenario::calling();
    let wait = scenario.until_deadline();
    assert_eq!(wait, secs(30) + super::super::ANSWER_OVERDUE);
    assert!(scenario.wants(&Action::Exit(Exit::AnswerLost)));
}
