//! A node's week in which something goes wrong about every hour: power, clock, network, server, files. A seed
//! decides what happens. The rules of every scenario must hold.

use core::time::Duration;

use node_core::jitter::Jitter;
use node_core::outcome::Outcome;
use node_core::time::millis;
use node_core::trouble::TroubleKind;
use node_sim::scenarios::broken_rule;
use node_sim::span::Span;
use node_sim::world::{
    Clock, EntryKind, Fault, FilesChange, History, ServerChange, World, WorldEvent, Wrong,
};

const SEEDS: u64 = 10;
const WEEK: Duration = Duration::from_secs(7 * 86_400);
/// In the last hours nothing goes wrong any more.
const LAST_HOURS: Duration = Duration::from_secs(2 * 3600);

/// Something that goes wrong, and what ends it.
struct Mishap {
    name: &'static str,
    begins: WorldEvent,
    ends: WorldEvent,
}

fn mishap(name: &'static str, begins: WorldEvent, ends: WorldEvent) -> Mishap {
    Mishap { name, begins, ends }
}

fn server(change: ServerChange) -> WorldEvent {
    WorldEvent::Server(change)
}

fn files(change: FilesChange) -> WorldEvent {
    WorldEvent::Files(change)
}

fn fault(fault: Fault) -> WorldEvent {
    server(ServerChange { fault: Some(Some(fault)), ..ServerChange::default() })
}

fn broken(kind: TroubleKind, after_secs: u64) -> WorldEvent {
    fault(Fault::of(kind, Duration::from_secs(after_secs)))
}

fn busy(retry_after: u64) -> WorldEvent {
    let retry_after = Some(Duration::from_secs(retry_after));
    fault(Fault { wrong: Wrong::Trouble { kind: TroubleKind::Busy, retry_after }, after: None, percent: 100 })
}

fn latency(least_ms: u64, most_ms: u64) -> Option<(Span, Span)> {
    Some((Span(Duration::from_millis(least_ms)), Span(Duration::from_millis(most_ms))))
}

/// All that can go wrong; `key` is the next that the server will issue.
fn mishaps(key: u32) -> Vec<Mishap> {
    let sound = server(ServerChange {
        fault: Some(None),
        latency: latency(500, 900),
        answers_for: Some(None),
        ..ServerChange::default()
    });
    let link = |name, begins| mishap(name, begins, sound.clone());
    let other = Some(Some("attic-pi".into()));
    vec![
        link("no network", broken(TroubleKind::Unreachable, 5)),
        link("no name server", broken(TroubleKind::NameUnknown, 10)),
        link("stalls", broken(TroubleKind::Stalled, 30)),
        link("closes early", broken(TroubleKind::ClosedEarly, 0)),
        link("a portal", broken(TroubleKind::NotUnderstood, 1)),
        link("redirects", broken(TroubleKind::Redirected, 1)),
        link("expired", broken(TroubleKind::CertificateExpired, 1)),
        link("another CA", broken(TroubleKind::CertificateUnknownIssuer, 1)),
        link("another node's answer", server(ServerChange { answers_for: other, ..ServerChange::default() })),
        link("asks for patience", busy(60)),
        link("asks for a year", busy(31_536_000)),
        link(
            "loses half",
            fault(Fault { percent: 50, ..Fault::of(TroubleKind::ClosedEarly, Duration::ZERO) }),
        ),
        link("slow", server(ServerChange { latency: latency(20_000, 29_000), ..ServerChange::default() })),
        mishap("power cut", WorldEvent::PowerCut, WorldEvent::Clock(Clock::Right)),
        mishap("restart", WorldEvent::Restart, WorldEvent::Reload),
        mishap("crash", WorldEvent::Crash, WorldEvent::Reload),
        mishap("reload", WorldEvent::Reload, WorldEvent::Reload),
        mishap(
            "clock years ahead",
            WorldEvent::Clock(Clock::Ahead(Duration::from_secs(2_000_000_000))),
            WorldEvent::Clock(Clock::Right),
        ),
        mishap("clock at 1970", WorldEvent::Clock(Clock::Epoch), WorldEvent::Clock(Clock::Right)),
        mishap(
            "files broken",
            files(FilesChange { broken: Some(Some("no app key".into())), ..FilesChange::default() }),
            files(FilesChange { broken: Some(None), ..FilesChange::default() }),
        ),
        // The files change after the server. A reload tells the daemon.
        mishap(
            "app key rotated",
            server(ServerChange { app_key: Some(key), ..ServerChange::default() }),
            files(FilesChange { app_key: Some(key), ..FilesChange::default() }),
        ),
        mishap(
            "key rotated",
            server(ServerChange { key: Some(key), ..ServerChange::default() }),
            files(FilesChange { key: Some(key), ..FilesChange::default() }),
        ),
    ]
}

fn week(seed: u64) -> History {
    let mut chance = Jitter::new(seed);
    let mut world = World::new(seed);
    let mut at = Duration::from_secs(600);
    let mut key = 2;
    while at < WEEK - LAST_HOURS {
        let drawn = usize::try_from(millis(chance.up_to(Duration::from_millis(999_999)))).unwrap();
        let mut mishaps = mishaps(key);
        let Mishap { name, begins, ends } = mishaps.swap_remove(drawn % mishaps.len());
        let lasts = Duration::from_secs(5) + chance.up_to(Duration::from_secs(3000));
        world.plan(at, name, begins);
        world.plan(at + lasts, &format!("{name}: over"), ends);
        world.plan(at + lasts, "heard of", WorldEvent::Reload);
        at += lasts + Duration::from_secs(1) + chance.up_to(Duration::from_secs(7200));
        key += 1;
    }
    world.run(WEEK)
}

#[test]
fn a_week_of_mishaps_breaks_no_rule_and_ends_well() {
    let (mut calls, mut happened) = (0, 0);
    for seed in 0..SEEDS {
        let history = week(seed);
        if let Some(failure) = broken_rule(&history) {
            let around = failure.at.saturating_sub(Duration::from_secs(600))..=failure.at;
            let lines: String = history
                .entries
                .iter()
                .filter(|entry| around.contains(&entry.at))
                .map(ToString::to_string)
                .collect();
            panic!("seed {seed}: {}\n{lines}", failure.sentence);
        }
        let mut last = None;
        for entry in &history.entries {
            match &entry.kind {
                EntryKind::Shown { outcome, .. } => last = Some(*outcome),
                EntryKind::Asked { .. } => calls += 1,
                EntryKind::Happened { .. } => happened += 1,
                EntryKind::Began
                | EntryKind::Read(_)
                | EntryKind::Probed
                | EntryKind::Answered(_)
                | EntryKind::KeptOldSetup(_)
                | EntryKind::Household(_)
                | EntryKind::Sleeps(_)
                | EntryKind::Ended { .. }
                | EntryKind::Strip(_)
                | EntryKind::Observed { .. } => {}
            }
        }
        assert_eq!(last, Some(Outcome::Valid), "seed {seed}: not valid in the end");
    }
    // About 300 a day without mishaps. Mishaps must not multiply that.
    let a_day = calls / (SEEDS * 7);
    assert!((200..1500).contains(&a_day), "{a_day} calls a day");
    assert!(happened > 1000, "only {happened} things happened");
}
