//! A node's week, with something going wrong every hour or so: power, clock, network, server, files. What
//! happens is drawn at random, a seed each; what must hold is read off the transcript.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use core::time::Duration;

use jarvis_node::agent::{Jitter, TroubleKind};
use jarvis_node::time::{UnixTime, millis};
use node_sim::world::{Board, Files, Happening, Link, Server, World};

const SEEDS: u64 = 10;
const WEEK: Duration = Duration::from_secs(7 * 86_400);
/// At the end nothing goes wrong any more.
const LAST_HOURS: Duration = Duration::from_secs(2 * 3600);
/// An hour of stalls, give or take a tenth, makes a window of half an hour for the next call; two in a row, of an
/// hour. A call takes half a minute at most.
const LONGEST_SILENCE_MS: u64 = 4_260_000;

/// Something that goes wrong, and what ends it.
struct Mishap {
    name: &'static str,
    begins: Happening,
    ends: Happening,
}

const fn mishap(name: &'static str, begins: Happening, ends: Happening) -> Mishap {
    Mishap { name, begins, ends }
}

const fn broken(kind: TroubleKind, after_secs: u64) -> Link {
    Link::Broken(kind, Duration::from_secs(after_secs))
}

fn sound(server: &mut Server) {
    server.link = Link::Sound;
    server.loss_percent = 0;
    server.latency = (Duration::from_millis(500), Duration::from_millis(900));
    server.answers_for = None;
}

/// A clock that was set right: long after the program was built, and that is all that matters here.
const TODAY: Happening = Happening::WallClock(UnixTime(Board::BUILT.0 + 10_000_000));
const SOUND: Happening = Happening::Server(sound);

fn mishaps() -> Vec<Mishap> {
    let link = |name, change| mishap(name, Happening::Server(change), SOUND);
    vec![
        link("no network", |s| s.link = broken(TroubleKind::Unreachable, 5)),
        link("no name server", |s| s.link = broken(TroubleKind::NameUnknown, 10)),
        link("stalls", |s| s.link = broken(TroubleKind::Stalled, 30)),
        link("closes early", |s| s.link = broken(TroubleKind::ClosedEarly, 0)),
        link("a portal", |s| s.link = broken(TroubleKind::NotUnderstood, 1)),
        link("redirects", |s| s.link = broken(TroubleKind::Redirected, 1)),
        link("expired", |s| s.link = broken(TroubleKind::CertificateExpired, 1)),
        link("another CA", |s| s.link = broken(TroubleKind::CertificateUnknownIssuer, 1)),
        link("another node's answer", |s| s.answers_for = Some("attic-pi")),
        link("asks for patience", |s| s.link = Link::Busy { retry_after: Duration::from_secs(60) }),
        link("asks for a year", |s| s.link = Link::Busy { retry_after: Duration::from_secs(31_536_000) }),
        link("loses half", |s| s.loss_percent = 50),
        link("slow", |s| s.latency = (Duration::from_secs(20), Duration::from_secs(29))),
        mishap("power cut", Happening::PowerCut, TODAY),
        mishap("restart", Happening::Restart, Happening::Reload),
        mishap("reload", Happening::Reload, Happening::Reload),
        mishap("clock years ahead", Happening::WallClock(UnixTime(4_000_000_000)), TODAY),
        mishap("clock at 1970", Happening::WallClock(UnixTime(0)), TODAY),
        mishap(
            "files broken",
            Happening::Files(|f| f.broken = Some("no app key")),
            Happening::Files(|f| f.broken = None),
        ),
        mishap(
            "app key rotated",
            Happening::Files(|f: &mut Files| f.app_key_right = false),
            Happening::Files(|f: &mut Files| f.app_key_right = true),
        ),
        // The files follow as a daemon hears of them, by a reload.
        mishap("key rotated", Happening::Server(|s| s.key += 1), Happening::Files(|f| f.key += 1)),
    ]
}

fn week(seed: u64) -> String {
    let mut chance = Jitter::new(seed);
    let mut world = World::new(seed);
    let mishaps = mishaps();
    let mut at = Duration::from_secs(600);
    while at < WEEK - LAST_HOURS {
        let drawn = usize::try_from(millis(chance.up_to(Duration::from_millis(999_999)))).unwrap();
        let Mishap { name, begins, ends } = &mishaps[drawn % mishaps.len()];
        let lasts = Duration::from_secs(5) + chance.up_to(Duration::from_secs(3000));
        world.plan(at, name, begins.clone());
        world.plan(at + lasts, &format!("{name}: over"), ends.clone());
        world.plan(at + lasts, "heard of", Happening::Reload);
        at += lasts + Duration::from_secs(1) + chance.up_to(Duration::from_secs(7200));
    }
    world.run(WEEK)
}

/// A line of a transcript: when, in milliseconds, and what.
fn parse(line: &str) -> Option<(u64, &str)> {
    let (time, what) = line.trim_start().split_once("  ")?;
    let mut parts = time.split([':', '.']).map(str::parse::<u64>);
    let mut next = || parts.next()?.ok();
    let (hours, minutes, seconds, ms) = (next()?, next()?, next()?, next()?);
    Some((((hours * 60 + minutes) * 60 + seconds) * 1000 + ms, what))
}

#[test]
fn a_week_of_mishaps_takes_no_verdict_away_and_silences_nobody() {
    let (mut calls, mut happened) = (0, 0);
    for seed in 0..SEEDS {
        let told = week(seed);
        let complain = |what: &str, at: u64| -> ! {
            let around: Vec<_> = told
                .lines()
                .filter(|line| parse(line).is_some_and(|(t, _)| t + 600_000 > at && t <= at))
                .collect();
            panic!("seed {seed}: {what}\n{}", around.join("\n"));
        };
        let (mut good, mut last_activity, mut outcome) = (false, 0, "");
        let mut clock_is_set = true;
        for (at, what) in told.lines().filter_map(parse) {
            if let Some(shown) = what.strip_prefix("= ") {
                outcome = shown.split(':').next().unwrap().split(' ').next().unwrap();
                // After a restart it is `starting` until the files are read, at the same moment.
                if good && !["valid", "valid-cached", "starting"].contains(&outcome) {
                    complain("a good verdict was taken away by no denial", at);
                }
                if outcome == "valid" && !good {
                    complain("valid without a verdict", at);
                }
            } else if what == "answer valid:true" {
                good = true;
            } else if what.starts_with("answer valid:false") || what == "! power cut" {
                good = false;
            }
            let was_set = clock_is_set;
            clock_is_set = match what {
                "! power cut" | "! clock at 1970" => false,
                "! power cut: over" | "! clock at 1970: over" => true,
                _ => clock_is_set,
            };
            happened += usize::from(what.starts_with("! "));
            if what == "asks the server" || what.starts_with("reads its files") {
                calls += usize::from(what == "asks the server");
                last_activity = at;
            } else if !was_set || !clock_is_set {
                // It looks at the clock every five seconds, which is not worth a line.
                last_activity = at;
            } else if at - last_activity > LONGEST_SILENCE_MS {
                complain("nothing was asked for too long", at);
            }
        }
        if outcome != "valid" {
            complain("not valid in the end", millis(WEEK));
        }
    }
    // Some 300 a day in peace; mishaps must not make it many times more.
    let a_day = calls / usize::try_from(SEEDS * 7).unwrap();
    assert!((200..1500).contains(&a_day), "{a_day} calls a day");
    assert!(happened > 1000, "only {happened} things happened");
}
