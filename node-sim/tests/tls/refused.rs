//! The matrix: servers that must not be trusted, what each is told as, and what mends it. None of them may
//! get a byte of a request.

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyPair,
    NameConstraints, SanType, date_time_ymd,
};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::server::NoClientAuth;
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use serde_json::json;

use super::pki::{Ca, Identity, dns, self_signed};
use super::rig::Rig;
use super::server::{Pretender, Seen, Server, Site, config_with, response};

struct Row {
    name: &'static str,
    server: Server,
    /// In auth_url.
    host: &'static str,
    roots: String,
    pins: &'static [&'static str],
    outcome: (&'static str, i32),
    reason: &'static str,
    fix: &'static str,
}

const TLS: (&str, i32) = ("tls", 76);

fn row(name: &'static str, server: Server, roots: &str, reason: &'static str, fix: &'static str) -> Row {
    Row { name, server, host: "localhost", roots: roots.into(), pins: &[], outcome: TLS, reason, fix }
}

/// A server with this certificate, whose CA the node trusts.
fn shows(name: &'static str, ca: &Ca, identity: Identity, reason: &'static str, fix: &'static str) -> Row {
    row(name, Server::tls(&Site::new(identity)), &ca.pem, reason, fix)
}

impl Row {
    fn at(self, host: &'static str) -> Self {
        Self { host, ..self }
    }

    fn pins(self, pins: &'static [&'static str]) -> Self {
        Self { pins, ..self }
    }

    fn is(self, outcome: &'static str, exit: i32) -> Self {
        Self { outcome: (outcome, exit), ..self }
    }

    fn run(self, rig: &Rig) {
        let name = self.name;
        rig.point(&format!("https://{}:{}", self.host, self.server.addr.port()), &self.roots);
        if !self.pins.is_empty() {
            rig.configure("spki_pins", json!(self.pins));
        }
        let checked = rig.checked(self.server);
        let view = &checked.view;
        assert_eq!(
            (checked.outcome(), checked.exit),
            (self.outcome.0, Some(self.outcome.1)),
            "{name}: {view}"
        );
        for (key, words) in [("reason", self.reason), ("fix", self.fix)] {
            let said = view[key].as_str().unwrap();
            for part in words.split('|') {
                assert!(said.contains(part), "{name}: no '{part}' in the {key}: {view}");
            }
            assert!(!said.ends_with('…'), "{name}: the {key} is cut: {view}");
        }
        nothing_was_asked(rig, name, &checked.seen);
    }
}

/// No handshake was completed, so that nothing could be asked; and no key went in the open.
fn nothing_was_asked(rig: &Rig, name: &str, seen: &Seen) {
    assert!(seen.connections > 0, "{name}: the server was not even reached");
    assert_eq!(seen.handshakes, [], "{name}");
    assert_eq!(seen.requests, [""; 0], "{name}");
    assert!(!rig.secret_in(&seen.wire), "{name}: a key in the open");
}

#[track_caller]
fn matrix(rows: Vec<Row>) {
    let rig = Rig::new();
    for row in rows {
        row.run(&rig);
    }
}

#[test]
fn certificates_out_of_their_time() {
    let root = Ca::root();
    let old_root = Ca::root_with(|ca| ca.not_after = date_time_ymd(2021, 1, 1));
    let old_between = root.intermediate(|ca| ca.not_after = date_time_ymd(2021, 1, 1));
    matrix(vec![
        shows(
            "expired",
            &root,
            root.issue(|leaf| leaf.not_after = date_time_ymd(2021, 1, 1)),
            "has expired: it ended Fri, 01 Jan 2021 00:00:00 GMT|by this board's clock it is",
            "Renew|`date`",
        ),
        shows(
            "not yet valid",
            &root,
            root.issue(|leaf| leaf.not_before = date_time_ymd(2048, 1, 1)),
            "not valid yet: it begins Wed, 01 Jan 2048 00:00:00 GMT|by this board's clock it is",
            "Set the clock|`date`",
        ),
        shows(
            "expired intermediate",
            &root,
            old_between.sound().and(&old_between),
            "or its CA's, has expired: it ended Fri, 01 Jan 2021",
            "Renew",
        ),
        shows(
            "ends before it begins",
            &root,
            root.issue(|leaf| {
                leaf.not_before = date_time_ymd(2040, 1, 1);
                leaf.not_after = date_time_ymd(2021, 1, 1);
            }),
            "refused",
            "reissued",
        ),
    ]);
    // A root's own dates do not count (RFC 5280, 6.1.1: a trust anchor is a name and a key).
    let rig = Rig::new();
    let server = Server::tls(&Site::new(old_root.sound()));
    rig.point(&format!("https://localhost:{}", server.addr.port()), &old_root.pem);
    assert_eq!(rig.checked(server).outcome(), "valid");
}

