//! What servers other than Keycloak want of a client, and what they answer.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use jarvis_node::commands::keygen;
use jarvis_node::sts::Algorithm;
use serde_json::{Value, json};
use server_stub::{Realm, StsOptions};

use super::rig::{Rig, brief, exchange, wanted};

#[test]
fn assertion_names_issuer_endpoint_or_a_value() {
    let rig = Rig::new();
    let keys = keygen::make(Algorithm::Es256, &rig.dir.path().join("sts.key")).unwrap();
    rig.sts.register_key("jarvis-node", &serde_json::from_str(&keys).unwrap()).unwrap();
    let endpoint = rig.sts.token_endpoint();
    for (audience, ends) in [
        ("issuer", "token for 300 s"),
        ("token_endpoint", "token for 300 s"),
        (rig.sts.issuer(), "token for 300 s"),
        (&endpoint, "token for 300 s"),
        ("https://sts.elsewhere/", "refused: 400 invalid_client"),
    ] {
        let client = rig.client(&json!({"client_key_file": "sts.key", "assertion_audience": audience}));
        let result = client.fetch(&wanted("arp-run-gateway"));
        assert_eq!(brief(&result), ends, "{audience}");
        if let Err(refused) = result {
            assert!(refused.to_string().contains("sts.assertion_audience"), "{refused}");
        }
    }
}

#[test]
fn ed25519_is_named_as_the_setting_says() {
    let rig = Rig::new();
    let keys = keygen::make(Algorithm::Ed25519, &rig.dir.path().join("sts.key")).unwrap();
    assert!(keys.contains(r#""alg":"Ed25519""#), "{keys}");
    let keys = keygen::show(&rig.dir.path().join("sts.key"), None).unwrap();
    rig.sts.register_key("jarvis-node", &serde_json::from_str(&keys).unwrap()).unwrap();
    let fetch = |name: Option<&str>| {
        let client = rig.client(&json!({"client_key_file": "sts.key", "assertion_algorithm": name}));
        brief(&client.fetch(&wanted("arp-run-gateway")))
    };
    assert_eq!(fetch(None), "token for 300 s");
    assert_eq!(fetch(Some("EdDSA")), "token for 300 s");
    // The stub knows the older name alone, as Keycloak 26.7.3 does.
    assert_eq!(fetch(Some("Ed25519")), "refused: 400 invalid_client");
}

#[test]
#[ignore = "needs openssl"]
fn made_ed25519_key_is_read_by_openssl() {
    let rig = Rig::new();
    let path = rig.dir.path().join("sts.key");
    let keys = keygen::make(Algorithm::EdDsa, &path).unwrap();
    let copied = Command::new("openssl").arg("pkey").arg("-in").arg(&path).output().unwrap();
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    rig.file("copy.key", std::str::from_utf8(&copied.stdout).unwrap());
    assert_eq!(keygen::show(&rig.dir.path().join("copy.key"), None).unwrap(), keys);
}

#[test]
fn every_printable_character_proves_the_client() {
    let all: String = ('!'..='~').collect();
    let id = "the kitchen's \"node\" 100% + 1: {a}&b=c~";
    let client = json!({"clientId": id, "secret": all, "serviceAccountsEnabled": true, "protocolMappers": [{
        "name": "a", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
        "config": {"included.custom.audience": "nobody", "access.token.claim": "true"},
    }]});
    let realm = Realm::from_json(&json!({"realm": "home", "clients": [client]}).to_string()).unwrap();
    let rig = Rig::with(StsOptions { realm, ..StsOptions::default() });
    rig.file("secret", &all);
    for method in ["client_secret_post", "client_secret_basic"] {
        let keys = json!({"client_id": id, "client_secret_file": "secret", "auth_method": method});
        assert_eq!(brief(&rig.client(&keys).fetch(&wanted("nobody"))), "token for 300 s", "{method}");
    }
}

#[test]
fn opaque_token_is_taken_where_its_rule_says_so() {
    let rig = Rig::new();
    rig.file("secret", "jarvis-node-secret");
    let rules = json!({"arp-run-gateway": {"opaque": true}, "arp-run-coordinator": {"opaque": true}});
    let opaque = rig.client(&json!({"client_secret_file": "secret", "audiences": rules}));
    for (fault, ends) in [
        ("token-not-jwt", "token for 300 s"),
        ("token-not-jwt,expires-in-string", "token for 300 s"),
        ("token-not-jwt,expires-in-missing", "unusable: NoLife"),
        ("token-not-jwt,expires-in-zero", "unusable: Expired"),
        ("token-not-jwt,token-type-odd", "unusable: Kind"),
        ("token-wrong-iss", "token for 300 s"),
        ("token-no-kid", "token for 300 s"),
    ] {
        rig.fault(fault);
        assert_eq!(brief(&opaque.fetch(&wanted("arp-run-gateway"))), ends, "{fault}");
    }
    let subject = rig.sts.token(&json!({"aud": "jarvis-node"}));
    rig.fault("token-not-jwt");
    assert_eq!(brief(&opaque.fetch(&exchange("arp-run-coordinator", &subject))), "token for 300 s");
    let refused = rig.usual().fetch(&wanted("arp-run-gateway")).unwrap_err().to_string();
    assert!(refused.contains("\"opaque\": true") && refused.contains("a resource"), "{refused}");
}

const AWAY: &str = "HTTP/1.1 503 Away\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// The request that a client with these keys sends, and what it makes of this answer.
fn asked(keys: &Value, answer: &str) -> (String, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let rig = Rig::new();
    rig.file("secret", "s");
    let mut keys = keys.clone();
    keys["client_secret_file"] = "secret".into();
    keys["token_endpoint"] = format!("http://{}/token/", listener.local_addr().unwrap()).into();
    let answer = answer.to_owned();
    let server = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let (mut request, mut bytes) = (String::new(), [0; 4096]);
        loop {
            let read = stream.read(&mut bytes).unwrap();
            request.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
            let body = request.split_once("\r\n\r\n").map(|(_, body)| body.len());
            let length =
                |line: &str| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok();
            if read == 0 || body.is_some() && body == request.lines().find_map(length) {
                break;
            }
        }
        stream.write_all(answer.as_bytes()).unwrap();
        request
    });
    let result = brief(&rig.client(&keys).fetch(&wanted("arp-run-gateway")));
    (server.join().unwrap(), result)
}

#[test]
fn the_token_endpoint_is_asked_as_it_is_given() {
    let (request, _) = asked(&json!({}), AWAY);
    assert!(request.starts_with("POST /token/ HTTP/1.1\r\n"), "{request}");
    assert!(!request.contains("resource="), "{request}");
}

#[test]
fn resource_of_the_rule_is_asked_for() {
    let rules = json!({"arp-run-gateway": {"resource": "https://gateway.home/v1"}});
    let (request, _) = asked(&json!({"audiences": rules}), AWAY);
    assert!(
        request.ends_with("audience=arp-run-gateway&resource=https%3A%2F%2Fgateway.home%2Fv1"),
        "{request}"
    );
}

#[test]
fn created_with_a_token_is_a_token() {
    let body = r#"{"access_token":"x","expires_in":60,"token_type":"Bearer"}"#;
    let answer =
        format!("HTTP/1.1 201 Created\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    let rules = json!({"arp-run-gateway": {"opaque": true}});
    assert_eq!(asked(&json!({"audiences": rules}), &answer).1, "token for 60 s");
}
