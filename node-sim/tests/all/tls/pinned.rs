//! Pinned keys, and the server's time that comes with them. The clock of this machine is right, so a server of
//! another year shows whose time counts.

use core::time::Duration;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::HandshakeKind::Full;
use rustls::server::NoClientAuth;
use rustls::version::{TLS12, TLS13};
use serde_json::json;

use super::pki::{Ca, Identity};
use super::server::{Server, Site, config, forgetful, now, ok, response};
use super::site::{Checked, TlsRig as _, validate};
use test_support::daemon::Daemon;
use test_support::rig::Rig;

const IN_2031: &str = "Sun, 01 Jun 2031 12:00:00 GMT";
const IN_2035: &str = "Fri, 01 Jun 2035 12:00:00 GMT";
const HEALTH: &str = "GET /health HTTP/1.1";
const CALL: &str = "POST /internal/validate-node HTTP/1.1";

fn only_in(year: i32) -> impl Fn(&mut CertificateParams) {
    move |leaf| {
        leaf.not_before = date_time_ymd(year, 1, 1);
        leaf.not_after = date_time_ymd(year + 1, 1, 1);
    }
}

/// A server whose key is pinned, with a certificate by a CA that is trusted.
struct Pinned {
    rig: Rig,
    root: Ca,
    identity: Identity,
    site: Site,
}

impl Pinned {
    fn new(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let root = Ca::root();
        let identity = root.issue(change);
        Self { rig: Rig::new(), site: Site::new(identity.clone()), root, identity }
    }

    fn serve(&self) -> Server {
        let server = Server::tls(&self.site);
        self.rig.point(&format!("https://localhost:{}", server.addr.port()), &self.root.pem);
        self.rig.configure("spki_pins", json!([self.identity.pin]));
        server
    }

    fn check(&self) -> Checked {
        self.rig.checked(self.serve())
    }

    fn check_without_pins(&self) -> Checked {
        let server = self.serve();
        self.rig.forget("spki_pins");
        self.rig.checked(server)
    }

    #[track_caller]
    fn gives(&self, outcome: &str, exit: i32, reason: &str, fix: &str) -> Checked {
        let checked = self.check();
        let view = &checked.view;
        assert_eq!((checked.outcome(), checked.exit), (outcome, Some(exit)), "{view}");
        assert!(view["reason"].as_str().unwrap().contains(reason), "{view}");
        assert!(view["fix"].as_str().unwrap().contains(fix), "{view}");
        // The request for the time held no secret, and nothing was sent after it.
        assert_eq!(checked.seen.asked(), [HEALTH], "{view}");
        self.holds_no_secret(&checked.seen.requests[0]);
        assert!(!self.rig.secret_in(&checked.seen.wire));
        checked
    }

    #[track_caller]
    fn holds_no_secret(&self, request: &str) {
        assert!(request.starts_with(HEALTH), "{request}");
        assert!(!self.rig.secret_in(request.as_bytes()), "{request}");
        let (node, lower) = (self.rig.stub.node().0, request.to_ascii_lowercase());
        assert!(
            !lower.contains("x-jarvis") && !lower.contains("authorization") && !lower.contains(node),
            "{request}"
        );
    }
}

#[test]
fn pinned_server_is_asked_the_time_before_the_call() {
    for version in [&TLS12, &TLS13] {
        let pinned = Pinned::new(|_| {});
        pinned.site.becomes(config(pinned.identity.clone(), &[version], Arc::new(NoClientAuth)));
        let checked = pinned.check();
        assert_eq!((checked.outcome(), checked.exit), ("valid", Some(0)), "{}", checked.view);
        assert_eq!(checked.seen.asked(), [HEALTH, CALL]);
        assert_eq!(checked.seen.kinds(), [Full, Full]);
        pinned.holds_no_secret(&checked.seen.requests[0]);
        assert!(pinned.rig.secret_in(checked.seen.requests[1].as_bytes()));
        assert!(!pinned.rig.secret_in(&checked.seen.wire));
    }
}

