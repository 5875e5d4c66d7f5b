//! The node's own certificate: shown on request, refused for different reasons, and its files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};
use rustls::RootCertStore;
use rustls::SupportedProtocolVersion;
use rustls::crypto::ring::default_provider;
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use serde_json::Value;

use super::pki::{Ca, Identity};
use super::server::{Server, Site, config, response};
use super::site::TlsRig as _;
use test_support::rig::Rig;

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// A server that wants a certificate by `clients`.
pub(super) fn demanding(root: &Ca, clients: &Ca, version: &'static SupportedProtocolVersion) -> Server {
    Server::tls(&demanding_site(root, clients, version))
}

fn demanding_site(root: &Ca, clients: &Ca, version: &'static SupportedProtocolVersion) -> Site {
    let mut roots = RootCertStore::empty();
    roots.add(clients.itself().chain.remove(0)).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider()));
    Site::of(config(root.sound(), &[version], verifier.build().unwrap()))
}

pub(super) fn node(ca: &Ca) -> Identity {
    ca.issue(|leaf| leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth])
}

fn point(rig: &Rig, server: &Server, root: &Ca) {
    rig.point(&format!("https://localhost:{}", server.addr.port()), &root.pem);
}

#[test]
fn client_certificate_is_shown_where_requested() {
    let (rig, root, clients) = (Rig::new(), Ca::root(), Ca::root());
    let between = clients.intermediate(|_| {});
    for version in VERSIONS {
        for identity in [node(&clients), node(&between).and(&between)] {
            let server = demanding(&root, &clients, version);
            point(&rig, &server, &root);
            rig.own_certificate(&identity);
            let checked = rig.checked(server);
            assert_eq!(checked.outcome(), "valid", "{version:?}: {}", checked.view);
        }
    }
    // Where it is not asked for it does no harm.
    let server = Server::tls(&Site::new(root.sound()));
    point(&rig, &server, &root);
    rig.own_certificate(&node(&clients));
    assert_eq!(rig.checked(server).outcome(), "valid");
}

#[test]
fn bad_certificate_after_the_own_one_is_a_warning() {
    let (rig, root, clients) = (Rig::new(), Ca::root(), Ca::root());
    let own = node(&clients);
    let damaged = "-----BEGIN CERTIFICATE-----\nMIIBAAAA\n-----END CERTIFICATE-----\n";
    for (second, says) in [
        (damaged.to_owned(), "certificate 2 cannot be used: what follows the BEGIN on line"),
        ("-----BEGIN CERTIFICATE-----\nMIIB".to_owned(), "certificate 2 cannot be used: the BEGIN on line"),
        (
            Ca::root().intermediate(|_| {}).pem,
            "certificate 2 of those that can be used is not that of the CA",
        ),
    ] {
        let server = demanding(&root, &clients, &TLS13);
        point(&rig, &server, &root);
        rig.own_certificate(&own);
        rig.write_secret("client.pem", &format!("{}{second}", own.pem()));
        let checked = rig.checked(server);
        assert_eq!(checked.outcome(), "valid", "{}", checked.view);
        let warnings = checked.view["warnings"].as_array().unwrap();
        assert_eq!(
            (warnings.len(), &warnings[0]["code"]),
            (1, &"client_cert_file".into()),
            "{}",
            checked.view
        );
        assert!(warnings[0]["message"].as_str().unwrap().contains(says), "{}", checked.view);
    }
}

/// In TLS 1.3 the server decides when the node may already have sent its request. Reset and alert may arrive in
/// either order; the node reports the alert.
#[test]
fn missing_or_refused_client_certificate_is_reported() {
    let (rig, root, clients) = (Rig::new(), Ca::root(), Ca::root());
    let old = clients.issue(|leaf| {
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        leaf.not_after = date_time_ymd(2021, 1, 1);
    });
    let foreign =
        node(&Ca::root_with(|ca| ca.distinguished_name.push(rcgen::DnType::OrganizationName, "else")));
    for version in VERSIONS {
        for (name, identity, reason, fix) in [
            (
                "none",
                None,
                "wants a client certificate|certificate_required",
                "Set client_cert_file and client_key_file",
            ),
            ("expired", Some(&old), "refuses this node's client certificate|certificate_expired", "Renew"),
            (
                "foreign",
                Some(&foreign),
                "refuses this node's client certificate|unknown_ca",
                "issued by the CA",
            ),
            (
                "for servers",
                Some(&clients.sound()),
                "refuses this node's client certificate|unsupported_certificate",
                "with clientAuth in its extendedKeyUsage",
            ),
        ] {
            let server = demanding(&root, &clients, version);
            point(&rig, &server, &root);
            if let Some(identity) = identity {
                rig.own_certificate(identity);
            }
            let checked = rig.checked(server);
            let view = &checked.view;
            assert_eq!((checked.outcome(), checked.exit), ("tls", Some(76)), "{name}, {version:?}: {view}");
            for part in reason.split('|') {
                assert!(view["reason"].as_str().unwrap().contains(part), "{name}, {version:?}: {view}");
            }
            assert!(view["fix"].as_str().unwrap().contains(fix), "{name}, {version:?}: {view}");
            assert_eq!((&checked.seen.handshakes, &checked.seen.requests), (&vec![], &vec![]), "{name}");
            assert!(!rig.secret_in(&checked.seen.wire), "{name}");
        }
    }
}

#[test]
fn unspecific_alert_after_a_certificate_request_is_understood() {
    let (rig, root, clients) = (Rig::new(), Ca::root(), Ca::root());
    let server = Server::tls(&demanding_site(&root, &clients, &TLS12).like_openssl());
    point(&rig, &server, &root);
    let checked = rig.checked(server);
    let view = &checked.view;
    assert_eq!(checked.outcome(), "tls", "{view}");
    let reason = view["reason"].as_str().unwrap();
    assert!(reason.contains("wants a client certificate") && reason.contains("handshake_failure"), "{view}");
    assert_eq!(checked.seen.handshakes, []);
}

