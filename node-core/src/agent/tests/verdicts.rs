//! The outcome that follows from each answer.

extern crate std;

use std::collections::BTreeSet;
use std::string::ToString as _;

use super::*;

#[test]
fn nothing_is_known_before_the_first_answer() {
    let scenario = Scenario::calling();
    scenario.shows(Outcome::Starting);
    let report = scenario.agent.report(scenario.now.instant);
    assert_eq!((report.source, report.as_of, report.next_check), (None, None, None));
}

#[test]
fn good_answer_is_valid_with_its_household() {
    let mut scenario = Scenario::calling();
    scenario.answered(good());
    assert!(scenario.wants(&Action::Show(Outcome::Valid)));
    let report = scenario.agent.report(scenario.now.instant);
    assert_eq!(report.household.and_then(|h| h.id.as_ref()).map(Text::as_str), Some("h-1"));
    assert_eq!((report.reason, report.fix, report.source), (None, None, Some(Source::Server)));
}

#[test]
fn only_valid_false_is_a_rejection_of_the_node() {
    let mut scenario = Scenario::calling();
    scenario.answered(rejected());
    scenario.shows(Outcome::NodeRejected);
    let report = scenario.agent.report(scenario.now.instant);
    assert_eq!(report.reason, Some("Invalid node credentials"));
    assert!(report.fix.as_ref().is_some_and(|fix| fix.as_str().contains("rotated")), "{report:?}");
}

#[test]
fn trouble_without_a_verdict_shows_with_a_fix_of_its_own() {
    let mut fixes = BTreeSet::new();
    for (kind, outcome) in [
        (TroubleKind::NameUnknown, Outcome::Network),
        (TroubleKind::Unreachable, Outcome::Network),
        (TroubleKind::Stalled, Outcome::Server),
        (TroubleKind::ClosedEarly, Outcome::Server),
        (TroubleKind::Busy, Outcome::Server),
        (TroubleKind::AuthAway, Outcome::Server),
        (TroubleKind::NotEnrolled, Outcome::Server),
        (TroubleKind::Throttled, Outcome::Server),
        (TroubleKind::Unserved, Outcome::Server),
        (TroubleKind::InBetween, Outcome::Server),
        (TroubleKind::Redirected, Outcome::Server),
        (TroubleKind::NotTheService, Outcome::Server),
        (TroubleKind::RequestRefused, Outcome::Server),
        (TroubleKind::NotUnderstood, Outcome::Server),
        (TroubleKind::OtherNode, Outcome::Server),
        (TroubleKind::AppRejected, Outcome::AppRejected),
        (TroubleKind::CertificateExpired, Outcome::Tls),
        (TroubleKind::CertificateNotYetValid, Outcome::Tls),
        (TroubleKind::CertificateUnknownIssuer, Outcome::Tls),
        (TroubleKind::CertificateWrongName, Outcome::Tls),
        (TroubleKind::NameNotServed, Outcome::Tls),
        (TroubleKind::CertificateSelfSigned, Outcome::Tls),
        (TroubleKind::CertificateOfCa, Outcome::Tls),
        (TroubleKind::CertificateWrongUsage, Outcome::Tls),
        (TroubleKind::CertificateBeyondIssuer, Outcome::Tls),
        (TroubleKind::CertificateWeak, Outcome::Tls),
        (TroubleKind::CertificateRefused, Outcome::Tls),
        (TroubleKind::KeyNotPinned, Outcome::Tls),
        (TroubleKind::KeyNotProved, Outcome::Tls),
        (TroubleKind::ClientCertificateMissing, Outcome::Tls),
        (TroubleKind::ClientCertificateRefused, Outcome::Tls),
        (TroubleKind::NoCommonTlsVersion, Outcome::Tls),
        (TroubleKind::NoTls, Outcome::Tls),
        (TroubleKind::TlsOnPlainPort, Outcome::Tls),
        (TroubleKind::Handshake, Outcome::Tls),
        (TroubleKind::HandshakeCut, Outcome::Server),
        (TroubleKind::NoServerTime, Outcome::Clock),
        (TroubleKind::ServerClock, Outcome::Clock),
    ] {
        let mut scenario = Scenario::calling();
        scenario.answered(inconclusive(kind));
        scenario.shows(outcome);
        let report = scenario.agent.report(scenario.now.instant);
        let fix = report.fix.expect("a fix");
        // Whole, not cut to fit.
        assert!(fix.as_str().ends_with('.'), "{kind:?}");
        assert!(fixes.insert(fix.to_string()), "{kind:?} has the fix of another kind");
    }
}