#[test]
fn one_of_two_pins_is_enough() {
    let pinned = Pinned::new(|_| {});
    let next = pinned.root.sound();
    let pins = json!([next.pin, pinned.identity.pin]);
    // First the old key, which is listed second; then the new one, which is listed first.
    for identity in [pinned.identity.clone(), next] {
        pinned.site.becomes(config(identity, &[&TLS13], Arc::new(NoClientAuth)));
        let server = pinned.serve();
        pinned.rig.configure("spki_pins", pins.clone());
        let checked = pinned.rig.checked(server);
        assert_eq!(checked.outcome(), "valid", "{}", checked.view);
    }
}

/// The server of the call may be another than that of the time exchange.
#[test]
fn call_after_the_time_exchange_needs_the_pin_too() {
    let pinned = Pinned::new(|_| {});
    let (site, other) = (pinned.site.clone(), pinned.root.sound());
    pinned.site.answers(move |request| {
        site.becomes(config(other.clone(), &[&TLS13], Arc::new(NoClientAuth)));
        ok(request, Some(&now()))
    });
    let checked = pinned.gives("tls", 76, "none of those in spki_pins", "somebody else");
    assert_eq!((checked.seen.connections, checked.seen.kinds()), (2, vec![Full]));
}

#[test]
fn time_is_the_servers_with_pins_and_the_boards_without() {
    let pinned = Pinned::new(only_in(2031));
    pinned.site.says_it_is(IN_2031);
    let checked = pinned.check();
    assert_eq!((checked.outcome(), checked.exit), ("valid", Some(0)), "{}", checked.view);
    let checked = pinned.check_without_pins();
    assert_eq!((checked.outcome(), checked.exit), ("tls", Some(76)), "{}", checked.view);
    assert!(checked.view["reason"].as_str().unwrap().contains("by this board's clock"), "{}", checked.view);
    assert_eq!(checked.seen.asked(), [""; 0]);
}

#[test]
fn certificate_is_judged_by_the_servers_time() {
    let pinned = Pinned::new(|leaf| leaf.not_after = date_time_ymd(2030, 1, 1));
    pinned.site.says_it_is(IN_2031);
    pinned.gives(
        "tls",
        76,
        "it ended Tue, 01 Jan 2030 00:00:00 GMT, and by the server's own clock it is Sun, 01 Jun 2031",
        "Set the clock of the auth service's machine",
    );
    let pinned = Pinned::new(only_in(2035));
    pinned.site.says_it_is(IN_2031);
    pinned.gives(
        "tls",
        76,
        "not valid yet: it begins Mon, 01 Jan 2035",
        "Set the clock of the auth service's machine",
    );
    // These servers tell today's time.
    Pinned::new(only_in(2031)).gives("tls", 76, "not valid yet", "Set the clock");
    Pinned::new(only_in(2021)).gives("tls", 76, "has expired", "renewed");
}

#[test]
fn chain_is_judged_by_the_servers_time() {
    let root = Ca::root();
    for (years, outcome) in [(2030..2033, "valid"), (2033..2040, "tls")] {
        let between = root.intermediate(|ca| {
            ca.not_before = date_time_ymd(years.start, 1, 1);
            ca.not_after = date_time_ymd(years.end, 1, 1);
        });
        let identity = between.issue(only_in(2031)).and(&between);
        let site = Site::new(identity.clone());
        site.says_it_is(IN_2031);
        let server = Server::tls(&site);
        let rig = Rig::new();
        rig.point(&format!("https://localhost:{}", server.addr.port()), &root.pem);
        rig.configure("spki_pins", json!([identity.pin]));
        let checked = rig.checked(server);
        assert_eq!(checked.outcome(), outcome, "{}", checked.view);
        assert!(!checked.seen.asked().contains(&CALL) || outcome == "valid");
    }
}

#[test]
fn server_without_a_usable_date_is_clock_trouble() {
    let pinned = Pinned::new(|_| {});
    for date in [None, Some("soon"), Some("2026-11-22T12:00:00Z"), Some("")] {
        pinned.site.answers(move |request| ok(request, date));
        pinned.gives("clock", 75, "does not tell the time, which spki_pins needs", "Date header");
    }
    for date in ["Thu, 01 Jan 1970 00:00:09 GMT", "Sat, 01 Jun 2024 12:00:00 GMT"] {
        pinned.site.says_it_is(date);
        pinned.gives(
            "clock",
            75,
            "is before this program was built",
            "Set the clock of the auth service's machine",
        );
    }
}

