//! How a node proves itself, and what it is told where Keycloak does not accept that.

use std::process::Command;

use serde_json::{Value, json};
use test_support::process::run_to_end;

use crate::realm::{CLIENT, COORDINATOR, GATEWAY, Realm, SECRET, client, with_keys};
use crate::rig::{Rig, parts};
use crate::server::shared;

/// Every character that a secret may have (RFC 6749, appendix A.2). A space is at neither end of one.
fn every_character() -> String {
    let (first, rest): (String, String) = (('!'..='P').collect(), ('Q'..='~').collect());
    format!("{first} {rest}")
}

#[test]
#[ignore = "needs Keycloak"]
fn secret_of_every_character_works_in_body_and_header() {
    let secret = every_character();
    let clients = json!([client("a node+with%20space", &secret, &[GATEWAY])]);
    let rig = Rig::without_client(Realm::new(shared(), 300, clients));
    rig.node.write_secret("sts.secret", &secret);
    for method in ["client_secret_post", "client_secret_basic"] {
        rig.configure(&json!({
            "client_id": "a node+with%20space", "client_secret_file": "sts.secret", "auth_method": method,
        }));
        let _daemon = rig.daemon();
        let answer = rig.get(GATEWAY);
        assert_eq!(answer.status, 200, "{method}: {answer:?}");
        let [header, claims] = parts(answer.token());
        assert_eq!((&header["alg"], &claims["azp"]), (&json!("RS256"), &json!("a node+with%20space")));
        // The command gives the same token, which the daemon keeps.
        let (code, out, err) = run_to_end(rig.command("token").args(["--audience", GATEWAY]));
        assert_eq!((code, out.trim()), (Some(0), answer.token()), "{err}");
    }
    assert_eq!(rig.realm.events(), 2, "one request for each method");
}

#[test]
#[ignore = "needs Keycloak"]
fn key_of_each_algorithm_gets_tokens() {
    let algorithms = ["ES256", "EdDSA", "RS256", "PS256"];
    let clients = algorithms.map(|algorithm| client(algorithm, "", &[GATEWAY, COORDINATOR]));
    let rig = Rig::without_client(Realm::new(shared(), 300, json!(clients)));
    for (nth, algorithm) in (1..).zip(algorithms) {
        let file = format!("{algorithm}.key");
        let keys = match algorithm {
            "RS256" | "PS256" => rsa_key(&rig, &file, algorithm),
            _ => rig.keygen(&file, algorithm),
        };
        rig.realm.change_client(algorithm, |client| *client = with_keys(client.take(), &keys, algorithm));
        rig.configure(&json!({
            "client_id": algorithm, "client_key_file": file, "assertion_algorithm": algorithm,
        }));
        let _daemon = rig.daemon();
        // An assertion each.
        for audience in [GATEWAY, COORDINATOR] {
            let answer = rig.get(audience);
            assert_eq!(answer.status, 200, "{algorithm}: {answer:?}");
        }
        assert_eq!(rig.realm.events(), nth * 2, "{algorithm}");
    }
}

/// Makes an RSA key with openssl; returns the set with its public half.
fn rsa_key(rig: &Rig, file: &str, algorithm: &str) -> String {
    let path = rig.node.path(file);
    rig.node.write_secret(file, "");
    let mut openssl = Command::new("openssl");
    openssl.args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out"]).arg(&path);
    assert_eq!(run_to_end(&mut openssl).0, Some(0));
    let mut show = Command::new(test_support::binaries::jarvis_node());
    let (code, keys, err) =
        run_to_end(show.args(["keygen", "--show", "--algorithm", algorithm, "--out"]).arg(&path));
    assert_eq!(code, Some(0), "{err}");
    keys
}

/// A change to the realm or to the node's own keys of `sts`, and what the node is told then. Each row has a client of its
/// own in the realm.
type Wrong = (&'static str, fn(&Rig, &str), &'static [&'static str]);

const WRONG: [Wrong; 6] = [
    (
        "secret",
        |rig, _| rig.node.write_secret("sts.secret", "other"),
        &["401 unauthorized_client", "check client_id", "then reload"],
    ),
    (
        "unknown",
        |rig, _| rig.set("client_id", "stranger"),
        &["401 invalid_client", "check client_id", "then reload"],
    ),
    (
        "disabled",
        |rig, id| rig.realm.enable_client(id, false),
        &["401 invalid_client", "that it is enabled there", "then reload"],
    ),
    (
        "account",
        |rig, id| rig.realm.change_client(id, |client| client["serviceAccountsEnabled"] = false.into()),
        &["401 unauthorized_client", "enabled there for this grant"],
    ),
    ("realm", |rig, _| rig.set("issuer", &format!("{}x", rig.realm.issuer())), &["404", "check the realm"]),
    (
        "off",
        |rig, _| drop(rig.realm.call("PUT", "", Some(&json!({"enabled": false})))),
        &["Realm not enabled", "enable the realm"],
    ),
];

#[test]
#[ignore = "needs Keycloak"]
fn refused_client_is_told_what_to_do_at_keycloak() {
    let clients = WRONG.map(|(id, ..)| client(id, SECRET, &[GATEWAY]));
    let rig = Rig::without_client(Realm::new(shared(), 300, json!(clients)));
    for (id, change, says) in WRONG {
        rig.node.write_secret("sts.secret", SECRET);
        rig.configure(&json!({"client_id": id, "client_secret_file": "sts.secret"}));
        change(&rig, id);
        let _daemon = rig.daemon();
        let refused = rig.get(GATEWAY);
        assert_eq!(refused.brief(), (502, "token_request_failed"), "{id}");
        for part in says {
            assert!(refused.message().contains(part), "{id}: '{part}' in {}", refused.message());
        }
        let warned = rig.warnings();
        assert_eq!(warned[0]["code"], "sts_failure", "{id}: {warned}");
    }
}

#[test]
#[ignore = "needs Keycloak"]
fn token_for_another_audience_is_not_given_out() {
    let rig = Rig::new(Realm::new(shared(), 300, json!([client(CLIENT, SECRET, &[COORDINATOR])])));
    let _daemon = rig.daemon();
    let refused = rig.get(GATEWAY);
    assert_eq!(refused.brief(), (502, "token_request_failed"));
    assert!(refused.message().contains("give the client an audience mapper"), "{refused:?}");
    assert_eq!(rig.warnings(), Value::Array(Vec::new()), "other tokens are not concerned");
    assert_eq!(rig.get(COORDINATOR).status, 200);
}