#[test]
fn source_is_the_server_only_for_its_own_answers() {
    for (kind, source) in [
        (TroubleKind::Busy, Some(Source::Server)),
        (TroubleKind::AuthAway, Some(Source::Server)),
        (TroubleKind::AppRejected, Some(Source::Server)),
        (TroubleKind::Stalled, None),
        (TroubleKind::ClosedEarly, None),
        (TroubleKind::InBetween, None),
        (TroubleKind::Unserved, None),
        (TroubleKind::Unreachable, None),
        (TroubleKind::Handshake, None),
        (TroubleKind::KeyNotPinned, None),
        (TroubleKind::HandshakeCut, None),
        (TroubleKind::NoServerTime, Some(Source::Server)),
        (TroubleKind::ServerClock, Some(Source::Server)),
    ] {
        let mut scenario = Scenario::calling();
        scenario.answered(inconclusive(kind));
        assert_eq!(scenario.agent.report(scenario.now.instant).source, source, "{kind:?}");
    }
}

#[test]
fn trouble_of_any_kind_leaves_a_good_verdict() {
    for kind in [
        TroubleKind::NameUnknown,
        TroubleKind::Busy,
        TroubleKind::AppRejected,
        TroubleKind::CertificateUnknownIssuer,
        TroubleKind::OtherNode,
    ] {
        let mut scenario = Scenario::calling();
        scenario.answered(good()).until_call();
        scenario.answered(inconclusive(kind));
        scenario.shows(Outcome::ValidCached);
        let report = scenario.agent.report(scenario.now.instant);
        assert_eq!((report.source, report.reason), (Some(Source::Cache), Some("as tested")));
        assert!(report.household.is_some());
    }
}

#[test]
fn rejection_ends_a_good_verdict_at_once() {
    let mut scenario = Scenario::calling();
    scenario.answered(good()).until_call();
    scenario.answered(rejected());
    assert!(scenario.wants(&Action::Show(Outcome::NodeRejected)));
    assert!(scenario.agent.report(scenario.now.instant).household.is_none());
}

#[test]
fn outage_does_not_undo_a_rejection() {
    let mut scenario = Scenario::calling();
    scenario.answered(rejected()).until_call();
    scenario.answered(inconclusive(TroubleKind::Unreachable));
    scenario.shows(Outcome::NodeRejected);
    assert_eq!(scenario.agent.report(scenario.now.instant).source, Some(Source::Cache));
}

#[test]
fn node_that_is_accepted_again_is_valid_again() {
    let mut scenario = Scenario::calling();
    scenario.answered(rejected()).until_call();
    scenario.answered(good());
    scenario.shows(Outcome::Valid);
}

#[test]
fn unexpected_answer_changes_nothing() {
    let mut scenario = Scenario::calling();
    scenario.answered(good());
    scenario.answered(rejected());
    assert!(scenario.actions.is_empty());
    scenario.shows(Outcome::Valid);
}

#[test]
fn repeated_verdict_is_only_published() {
    let mut scenario = Scenario::calling();
    scenario.answered(good()).until_call();
    scenario.answered(good());
    assert_eq!(scenario.actions.as_slice(), [Action::Publish]);
}

#[test]
fn beginning_of_a_call_is_not_published() {
    let mut scenario = Scenario::calling();
    scenario.answered(good());
    let published = scenario.agent.report(scenario.now.instant);
    let (next, due) = (published.next_check.expect("a call"), published.due);
    scenario.until_deadline();
    assert_eq!(scenario.actions.as_slice(), [Action::Validate]);
    assert_eq!(scenario.now.instant, next);
    assert_eq!(due, scenario.agent.deadline(), "what was published counts until the answer is overdue");
}

#[test]
fn fix_of_a_rejection_names_the_address_that_was_asked() {
    for (service, ungranted) in [
        (Service::AUTH, "into service_id"),
        (Service::COMMAND_CENTER, "the command center in via.command_center"),
    ] {
        for (reason, names) in
            [("Node not found", service.address), ("Node is not authorized to access service 'x'", ungranted)]
        {
            let mut scenario = Scenario::started();
            scenario.reads(Setup { service, ..setup() }).answered(Answer::Rejected(Text::from(reason)));
            let fix = scenario.agent.report(scenario.now.instant).fix.expect("a fix");
            assert!(fix.as_str().contains(names) && fix.as_str().ends_with('.'), "{fix}");
        }
    }
}
