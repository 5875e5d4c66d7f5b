//! Servers that must be accepted, in every form.

use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SanType};
use rustls::ProtocolVersion;
use rustls::server::NoClientAuth;
use rustls::version::{TLS12, TLS13};
use std::sync::Arc;

use super::pki::{Ca, Identity, dns, self_signed};
use super::server::{Server, Site, config};
use super::site::TlsRig as _;
use test_support::rig::Rig;

fn valid(name: &str, host: &str, server: Server, roots: &str) -> ProtocolVersion {
    let rig = Rig::new();
    rig.point(&format!("https://{host}:{}", server.addr.port()), roots);
    let checked = rig.checked(server);
    assert_eq!((checked.outcome(), checked.exit), ("valid", Some(0)), "{name}: {}", checked.view);
    assert_eq!(checked.seen.asked(), ["POST /internal/validate-node HTTP/1.1"], "{name}");
    checked.seen.handshakes[0].1
}

#[test]
fn newer_tls_version_of_two_is_used() {
    let root = Ca::root();
    let only = |version| Server::tls(&Site::of(config(root.sound(), &[version], Arc::new(NoClientAuth))));
    assert_eq!(valid("TLS 1.2", "localhost", only(&TLS12), &root.pem), ProtocolVersion::TLSv1_2);
    assert_eq!(valid("TLS 1.3", "localhost", only(&TLS13), &root.pem), ProtocolVersion::TLSv1_3);
    let both = Server::tls(&Site::new(root.sound()));
    assert_eq!(valid("both", "localhost", both, &root.pem), ProtocolVersion::TLSv1_3);
}

#[test]
fn every_kind_of_key_is_accepted() {
    let root = Ca::root();
    let rsa = Identity::fixture(include_str!("fixtures/rsa2048.pem"), include_str!("fixtures/rsa2048.key"));
    for (name, identity, roots) in [
        ("P-256", root.sound(), root.pem.as_str()),
        ("P-384", root.issue_with(&PKCS_ECDSA_P384_SHA384), &root.pem),
        ("Ed25519", root.issue_with(&PKCS_ED25519), &root.pem),
        ("RSA-2048", rsa, include_str!("fixtures/root.pem")),
    ] {
        for version in [&TLS12, &TLS13] {
            let site = Site::of(config(identity.clone(), &[version], Arc::new(NoClientAuth)));
            valid(name, "localhost", Server::tls(&site), roots);
        }
    }
}

#[test]
fn chain_of_any_length_is_accepted() {
    let root = Ca::root();
    let between = root.intermediate(|_| {});
    let below =
        between.intermediate(|ca| ca.distinguished_name.push(rcgen::DnType::OrganizationName, "below"));
    let stranger = Ca::root();
    let many = format!("{}{}{}", stranger.pem, Ca::root().pem, root.pem);
    let alone = self_signed();
    let alone_pem = alone.pem();
    for (name, identity, roots) in [
        ("intermediate sent", between.sound().and(&between), root.pem.as_str()),
        ("two intermediates sent", below.sound().and(&below).and(&between), &root.pem),
        ("out of order", below.sound().and(&between).and(&below), &root.pem),
        ("root sent too", between.sound().and(&between).and(&root), &root.pem),
        ("something else sent too", root.sound().and(&stranger), &root.pem),
        ("one root of many", root.sound(), &many),
        ("intermediate trusted itself", between.sound(), &between.pem),
        ("self-signed, and trusted as it is", alone, &alone_pem),
    ] {
        valid(name, "localhost", Server::tls(&Site::new(identity)), roots);
    }
}

#[test]
fn every_form_of_name_is_accepted() {
    let root = Ca::root();
    let names = |sans: Vec<SanType>| Site::new(root.issue(|leaf| leaf.subject_alt_names = sans));
    for (host, sans) in [
        ("auth.home.localhost", vec![dns("*.home.localhost")]),
        ("auth.home.localhost", vec![dns("other.example"), dns("auth.home.localhost")]),
        ("AUTH.Home.localhost", vec![dns("auth.home.localhost")]),
        ("127.0.0.1", vec![SanType::IpAddress([127, 0, 0, 1].into())]),
    ] {
        valid(host, host, Server::tls(&names(sans)), &root.pem);
    }
    // A machine without IPv6 has nothing to test here.
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        let site = names(vec![SanType::IpAddress(core::net::Ipv6Addr::LOCALHOST.into())]);
        valid("IPv6", "[::1]", Server::tls_at("[::1]:0", &site), &root.pem);
    }
}

#[test]
fn name_constraint_that_is_kept_is_accepted() {
    let root = Ca::root_with(|ca| {
        ca.name_constraints = Some(rcgen::NameConstraints {
            permitted_subtrees: vec![rcgen::GeneralSubtree::DnsName("localhost".into())],
            excluded_subtrees: vec![],
        });
    });
    let key = KeyPair::generate().unwrap();
    let identity = root.issue_for(&key, |leaf| leaf.subject_alt_names = vec![dns("auth.localhost")]);
    valid("constrained", "auth.localhost", Server::tls(&Site::new(identity)), &root.pem);
}
