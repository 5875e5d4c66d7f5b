use std::time::Duration;

use node_core::agent::{Agent, Event, Settings, Setup};
use node_core::answer::Answer;
use node_core::service::Service;
use node_core::time::{Now, UnixTime};

use super::*;

fn now(ms: u64) -> Now {
    Now { instant: Instant::from_millis(ms), wall: UnixTime(0) }
}

/// An agent that got `answer` 10 s after boot.
fn agent_told(answer: Answer) -> Agent {
    let setup = Setup {
        claim: Claim {
            node_id: NodeId::parse("kitchen-pi").expect("a node id"),
            service_id: Text::from("command-center"),
            asked_url: Text::from("https://auth.home"),
            secrets_stamp: u64::MAX,
        },
        service: Service::AUTH,
        settings: Settings {
            revalidate: Duration::from_secs(300),
            offline_grace: Duration::from_secs(86_400),
            start_splay: Duration::ZERO,
            spread: Duration::from_secs(4),
            request_timeout: Duration::from_secs(45),
            clock_floor: None,
        },
    };
    let mut agent = Agent::new(1);
    agent.handle(Event::Started(None), now(9000));
    agent.handle(Event::SetupRead(Ok(setup)), now(9000));
    agent.handle(Event::Answered(answer), now(10_000));
    agent
}

fn yes() -> Answer {
    Answer::Valid(Household { id: Some(Text::from("h-1")), member_ids: Some([7, 8].into_iter().collect()) })
}

fn saved_and_loaded(record: &Record) -> Record {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("status.json");
    record.save(&path).expect("saved");
    assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 1, "nothing is left beside it");
    Record::load(&path).expect("loaded")
}

#[test]
fn view_reports_facts_with_their_age() {
    let agent = agent_told(yes());
    let record = saved_and_loaded(&Record::of(&agent.report(Instant::from_millis(10_000)), "b1", false));
    let view = record.view("b1", Instant::from_millis(70_000));
    let json = serde_json::to_value(&view).expect("JSON");
    let next = json["next_check_secs"].as_u64().expect("a number");
    assert!((210..=270).contains(&next), "{next}");
    assert_eq!(
        json,
        serde_json::json!({
            "outcome": "valid", "node_id": "kitchen-pi", "household_id": "h-1", "household_member_ids": [7, 8],
            "reason": null, "fix": null, "source": "server", "age_secs": 60, "next_check_secs": next,
            "warnings": [],
        })
    );
}

#[test]
fn check_that_is_under_way_has_no_time_left() {
    let agent = agent_told(yes());
    let record = Record::of(&agent.report(Instant::from_millis(10_000)), "b1", false);
    let next = record.next_check_ms.expect("a check");
    let left = |at| record.view("b1", Instant::from_millis(at)).next_check_secs;
    assert_eq!((left(next - 1000), left(next), left(next + 1000)), (Some(1), None, None));
    // Until its answer is overdue, what was published before it counts.
    let overdue = next + 45_000 + 60_000 + 60_000;
    let stale = |at| record.staleness("b1", Instant::from_millis(at)).is_some();
    assert_eq!((stale(overdue), stale(overdue + 1)), (false, true));
}

#[test]
fn verdict_is_remembered_within_its_boot_only() {
    for answer in [yes(), Answer::Rejected(Text::from("Node is inactive"))] {
        let agent = agent_told(answer);
        let report = agent.report(Instant::from_millis(10_000));
        let record = || saved_and_loaded(&Record::of(&report, "b1", true));
        let at = Instant::from_millis;
        let remembered = record().remembered("b1", at(10_000)).expect("of this boot");
        assert_eq!(Some((&remembered.claim, &remembered.verdict)), report.verdict);
        assert_eq!(record().remembered("b2", at(10_000)), None);
        assert_eq!(record().remembered("b1", at(9_999)), None, "a verdict from the future");
    }
}

