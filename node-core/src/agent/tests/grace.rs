//! The offline grace period: how long a good verdict counts, in this run and across a restart.

use super::*;

/// A node whose server went away right after a good verdict.
fn cut_off() -> Scenario {
    let mut scenario = Scenario::calling();
    scenario.answered(good()).until_call();
    scenario.answered(inconclusive(TroubleKind::Unreachable));
    scenario
}

/// Lets every call fail until `outcome` is shown; returns how long that took.
fn fails_until(scenario: &mut Scenario, outcome: Outcome) -> Duration {
    let start = scenario.now.instant;
    for _ in 0..100_000 {
        if scenario.wants(&Action::Validate) || scenario.wants(&Action::Probe) {
            scenario.answered(inconclusive(TroubleKind::Unreachable));
        }
        if scenario.wants(&Action::Show(outcome)) {
            return scenario.now.instant.since(start);
        }
        scenario.until_deadline();
    }
    panic!("{outcome} is never shown");
}

#[test]
fn grace_period_runs_from_the_last_good_verdict() {
    let mut scenario = Scenario::calling();
    scenario.answered(good());
    let verdict = scenario.now.instant;
    scenario.until_call();
    scenario.answered(inconclusive(TroubleKind::Unreachable));
    fails_until(&mut scenario, Outcome::Network);
    assert_eq!(scenario.now.instant, verdict + secs(86_400));
}

#[test]
fn grace_period_end_is_a_deadline_even_between_two_calls() {
    let mut patient = setup();
    patient.settings.request_timeout = secs(600);
    let mut scenario = Scenario::started();
    scenario.reads(patient).answered(good()).until_call();
    scenario.answered(inconclusive(TroubleKind::Unreachable));
    let end = Instant::from_millis(20_000) + secs(86_400);
    while scenario.now.instant + secs(600) < end {
        scenario.until_call();
        scenario.answered(inconclusive(TroubleKind::Unreachable));
    }
    // From here on nothing is answered: the call that is under way must not hold the LED.
    scenario.until_call();
    while scenario.now.instant < end {
        scenario.shows(Outcome::ValidCached);
        assert!(scenario.agent.deadline() <= end);
        scenario.until_deadline();
    }
    scenario.shows(Outcome::Network);
    assert!(scenario.agent.deadline() > scenario.now.instant, "nothing more to wake for at once");
}

#[test]
fn server_that_comes_back_makes_it_valid_at_once() {
    let mut scenario = cut_off();
    scenario.until_call();
    scenario.answered(good());
    scenario.shows(Outcome::Valid);
}

#[test]
fn without_grace_period_the_first_trouble_shows_at_once() {
    let mut ungraced = setup();
    ungraced.settings.offline_grace = Duration::ZERO;
    let mut scenario = Scenario::started();
    scenario.reads(ungraced).answered(good()).later(secs(299));
    scenario.shows(Outcome::Valid);
    scenario.until_call();
    scenario.answered(inconclusive(TroubleKind::Busy));
    scenario.shows(Outcome::Server);
}

fn remembered(verdict: Verdict) -> Option<Remembered> {
    Some(Remembered { claim: claim("kitchen-pi", 1), verdict })
}

fn good_at(ms: u64) -> Verdict {
    Verdict::Valid { at: Instant::from_millis(ms), household: Household::default() }
}

#[test]
fn good_verdict_survives_a_restart_with_its_age() {
    let mut scenario = Scenario::restarted(remembered(good_at(5_000)));
    scenario.reads(setup());
    scenario.shows(Outcome::ValidCached);
    let report = scenario.agent.report(scenario.now.instant);
    assert_eq!((report.as_of, report.source), (Some(Instant::from_millis(5_000)), Some(Source::Cache)));
    scenario.answered(inconclusive(TroubleKind::Unreachable));
    scenario.shows(Outcome::ValidCached);
    fails_until(&mut scenario, Outcome::Network);
    assert_eq!(scenario.now.instant, Instant::from_millis(5_000) + secs(86_400));
}

#[test]
fn rejection_survives_a_restart_while_its_files_are_the_same() {
    let verdict = Verdict::Rejected { at: Instant::from_millis(1), reason: Text::from("Node is inactive") };
    let mut scenario = Scenario::restarted(remembered(verdict.clone()));
    scenario.reads(setup()).answered(inconclusive(TroubleKind::Unreachable));
    scenario.shows(Outcome::NodeRejected);

    let mut replaced = setup();
    replaced.claim.secrets_stamp = 2;
    let mut scenario = Scenario::restarted(remembered(verdict));
    scenario.reads(replaced).answered(inconclusive(TroubleKind::Unreachable));
    scenario.shows(Outcome::Network);
}

#[test]
fn verdict_on_another_claim_is_forgotten() {
    let others: [fn(&mut Claim); 3] = [
        |claim| claim.node_id = NodeId::parse("attic-pi").expect("a node id"),
        |claim| claim.service_id = Text::from("lights"),
        |claim| claim.asked_url = Text::from("https://other.home"),
    ];
    for change in others {
        let mut changed = setup();
        change(&mut changed.claim);
        let mut scenario = Scenario::restarted(remembered(good_at(5_000)));
        scenario.reads(changed);
        scenario.shows(Outcome::Starting);
    }
}

#[test]
fn remembered_verdict_outlives_an_unreadable_setup() {
    let mut scenario = Scenario::restarted(remembered(good_at(5_000)));
    scenario.happens(Event::SetupRead(Err(broken())));
    scenario.shows(Outcome::Setup);
    let kept = scenario.agent.report(scenario.now.instant).verdict;
    assert_eq!(kept, Some((&claim("kitchen-pi", 1), &good_at(5_000))));
    scenario.until_deadline();
    scenario.reads(setup());
    scenario.shows(Outcome::ValidCached);
}

#[test]
fn remembered_verdict_past_its_grace_period_is_ignored() {
    let mut scenario = Scenario::restarted(remembered(good_at(0)));
    let mut short = setup();
    short.settings.offline_grace = secs(10);
    scenario.reads(short);
    scenario.shows(Outcome::Starting);
}

#[test]
fn longer_grace_period_revives_a_good_verdict_as_cached() {
    let mut short = setup();
    short.settings.offline_grace = secs(3600);
    let mut scenario = Scenario::started();
    scenario.reads(short).answered(good());
    scenario.until_deadline();
    scenario.answered(inconclusive(TroubleKind::NameUnknown)).later(secs(7200));
    scenario.happens(Event::ReloadRequested).happens(Event::SetupRead(Err(broken())));
    scenario.shows(Outcome::Setup);
    scenario.until_deadline();
    scenario.reads(setup());
    scenario.shows(Outcome::ValidCached);
}