#[test]
fn answer_of_any_status_tells_the_time() {
    for status in ["404 Not Found", "503 Service Unavailable", "301 Moved Permanently", "401 Unauthorized"] {
        let pinned = Pinned::new(|_| {});
        pinned.site.answers(move |request| {
            if request.starts_with(HEALTH) { response(status, Some(&now()), "{}") } else { ok(request, None) }
        });
        let checked = pinned.check();
        assert_eq!(checked.outcome(), "valid", "{status}: {}", checked.view);
    }
}

#[test]
fn path_in_auth_url_precedes_both_requests() {
    let pinned = Pinned::new(|_| {});
    let server = pinned.serve();
    pinned.site.answers(|request| ok(&request.replacen("/jarvis/health", "/health", 1), Some(&now())));
    pinned.rig.configure("auth_url", format!("https://localhost:{}/jarvis/", server.addr.port()));
    let checked = pinned.rig.checked(server);
    assert_eq!(checked.outcome(), "valid", "{}", checked.view);
    assert_eq!(
        checked.seen.asked(),
        ["GET /jarvis/health HTTP/1.1", "POST /jarvis/internal/validate-node HTTP/1.1"]
    );
}

/// The time is asked once and kept by the monotonic clock. If a certificate does not fit it, the node asks
/// again, at most once a call.
#[test]
fn server_time_is_asked_again_when_a_certificate_does_not_fit() {
    let root = Ca::root();
    let key = KeyPair::generate().unwrap();
    let of = |year| forgetful(config(root.issue_for(&key, only_in(year)), &[&TLS13], Arc::new(NoClientAuth)));
    let site = Site::of(of(2031));
    site.says_it_is(IN_2031);
    let server = Server::tls(&site);
    let rig = Rig::new();
    rig.point(&format!("https://localhost:{}", server.addr.port()), &root.pem);
    rig.configure("spki_pins", json!([root.issue_for(&key, |_| {}).pin]));
    let loaded = rig.reader().read().node.unwrap();
    validate(&loaded).unwrap();
    // The time is known: another Date changes nothing.
    site.says_it_is(IN_2035);
    validate(&loaded).unwrap();
    // Four years on, with a new certificate for the same key.
    site.becomes(of(2035));
    validate(&loaded).unwrap();
    validate(&loaded).unwrap();
    // This certificate does not fit the server's own time: the node asks once more and gives up.
    site.becomes(of(2040));
    let refused = validate(&loaded).unwrap_err();
    assert!(refused.contains("not valid yet"), "{refused}");
    let seen = server.stop();
    assert_eq!(seen.asked(), [HEALTH, CALL, CALL, HEALTH, CALL, CALL, HEALTH]);
    // The three without a request are handshakes that the node refused: one in 2035, two in 2040.
    assert_eq!(seen.connections, 7 + 3);
}

#[test]
fn timeout_covers_time_exchange_and_call() {
    let pinned = Pinned::new(|_| {});
    pinned.site.answers(|request| {
        // The time exchange is slow, and the answer exceeds the time-out.
        thread::sleep(Duration::from_secs(if request.starts_with(HEALTH) { 4 } else { 7 }));
        ok(request, Some(&now()))
    });
    let server = pinned.serve();
    pinned.rig.configure("request_timeout_secs", 5);
    let start = Instant::now();
    let (exit, view) = pinned.rig.check();
    let taken = start.elapsed();
    assert_eq!((exit, view["outcome"].as_str()), (Some(75), Some("server")), "{view}");
    // With a time-out for each exchange it would take nine seconds.
    assert!(taken < Duration::from_secs(8), "{taken:?}");
    assert_eq!(server.stop().asked()[0], HEALTH);
}