/// nginx completes the handshake and then answers in HTTP.
#[test]
fn proxy_that_wants_a_client_certificate_is_understood() {
    let (rig, root) = (Rig::new(), Ca::root());
    for (title, own, reason) in [
        ("400 No required SSL certificate was sent", false, "wants a client certificate"),
        ("400 The SSL certificate error", true, "refuses this node's client certificate"),
    ] {
        let site = Site::new(root.sound());
        site.answers(move |_| {
            response("400 Bad Request", None, &format!("<html><title>{title}</title></html>"))
        });
        let server = Server::tls(&site);
        point(&rig, &server, &root);
        if own {
            rig.own_certificate(&node(&root));
        }
        let checked = rig.checked(server);
        assert_eq!((checked.outcome(), checked.exit), ("tls", Some(76)), "{}", checked.view);
        assert!(checked.view["reason"].as_str().unwrap().contains(reason), "{}", checked.view);
    }
    let site = Site::new(root.sound());
    site.answers(|_| {
        response("400 Bad Request", None, r#"{"detail":"There was an error parsing the body"}"#)
    });
    let server = Server::tls(&site);
    point(&rig, &server, &root);
    assert_eq!(rig.checked(server).outcome(), "server");
}

#[track_caller]
fn refused_setup(rig: &Rig, reason: &str, fix: &str) {
    let (exit, view) = rig.check();
    assert_eq!((exit, view["outcome"].as_str()), (Some(78), Some("setup")), "{view}");
    assert!(view["reason"].as_str().unwrap().contains(reason), "{view}");
    assert!(view["fix"].as_str().unwrap().contains(fix), "{view}");
}

#[test]
fn client_certificate_files_must_be_whole_private_and_match() {
    let (rig, root) = (Rig::new(), Ca::root());
    let file = |name| rig.dir.path().join(name);
    let (one, other) = (node(&root), node(&root));
    let restore = || rig.own_certificate(&one);
    restore();
    refused_nothing(&rig);

    rig.write_secret("client.key", &other.key_pem());
    refused_setup(&rig, "does not hold the key of the certificate in", "client_key_file");
    restore();
    fs::set_permissions(file("client.key"), fs::Permissions::from_mode(0o644)).unwrap();
    refused_setup(&rig, "can be read or changed by other users", "chmod 600");
    rig.write_secret("client.key", include_str!("fixtures/encrypted.key"));
    refused_setup(&rig, "holds a private key that is encrypted with a password", "PEM");
    rig.write_secret("client.key", &one.pem());
    refused_setup(&rig, "no private key", "PEM");
    rig.write_secret("client.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    refused_setup(&rig, "of a kind that cannot be used", "client_key_file");
    fs::remove_file(file("client.key")).unwrap();
    refused_setup(&rig, "there is no client_key_file", "Put the file at");
    restore();
    fs::write(file("client.pem"), "nothing").unwrap();
    refused_setup(&rig, "holds no PEM certificate", "client_cert_file");
    fs::write(file("client.pem"), "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
    refused_setup(&rig, "is damaged", "client_cert_file");
    fs::write(file("client.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    refused_setup(&rig, "holds an unusable certificate", "client_cert_file");
    fs::write(file("client.pem"), include_str!("fixtures/version1.pem")).unwrap();
    refused_setup(&rig, "of X.509 version 1", "-extfile");
    fs::remove_file(file("client.pem")).unwrap();
    refused_setup(&rig, "there is no client_cert_file", "Put the file at");
    restore();

    rig.forget("client_key_file");
    refused_setup(&rig, "client_cert_file needs a client_key_file", "config.json");
    rig.configure("client_key_file", "client.key");
    rig.forget("client_cert_file");
    refused_setup(&rig, "client_key_file needs a client_cert_file", "config.json");
    restore();
    rig.configure("auth_url", "http://127.0.0.1:1");
    refused_setup(&rig, "client_cert_file is only for an https:// address", "config.json");
}

fn refused_nothing(rig: &Rig) {
    assert_eq!(rig.check().0, Some(0));
}

#[test]
fn credentials_of_systemd_come_first() {
    let (rig, root, clients) = (Rig::new(), Ca::root(), Ca::root());
    let server = demanding(&root, &clients, &TLS13);
    point(&rig, &server, &root);
    rig.own_certificate(&node(&Ca::root()));
    let passed_on = tempfile::tempdir().unwrap();
    let own = node(&clients);
    fs::write(passed_on.path().join("client.pem"), own.pem()).unwrap();
    rig.write_secret("client.key.new", &own.key_pem());
    fs::rename(rig.dir.path().join("client.key.new"), passed_on.path().join("client.key")).unwrap();
    let output =
        rig.command("check").arg("--json").env("CREDENTIALS_DIRECTORY", passed_on.path()).output().unwrap();
    let view: Value = serde_json::from_slice(&output.stdout).unwrap();
    server.stop();
    assert_eq!(view["outcome"], "valid", "{view}");
}

#[test]
fn only_a_new_certificate_makes_a_new_client() {
    let (rig, root) = (Rig::new(), Ca::root());
    rig.own_certificate(&node(&root));
    let mut reader = rig.reader();
    let first = reader.read().node.unwrap().client;
    assert!(Arc::ptr_eq(&first, &reader.read().node.unwrap().client));
    rig.own_certificate(&node(&root));
    let second = reader.read().node.unwrap().client;
    assert!(!Arc::ptr_eq(&first, &second));
    assert!(Arc::ptr_eq(&second, &reader.read().node.unwrap().client));
}
