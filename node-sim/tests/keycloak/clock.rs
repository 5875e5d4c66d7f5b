//! A Keycloak whose clock is wrong by ten minutes, seen from the node; that is the same as a board whose clock is.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use node_sim::keycloak::Keycloak;
use serde_json::json;
use tempfile::TempDir;
use test_support::process::run_to_end;
use test_support::waiting::until;

use crate::realm::{GATEWAY, Realm, client, node};
use crate::rig::{Rig, parts};
use crate::server::{self, Place};

/// A Keycloak whose clock this test sets.
struct Clocked {
    dir: TempDir,
    keycloak: Keycloak,
}

impl Clocked {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::write(path("manifest"), "Premain-Class: Clock\n").unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keycloak/Clock.java");
        let mut javac = Command::new("javac");
        javac.arg("-d").arg(path("classes")).arg(source);
        let mut jar = Command::new("jar");
        jar.arg("--create").arg("--file").arg(path("clock.jar")).arg("--manifest").arg(path("manifest"));
        for command in [&mut javac, jar.arg("-C").arg(path("classes")).arg(".")] {
            let (code, out, err) = run_to_end(command);
            assert_eq!(code, Some(0), "{out}{err}");
        }
        set(dir.path(), 0);
        let agent = format!("-javaagent:{}={}", path("clock.jar").display(), path("ahead").display());
        let keycloak = server::start(|run| {
            run.env("JAVA_TOOL_OPTIONS", agent);
        });
        Self { dir, keycloak }
    }

    /// Sets its clock this many seconds ahead of ours, and waits until tokens of `realm` show that.
    fn set_ahead(&self, seconds: i64, realm: &Realm) {
        set(self.dir.path(), seconds);
        until("its clock is set", || {
            let [_, claims] = parts(&realm.token("clock"));
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
            (claims["iat"].as_i64().unwrap() - i64::try_from(now).unwrap() - seconds).abs() < 30
        });
    }
}

/// Writes the file that Keycloak's clock is set by. It is never there in part.
fn set(dir: &Path, ahead: i64) {
    fs::write(dir.join("ahead.new"), ahead.to_string()).unwrap();
    fs::rename(dir.join("ahead.new"), dir.join("ahead")).unwrap();
}

#[test]
#[ignore = "needs Keycloak"]
fn wrong_clock_stops_keys_until_it_is_right_and_no_secrets() {
    let clocked = Clocked::start();
    let place = Place::of(&clocked.keycloak);
    let secret = Rig::new(Realm::new(&place, 3600, json!([node(), client("clock", "clock-secret", &[])])));
    let (key, _) = Rig::with_key(Realm::new(&place, 3600, json!([node()])), "ES256");
    for (ahead, says) in [(600, "Token is not active"), (-600, "Token was issued in the future")] {
        clocked.set_ahead(ahead, &secret.realm);
        let _daemons = [secret.daemon(), key.daemon()];
        // A secret has no date, and the life of a token counts from its own.
        let given = secret.get(GATEWAY);
        assert_eq!(given.status, 200, "{ahead}: {given:?}");
        assert!((3500..=3600).contains(&given.body["expires_in"].as_u64().unwrap()), "{ahead}: {given:?}");
        // Keycloak does not tell the time, so the node cannot date its assertions by it.
        let refused = key.get(GATEWAY);
        assert_eq!(refused.brief(), (502, "token_request_failed"), "{ahead}");
        assert!(refused.message().contains("check that this board's clock is right"), "{ahead}: {refused:?}");
        assert!(refused.message().contains(says), "{ahead}: {refused:?}");
        assert!(refused.field("retry-after").is_some(), "{ahead}: {refused:?}");
        clocked.set_ahead(0, &secret.realm);
        key.gets(GATEWAY);
        assert_eq!(key.warnings(), json!([]), "{ahead}");
    }
}
