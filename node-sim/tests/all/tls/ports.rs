//! Ports of other protocols, and servers that break the handshake off.

use ring::rand::{SecureRandom, SystemRandom};

use super::matrix::{matrix, nothing_was_asked, row};
use super::pki::Ca;
use super::server::{Server, Site, response};
use super::site::TlsRig as _;
use test_support::rig::Rig;

#[test]
fn port_of_another_protocol_is_tls_trouble() {
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
        raw(
            "alert internal_error",
            Server::answering(&[21, 3, 3, 0, 2, 2, 80]),
            "as one does that has no certificate for 127.0.0.1 (alert internal_error)",
            "Use a name in auth_url|bare address",
        )
        .at("127.0.0.1"),
        raw(
            "alert access_denied, unasked",
            Server::answering(&[21, 3, 3, 0, 2, 2, 49]),
            "with the alert access_denied",
            "TLS settings",
        ),
        raw(
            "alert insufficient_security",
            Server::answering(&[21, 3, 3, 0, 2, 2, 71]),
            "the alert insufficient_security",
            "TLS settings",
        ),
        raw(
            "alert unrecognized_name",
            Server::answering(&[21, 3, 3, 0, 2, 2, 112]),
            "knows nothing of localhost",
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

/// Noise in place of the server's first flight leads to no panic, no hang and no verdict.
#[test]
fn noise_in_place_of_a_handshake_is_refused() {
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

/// With `http://` in the configuration the request is sent at once: its author has allowed keys in the open.
#[test]
fn plain_http_to_a_tls_port_is_tls_trouble() {
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
    // A 400 of the service itself is not mistaken for that of a TLS port.
    let server = Server::answering(answer(r#"{"detail":"There was an error parsing the body"}"#));
    rig.point(&format!("http://localhost:{}", server.addr.port()), &root.pem);
    assert_eq!(rig.checked(server).outcome(), "server");
}
