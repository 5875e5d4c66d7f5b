//! Certificates that prove nothing: expired, not yet valid, for another name, of an unknown issuer, weak, or
//! for another use.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, CustomExtension, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, NameConstraints, SanType, date_time_ymd,
};
use rustls::server::NoClientAuth;
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};

use super::matrix::{matrix, row, shows};
use super::pki::{Ca, Identity, dns, self_signed};
use super::server::{Pretender, Server, Site, config_with};
use super::site::TlsRig as _;
use test_support::rig::Rig;

#[test]
fn certificate_out_of_its_time_is_refused() {
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
            "Set the board's clock|`date`",
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
fn certificate_for_another_name_is_refused() {
    let root = Ca::root();
    let names = |sans: Vec<SanType>| root.issue(|leaf| leaf.subject_alt_names = sans);
    matrix(vec![
        shows(
            "wrong name",
            &root,
            names(vec![dns("auth.home"), dns("auth.example")]),
            "not made out for localhost, but for auth.home, auth.example",
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
            "not made out for 127.0.0.1, but for DNS:127.0.0.1",
            "reissued with IP:127.0.0.1 in subjectAltName",
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
        shows("no name but the CN", &root, names(vec![]), "but for no host at all", "subjectAltName"),
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
        shows(
            "wildcard for a top level",
            &root,
            names(vec![dns("*.localhost")]),
            "not made out for auth.localhost, but for *.localhost",
            "with auth.localhost itself in subjectAltName|of one label, such as *.localhost",
        )
        .at("auth.localhost"),
    ]);
}

#[test]
fn certificate_of_an_untrusted_issuer_is_refused() {
    let (root, stranger) = (Ca::root(), Ca::root());
    let between = root.intermediate(|_| {});
    let not_a_ca = root.intermediate(|ca| ca.is_ca = IsCa::NoCa);
    // A root's own limit would not count: a trust anchor is a name and a key.
    let short = root.intermediate(|ca| {
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        ca.distinguished_name.push(DnType::OrganizationName, "short");
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
        // The CA has another name: with the same one, the signature would be checked.
        shows(
            "unknown root",
            &Ca::root_with(|ca| ca.distinguished_name.push(DnType::OrganizationName, "elsewhere")),
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

pub(super) fn constrain(ca: &mut CertificateParams, change: impl FnOnce(&mut NameConstraints)) {
    let mut constraints = NameConstraints { permitted_subtrees: vec![], excluded_subtrees: vec![] };
    change(&mut constraints);
    ca.name_constraints = Some(constraints);
}

pub(super) fn subtree(name: &str) -> GeneralSubtree {
    GeneralSubtree::DnsName(name.into())
}

#[test]
fn weak_or_misused_certificate_is_refused() {
    let root = Ca::root();
    let weak_root = include_str!("fixtures/weak-root.pem");
    let rsa_root = include_str!("fixtures/root.pem");
    let server = |certificate, key| Server::tls(&Site::new(Identity::fixture(certificate, key)));
    let sha1 = server(include_str!("fixtures/sha1.pem"), include_str!("fixtures/sha1.key"));
    let of_weak_root =
        server(include_str!("fixtures/of-weak-root.pem"), include_str!("fixtures/of-weak-root.key"));
    // Any key will do: the certificate is refused before the signature is checked.
    let short = Identity::fixture(include_str!("fixtures/rsa1024.pem"), include_str!("fixtures/sha1.key"));
    let pretends = |version| {
        let key = CertifiedKey::new(short.chain.clone(), Arc::new(Pretender));
        Server::tls(&Site::of(config_with(key, &[version], Arc::new(NoClientAuth))))
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
            "of a CA for clients",
            &root,
            {
                let ca = root
                    .intermediate(|ca| ca.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]);
                ca.sound().and(&ca)
            },
            "certificate, or its CA's, is not meant for servers",
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
                let mut odd = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
                odd.set_criticality(true);
                leaf.custom_extensions.push(odd);
            }),
            "refused",
            "reissued",
        ),
    ]);
}
