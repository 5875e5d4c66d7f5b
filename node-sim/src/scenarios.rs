//! Stories in virtual time. Each is run with its seed and compared with its transcript in
//! `node-sim/tests/transcripts`.

use core::fmt::Write;
use core::time::Duration;

use jarvis_node::agent::TroubleKind;
use jarvis_node::time::UnixTime;

use crate::world::{Board, Happening, Link, World};

/// A story.
pub struct Scenario {
    /// Its name, and its transcript's.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// How long it is, in virtual time.
    pub span: Duration,
    plan: fn(&mut World),
}

impl Scenario {
    /// Tells the story with this seed and returns its transcript.
    #[must_use]
    pub fn run(&self, seed: u64) -> String {
        let mut world = World::new(seed);
        (self.plan)(&mut world);
        format!("# {}\n{}", self.about, folded(&world.run(self.span)))
    }
}

/// How often something must come again before it is only counted.
const TEDIOUS: usize = 20;

/// A transcript in which what comes again and again, up to three lines of it, stands once: a node asks every
/// second for a server that is away.
fn folded(transcript: &str) -> String {
    let lines: Vec<&str> = transcript.lines().collect();
    // The time takes the first 15 columns.
    let what = |index: usize| lines.get(index).and_then(|line: &&str| line.get(15..));
    let mut text = String::new();
    let mut at = 0;
    while at < lines.len() {
        let repeats = |block: usize| {
            (at + block..lines.len()).take_while(|index| what(*index) == what(index - block)).count() / block
        };
        let tedious = (1..=3).map(|block| (block, repeats(block))).find(|(_, times)| *times >= TEDIOUS);
        let (block, times) = tedious.unwrap_or((1, 0));
        for line in &lines[at..at + block] {
            let _ = writeln!(text, "{line}");
        }
        at += block * (times + 1);
        if times > 0 {
            let until = lines[at - 1].get(..15).unwrap_or_default().trim();
            let _ = writeln!(text, "{:>15}  … and {times} times more until {until}", "");
        }
    }
    text
}

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

const fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3600)
}

const REFUSED: Link = Link::Broken(TroubleKind::Unreachable, Duration::from_millis(2));
const SILENT: Link = Link::Broken(TroubleKind::Unreachable, Duration::from_secs(5));
const STALLED: Link = Link::Broken(TroubleKind::Stalled, Duration::from_secs(30));

/// The server cannot be reached from `from` seconds on until `to`.
fn outage(world: &mut World, link: fn(&mut crate::world::Server), from: u64, to: u64) {
    world.plan(secs(from), "the server goes away", Happening::Server(link));
    world.plan(secs(to), "the server is back", Happening::Server(|server| server.link = Link::Sound));
}

