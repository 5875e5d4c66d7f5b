//! One server for each cause of trouble with TLS, for the table of outcomes.

use std::sync::Arc;

use rcgen::{BasicConstraints, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::server::NoClientAuth;
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use serde_json::json;

use super::certificates::{constrain, subtree};
use super::client_certificate::{demanding, node};
use super::pki::{Ca, Identity, dns, self_signed};
use super::server::{Server, Site, config_with, ok, response};
use super::site::TlsRig as _;
use crate::outcomes::Row;
use test_support::rig::Rig;

const SECTION: &str = "TLS";

/// What the node is configured with besides the address.
struct Node<'a> {
    scheme: &'a str,
    host: &'a str,
    roots: &'a str,
    pin: Option<String>,
    certificate: Option<Identity>,
}

fn trusting(root: &Ca) -> Node<'_> {
    Node { scheme: "https", host: "localhost", roots: &root.pem, pin: None, certificate: None }
}

pub(crate) fn rows() -> Vec<Row> {
    let rig = Rig::new();
    let mut rows = Vec::new();
    let mut add = |cause: &str, server: Server, node: Node<'_>| {
        rig.point(&format!("{}://{}:{}", node.scheme, node.host, server.addr.port()), node.roots);
        if let Some(pin) = node.pin {
            rig.configure("spki_pins", json!([pin]));
        }
        if let Some(identity) = node.certificate {
            rig.own_certificate(&identity);
        }
        rows.push(Row::of_check(SECTION, cause, &rig.checked(server).view));
    };
    let root = Ca::root();
    let root = &root;
    let shows = |identity: Identity| Server::tls(&Site::new(identity));
    let named = |name: &str| root.issue(|leaf| leaf.subject_alt_names = vec![dns(name)]);

    add(
        "the certificate has expired",
        shows(root.issue(|leaf| leaf.not_after = date_time_ymd(2021, 1, 1))),
        trusting(root),
    );
    add(
        "the certificate is not valid yet",
        shows(root.issue(|leaf| leaf.not_before = date_time_ymd(2048, 1, 1))),
        trusting(root),
    );
    let elsewhere = Ca::root_with(|ca| ca.distinguished_name.push(DnType::OrganizationName, "elsewhere"));
    add("a certificate by another CA", shows(elsewhere.sound()), trusting(root));
    add("a CA made anew under its old name", shows(Ca::root().sound()), trusting(root));
    add("self-signed", shows(self_signed()), trusting(root));
    add("the CA's own certificate", shows(root.itself()), trusting(root));
    add("a certificate for another name", shows(named("auth.home")), trusting(root));
    add(
        "an address written as a DNS name",
        shows(named("127.0.0.1")),
        Node { host: "127.0.0.1", ..trusting(root) },
    );
    add(
        "a certificate without a name",
        shows(root.issue(|leaf| leaf.subject_alt_names = vec![])),
        trusting(root),
    );
    add(
        "a wildcard right under a domain of one label",
        shows(named("*.localhost")),
        Node { host: "auth.localhost", ..trusting(root) },
    );
    add(
        "a certificate for clients",
        shows(root.issue(|leaf| leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth])),
        trusting(root),
    );
    let not_a_ca = root.intermediate(|ca| ca.is_ca = IsCa::NoCa);
    add("signed by a certificate that is no CA's", shows(not_a_ca.sound().and(&not_a_ca)), trusting(root));
    let short = root.intermediate(|ca| {
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        ca.distinguished_name.push(DnType::OrganizationName, "short");
    });
    let below = short.intermediate(|_| {});
    add("more CAs in the chain than allowed", shows(below.sound().and(&below).and(&short)), trusting(root));
    let elsewhere_only =
        root.intermediate(|ca| constrain(ca, |c| c.excluded_subtrees = vec![subtree("localhost")]));
    let outside = elsewhere_only.sound().and(&elsewhere_only);
    add("a name that its CA may not sign", shows(outside), trusting(root));
    add(
        "a certificate that ends before it begins",
        shows(root.issue(|leaf| {
            leaf.not_before = date_time_ymd(2040, 1, 1);
            leaf.not_after = date_time_ymd(2021, 1, 1);
        })),
        trusting(root),
    );
    let sha1 = Identity::fixture(include_str!("fixtures/sha1.pem"), include_str!("fixtures/sha1.key"));
    let roots = include_str!("fixtures/root.pem");
    add("signed with SHA-1", shows(sha1), Node { roots, ..trusting(root) });
    let old = Identity::fixture(include_str!("fixtures/version1.pem"), include_str!("fixtures/version1.key"));
    add("of X.509 version 1", shows(old), trusting(root));
    let short = Identity::fixture(
        include_str!("fixtures/of-weak-root.pem"),
        include_str!("fixtures/of-weak-root.key"),
    );
    let roots = include_str!("fixtures/weak-root.pem");
    add("a CA with an RSA key of 1024 bits", shows(short), Node { roots, ..trusting(root) });

    let pinned = root.sound();
    let site = |date: Option<&'static str>| {
        let site = Site::new(pinned.clone());
        site.answers(move |request| ok(request, date));
        Server::tls(&site)
    };
    let with_pin = |pin: &str| Node { pin: Some(pin.into()), ..trusting(root) };
    add("another key than the pinned one", shows(root.sound()), with_pin(&pinned.pin));
    add("pins, and a server that tells no time", site(None), with_pin(&pinned.pin));
    add("pins, and a Date that is none", site(Some("2026-11-22T12:00:00Z")), with_pin(&pinned.pin));
    add(
        "pins, and a server whose clock is at 1970",
        site(Some("Thu, 01 Jan 1970 00:00:09 GMT")),
        with_pin(&pinned.pin),
    );
    let key = KeyPair::generate().unwrap();
    let later = root.issue_for(&key, |leaf| leaf.not_before = date_time_ymd(2048, 1, 1));
    add("pins, and not valid yet by the server's time", shows(later.clone()), with_pin(&later.pin));
    let old = root.intermediate(|ca| ca.not_after = date_time_ymd(2021, 1, 1));
    let never = old.issue_for(&key, |leaf| leaf.not_before = date_time_ymd(2022, 1, 1)).and(&old);
    add("pins, and no moment at which the chain is valid", shows(never.clone()), with_pin(&never.pin));
    let stolen = CertifiedKey::new(root.sound().chain, any_supported_type(&root.sound().key).unwrap());
    add(
        "a copied certificate",
        Server::tls(&Site::of(config_with(stolen, &[&TLS13], Arc::new(NoClientAuth)))),
        trusting(root),
    );

    let clients = Ca::root();
    add(
        "a client certificate is wanted, and there is none",
        demanding(root, &clients, &TLS13),
        trusting(root),
    );
    add(
        "the client certificate is by another CA",
        demanding(root, &clients, &TLS13),
        Node { certificate: Some(node(&Ca::root())), ..trusting(root) },
    );
    add(
        "the client certificate is one for servers",
        demanding(root, &clients, &TLS13),
        Node { certificate: Some(clients.sound()), ..trusting(root) },
    );
    let nginx = response("400 Bad Request", None, "<html>No required SSL certificate was sent</html>");
    let site = Site::new(root.sound());
    site.answers(move |_| nginx.clone());
    add("nginx wants a client certificate", Server::tls(&site), trusting(root));

    let raw = |bytes: &'static [u8]| Server::answering(bytes);
    add("SSH at the port", raw(b"SSH-2.0-OpenSSH_9.2\r\n"), trusting(root));
    add("only TLS 1.0", raw(&[21, 3, 1, 0, 2, 2, 70]), trusting(root));
    add("no cipher in common (alert)", raw(&[21, 3, 3, 0, 2, 2, 40]), trusting(root));
    add("a name that is not served (alert)", raw(&[21, 3, 3, 0, 2, 2, 112]), trusting(root));
    add(
        "a bare address without a certificate, as before Caddy (alert)",
        raw(&[21, 3, 3, 0, 2, 2, 80]),
        Node { host: "127.0.0.1", ..trusting(root) },
    );
    add("a message out of turn", raw(&[22, 3, 3, 0, 4, 14, 0, 0, 0]), trusting(root));
    add("closed in the handshake", Server::raw(|_| {}), trusting(root));
    let http = Node { scheme: "http", ..trusting(root) };
    add("nginx, spoken to in plain HTTP", raw(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nThe plain HTTP request was sent to HTTPS port"), http);
    rows
}
