//! Keys and clients that change at Keycloak while the daemon runs.

use serde_json::json;
use server_stub::{Coordinator, CoordinatorOptions, Gateway, GatewayOptions, GatewaySettings, ServerOptions};
use test_support::process::run_to_end;
use test_support::waiting::until;

use crate::realm::{CLIENT, COORDINATOR, GATEWAY, Realm, SECRET, client, node};
use crate::rig::{Rig, parts};
use crate::server::shared;

/// The key that a token is signed with.
fn kid(token: &str) -> String {
    let [header, _] = parts(token);
    header["kid"].as_str().unwrap().to_owned()
}

#[test]
#[ignore = "needs Keycloak"]
fn realm_with_new_keys_changes_nothing_for_the_node() {
    let rig = Rig::new(Realm::new(shared(), 300, json!([node()])));
    let _daemon = rig.daemon();
    let old = rig.get(GATEWAY).token().to_owned();
    rig.realm.rotate_keys(1000);
    assert_eq!(rig.get(GATEWAY).token(), old, "it is good as long as it says");
    let new = rig.get(COORDINATOR).token().to_owned();
    assert_ne!(kid(&new), kid(&old));
    assert!(rig.realm.signing_keys().contains(&kid(&old)), "services still know the older key");
}

/// The stub's gateway and coordinator, which take tokens of this realm.
fn services(rig: &Rig) -> (Coordinator, Gateway) {
    let authorities = vec![std::fs::read_to_string(&rig.realm.place().ca).unwrap()];
    let server = ServerOptions { authority: rig.node.stub.authority(), ..ServerOptions::default() };
    let issuer = rig.realm.issuer();
    let coordinator = Coordinator::start(CoordinatorOptions {
        server: server.clone(),
        authorities: authorities.clone(),
        ..CoordinatorOptions::of_realm(&issuer)
    })
    .unwrap();
    let settings = GatewaySettings::of_realm(&issuer, coordinator.url());
    let gateway = Gateway::start(GatewayOptions { server, settings, authorities }).unwrap();
    (coordinator, gateway)
}

#[test]
#[ignore = "needs Keycloak"]
fn request_replaces_a_token_of_a_realm_that_is_new() {
    let clients = json!([
        node(),
        client(GATEWAY, "arp-run-gateway-secret", &[COORDINATOR]),
        client(COORDINATOR, "s", &[]),
    ]);
    let rig = Rig::new(Realm::new(shared(), 300, clients));
    let _daemon = rig.daemon();
    let ask = |gateway: &Gateway| {
        let mut request = rig.command("request");
        request.args(["GET", &format!("{}/v1/runs/none", gateway.url()), "--audience", GATEWAY, "--ca"]);
        run_to_end(request.arg(rig.node.path("ca.pem")))
    };
    let (_coordinator, gateway) = services(&rig);
    let (code, _, err) = ask(&gateway);
    assert!(code == Some(65) && err.contains("HTTP 404"), "the gateway takes the token: {code:?} {err}");
    let old = kid(rig.get(GATEWAY).token());
    rig.realm.replace();
    // Services that have fetched the keys since then.
    let (_coordinator, gateway) = services(&rig);
    let (code, _, err) = ask(&gateway);
    assert!(code == Some(65) && err.contains("HTTP 404"), "by a new token: {code:?} {err}");
    assert_ne!(kid(rig.get(GATEWAY).token()), old);
}

#[test]
#[ignore = "needs Keycloak"]
fn clients_new_key_is_used_from_the_reload_on() {
    let (rig, old) = Rig::with_key(Realm::new(shared(), 300, json!([node()])), "ES256");
    let daemon = rig.daemon();
    let first = rig.get(GATEWAY).token().to_owned();
    // In the order of the docs: the new public half goes to the STS first.
    let new = rig.keygen("new.key", "ES256");
    let mut both: serde_json::Value = serde_json::from_str(&old).unwrap();
    let mut more: serde_json::Value = serde_json::from_str(&new).unwrap();
    both["keys"].as_array_mut().unwrap().push(more["keys"][0].take());
    rig.realm.set_keys(&both.to_string());
    assert_eq!(rig.get(COORDINATOR).status, 200, "the old key still counts");
    std::fs::rename(rig.node.path("new.key"), rig.node.path("sts.key")).unwrap();
    daemon.signal("HUP");
    until("another token", || rig.get(GATEWAY).token() != first);
    rig.realm.set_keys(&new);
    assert_eq!(rig.get(COORDINATOR).status, 200, "by the new key");
    assert_eq!(rig.warnings(), json!([]));
}