/// All stories.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "a-quiet-hour",
        about: "Nothing goes wrong: a verdict, then one every five minutes give or take a tenth.",
        span: hours(1),
        plan: |_| {},
    },
    Scenario {
        name: "server-away-for-a-minute",
        about: "A short outage: the verdict is kept, and refreshed once the server is back.",
        span: secs(900),
        plan: |world| outage(world, |server| server.link = REFUSED, 60, 420),
    },
    Scenario {
        name: "server-gone-at-boot",
        about: "Power is back before the server: no verdict to keep, so the LED says network.",
        span: secs(600),
        plan: |world| {
            world.server().link = SILENT;
            world.plan(secs(240), "the server is back", Happening::Server(|s| s.link = Link::Sound));
        },
    },
    Scenario {
        name: "outage-longer-than-the-grace",
        about: "A grace of half an hour ends in the middle of an outage, to the second.",
        span: hours(1),
        plan: |world| {
            world.board().settings.offline_grace = secs(1800);
            outage(world, |server| server.link = REFUSED, 10, 3000);
        },
    },
    Scenario {
        name: "no-grace-at-all",
        about: "With a grace of zero the first failed call takes valid away, but calm does not.",
        span: secs(900),
        plan: |world| {
            world.board().settings.offline_grace = Duration::ZERO;
            outage(world, |server| server.link = REFUSED, 60, 400);
        },
    },
    Scenario {
        name: "overloaded-server",
        about: "Calls stall for their whole time-out; each retry waits longer, none overlaps.",
        span: secs(1200),
        plan: |world| {
            world.server().link = STALLED;
            world.plan(secs(700), "the load is gone", Happening::Server(|s| s.link = Link::Sound));
        },
    },
    Scenario {
        name: "asked-for-patience",
        about: "429 with Retry-After: 60: not asked again before a minute is over.",
        span: secs(500),
        plan: |world| {
            world.server().link = Link::Busy { retry_after: secs(60) };
            world.plan(secs(200), "enough", Happening::Server(|s| s.link = Link::Sound));
        },
    },
    Scenario {
        name: "asked-for-absurd-patience",
        about: "Retry-After: a year. Five minutes of it are honoured.",
        span: secs(1000),
        plan: |world| {
            world.server().link = Link::Busy { retry_after: hours(24 * 365) };
            world.plan(secs(600), "enough", Happening::Server(|s| s.link = Link::Sound));
        },
    },
    Scenario {
        name: "key-rotated-and-replaced",
        about: "The old key fails at once; a new file and a SIGHUP mend it at once.",
        span: secs(900),
        plan: |world| {
            world.plan(secs(30), "the key is rotated", Happening::Server(|s| s.key = 2));
            world.plan(secs(600), "the new credential is installed", Happening::Files(|f| f.key = 2));
            world.plan(secs(601), "SIGHUP", Happening::Reload);
        },
    },
    Scenario {
        name: "key-replaced-without-a-word",
        about: "Nobody tells the node about its new credential: it reads the file again by itself.",
        span: secs(1500),
        plan: |world| {
            world.plan(secs(30), "the key is rotated", Happening::Server(|s| s.key = 2));
            world.plan(secs(400), "the new credential is installed", Happening::Files(|f| f.key = 2));
        },
    },
    Scenario {
        name: "node-deactivated",
        about: "A denial takes valid away at once, and is asked about slowly from then on.",
        span: hours(1),
        plan: |world| {
            world.plan(secs(30), "the node is deactivated", Happening::Server(|s| s.active = false));
        },
    },
    Scenario {
        name: "denied-then-cut-off",
        about: "A denial stays a denial while the server is away: an outage heals nothing.",
        span: hours(1),
        plan: |world| {
            world.server().granted = false;
            outage(world, |server| server.link = REFUSED, 60, 2400);
            world.plan(secs(2300), "the service is granted", Happening::Server(|s| s.granted = true));
        },
    },
    Scenario {
        name: "app-key-rotated-under-us",
        about: "A 401 is about the app key: the node's own verdict stays, and the file is re-read.",
        span: secs(1800),
        plan: |world| {
            world.plan(secs(30), "the app key is rotated", Happening::Files(|f| f.app_key_right = false));
            world.plan(
                secs(900),
                "the new app key is installed",
                Happening::Files(|f| f.app_key_right = true),
            );
        },
    },
    Scenario {
        name: "wrong-app-key-from-the-start",
        about: "Without any verdict a 401 shows as app-rejected.",
        span: secs(900),
        plan: |world| world.board().files.app_key_right = false,
    },
    Scenario {
        name: "clock-at-1970",
        about: "No battery: the LED says clock, no call is wasted, and setting the clock is enough.",
        span: secs(120),
        plan: |world| {
            world.set_wall_clock(UnixTime(0));
            world.plan(secs(42), "the clock is set", Happening::WallClock(Board::BUILT));
        },
    },
    Scenario {
        name: "clock-jumps-by-years",
        about: "The wall clock jumps both ways: no timer moves; before the build it shows when next asked.",
        span: secs(1500),
        plan: |world| {
            let later = UnixTime(Board::BUILT.0 + 10 * 365 * 86_400);
            world.plan(secs(60), "the clock is set ten years ahead", Happening::WallClock(later));
            world.plan(secs(400), "the clock falls back to 1970", Happening::WallClock(UnixTime(0)));
            world.plan(secs(900), "the clock is set", Happening::WallClock(Board::BUILT));
        },
    },
    Scenario {
        name: "wrong-ca",
        about: "The server's certificate is of a CA the node does not trust: tls, until it is replaced.",
        span: secs(400),
        plan: |world| {
            world.server().link =
                Link::Broken(TroubleKind::CertificateUnknownIssuer, Duration::from_millis(80));
            world.plan(secs(150), "the certificate is reissued", Happening::Server(|s| s.link = Link::Sound));
        },
    },
    Scenario {
        name: "captive-portal",
        about: "Something else answers with 200 and a web page: no verdict, no denial.",
        span: secs(900),
        plan: |world| {
            outage(
                world,
                |server| {
                    server.link = Link::Broken(TroubleKind::NotUnderstood, Duration::from_millis(30));
                },
                60,
                600,
            );
        },
    },
    Scenario {
        name: "answers-for-another-node",
        about: "valid:true for somebody else is no answer to us.",
        span: secs(300),
        plan: |world| {
            world.server().answers_for = Some("attic-pi");
            world.plan(secs(120), "the service is mended", Happening::Server(|s| s.answers_for = None));
        },
    },
    Scenario {
        name: "not-provisioned",
        about: "The credential is still the placeholder; the node waits for a real one.",
        span: secs(200),
        plan: |world| {
            world.board().files.broken = Some("this node is not provisioned");
            world.plan(secs(100), "the credential is installed", Happening::Files(|f| f.broken = None));
        },
    },
    Scenario {
        name: "credential-broken-under-a-good-verdict",
        about: "An edit breaks the file; told to read it, the node says so and stays valid.",
        span: secs(200),
        plan: |world| {
            world.plan(secs(60), "the file is truncated", Happening::Files(|f| f.broken = Some("not JSON")));
            world.plan(secs(61), "SIGHUP", Happening::Reload);
        },
    },
    Scenario {
        name: "service-restarted-during-an-outage",
        about: "The verdict survives a restart of the service with its age.",
        span: secs(900),
        plan: |world| {
            outage(world, |server| server.link = REFUSED, 60, 800);
            world.plan(secs(500), "the service is restarted", Happening::Restart);
        },
    },
    Scenario {
        name: "power-cut-during-an-outage",
        about: "The verdict does not survive a reboot, and the clock starts at 1970.",
        span: secs(900),
        plan: |world| {
            outage(world, |server| server.link = REFUSED, 60, 800);
            world.plan(secs(500), "the power fails and comes back", Happening::PowerCut);
            world.plan(secs(530), "the clock is set", Happening::WallClock(Board::BUILT));
        },
    },
    Scenario {
        name: "reload-while-a-call-is-under-way",
        about: "The answer under way is about the old files: it is not believed.",
        span: secs(60),
        plan: |world| {
            world.board().settings.start_splay = Duration::ZERO;
            world.server().latency = (secs(4), secs(4));
            world.server().key = 2;
            world.plan(secs(1), "the new credential is installed", Happening::Files(|f| f.key = 2));
            world.plan(secs(2), "SIGHUP", Happening::Reload);
        },
    },
    Scenario {
        name: "stopped-while-a-call-is-under-way",
        about: "SIGTERM in the middle of a stalled call: the LED goes dark at once.",
        span: secs(60),
        plan: |world| {
            world.server().link = STALLED;
            world.plan(secs(10), "SIGTERM", Happening::Stop);
        },
    },
    Scenario {
        name: "a-lossy-night",
        about: "A third of all calls is lost for eight hours: never anything but valid and valid-cached.",
        span: hours(8),
        plan: |world| {
            world.plan(secs(30), "the network gets bad", Happening::Server(|s| s.loss_percent = 33));
        },
    },
];