#[test]
fn certificates_for_other_names() {
    let root = Ca::root();
    let names = |sans: Vec<SanType>| root.issue(|leaf| leaf.subject_alt_names = sans);
    matrix(vec![
        shows(
            "wrong name",
            &root,
            names(vec![dns("auth.home"), dns("auth.example")]),
            "not made out for the name in auth_url, but for auth.home, auth.example",
            "Use a name in auth_url|subjectAltName",
        ),
        shows(
            "IP without IP SAN",
            &root,
            names(vec![dns("localhost")]),
            "but for localhost",
            "an address needs an IP entry",
        )
        .at("127.0.0.1"),
        shows(
            "IP as a DNS name",
            &root,
            names(vec![dns("127.0.0.1")]),
            "not made out for",
            "an address needs an IP entry",
        )
        .at("127.0.0.1"),
        shows(
            "another IP",
            &root,
            names(vec![SanType::IpAddress([127, 0, 0, 2].into())]),
            "but for 127.0.0.2",
            "reissued",
        )
        .at("127.0.0.1"),
        shows("no name but the CN", &root, names(vec![]), "but for no name at all", "subjectAltName"),
        shows("a parent's name", &root, names(vec![dns("localhost")]), "but for localhost", "Use a name")
            .at("auth.localhost"),
        shows(
            "wildcard over two labels",
            &root,
            names(vec![dns("*.home.localhost")]),
            "not made out",
            "Use a name",
        )
        .at("a.b.home.localhost"),
        shows(
            "wildcard without a label",
            &root,
            names(vec![dns("*.home.localhost")]),
            "not made out",
            "Use a name",
        )
        .at("home.localhost"),
        shows(
            "wildcard in the middle",
            &root,
            names(vec![dns("auth.*.localhost")]),
            "certificate",
            "reissued",
        )
        .at("auth.home.localhost"),
        shows("half a wildcard", &root, names(vec![dns("au*.home.localhost")]), "certificate", "reissued")
            .at("auth.home.localhost"),
        shows("wildcard for everything", &root, names(vec![dns("*")]), "certificate", "reissued")
            .at("localhost"),
        shows("wildcard for a top level", &root, names(vec![dns("*.localhost")]), "not made out", "reissued")
            .at("auth.localhost"),
    ]);
}

#[test]
fn certificates_by_nobody_who_is_trusted() {
    let (root, stranger) = (Ca::root(), Ca::root());
    let between = root.intermediate(|_| {});
    let not_a_ca = root.intermediate(|ca| ca.is_ca = IsCa::NoCa);
    // A root's own limit would not count: a trust anchor is a name and a key.
    let short = root.intermediate(|ca| {
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        ca.distinguished_name.push(rcgen::DnType::OrganizationName, "short");
    });
    let below_short = short.intermediate(|_| {});
    let of_localhost_com =
        Ca::root_with(|ca| constrain(ca, |c| c.permitted_subtrees = vec![subtree("example.com")]));
    let not_localhost =
        root.intermediate(|ca| constrain(ca, |c| c.excluded_subtrees = vec![subtree("localhost")]));
    let no_addresses = root.intermediate(|ca| {
        constrain(ca, |c| {
            let all = CidrSubnet::from_v4_prefix([0; 4], 0);
            c.excluded_subtrees = vec![GeneralSubtree::IpAddress(all)];
        });
    });
    let unknown = "is not signed by a CA this node trusts";
    matrix(vec![
        // By another name, or the signature would be looked at.
        shows(
            "unknown root",
            &Ca::root_with(|ca| ca.distinguished_name.push(rcgen::DnType::OrganizationName, "elsewhere")),
            stranger.sound(),
            unknown,
            "ca_file",
        ),
        shows("a CA of the same name", &root, stranger.sound(), "by one of the same name", "ca_file"),
        shows("missing intermediate", &root, between.sound(), unknown, "ca_file|intermediate"),
        shows("self-signed leaf", &root, self_signed(), "signed by nobody but itself", "set ca_file to it"),
        shows("CA used as leaf", &root, root.itself(), "of a CA as its own", "CA:FALSE"),
        shows("intermediate used as leaf", &root, between.itself(), "of a CA as its own", "CA:FALSE"),
        shows("leaf used as CA", &root, not_a_ca.sound().and(&not_a_ca), "not a CA's", "may sign it"),
        shows(
            "path too long",
            &root,
            below_short.sound().and(&below_short).and(&short),
            "more CAs between",
            "path length",
        ),
        shows(
            "name not permitted",
            &of_localhost_com,
            of_localhost_com.sound(),
            "name constraints",
            "name constraints",
        ),
        shows(
            "name excluded",
            &root,
            not_localhost.sound().and(&not_localhost),
            "name constraints",
            "may sign it",
        ),
        shows(
            "address excluded",
            &root,
            no_addresses.sound().and(&no_addresses),
            "name constraints",
            "may sign it",
        ),
    ]);
}

