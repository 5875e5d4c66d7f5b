use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};
use serde_json::Value;

use super::*;

fn part(token: &str, n: usize) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(token.split('.').nth(n).expect("a part")).expect("base64")
}

fn json(token: &str, n: usize) -> Value {
    serde_json::from_slice(&part(token, n)).expect("JSON")
}

#[test]
fn assertion_names_client_audience_and_short_life() {
    let key = SigningKey::from_pem(generate(Algorithm::Es256).expect("made").as_bytes()).expect("a key");
    let make = || key.assertion("node \"1\"", "https://sts.home/r", UnixTime(1000)).expect("signed");
    let (one, two) = (make(), make());
    let header = json(&one, 0);
    assert_eq!((header["alg"].as_str(), header["kid"].as_str()), (Some("ES256"), Some(key.kid.as_str())));
    let claims = json(&one, 1);
    assert_eq!((claims["iss"].as_str(), claims["sub"].as_str()), (Some("node \"1\""), Some("node \"1\"")));
    assert_eq!(claims["aud"], "https://sts.home/r");
    assert_eq!((claims["iat"].as_u64(), claims["exp"].as_u64()), (Some(1000), Some(1045)));
    assert_ne!(claims["jti"], json(&two, 1)["jti"]);
}

#[test]
fn generated_key_signs_and_its_jwk_verifies() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let key = SigningKey::from_pem(generate(algorithm).expect("made").as_bytes()).expect("a key");
        assert_eq!(key.algorithm, algorithm);
        let set: Value = serde_json::from_str(&key.public_jwks()).expect("JSON");
        let jwk = &set["keys"][0];
        let member = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().expect(name)).expect("base64");
        let token = key.assertion("c", "a", UnixTime(0)).expect("signed");
        let signed = token.rsplit_once('.').expect("parts").0.as_bytes();
        let verified = if algorithm == Algorithm::Es256 {
            let point = [&[4][..], &member("x"), &member("y")].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, &part(&token, 2))
        } else {
            UnparsedPublicKey::new(&ED25519, member("x")).verify(signed, &part(&token, 2))
        };
        assert!(verified.is_ok(), "{algorithm:?}");
        assert_eq!((jwk["use"].as_str(), jwk["alg"].as_str()), (Some("sig"), Some(algorithm.name())));
        assert!(jwk.get("d").is_none());
    }
}

#[test]
fn ed25519_key_is_made_in_version_1_and_read_in_both() {
    let pem = generate(Algorithm::Ed25519).expect("made");
    let der = pem::private_key(pem.as_bytes()).expect("a key").secret_der().to_vec();
    assert!(der.len() == 48 && der[4] == 0, "the length and the version of RFC 8410");
    let other = generate(Algorithm::EdDsa).expect("made");
    assert_ne!(*pem, *other);
    // As this program wrote it before: version 2, with the public half.
    let older = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("made");
    let older = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(older.as_ref())
    );
    assert_eq!(SigningKey::from_pem(older.as_bytes()).expect("a key").algorithm, Algorithm::EdDsa);
}

#[test]
fn algorithm_that_is_named_has_to_be_the_keys() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("sts.key");
    let written = |algorithm| {
        std::fs::write(&path, generate(algorithm).expect("made").as_bytes()).expect("written");
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("set");
    };
    let load = |name| SigningKey::load(&path, name);
    written(Algorithm::EdDsa);
    for (name, alg) in [(None, "EdDSA"), (Some("EdDSA"), "EdDSA"), (Some("Ed25519"), "Ed25519")] {
        let key = load(name).expect("its own");
        assert_eq!(json(&key.assertion("c", "a", UnixTime(0)).expect("signed"), 0)["alg"], alg);
        assert!(key.public_jwks().contains(&format!(r#""alg":"{alg}","kid":"{}""#, key.kid)));
    }
    for name in ["ES256", "RS256", "eddsa", ""] {
        let told = load(Some(name)).expect_err(name).to_trouble();
        assert!(told.reason.as_str().contains("another algorithm"), "{}", told.reason);
        assert!(told.fix.as_str().contains("EdDSA and Ed25519"), "{}", told.fix);
    }
    written(Algorithm::Es256);
    assert!(load(Some("ES256")).is_ok() && load(Some("Ed25519")).is_err());
}

#[test]
fn kid_is_the_thumbprint_of_rfc_8037() {
    // The key of RFC 8037, appendix A.1; its thumbprint is in appendix A.3.
    let pem = b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
    let key = SigningKey::from_pem(pem).expect("a key");
    assert_eq!(key.kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    assert!(key.public_jwks().contains(r#""x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#));
}

#[test]
fn java_key_without_public_half_is_told_apart() {
    // As Java 17 writes the private half of a P-256 key.
    let java = "-----BEGIN PRIVATE KEY-----\nMEECAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJzAlAgEBBCA/sDy8TuUWwyKIMoIY\n\
        Wvq/GQKYroKpMYB02koSeiYLdw==\n-----END PRIVATE KEY-----\n";
    assert_eq!(SigningKey::from_pem(java.as_bytes()).err(), Some(KeyError::Form(EcForm::Half)));
    let whole = generate(Algorithm::Es256).expect("made");
    let der = pem::private_key(whole.as_bytes()).expect("a key");
    assert_eq!(EcForm::of(&der), None);
}

#[test]
fn rsa_is_not_generated_and_other_bytes_are_no_key() {
    assert_eq!(generate(Algorithm::Rs256).err(), Some(KeyError::Unmakable));
    for (text, why) in [
        ("", KeyError::NotAKey(PrivateKeyError::None)),
        ("s3cret", KeyError::NotAKey(PrivateKeyError::None)),
        ("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n", KeyError::Kind),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", KeyError::Kind),
    ] {
        assert_eq!(SigningKey::from_pem(text.as_bytes()).err(), Some(why), "{text}");
    }
}