#[test]
#[ignore = "needs Keycloak"]
fn key_removed_too_early_is_told_and_mended_by_reload() {
    let (rig, _) = Rig::with_key(Realm::new(shared(), 300, json!([node()])), "EdDSA");
    let daemon = rig.daemon();
    assert_eq!(rig.get(GATEWAY).status, 200);
    let new = rig.keygen("new.key", "EdDSA");
    rig.realm.set_keys(&new);
    let refused = rig.get(COORDINATOR);
    assert_eq!(refused.brief(), (502, "token_request_failed"));
    assert!(refused.message().contains("key is the one registered at the STS"), "{refused:?}");
    assert_eq!(rig.get(GATEWAY).status, 200, "what is kept is still given out");
    std::fs::rename(rig.node.path("new.key"), rig.node.path("sts.key")).unwrap();
    daemon.signal("HUP");
    rig.gets(COORDINATOR);
    assert_eq!(rig.warnings(), json!([]));
}

#[test]
#[ignore = "needs Keycloak"]
fn client_enabled_again_gets_tokens_after_a_reload() {
    let rig = Rig::new(Realm::new(shared(), 300, json!([node()])));
    let daemon = rig.daemon();
    assert_eq!(rig.get(GATEWAY).status, 200);
    rig.realm.enable_client(CLIENT, false);
    let refused = rig.get(COORDINATOR);
    assert!(refused.message().contains("then reload"), "{refused:?}");
    assert_eq!(rig.get(GATEWAY).status, 200, "what is kept is still given out");
    let asked = rig.realm.events();
    for _ in 0..20 {
        assert_eq!(rig.get(COORDINATOR).status, 502);
    }
    assert_eq!(rig.realm.events(), asked, "Keycloak is left alone");
    rig.realm.enable_client(CLIENT, true);
    daemon.signal("HUP");
    rig.gets(COORDINATOR);
    assert_eq!(rig.warnings(), json!([]));
}

#[test]
#[ignore = "needs Keycloak"]
fn secret_changed_at_keycloak_is_taken_from_its_file() {
    let rig = Rig::new(Realm::new(shared(), 300, json!([node()])));
    let _daemon = rig.daemon();
    assert_eq!(rig.get(GATEWAY).status, 200);
    rig.realm.change_client(CLIENT, |client| client["secret"] = "another".into());
    assert_eq!(rig.get(COORDINATOR).status, 502, "{SECRET} counts no more");
    // The file is watched.
    rig.node.write_secret("sts.secret", "another");
    rig.gets(COORDINATOR);
    assert_eq!(rig.warnings(), json!([]));
}

#[test]
#[ignore = "needs Keycloak"]
fn realm_that_is_deleted_and_imported_again_serves_again() {
    let rig = Rig::new(Realm::new(shared(), 300, json!([node()])));
    let daemon = rig.daemon();
    let before = kid(rig.get(GATEWAY).token());
    rig.realm.call("DELETE", "", None);
    let refused = rig.get(COORDINATOR);
    assert_eq!(refused.brief(), (502, "token_request_failed"));
    assert!(refused.message().contains("check the realm"), "{refused:?}");
    assert!(refused.field("retry-after").is_some(), "it is tried again: {refused:?}");
    rig.realm.import();
    daemon.signal("HUP");
    let after = kid(rig.gets(COORDINATOR).token());
    assert_ne!(before, after, "the realm has new keys");
    assert_eq!(rig.warnings(), json!([]));
}