fn constrain(ca: &mut CertificateParams, change: impl FnOnce(&mut NameConstraints)) {
    let mut constraints = NameConstraints { permitted_subtrees: vec![], excluded_subtrees: vec![] };
    change(&mut constraints);
    ca.name_constraints = Some(constraints);
}

fn subtree(name: &str) -> GeneralSubtree {
    GeneralSubtree::DnsName(name.into())
}

#[test]
fn certificates_too_weak_or_for_something_else() {
    let root = Ca::root();
    let weak_root = include_str!("fixtures/weak-root.pem");
    let rsa_root = include_str!("fixtures/root.pem");
    let server = |certificate, key| Server::tls(&Site::new(Identity::fixture(certificate, key)));
    let sha1 = server(include_str!("fixtures/sha1.pem"), include_str!("fixtures/sha1.key"));
    let of_weak_root =
        server(include_str!("fixtures/of-weak-root.pem"), include_str!("fixtures/of-weak-root.key"));
    // Any key: the certificate is refused before the signature is looked at.
    let short = Identity::fixture(include_str!("fixtures/rsa1024.pem"), include_str!("fixtures/sha1.key"));
    let pretends = |version| {
        let key = CertifiedKey::new(short.chain.clone(), std::sync::Arc::new(Pretender));
        Server::tls(&Site::of(config_with(key, &[version], std::sync::Arc::new(NoClientAuth))))
    };
    let usage = |usage| root.issue(|leaf| leaf.extended_key_usages = vec![usage]);
    matrix(vec![
        row("SHA-1", sha1, rsa_root, "SHA-1", "signed with SHA-256"),
        row("RSA of 1024 bits in TLS 1.3", pretends(&TLS13), rsa_root, "under 2048 bits", "RSA of 2048 bits"),
        row("RSA of 1024 bits in TLS 1.2", pretends(&TLS12), rsa_root, "under 2048 bits", "RSA of 2048 bits"),
        row("root of 1024 bits", of_weak_root, weak_root, "or of its CA, is too weak", "its CA's too"),
        shows(
            "for clients",
            &root,
            usage(ExtendedKeyUsagePurpose::ClientAuth),
            "not meant for servers",
            "extendedKeyUsage serverAuth",
        ),
        shows(
            "for code",
            &root,
            usage(ExtendedKeyUsagePurpose::CodeSigning),
            "not meant for servers",
            "extendedKeyUsage serverAuth",
        ),
        shows(
            "an unknown critical extension",
            &root,
            root.issue(|leaf| {
                let mut odd = rcgen::CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
                odd.set_criticality(true);
                leaf.custom_extensions.push(odd);
            }),
            "refused",
            "reissued",
        ),
    ]);
}

#[test]
fn certificates_whose_key_the_server_does_not_have() {
    let root = Ca::root();
    let stolen = |version| {
        let other = any_supported_type(&root.sound().key).unwrap();
        let key = CertifiedKey::new(root.sound().chain, other);
        Server::tls(&Site::of(config_with(key, &[version], std::sync::Arc::new(NoClientAuth))))
    };
    let why = "whose key it does not have";
    matrix(vec![
        row("stolen certificate in TLS 1.3", stolen(&TLS13), &root.pem, why, "private key|somebody else"),
        row("stolen certificate in TLS 1.2", stolen(&TLS12), &root.pem, why, "private key|somebody else"),
    ]);
}

