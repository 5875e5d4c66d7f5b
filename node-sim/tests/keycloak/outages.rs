//! A Keycloak that stops and starts again, and the daemon that runs on.

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

#[test]
#[ignore = "needs Keycloak"]
fn daemon_gives_out_kept_tokens_and_recovers_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let start = |port: &str| {
        server::start(|run| {
            run.arg("--directory").arg(dir.path()).args(["--https-port", port]);
        })
    };
    let keycloak = start("0");
    let nodes = nodes(&Place::of(&keycloak));
    let kept = nodes.each_ref().map(|(rig, _)| rig.get(GATEWAY).token().to_owned());
    let url = keycloak.url.clone();
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
    let _again = start(url.rsplit(':').next().unwrap());
    for ((rig, _), kept) in nodes.iter().zip(&kept) {
        rig.gets(COORDINATOR);
        assert_eq!(rig.get(GATEWAY).token(), kept);
        assert_eq!(rig.warnings(), json!([]));
    }
}
