//! Certificates of every kind, and what `check` says of them.

use rcgen::{DnType, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};
use serde_json::{Value, json};
use server_stub::{KeyType, Options};
use test_support::rig::Rig;

use super::pki::{Ca, Identity};
use super::server::{Server, Site};
use super::site::TlsRig as _;

/// What a chain of two keys of this kind costs. A new kind needs a line here, and one in docs/configuration.md.
const fn cost(kind: KeyType) -> &'static str {
    match kind {
        KeyType::Rsa2048 | KeyType::Ed25519 => "light",
        KeyType::Rsa4096 => "medium",
        KeyType::P256 => "heavy",
        KeyType::P384 => "very heavy",
    }
}

#[test]
fn node_is_valid_with_certificates_of_every_kind() {
    for kind in KeyType::ALL {
        let rig = Rig::with(Options { key_type: Some(kind), ..Options::default() });
        let (code, view) = rig.check();
        assert_eq!((code, &view["outcome"]), (Some(0), &json!("valid")), "{kind}: {view}");
        let name = kind.to_string();
        assert_eq!(view["chain"], json!({"keys": [name, name], "cost": cost(kind)}), "{view}");
    }
}

/// What `check` says of the chain of a server with this identity.
fn told(rig: &Rig, identity: Identity, roots: &str) -> Value {
    let server = Server::tls(&Site::new(identity));
    rig.point(&format!("https://localhost:{}", server.addr.port()), roots);
    let checked = rig.checked(server);
    assert_eq!(checked.outcome(), "valid", "{}", checked.view);
    checked.view["chain"].clone()
}

#[test]
fn keys_are_those_that_the_chain_was_verified_by() {
    let (rig, root) = (Rig::new(), Ca::root());
    let between = root.intermediate(|_| {});
    let below = between.intermediate(|ca| ca.distinguished_name.push(DnType::OrganizationName, "below"));
    let (other, newer) = (Ca::root_by(&PKCS_ECDSA_P384_SHA384), Ca::root_by(&PKCS_ED25519));
    // While a home changes from one CA to another of the same name, it trusts both.
    let all = [&other.pem, &root.pem, &newer.pem].map(String::as_str).concat();
    let fixture =
        Identity::fixture(include_str!("fixtures/rsa2048.pem"), include_str!("fixtures/rsa2048.key"));
    for (identity, roots, expected) in [
        (
            fixture,
            include_str!("fixtures/root.pem"),
            json!({"keys": ["rsa-2048", "rsa-2048"], "cost": "light"}),
        ),
        (root.issue_with(&PKCS_ED25519), &root.pem, json!({"keys": ["ed25519", "p-256"], "cost": "medium"})),
        (
            below.issue_with(&PKCS_ECDSA_P384_SHA384).and(&between).and(&other).and(&below).and(&root),
            &root.pem,
            json!({"keys": ["p-384", "p-256", "p-256", "p-256"], "cost": "very heavy"}),
        ),
        (newer.issue_with(&PKCS_ED25519), &all, json!({"keys": ["ed25519", "ed25519"], "cost": "light"})),
        (other.sound(), &all, json!({"keys": ["p-256", "p-384"], "cost": "very heavy"})),
    ] {
        assert_eq!(told(&rig, identity, roots), expected);
    }
}

#[test]
fn keys_are_told_of_a_server_whose_key_is_pinned() {
    let (rig, root) = (Rig::new(), Ca::root());
    let identity = root.issue_with(&PKCS_ED25519);
    let server = Server::tls(&Site::new(identity.clone()));
    rig.point(&format!("https://localhost:{}", server.addr.port()), &root.pem);
    rig.configure("spki_pins", json!([identity.pin]));
    let checked = rig.checked(server);
    assert_eq!(checked.outcome(), "valid", "{}", checked.view);
    assert_eq!(checked.view["chain"]["keys"], json!(["ed25519", "p-256"]), "{}", checked.view);
}