#[test]
fn keys_that_are_not_pinned() {
    const SOMEBODYS: &str = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    const FIXTURE: &str = include_str!("fixtures/rsa2048.pin");
    let root = Ca::root();
    let rig = Rig::new();
    for (name, site) in [
        ("pin mismatch", Site::new(root.sound())),
        // Only the server's own key counts, not that of a CA above it, whoever else that signs for.
        ("pin of the CA", Site::new(root.sound())),
    ] {
        let row = shows(name, &root, root.sound(), "none of those in spki_pins", "openssl|somebody else");
        let server = Server::tls(&site);
        let pin = if name == "pin mismatch" { SOMEBODYS.to_string() } else { root.itself().pin };
        rig.point(&format!("https://localhost:{}", server.addr.port()), &root.pem);
        rig.configure("spki_pins", json!([pin]));
        let checked = rig.checked(server);
        let said = checked.view.to_string();
        assert_eq!((checked.outcome(), checked.exit), ("tls", Some(76)), "{name}: {said}");
        assert!(said.contains(row.reason), "{name}: {said}");
        nothing_was_asked(&rig, name, &checked.seen);
        row.server.stop();
    }
    // The pin that is shown is the one other tools find.
    let identity =
        Identity::fixture(include_str!("fixtures/rsa2048.pem"), include_str!("fixtures/rsa2048.key"));
    let server = Server::tls(&Site::new(identity));
    let roots = include_str!("fixtures/root.pem");
    let fix = format!("Compare sha256//{}|openssl|somebody else", FIXTURE.trim());
    row("the pin is shown", server, roots, "none of those in spki_pins", fix.leak())
        .pins(&[SOMEBODYS])
        .run(&rig);
}

/// The right key is not enough: each of these shows the pinned one.
#[test]
fn a_pinned_key_with_a_certificate_that_is_wrong() {
    let (root, stranger) = (Ca::root(), Ca::root());
    let key = KeyPair::generate().unwrap();
    let pin: &'static str = root.issue_for(&key, |_| {}).pin.leak();
    let pins: &'static [&'static str] = vec![pin].leak();
    assert_eq!(key.algorithm(), &rcgen::PKCS_ECDSA_P256_SHA256);
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
            "by the server's own clock",
            "with spki_pins the server's",
        ),
        row(
            "somebody who copied the certificate",
            {
                let other = any_supported_type(&root.sound().key).unwrap();
                let key = CertifiedKey::new(root.issue_for(&key, |_| {}).chain, other);
                let config = config_with(key, &[&TLS13], std::sync::Arc::new(NoClientAuth));
                Server::tls(&Site::of(config))
            },
            &root.pem,
            "whose key it does not have",
            "somebody else",
        ),
    ];
    matrix(rows.into_iter().map(|row| row.pins(pins)).collect());
}

#[test]
fn ports_that_speak_something_else_or_stop_in_the_middle() {
    let alert = "broke the TLS handshake off with the alert";
    let old = "neither TLS 1.2 nor TLS 1.3";
    let raw = |name, server, reason, fix| row(name, server, &Ca::root().pem, reason, fix);
    let http: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
    let no_tls = "does not speak TLS";
    matrix(vec![
        raw("plain HTTP", Server::answering(http), no_tls, "http:// and allow_http"),
        raw("SSH", Server::answering(b"SSH-2.0-OpenSSH_9.2\r\n"), no_tls, "port in auth_url"),
        raw("mail", Server::answering(b"220 mail.home ESMTP\r\n"), no_tls, "port in auth_url"),
        raw("TLS 1.0 only", Server::answering(OLD_SERVER_HELLO[0]), old, "Turn TLS 1.2 or 1.3 on"),
        raw("TLS 1.1 only", Server::answering(OLD_SERVER_HELLO[1]), old, "Turn TLS 1.2 or 1.3 on"),
        raw("SSL 3 only", Server::answering(OLD_SERVER_HELLO[2]), old, "Turn TLS 1.2 or 1.3 on"),
        raw("alert protocol_version", Server::answering(&[21, 3, 1, 0, 2, 2, 70]), old, "Turn TLS"),
        raw(
            "alert handshake_failure",
            Server::answering(&[21, 3, 3, 0, 2, 2, 40]),
            "the alert handshake_failure",
            "TLS settings|P-256",
        ),
        raw("alert internal_error", Server::answering(&[21, 3, 3, 0, 2, 2, 80]), alert, "TLS settings"),
        raw(
            "alert insufficient_security",
            Server::answering(&[21, 3, 3, 0, 2, 2, 71]),
            "the alert insufficient_security",
            "TLS settings",
        ),
        raw(
            "alert unrecognized_name",
            Server::answering(&[21, 3, 3, 0, 2, 2, 112]),
            "knows nothing of the name",
            "Use a name in auth_url",
        ),
        raw(
            "a message out of turn",
            Server::answering(&[22, 3, 3, 0, 4, 14, 0, 0, 0]),
            "handshake failed",
            "TLS settings",
        ),
        // Nothing was found wrong with the server: it may be restarting.
        raw("closed at once", Server::raw(|_| {}), "in the middle of the TLS handshake", "firewall")
            .is("server", 75),
        raw("truncated", Server::answering(&OLD_SERVER_HELLO[1][..20]), "in the middle of", "firewall")
            .is("server", 75),
        raw("reset", Server::raw_reset(), "in the middle of the TLS handshake", "firewall").is("server", 75),
    ]);
}

