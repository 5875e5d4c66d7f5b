//! Keys that other programs made.

use std::fs;
use std::process::Command;

use serde_json::Value;
use test_support::process::run_to_end;
use test_support::rig::Rig;

/// As Java 17 writes a P-256 key: without its public half.
const JAVA: &str = "-----BEGIN PRIVATE KEY-----\n\
    MEECAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJzAlAgEBBCA/sDy8TuUWwyKIMoIY\n\
    Wvq/GQKYroKpMYB02koSeiYLdw==\n\
    -----END PRIVATE KEY-----\n";

/// The public half that Java wrote beside it: x, in base64url.
const PUBLIC_X: &str = "upxnKnaduW1vUgZYh28tvmwDMpVzHhrVY9Se8d1o18M";

#[test]
#[ignore = "needs openssl"]
fn named_conversion_makes_a_java_key_usable() {
    let rig = Rig::new();
    rig.write_secret("sts.key", JAVA);
    let path = rig.path("sts.key");
    let show = || run_to_end(rig.command("keygen").args(["--show", "--out"]).arg(&path));
    let (code, _, told) = show();
    assert!(code == Some(78) && told.contains("without its public half"), "{told}");
    // The fix is the last sentence: a command.
    let command = told.trim().split_once("what this writes: ").expect("a command").1;
    let (code, _, err) = run_to_end(Command::new("sh").arg("-c").arg(command));
    assert_eq!(code, Some(0), "{command}: {err}");
    fs::rename(rig.path("sts.key.new"), &path).unwrap();
    let (code, keys, told) = show();
    assert_eq!(code, Some(0), "{told}");
    let keys: Value = serde_json::from_str(&keys).unwrap();
    assert_eq!(keys["keys"][0]["x"], PUBLIC_X);
}

#[test]
fn java_key_of_a_certificate_is_named_with_its_conversion() {
    let rig = Rig::new();
    rig.write_secret("client.key", JAVA);
    rig.write_secret("client.pem", include_str!("../tls/fixtures/rsa2048.pem"));
    rig.configure("client_cert_file", "client.pem");
    rig.configure("client_key_file", "client.key");
    let (exit, view) = rig.check();
    assert_eq!(exit, Some(78), "{view}");
    assert!(
        view["reason"]
            .as_str()
            .unwrap()
            .ends_with("client.key holds an EC key without its public half, as Java writes it"),
        "{view}"
    );
    assert!(view["fix"].as_str().unwrap().contains("openssl ec -in"), "{view}");
}

#[test]
fn key_and_certificate_in_binary_form_are_named() {
    let rig = Rig::new();
    rig.write_secret("client.key", "0A\u{2}\u{1}\0");
    rig.write_secret("client.pem", include_str!("../tls/fixtures/rsa2048.pem"));
    rig.configure("client_cert_file", "client.pem");
    rig.configure("client_key_file", "client.key");
    let (_, view) = rig.check();
    assert!(view["reason"].as_str().unwrap().ends_with("client.key is binary, where text belongs"), "{view}");
    assert!(view["fix"].as_str().unwrap().contains("openssl pkey"), "{view}");
    fs::write(rig.path("ca.pem"), [0x30, 0x82, 1, 0]).unwrap();
    rig.write_secret("client.key", include_str!("../tls/fixtures/rsa2048.key"));
    let (_, view) = rig.check();
    assert!(view["reason"].as_str().unwrap().contains("ca.pem is DER or PKCS #12, not PEM"), "{view}");
}
