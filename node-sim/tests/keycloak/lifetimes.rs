//! Tokens of Keycloak that live from seconds to a day: when they are renewed, and how often it is asked.

use core::time::Duration;
use std::thread;
use std::time::Instant;

use serde_json::json;
use test_support::waiting::until;

use crate::realm::{GATEWAY, Realm, SECRET, client, node};
use crate::rig::Rig;
use crate::server::shared;

#[test]
#[ignore = "needs Keycloak"]
fn token_of_ten_seconds_is_renewed_before_its_end() {
    let rig = Rig::new(Realm::new(shared(), 10, json!([node()])));
    let _daemon = rig.daemon();
    let start = Instant::now();
    let mut tokens = vec![rig.gets(GATEWAY).token().to_owned()];
    // Programs that ask all the time.
    until("it is renewed twice", || {
        let answer = rig.get(GATEWAY);
        assert!(answer.status == 200 && answer.body["expires_in"].as_u64().is_some(), "{answer:?}");
        if tokens.last().unwrap() != answer.token() {
            tokens.push(answer.token().to_owned());
        }
        tokens.len() == 3
    });
    // Renewed in the last quarter of a life; at least half of it is left for a machine that is busy.
    assert!(start.elapsed() > Duration::from_secs(10), "{:?}", start.elapsed());
    assert_eq!(rig.realm.events(), 3);
}

#[test]
#[ignore = "needs Keycloak"]
fn longer_tokens_are_asked_for_once_and_not_in_a_storm() {
    let lives = [60, 300, 86_400];
    let clients = lives.map(|life| {
        let mut client = client(&life.to_string(), SECRET, &[GATEWAY]);
        client["attributes"]["access.token.lifespan"] = life.to_string().into();
        client
    });
    let rig = Rig::without_client(Realm::new(shared(), 5, json!(clients)));
    rig.node.write_secret("sts.secret", SECRET);
    for (nth, life) in (1..).zip(lives) {
        rig.configure(&json!({"client_id": life.to_string(), "client_secret_file": "sts.secret"}));
        let _daemon = rig.daemon();
        let first = rig.get(GATEWAY);
        let left = first.body["expires_in"].as_u64().unwrap();
        assert!(left <= life && left + 30 > life, "{life}: {left}");
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        assert_eq!(rig.get(GATEWAY).token(), first.token());
                    }
                });
            }
        });
        assert_eq!(rig.realm.events(), nth, "{life}");
    }
}

#[test]
#[ignore = "needs Keycloak"]
fn unused_token_is_not_renewed() {
    let rig = Rig::new(Realm::new(shared(), 5, json!([node()])));
    let _daemon = rig.daemon();
    let first = rig.get(GATEWAY).token().to_owned();
    let start = Instant::now();
    until("its life is over", || start.elapsed() > Duration::from_secs(6));
    assert_eq!(rig.realm.events(), 1, "nobody has asked for another one");
    assert_ne!(rig.get(GATEWAY).token(), first);
}