/// ServerHello of SSL/TLS up to 1.1 (RFC 4346, 7.4.1.3): version, 32 random bytes, no session, a cipher suite
/// of that time, no compression.
const OLD_SERVER_HELLO: [&[u8]; 3] = [&old_server_hello(1), &old_server_hello(2), &old_server_hello(0)];

const fn old_server_hello(minor: u8) -> [u8; 47] {
    let mut hello = [7; 47];
    let head = [22, 3, minor, 0, 42, 2, 0, 0, 38, 3, minor];
    let mut i = 0;
    while i < head.len() {
        hello[i] = head[i];
        i += 1;
    }
    [hello[43], hello[44], hello[45], hello[46]] = [0, 0xc0, 0x13, 0];
    hello
}

/// Garbage of every kind in place of the server's first flight: no panic, no hang, never a verdict.
#[test]
fn noise_is_refused() {
    let rig = Rig::new();
    let random = SystemRandom::new();
    for kind in [20, 21, 22, 23, 24, 0, 255] {
        let mut noise = vec![0; 300];
        random.fill(&mut noise).unwrap();
        noise[..5].copy_from_slice(&[kind, 3, 3, 1, 0]);
        let server = Server::answering(noise.leak());
        rig.point(&format!("https://localhost:{}", server.addr.port()), &Ca::root().pem);
        let checked = rig.checked(server);
        assert!(matches!(checked.exit, Some(75 | 76)), "{kind}: {}", checked.view);
        nothing_was_asked(&rig, "noise", &checked.seen);
    }
}

/// The other way round there is nothing to check before the request is sent: whoever writes `http://` has said
/// that keys may travel in the open.
#[test]
fn plain_http_to_a_port_that_speaks_tls() {
    let rig = Rig::new();
    let root = Ca::root();
    let nginx = "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>";
    let go = "Client sent an HTTP request to an HTTPS server.\n";
    let answer = |body| response("400 Bad Request", None, body).leak().as_bytes();
    for (name, server) in [
        ("rustls", Server::tls(&Site::new(root.sound()))),
        ("alert", Server::answering(&[21, 3, 3, 0, 2, 2, 50])),
        ("nginx", Server::answering(answer(nginx))),
        ("Go", Server::answering(answer(go))),
    ] {
        rig.point(&format!("http://localhost:{}", server.addr.port()), &root.pem);
        let checked = rig.checked(server);
        let view = &checked.view;
        assert_eq!((checked.outcome(), checked.exit), ("tls", Some(76)), "{name}: {view}");
        assert!(view["reason"].as_str().unwrap().contains("plain HTTP"), "{name}: {view}");
        assert!(view["fix"].as_str().unwrap().contains("https:// instead of http://"), "{name}: {view}");
    }
    // A 400 of the service itself is still its own.
    let server = Server::answering(answer(r#"{"detail":"There was an error parsing the body"}"#));
    rig.point(&format!("http://localhost:{}", server.addr.port()), &root.pem);
    assert_eq!(rig.checked(server).outcome(), "server");
}
