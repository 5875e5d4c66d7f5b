//! Keys that are not pinned, and certificates without their key.

use std::sync::Arc;

use rcgen::{ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::server::NoClientAuth;
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};

use super::matrix::{matrix, row, shows};
use super::pki::{Ca, Identity, dns};
use super::server::{Server, Site, config_with};

#[test]
fn stolen_certificate_is_refused() {
    let root = Ca::root();
    let stolen = |version| {
        let other = any_supported_type(&root.sound().key).unwrap();
        let key = CertifiedKey::new(root.sound().chain, other);
        Server::tls(&Site::of(config_with(key, &[version], Arc::new(NoClientAuth))))
    };
    let why = "whose key it does not have";
    matrix(vec![
        row("stolen certificate in TLS 1.3", stolen(&TLS13), &root.pem, why, "private key|somebody else"),
        row("stolen certificate in TLS 1.2", stolen(&TLS12), &root.pem, why, "private key|somebody else"),
    ]);
}

const SOMEBODYS: &str = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

#[test]
fn unpinned_key_is_refused() {
    let root = Ca::root();
    let between = root.intermediate(|_| {});
    let chain = between.sound().and(&between).and(&root);
    let why = "none of those in spki_pins";
    let fixture =
        Identity::fixture(include_str!("fixtures/rsa2048.pem"), include_str!("fixtures/rsa2048.key"));
    // The pin in the message is the one that openssl computes.
    let fix =
        format!("Compare sha256//{}|openssl|somebody else", include_str!("fixtures/rsa2048.pin").trim());
    matrix(vec![
        shows("pin mismatch", &root, root.sound(), why, "openssl|somebody else").pins(&[SOMEBODYS]),
        shows("two pins, and none of them", &root, root.sound(), why, "openssl")
            .pins(&[SOMEBODYS, &chain.pin]),
        // Only the server's own key counts, not that of a CA above it.
        shows("pins of the CAs", &root, chain, why, "openssl")
            .pins(&[&root.itself().pin, &between.itself().pin]),
        row(
            "the pin that is shown",
            Server::tls(&Site::new(fixture)),
            include_str!("fixtures/root.pem"),
            why,
            fix,
        )
        .pins(&[SOMEBODYS]),
    ]);
}

/// Each of these shows the pinned key, which is not enough.
#[test]
fn pinned_key_with_a_wrong_certificate_is_refused() {
    let (root, stranger) = (Ca::root(), Ca::root());
    let key = KeyPair::generate().unwrap();
    let pin = root.issue_for(&key, |_| {}).pin;
    let rows = vec![
        shows(
            "wrong name",
            &root,
            root.issue_for(&key, |leaf| leaf.subject_alt_names = vec![dns("auth.home")]),
            "but for auth.home",
            "Use a name",
        ),
        shows("another CA", &root, stranger.issue_for(&key, |_| {}), "by one of the same name", "ca_file"),
        shows(
            "for clients",
            &root,
            root.issue_for(&key, |leaf| leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
            "not meant for servers",
            "serverAuth",
        ),
        shows(
            "no moment at which it is valid",
            &root,
            root.issue_for(&key, |leaf| {
                leaf.not_before = date_time_ymd(2040, 1, 1);
                leaf.not_after = date_time_ymd(2021, 1, 1);
            }),
            "refused",
            "reissued",
        ),
        shows(
            "an issuer that ended before it began",
            &root,
            {
                let old = root.intermediate(|ca| ca.not_after = date_time_ymd(2021, 1, 1));
                old.issue_for(&key, |leaf| leaf.not_before = date_time_ymd(2022, 1, 1)).and(&old)
            },
            "no moment at which",
            "reissued",
        ),
        row(
            "somebody who copied the certificate",
            {
                let other = any_supported_type(&root.sound().key).unwrap();
                let key = CertifiedKey::new(root.issue_for(&key, |_| {}).chain, other);
                let config = config_with(key, &[&TLS13], Arc::new(NoClientAuth));
                Server::tls(&Site::of(config))
            },
            &root.pem,
            "whose key it does not have",
            "somebody else",
        ),
    ];
    matrix(rows.into_iter().map(|row| row.pins(&[&pin])).collect());
}
