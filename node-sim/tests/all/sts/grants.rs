use std::process::Command;

use jarvis_node::commands::keygen;
use jarvis_node::sts::Algorithm;
use serde_json::{Value, json};
use server_stub::{Faults, Grant};

use super::rig::{Rig, brief, exchange, wanted};

#[test]
fn secret_in_body_or_header_gets_a_token() {
    let rig = Rig::new();
    // A secret with every character that basic authentication must encode.
    rig.sts.set_secret("jarvis-node", "p:q+r/s%t&u=v wö").unwrap();
    rig.file("secret", "p:q+r/s%t&u=v wö\n");
    for method in ["client_secret_post", "client_secret_basic"] {
        let client = rig.client(&json!({"client_secret_file": "secret", "auth_method": method}));
        assert_eq!(brief(&client.fetch(&wanted("arp-run-gateway"))), "token for 300 s", "{method}");
    }
    assert_eq!(rig.sts.tokens_issued(Grant::ClientCredentials), 2);
}

#[test]
fn registered_key_from_keygen_gets_tokens() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let rig = Rig::new();
        let keys = keygen::make(algorithm, &rig.dir.path().join("sts.key")).unwrap();
        let keys: Value = serde_json::from_str(&keys).unwrap();
        let client = rig.client(&json!({"client_key_file": "sts.key"}));
        let unknown = brief(&client.fetch(&wanted("arp-run-gateway")));
        assert_eq!(unknown, "refused: 401 unauthorized_client", "before it is registered");
        let kid = keys["keys"][0]["kid"].as_str().unwrap();
        assert_eq!(rig.sts.register_key("jarvis-node", &keys).unwrap(), kid);
        for _ in 0..3 {
            assert_eq!(brief(&client.fetch(&wanted("arp-run-gateway"))), "token for 300 s", "{algorithm:?}");
        }
    }
}

#[test]
#[ignore = "needs openssl"]
fn rsa_key_in_either_openssl_form_gets_tokens() {
    let rig = Rig::new();
    let path = |name: &str| rig.dir.path().join(name).to_str().unwrap().to_owned();
    let openssl = |arguments: &[&str]| {
        assert!(Command::new("openssl").args(arguments).output().unwrap().status.success());
    };
    rig.file("8.key", "");
    rig.file("1.key", "");
    let (eight, one) = (path("8.key"), path("1.key"));
    openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", &eight]);
    openssl(&["rsa", "-in", &eight, "-traditional", "-out", &one]);
    for algorithm in ["RS256", "PS256"] {
        let named = Algorithm::from_name(algorithm);
        let keys = keygen::show(eight.as_ref(), named).unwrap();
        assert_eq!(keygen::show(one.as_ref(), named).unwrap(), keys);
        assert!(keys.contains(algorithm), "{keys}");
        rig.sts.register_key("jarvis-node", &serde_json::from_str(&keys).unwrap()).unwrap();
        for file in ["8.key", "1.key"] {
            let keys = json!({"client_key_file": file, "assertion_algorithm": algorithm});
            let token = rig.client(&keys).fetch(&wanted("arp-run-gateway"));
            assert_eq!(brief(&token), "token for 300 s", "{algorithm} {file}");
        }
    }
}

#[test]
fn token_without_audience_is_bound_by_issuer_and_holder() {
    let rig = Rig::new();
    rig.file("secret", "jarvis-node-secret\n");
    let client = rig.client(&json!({"client_secret_file": "secret", "audiences": {"": {}}}));
    for (fault, ends) in [
        ("", "token for 300 s"),
        ("token-wrong-aud", "token for 300 s"),
        ("token-no-aud", "token for 300 s"),
        ("token-wrong-azp", "unusable: Holder"),
        ("token-wrong-iss", "unusable: Issuer"),
        ("token-expired,date-now", "unusable: Expired"),
    ] {
        let faults = if fault.is_empty() { Faults::NONE } else { fault.parse().unwrap() };
        rig.sts.server().set_faults(faults).unwrap();
        assert_eq!(brief(&client.fetch(&wanted(""))), ends, "{fault}");
    }
}

#[test]
fn exchanged_token_does_not_outlive_the_callers() {
    let rig = Rig::new();
    let client = rig.usual();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let subject = rig.sts.token(&json!({"aud": "jarvis-node", "exp": now + 100}));
    let life = client.fetch(&exchange("arp-run-coordinator", &subject)).unwrap().life().as_secs();
    assert!((90..=100).contains(&life), "{life}");
    assert_eq!(rig.sts.tokens_issued(Grant::TokenExchange), 1);
    for (subject, refusal) in [
        ("opaque".to_owned(), "refused: 400 invalid_request"),
        (rig.sts.token(&json!({"aud": "jarvis-node", "exp": now - 1000})), "refused: 400 invalid_request"),
    ] {
        assert_eq!(brief(&client.fetch(&exchange("arp-run-coordinator", &subject))), refusal);
    }
    let nobody = client.fetch(&exchange("nobody", &subject));
    assert_eq!(brief(&nobody), "refused: 400 invalid_client");
    assert_eq!(nobody.unwrap_err().code(), "token_exchange_failed");
}

#[test]
fn refusals_say_what_they_are_about() {
    let rig = Rig::new();
    rig.file("secret", "wrong");
    let wrong = rig.client(&json!({"client_secret_file": "secret"})).fetch(&wanted("arp-run-gateway"));
    assert_eq!(brief(&wrong), "refused: 401 unauthorized_client");
    let stranger = rig.client(&json!({"client_secret_file": "secret", "client_id": "stranger"}));
    let stranger = stranger.fetch(&wanted("arp-run-gateway"));
    assert_eq!(brief(&stranger), "refused: 401 invalid_client");
    for refused in [wrong, stranger] {
        let refused = refused.unwrap_err();
        assert!(refused.is_permanent() && refused.to_string().contains("check client_id"), "{refused}");
    }
    let client = rig.usual();
    let scoped =
        jarvis_node::sts::Wanted { scope: Some("no-such-scope".into()), ..wanted("arp-run-gateway") };
    assert_eq!(brief(&client.fetch(&scoped)), "refused: 400 invalid_scope");
    rig.sts.enable_client("jarvis-node", false).unwrap();
    assert_eq!(brief(&client.fetch(&wanted("arp-run-gateway"))), "refused: 401 invalid_client");
    rig.sts.enable_client("jarvis-node", true).unwrap();
    assert_eq!(brief(&client.fetch(&wanted("arp-run-gateway"))), "token for 300 s");
}

#[test]
fn a_rotated_signing_key_changes_nothing_for_the_node() {
    let rig = Rig::new();
    let client = rig.usual();
    let before = client.fetch(&wanted("arp-run-gateway")).unwrap();
    rig.sts.rotate_signing_key().unwrap();
    let after = client.fetch(&wanted("arp-run-gateway")).unwrap();
    assert_ne!(before.fingerprint(), after.fingerprint());
}
