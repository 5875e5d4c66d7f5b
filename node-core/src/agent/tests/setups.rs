//! Reading configuration and credential: at the start, on request, and when they are broken.

use super::*;

#[test]
fn broken_setup_shows_and_is_read_again_until_it_is_sound() {
    let mut scenario = Scenario::started();
    scenario.happens(Event::SetupRead(Err(broken())));
    scenario.shows(Outcome::Setup);
    let report = scenario.agent.report(scenario.now.instant);
    assert_eq!((report.reason, report.fix), (Some("broken"), Some(Text::from("fix it"))));
    for _ in 0..3 {
        assert_eq!(scenario.until_deadline(), crate::agent::SETUP_RECHECK);
        assert!(scenario.wants(&Action::ReadSetup));
        scenario.happens(Event::SetupRead(Err(broken())));
    }
    scenario.until_deadline();
    scenario.reads(setup());
    assert!(scenario.wants(&Action::Validate), "a person waits for the fix to work: no start delay");
    scenario.shows(Outcome::Starting);
}

#[test]
fn reload_reads_and_validates_at_once() {
    let mut scenario = Scenario::calling();
    scenario.answered(good()).later(secs(3)).happens(Event::ReloadRequested);
    assert!(scenario.wants(&Action::ReadSetup));
    scenario.reads(setup());
    assert!(scenario.wants(&Action::Validate));
    scenario.shows(Outcome::Valid);
}

#[test]
fn reload_ends_the_start_delay_and_the_backoff() {
    let mut splayed = setup();
    splayed.settings.start_splay = secs(3600);
    let mut scenario = Scenario::started();
    scenario.reads(splayed.clone()).happens(Event::ReloadRequested).reads(splayed);
    assert!(scenario.wants(&Action::Validate));
    for _ in 0..8 {
        scenario.answered(inconclusive(TroubleKind::Busy)).until_call();
    }
    scenario.answered(inconclusive(TroubleKind::Busy));
    scenario.happens(Event::ReloadRequested).reads(setup());
    assert!(scenario.wants(&Action::Validate));
    scenario.answered(inconclusive(TroubleKind::Busy));
    // Only the first look of an outage comes before a whole interval has passed.
    assert!(scenario.until_turn() < Duration::from_millis(3200), "the backoff has started anew");
}

#[test]
fn answer_about_the_setup_before_a_reload_is_ignored() {
    let mut scenario = Scenario::calling();
    scenario.happens(Event::ReloadRequested);
    scenario.answered(rejected());
    scenario.shows(Outcome::Starting);
    assert!(scenario.wants(&Action::ReadSetup));
    scenario.reads(setup());
    assert!(scenario.wants(&Action::Validate));
}

#[test]
fn broken_setup_under_a_good_verdict_keeps_the_old_one() {
    let mut scenario = Scenario::calling();
    scenario.answered(good()).happens(Event::ReloadRequested);
    scenario.happens(Event::SetupRead(Err(broken())));
    assert!(scenario.wants(&Action::KeepOldSetup(broken())));
    assert!(scenario.wants(&Action::Validate));
    scenario.shows(Outcome::Valid);
}

#[test]
fn broken_setup_under_a_rejection_shows() {
    let mut scenario = Scenario::calling();
    scenario.answered(rejected()).happens(Event::ReloadRequested);
    scenario.happens(Event::SetupRead(Err(broken())));
    scenario.shows(Outcome::Setup);
}

#[test]
fn new_key_ends_the_rejection_of_the_old_one() {
    let mut scenario = Scenario::calling();
    scenario.answered(rejected()).happens(Event::ReloadRequested);
    let mut replaced = setup();
    replaced.claim.secrets_stamp = 2;
    scenario.reads(replaced);
    scenario.shows(Outcome::Starting);
    scenario.answered(good());
    scenario.shows(Outcome::Valid);
}

#[test]
fn good_verdict_survives_a_new_key_but_not_another_node() {
    let mut scenario = Scenario::calling();
    scenario.answered(good()).happens(Event::ReloadRequested);
    let mut changed = setup();
    changed.claim.secrets_stamp = 2;
    scenario.reads(changed.clone());
    scenario.shows(Outcome::Valid);
    scenario.answered(good()).happens(Event::ReloadRequested);
    changed.claim.node_id = NodeId::parse("attic-pi").expect("a node id");
    scenario.reads(changed);
    scenario.shows(Outcome::Starting);
}

#[test]
fn stop_request_ends_the_agent_in_any_state() {
    let mut calling = Scenario::calling();
    let mut waiting = Scenario::calling();
    waiting.answered(good());
    for scenario in [&mut calling, &mut waiting] {
        scenario.happens(Event::StopRequested);
        assert_eq!(scenario.actions.as_slice(), [Action::Exit(Exit::Asked)]);
        scenario.happens(Event::Answered(good()));
        assert!(scenario.actions.is_empty());
    }
}
