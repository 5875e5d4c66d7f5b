//! Discovery, the JWKS, and changes of keys while it runs.

use server_stub::jwt::{Algorithm, KeySet, Refused};
use server_stub::{CertificateAuthority, ServerOptions, Sts, StsOptions};

use super::rig::{CERTS_PATH, DISCOVERY_PATH, ask, checked, json_of, own, start, token_of};
use crate::client::{Ask, Connection};

#[test]
fn discovery_says_where_everything_is() {
    let sts = start();
    let said = json_of(&ask(&sts, &Ask::get(DISCOVERY_PATH)));
    assert_eq!(said["issuer"], sts.issuer());
    assert_eq!(said["issuer"], format!("{}/realms/arp-dev", sts.server().url()));
    assert_eq!(said["token_endpoint"], sts.token_endpoint());
    assert_eq!(said["jwks_uri"], sts.jwks_uri());
    assert!(sts.jwks_uri().ends_with(CERTS_PATH) && sts.token_endpoint().ends_with(super::rig::TOKEN_PATH));
    let methods = said["token_endpoint_auth_methods_supported"].to_string();
    for method in ["client_secret_post", "client_secret_basic", "private_key_jwt"] {
        assert!(methods.contains(method), "{methods}");
    }
}

#[test]
fn without_a_word_it_signs_by_rs256_as_keycloak_does() {
    let sts = Sts::start(StsOptions::default()).expect("a token service");
    let certs = json_of(&ask(&sts, &Ask::get(CERTS_PATH)));
    let key = &certs["keys"][0];
    assert_eq!((&key["kty"], &key["alg"], &key["use"]), (&"RSA".into(), &"RS256".into(), &"sig".into()));
    assert!(key.get("d").is_none() && key["kid"].is_string());
    assert!(checked(&sts, &token_of(&own(&sts, &[])), "arp-run-gateway").is_ok());
}

#[test]
fn a_rotated_key_is_good_until_it_is_retired() {
    let sts = start();
    let old = token_of(&own(&sts, &[]));
    let kid = sts.rotate_signing_key().expect("a key");
    let new = token_of(&own(&sts, &[]));
    let good = |token: &str| checked(&sts, token, "arp-run-gateway").map(|_| ());
    assert_eq!((good(&old), good(&new)), (Ok(()), Ok(())));
    let keys = KeySet::from_json(ask(&sts, &Ask::get(CERTS_PATH)).body.as_bytes()).expect("a JWKS");
    assert_eq!((keys.kids().next(), keys.kids().count()), (Some(kid.as_str()), 2));
    sts.retire_old_keys();
    assert_eq!((good(&old), good(&new)), (Err(Refused::UnknownKid), Ok(())));
    assert_eq!(sts.jwks_requests(), 5);
}

#[test]
fn keys_are_rotated_over_http_by_the_administrator() {
    let sts = start();
    let admin = sts.server().admin_token();
    let told = |method: &str, token: &str| {
        ask(&sts, &Ask::new(method, "/__stub/signing-key").header("X-Jarvis-Admin-Token", token))
    };
    assert_eq!((told("POST", "guessed").status, told("DELETE", "").status), (401, 401));
    let kids = |answer| json_of(&answer)["kids"].as_array().expect("a list").len();
    assert_eq!(kids(told("POST", admin)), 2);
    // The path works whatever the faults are.
    sts.server().set_faults("status-503".parse().expect("a fault")).expect("set");
    assert_eq!(kids(told("DELETE", admin)), 1);
}

#[test]
fn it_speaks_tls_and_may_have_another_name() {
    let authority = CertificateAuthority::new().expect("an authority");
    let server = ServerOptions { authority: Some(authority.clone()), ..ServerOptions::default() };
    let issuer = Some("http://localhost:8080/realms/arp-dev".to_owned());
    let options = StsOptions { server, issuer, algorithm: Algorithm::EdDsa, ..StsOptions::default() };
    let sts = Sts::start(options).expect("a token service");
    assert!(sts.token_endpoint().starts_with("https://127.0.0.1:"));
    let mut way = Connection::tls(sts.server().addr(), authority.pem(), "localhost").expect("trusted");
    let said = json_of(&way.ask(&Ask::get(DISCOVERY_PATH)));
    assert_eq!(said["issuer"], "http://localhost:8080/realms/arp-dev");
    assert_eq!(said["token_endpoint"], sts.token_endpoint());
}
