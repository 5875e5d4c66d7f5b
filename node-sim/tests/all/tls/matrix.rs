//! The matrix: servers that must not be trusted, with the reason and the fix that a user is told. None of them
//! may get a byte of a request. Its rows are in `certificates`, `keys`, `ports` and `client_certificate`.

use serde_json::json;

use super::pki::{Ca, Identity};
use super::server::{Seen, Server, Site};
use super::site::TlsRig as _;
use test_support::rig::Rig;

/// One server, and what a node must report of it.
pub(super) struct Row {
    name: &'static str,
    server: Server,
    /// The host in auth_url.
    host: &'static str,
    roots: String,
    pins: Vec<String>,
    outcome: (&'static str, i32),
    /// Parts of the reason, with `|` between them.
    reason: String,
    /// Parts of the fix, with `|` between them.
    fix: String,
}

/// A server for a node that trusts `roots`.
pub(super) fn row(
    name: &'static str,
    server: Server,
    roots: &str,
    reason: impl Into<String>,
    fix: impl Into<String>,
) -> Row {
    let (reason, fix) = (reason.into(), fix.into());
    Row {
        name,
        server,
        host: "localhost",
        roots: roots.into(),
        pins: vec![],
        outcome: ("tls", 76),
        reason,
        fix,
    }
}

/// A server with this certificate, whose CA the node trusts.
pub(super) fn shows(name: &'static str, ca: &Ca, identity: Identity, reason: &str, fix: &str) -> Row {
    row(name, Server::tls(&Site::new(identity)), &ca.pem, reason, fix)
}

impl Row {
    pub(super) fn at(self, host: &'static str) -> Self {
        Self { host, ..self }
    }

    pub(super) fn pins(self, pins: &[&str]) -> Self {
        Self { pins: pins.iter().map(|pin| (*pin).into()).collect(), ..self }
    }

    pub(super) fn is(self, outcome: &'static str, exit: i32) -> Self {
        Self { outcome: (outcome, exit), ..self }
    }

    fn run(self, rig: &Rig) {
        let name = self.name;
        rig.point(&format!("https://{}:{}", self.host, self.server.addr.port()), &self.roots);
        if !self.pins.is_empty() {
            rig.configure("spki_pins", json!(self.pins));
        }
        let checked = rig.checked(self.server);
        let view = &checked.view;
        assert_eq!(
            (checked.outcome(), checked.exit),
            (self.outcome.0, Some(self.outcome.1)),
            "{name}: {view}"
        );
        for (key, words) in [("reason", &self.reason), ("fix", &self.fix)] {
            let said = view[key].as_str().unwrap();
            for part in words.split('|') {
                assert!(said.contains(part), "{name}: no '{part}' in the {key}: {view}");
            }
            assert!(!said.ends_with('…'), "{name}: the {key} is cut: {view}");
        }
        nothing_was_asked(rig, name, &checked.seen);
    }
}

/// Checks that no handshake was completed, no request was sent and no key went in the open.
pub(super) fn nothing_was_asked(rig: &Rig, name: &str, seen: &Seen) {
    assert!(seen.connections > 0, "{name}: the server was not even reached");
    assert_eq!(seen.handshakes, [], "{name}");
    assert_eq!(seen.requests, [""; 0], "{name}");
    assert!(!rig.secret_in(&seen.wire), "{name}: a key in the open");
}

#[track_caller]
pub(super) fn matrix(rows: Vec<Row>) {
    let rig = Rig::new();
    for row in rows {
        row.run(&rig);
    }
}
