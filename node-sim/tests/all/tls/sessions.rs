//! Which connections may resume a session.

use std::sync::Arc;

use rustls::HandshakeKind::{Full, Resumed};
use rustls::server::NoClientAuth;
use rustls::version::{TLS12, TLS13};
use serde_json::json;

use super::pki::Ca;
use super::server::{Server, Site, config};
use super::site::{TlsRig as _, validate};
use test_support::daemon::Daemon;
use test_support::rig::Rig;

#[test]
fn second_call_resumes_the_session() {
    let (rig, root) = (Rig::new(), Ca::root());
    for version in [&TLS12, &TLS13] {
        let server = Server::tls(&Site::of(config(root.sound(), &[version], Arc::new(NoClientAuth))));
        rig.point(&format!("https://localhost:{}", server.addr.port()), &root.pem);
        let mut reader = rig.reader();
        // The daemon also reads its files before each call and keeps its client.
        for _ in 0..3 {
            validate(&reader.read().node.unwrap()).unwrap();
        }
        assert_eq!(server.stop().kinds(), [Full, Resumed, Resumed], "{version:?}");
    }
}

#[test]
fn session_of_a_time_exchange_is_never_resumed() {
    let (rig, root) = (Rig::new(), Ca::root());
    for version in [&TLS12, &TLS13] {
        let identity = root.sound();
        let server = Server::tls(&Site::of(config(identity.clone(), &[version], Arc::new(NoClientAuth))));
        rig.point(&format!("https://localhost:{}", server.addr.port()), &root.pem);
        rig.configure("spki_pins", json!([identity.pin]));
        let loaded = rig.reader().read().node.unwrap();
        for _ in 0..3 {
            validate(&loaded).unwrap();
        }
        let seen = server.stop();
        let call = "POST /internal/validate-node HTTP/1.1";
        assert_eq!(seen.asked(), ["GET /health HTTP/1.1", call, call, call], "{version:?}");
        assert_eq!(seen.kinds(), [Full, Full, Resumed, Resumed], "{version:?}");
    }
}

/// A session proves the key it was made with, so another pin or CA must not accept it.
#[test]
fn session_does_not_outlive_its_configuration() {
    let (rig, root, stranger) = (Rig::new(), Ca::root(), Ca::root());
    let identity = root.sound();
    let server = Server::tls(&Site::new(identity.clone()));
    let url = format!("https://localhost:{}", server.addr.port());
    rig.point(&url, &root.pem);
    let mut reader = rig.reader();
    validate(&reader.read().node.unwrap()).unwrap();
    rig.configure("spki_pins", json!([stranger.itself().pin]));
    let refused = validate(&reader.read().node.unwrap()).unwrap_err();
    assert!(refused.contains("none of those in spki_pins"), "{refused}");
    rig.configure("spki_pins", json!([identity.pin]));
    validate(&reader.read().node.unwrap()).unwrap();
    rig.point(&url, &stranger.pem);
    let refused = validate(&reader.read().node.unwrap()).unwrap_err();
    assert!(refused.contains("not signed by a CA"), "{refused}");
    let seen = server.stop();
    assert_eq!(seen.kinds(), [Full, Full, Full]);
}

#[test]
fn daemon_resumes_its_session() {
    let (rig, root) = (Rig::new(), Ca::root());
    let server = Server::tls(&Site::new(root.sound()));
    rig.point(&format!("https://localhost:{}", server.addr.port()), &root.pem);
    rig.configure("revalidate_secs", 1);
    rig.configure("led", "none");
    rig.configure("status_file", "status.json");
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    server.wait_for_requests(3);
    let (status, _) = daemon.stop();
    assert!(status.success());
    let kinds = server.stop().kinds();
    assert_eq!(kinds[..3], [Full, Resumed, Resumed]);
}