#[test]
fn stale_record_is_reported_as_stale() {
    let agent = agent_told(yes());
    let report = agent.report(Instant::from_millis(10_000));
    let running = Record::of(&report, "b1", false);
    assert_eq!(running.staleness("b1", Instant::from_millis(300_000)), None);
    assert!(running.staleness("b1", Instant::from_millis(2_000_000)).is_some_and(|s| s.contains("no news")));
    assert!(running.staleness("b2", Instant::from_millis(20_000)).is_some());
    assert_eq!(running.view("b2", Instant::from_millis(20_000)).age_secs, None);
    let stopped = Record::of(&report, "b1", true);
    assert!(stopped.staleness("b1", Instant::from_millis(10_001)).is_some_and(|s| s.contains("stopped")));
    assert_eq!(stopped.view("b1", Instant::from_millis(10_001)).next_check_secs, None);
}

#[test]
fn view_in_words_has_at_most_two_lines() {
    let valid = agent_told(yes());
    let view = Record::of(&valid.report(Instant::from_millis(10_000)), "b", false)
        .view("b", Instant::from_millis(15_000));
    let words = view.in_words();
    assert!(
        words.starts_with(
            "valid: the auth service accepts this node; node kitchen-pi, household h-1, 5 s ago"
        )
    );
    assert_eq!(words.lines().count(), 1, "{words}");

    let rejected = agent_told(Answer::Rejected(Text::from("Node not found")));
    let words = Record::of(&rejected.report(Instant::from_millis(10_000)), "b", false)
        .view("b", Instant::from_millis(10_000))
        .in_words();
    assert_eq!(words.lines().count(), 2, "{words}");
    assert!(words.contains("\nNode not found. Check node_id in the credential file"), "{words}");
}

#[test]
fn status_that_cannot_be_saved_is_an_error() {
    let agent = agent_told(yes());
    let record = Record::of(&agent.report(Instant::from_millis(10_000)), "b1", false);
    assert!(record.save(Path::new("/proc/nowhere/status.json")).is_err());
    assert!(Record::load(Path::new("/proc/nowhere/status.json")).is_err());
}

#[test]
fn foreign_record_is_two_printable_lines_without_overflow() {
    let agent = agent_told(yes());
    let mut record = Record::of(&agent.report(Instant::from_millis(10_000)), "b1", false);
    for text in [&mut record.node_id, &mut record.household_id, &mut record.reason, &mut record.fix] {
        *text = Some("one\ntwo\u{1b}[2J".into());
    }
    record.outcome = "valid\r\n".into();
    record.next_check_ms = Some(u64::MAX);
    let view = record.view("b1", Instant::default());
    assert_eq!(view.next_check_secs, Some(u64::MAX / 1000));
    let words = view.in_words();
    assert_eq!(words.lines().count(), 2, "{words}");
    assert!(!words.contains(|c: char| c.is_control() && c != '\n'), "{words:?}");
}

#[test]
fn link_leads_to_the_status_and_replaces_only_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let [place, file, other] = ["status.json", "moved.json", "notes"].map(|name| dir.path().join(name));
    let agent = agent_told(yes());
    let record = Record::of(&agent.report(Instant::from_millis(10_000)), "b1", false);
    record.save(&place).expect("saved");
    record.save(&file).expect("saved");
    for _ in 0..2 {
        Record::leave_link(&place, &file).expect("left");
        assert_eq!(fs::read_link(&place).expect("a link"), file);
        Record::load(&place).expect("a status");
    }
    // Its own status in that place again replaces the link, not the file.
    record.save(&place).expect("saved");
    assert!(place.symlink_metadata().expect("there").is_file() && file.exists());
    fs::write(&other, "somebody else's").expect("written");
    Record::leave_link(&other, &file).expect_err("not ours");
    Record::remove(&other);
    Record::remove(&file);
    assert!(other.exists() && !file.exists());
}
