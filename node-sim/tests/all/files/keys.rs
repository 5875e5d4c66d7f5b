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
fn made_key_is_shown_under_either_name_of_its_algorithm() {
    let rig = Rig::new();
    let keygen = |arguments: &[&str]| {
        run_to_end(rig.command("keygen").args(arguments).arg("--out").arg(rig.path("sts.key")))
    };
    let (code, made, told) = keygen(&["--algorithm", "Ed25519", "--jwks"]);
    assert_eq!(code, Some(0), "{told}");
    let keys: Value = serde_json::from_str(&made).unwrap();
    assert_eq!(
        (&keys["keys"][0]["alg"], keys["keys"][1].is_null()),
        (&Value::from("Ed25519"), true),
        "{made}"
    );
    assert_eq!(keygen(&["--show"]).1, made.replace(r#""alg":"Ed25519""#, r#""alg":"EdDSA""#));
    assert_eq!(keygen(&["--show", "--algorithm", "Ed25519"]).1, made);
    let (code, _, told) = keygen(&["--show", "--algorithm", "ES256"]);
    assert!(code == Some(78) && told.contains("holds a key for another algorithm. Leave"), "{told}");
}

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
#[ignore = "needs openssl"]
fn named_conversion_makes_other_forms_of_ec_keys_usable() {
    for form in ["-conv_form compressed", "-param_enc explicit"] {
        let rig = Rig::new();
        run(&rig, "openssl ecparam -name prime256v1 -genkey -noout -out made.key");
        run(&rig, &format!("umask 077; openssl ec -in made.key {form} -out client.key"));
        rig.write_secret("client.pem", include_str!("../tls/fixtures/rsa2048.pem"));
        rig.configure("client_cert_file", "client.pem");
        rig.configure("client_key_file", "client.key");
        let (_, view) = rig.check();
        let command = view["fix"].as_str().unwrap().split_once("writes: ").expect("a command").1;
        run(&rig, &format!("umask 077; {command}"));
        rig.configure("client_key_file", "client.key.new");
        let (_, view) = rig.check();
        assert!(
            view["reason"].as_str().unwrap().contains("does not hold the key of the certificate"),
            "{view}"
        );
    }
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
    assert!(view["fix"].as_str().unwrap().contains("openssl ec -conv_form"), "{view}");
}

#[test]
fn key_and_certificate_in_binary_form_are_named() {
    let rig = Rig::new();
    rig.write_secret("client.key", "\u{1}\u{2}\0");
    rig.write_secret("client.pem", include_str!("../tls/fixtures/rsa2048.pem"));
    rig.configure("client_cert_file", "client.pem");
    rig.configure("client_key_file", "client.key");
    let (_, view) = rig.check();
    assert!(view["reason"].as_str().unwrap().ends_with("client.key is binary, where text belongs"), "{view}");
    assert!(view["fix"].as_str().unwrap().contains("openssl pkey"), "{view}");
    rig.write_secret("client.key", "0A\u{2}\u{1}\u{0}00\u{6}");
    let (_, view) = rig.check();
    assert!(
        view["reason"].as_str().unwrap().ends_with("is a private key in DER form, where PEM belongs"),
        "{view}"
    );
    assert!(view["fix"].as_str().unwrap().contains("openssl pkey -inform der -in /"), "{view}");
    fs::write(rig.path("ca.pem"), b"\x30\x82\x09\x3f\x02\x01\x03\x30\x82\x08\xf5\x06\x09").unwrap();
    rig.write_secret("client.key", include_str!("../tls/fixtures/rsa2048.key"));
    let (_, view) = rig.check();
    assert!(view["reason"].as_str().unwrap().contains("ca.pem is a PKCS #12 store"), "{view}");
}

/// Runs a shell's command in a node's folder, which must succeed.
fn run(rig: &Rig, command: &str) {
    let (code, _, err) = run_to_end(Command::new("sh").arg("-c").arg(command).current_dir(rig.dir.path()));
    assert_eq!(code, Some(0), "{command}: {err}");
}

#[test]
#[ignore = "needs openssl"]
fn named_conversion_makes_a_foreign_ca_file_usable() {
    for (made, name) in [
        ("openssl x509 -in ca.pem -outform der -out ca.der", "ca.der"),
        ("openssl crl2pkcs7 -nocrl -certfile ca.pem -outform der -out ca.p7b", "ca.p7b"),
        ("openssl pkcs12 -export -nokeys -in ca.pem -passout pass: -out ca.p12", "ca.p12"),
    ] {
        let rig = Rig::new();
        run(&rig, made);
        rig.configure("ca_file", name);
        let (exit, view) = rig.check();
        assert_eq!(exit, Some(78), "{view}");
        // Without the advice about old stores, and with the password that is otherwise asked for.
        let command = view["fix"].as_str().unwrap().split_once("writes: ").expect("a command").1;
        let command = command.split(" (").next().unwrap().replace("pkcs12 ", "pkcs12 -passin pass: ");
        run(&rig, &command);
        rig.configure("ca_file", format!("{name}.pem"));
        let (exit, view) = rig.check();
        assert_eq!(exit, Some(0), "{name}: {view}");
    }
}