#[test]
fn slow_time_exchange_is_given_up() {
    let pinned = Pinned::new(|_| {});
    pinned.site.answers(|request| {
        thread::sleep(Duration::from_secs(7));
        ok(request, Some(&now()))
    });
    let server = pinned.serve();
    pinned.rig.configure("request_timeout_secs", 2);
    let start = Instant::now();
    let (exit, view) = pinned.rig.check();
    let taken = start.elapsed();
    assert_eq!((exit, view["outcome"].as_str()), (Some(75), Some("server")), "{view}");
    assert!(view["reason"].as_str().unwrap().contains("did not answer in time"), "{view}");
    assert!(taken < Duration::from_secs(6), "{taken:?}");
    assert_eq!(server.stop().asked(), [HEALTH]);
}

#[test]
fn clock_must_be_set_only_without_pins() {
    let pinned = Pinned::new(|_| {});
    let server = pinned.serve();
    let mut reader = pinned.rig.reader();
    assert_eq!(reader.read().node.unwrap().setup.settings.clock_floor, None);
    pinned.rig.forget("spki_pins");
    assert!(reader.read().node.unwrap().setup.settings.clock_floor.is_some());
    pinned.rig.configure("auth_url", "http://127.0.0.1:1");
    assert_eq!(reader.read().node.unwrap().setup.settings.clock_floor, None);
    server.stop();
}

#[test]
fn server_time_comes_with_the_answer_over_tls_only() {
    let pinned = Pinned::new(only_in(2031));
    pinned.site.says_it_is(IN_2031);
    let server = pinned.serve();
    let time = |rig: &Rig| {
        let loaded = rig.reader().read().node.unwrap();
        loaded.client.validate(&loaded.credential).server_time.map(|time| time.0)
    };
    assert_eq!(time(&pinned.rig), Some(1_938_081_600));
    // The certificate is refused, so no answer came.
    pinned.rig.forget("spki_pins");
    assert_eq!(time(&pinned.rig), None);
    server.stop();
    let plain = Server::answering(
        b"HTTP/1.1 503 Service Unavailable\r\ndate: Sun, 01 Jun 2031 12:00:00 GMT\r\ncontent-length: 0\r\n\r\n",
    );
    pinned.rig.point(&format!("http://127.0.0.1:{}", plain.addr.port()), &pinned.root.pem);
    assert_eq!(time(&pinned.rig), None);
    plain.stop();
}

#[test]
fn daemon_goes_by_the_servers_time() {
    let pinned = Pinned::new(only_in(2031));
    pinned.site.says_it_is(IN_2031);
    let server = pinned.serve();
    pinned.rig.configure("revalidate_secs", 1);
    pinned.rig.configure("led", "none");
    pinned.rig.configure("status_file", "status.json");
    let mut daemon = Daemon::start(&mut pinned.rig.command("run"));
    daemon.comes_to("valid");
    server.wait_for_requests(4);
    assert!(daemon.stop().0.success());
    let seen = server.stop();
    assert_eq!(seen.asked()[..4], [HEALTH, CALL, CALL, CALL]);
}

#[test]
fn malformed_pins_are_refused() {
    let pinned = Pinned::new(|_| {});
    let server = pinned.serve();
    for (pins, says) in [
        (json!([]), "spki_pins is empty"),
        (json!(["sha256//short="]), "spki_pins: entry 1 is not a pin"),
        (
            json!([pinned.identity.pin, "sha1//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="]),
            "entry 2 is not a pin",
        ),
        (json!(pinned.identity.pin), "this value must be a list"),
    ] {
        pinned.rig.configure("spki_pins", pins);
        let (exit, view) = pinned.rig.check();
        assert_eq!((exit, view["outcome"].as_str()), (Some(78), Some("setup")), "{view}");
        assert!(view["reason"].as_str().unwrap().contains(says), "{view}");
    }
    pinned.rig.configure("spki_pins", json!([pinned.identity.pin]));
    pinned.rig.configure("auth_url", "http://127.0.0.1:1");
    let (exit, view) = pinned.rig.check();
    assert_eq!(exit, Some(78), "{view}");
    assert!(view["reason"].as_str().unwrap().contains("spki_pins is only for an https:// address"), "{view}");
    assert_eq!(server.stop().connections, 0);
}
