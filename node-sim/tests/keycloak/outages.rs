//! A Keycloak that stops and starts again, and the daemon that runs on.

use core::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketType, sockopt};
use serde_json::json;
use test_support::daemon::Daemon;

use crate::realm::{COORDINATOR, GATEWAY, Realm, node};
use crate::rig::Rig;
use crate::server::{self, Place};

/// A node that proves itself by a secret and one that does by a key, with their daemons.
fn nodes(place: &Place) -> [(Rig, Daemon); 2] {
    let realm = || Realm::new(place, 3600, json!([node()]));
    let (secret, (key, _)) = (Rig::new(realm()), Rig::with_key(realm(), "ES256"));
    [secret, key].map(|rig| {
        let daemon = rig.daemon();
        (rig, daemon)
    })
}

/// A free port of the loopback that nobody else is given while the socket is open: it is bound to the port and does not
/// listen. A server that sets SO_REUSEADDR can.
fn held_port() -> (OwnedFd, u16) {
    let held = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    // Not for Keycloak and the daemons.
    rustix::io::fcntl_setfd(&held, rustix::io::FdFlags::CLOEXEC).unwrap();
    sockopt::set_socket_reuseaddr(&held, true).unwrap();
    rustix::net::bind(&held, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = SocketAddrV4::try_from(rustix::net::getsockname(&held).unwrap()).unwrap().port();
    (held, port)
}

#[test]
#[ignore = "needs Keycloak"]
fn daemon_gives_out_kept_tokens_and_recovers_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (_held, port) = held_port();
    let start = || {
        server::start(|run| {
            run.arg("--directory").arg(dir.path()).args(["--https-port", &port.to_string()]);
        })
    };
    let keycloak = start();
    let nodes = nodes(&Place::of(&keycloak));
    let kept = nodes.each_ref().map(|(rig, _)| rig.get(GATEWAY).token().to_owned());
    drop(keycloak);
    for ((rig, _), kept) in nodes.iter().zip(&kept) {
        let away = rig.get(COORDINATOR);
        assert_eq!(away.brief(), (502, "token_request_failed"));
        assert!(away.message().contains("the STS gave no answer"), "{away:?}");
        assert!(away.field("retry-after").is_some(), "{away:?}");
        assert_eq!(rig.get(GATEWAY).token(), kept, "what is kept is given out");
        assert_eq!(rig.warnings()[0]["code"], "sts_failure");
        assert_eq!(rig.node.status()["outcome"], "valid");
    }
    // While it starts it refuses connections. Programs go on asking.
    let _again = start();
    for ((rig, _), kept) in nodes.iter().zip(&kept) {
        rig.gets(COORDINATOR);
        assert_eq!(rig.get(GATEWAY).token(), kept);
        assert_eq!(rig.warnings(), json!([]));
    }
}
