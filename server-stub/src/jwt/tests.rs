use core::time::Duration;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use ring::hmac;
use serde_json::{Value, json};

use super::signing::signing_input;
use super::*;

const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://sts.test/realms/arp-dev";

/// One of each kind.
static KEYS: LazyLock<Vec<SigningKey>> =
    LazyLock::new(|| Algorithm::ALL.into_iter().map(|one| SigningKey::new(one).expect("a key")).collect());

fn key(algorithm: Algorithm) -> &'static SigningKey {
    KEYS.iter().find(|key| key.algorithm() == algorithm).expect("one of each")
}

fn set() -> KeySet {
    KEYS.iter().map(|key| key.public().clone()).collect::<Vec<_>>().into()
}

fn expected() -> Expected<'static> {
    Expected {
        issuer: Some(ISSUER),
        audiences: Some(&["us", "also-us"]),
        algorithms: &Algorithm::ALL,
        skew: Duration::from_secs(60),
        now: UNIX_EPOCH + Duration::from_secs(NOW),
    }
}

/// Valid claims with these members changed; null removes one.
fn claims(changed: &Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "aud": ["account", "us"], "sub": "s", "typ": "Bearer",
        "iat": NOW - 10, "nbf": NOW - 10, "exp": NOW + 300,
    });
    for (name, value) in changed.as_object().expect("an object") {
        if value.is_null() {
            drop(claims.as_object_mut().expect("an object").remove(name));
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

fn checked(text: &str, expected: &Expected<'_>) -> Result<Claims, Refused> {
    let (set, token) = (set(), Token::read(text, expected)?);
    let key = set.find(token.kid());
    token.check(key, expected)
}

fn judged(changed: &Value) -> Result<Claims, Refused> {
    checked(&key(Algorithm::Es256).token(&claims(changed)), &expected())
}

#[test]
fn a_good_token_is_taken_whatever_signed_it() {
    for key in KEYS.iter() {
        let taken = checked(&key.token(&claims(&json!({}))), &expected()).expect("good");
        assert_eq!(taken.text("sub"), Some("s"), "{key:?}");
        assert_eq!(taken.audiences().collect::<Vec<_>>(), ["account", "us"], "{key:?}");
    }
}

#[test]
fn each_claim_is_judged() {
    let future = NOW + 61;
    for (changed, refusal) in [
        (json!({ "exp": null }), Refused::NoExpiry),
        (json!({ "exp": "1900000000" }), Refused::Time),
        (json!({ "exp": NOW - 60 }), Refused::Expired),
        (json!({ "exp": -1 }), Refused::Expired),
        (json!({ "iat": future }), Refused::FromTheFuture),
        (json!({ "iat": true }), Refused::Time),
        (json!({ "nbf": future }), Refused::NotYet),
        (json!({ "nbf": {} }), Refused::Time),
        (json!({ "iss": null }), Refused::NoIssuer),
        (json!({ "iss": format!("{ISSUER}/") }), Refused::Issuer),
        (json!({ "iss": [ISSUER] }), Refused::Issuer),
        (json!({ "aud": null }), Refused::NoAudience),
        (json!({ "aud": [] }), Refused::NoAudience),
        (json!({ "aud": "" }), Refused::NoAudience),
        (json!({ "aud": "us-too" }), Refused::Audience),
        (json!({ "aud": [["us"]] }), Refused::Audience),
        (json!({ "aud": { "us": 1 } }), Refused::Audience),
        (json!({ "aud": ["us", 7] }), Refused::Audience),
        (json!({ "sub": 7 }), Refused::Name),
        (json!({ "jti": 7 }), Refused::Name),
        (json!({ "typ": "ID" }), Refused::Type),
        (json!({ "typ": "Refresh" }), Refused::Type),
        (json!({ "typ": 1 }), Refused::Type),
    ] {
        assert_eq!(judged(&changed).err(), Some(refusal), "{changed}");
    }
}

/// The order is that of the published services. Errors that they accept come last.
#[test]
fn of_two_faults_the_first_is_told() {
    for (changed, refusal) in [
        (json!({ "exp": NOW - 3600, "aud": null, "iss": null }), Refused::Expired),
        (json!({ "exp": NOW - 3600, "iat": NOW + 3600 }), Refused::FromTheFuture),
        (json!({ "iss": "another", "aud": "another" }), Refused::Issuer),
        (json!({ "exp": null, "aud": "another" }), Refused::Audience),
        (json!({ "exp": null, "typ": "ID", "sub": 7 }), Refused::Name),
    ] {
        assert_eq!(judged(&changed).err(), Some(refusal), "{changed}");
    }
    let nulls = r#"{"exp":4000000000,"iat":null}"#;
    let nulls: Value = serde_json::from_str(nulls).expect("JSON");
    let open = Expected { issuer: None, audiences: None, ..expected() };
    let text = key(Algorithm::Es256).token(&nulls);
    assert_eq!(checked(&text, &open).err(), Some(Refused::Time), "a null is no time");
}

#[test]
fn optional_claims_and_times_within_the_skew_are_taken() {
    for changed in [
        json!({ "typ": null, "sub": null, "iat": null, "nbf": null }),
        json!({ "exp": NOW - 59, "iat": NOW + 60, "nbf": NOW + 60 }),
        json!({ "exp": 1_800_000_100.5, "iat": 1_799_999_999.25 }),
        json!({ "aud": "also-us", "typ": "bearer" }),
    ] {
        assert!(judged(&changed).is_ok(), "{changed}: {:?}", judged(&changed));
    }
    let open = Expected { issuer: None, audiences: None, ..expected() };
    let bare = key(Algorithm::EdDsa).token(&json!({ "exp": NOW + 1 }));
    assert!(checked(&bare, &open).is_ok());
    let before_1970 = Expected { now: SystemTime::UNIX_EPOCH - Duration::from_secs(1), ..open };
    assert!(checked(&bare, &before_1970).is_ok(), "no panic, and not expired");
}

#[test]
fn no_token_chooses_how_it_is_checked() {
    let (rsa, good) = (key(Algorithm::Rs256), claims(&json!({})));
    let header = |algorithm: &str| json!({ "alg": algorithm, "typ": "JWT", "kid": rsa.kid() });
    let none = format!("{}.", signing_input(&header("none"), &good));
    assert_eq!(checked(&none, &expected()).err(), Some(Refused::Algorithm));
    // The public key, used as the secret of an HMAC, proves nothing.
    let signed = signing_input(&header("HS256"), &good);
    let secret = hmac::Key::new(hmac::HMAC_SHA256, rsa.public_pem().as_bytes());
    let confused = format!("{signed}.{}", base64url(hmac::sign(&secret, signed.as_bytes())));
    assert_eq!(checked(&confused, &expected()).err(), Some(Refused::Algorithm));

    let only_rsa = Expected { algorithms: &[Algorithm::Rs256], ..expected() };
    let other = key(Algorithm::Es256).token(&good);
    assert_eq!(checked(&other, &only_rsa).err(), Some(Refused::Algorithm));
    // Allowed algorithms that do not fit the key's type or purpose.
    for algorithm in ["ES256", "EdDSA", "PS256"] {
        let mismatched = rsa.token_under(&header(algorithm), &good);
        assert_eq!(checked(&mismatched, &expected()).err(), Some(Refused::Mismatch), "{algorithm}");
    }
}

#[test]
fn a_token_names_a_key_that_signed_it() {
    let (key, good) = (key(Algorithm::Es256), claims(&json!({})));
    let nameless = key.token_under(&json!({ "alg": "ES256" }), &good);
    assert_eq!(checked(&nameless, &expected()).err(), Some(Refused::NoKid));
    let unknown = key.token_under(&json!({ "alg": "ES256", "kid": "gone" }), &good);
    assert_eq!(checked(&unknown, &expected()).err(), Some(Refused::UnknownKid));
    let stranger = SigningKey::new(Algorithm::Es256).expect("a key").named(key.kid());
    assert_eq!(checked(&stranger.token(&good), &expected()).err(), Some(Refused::Signature));
    let critical = key.token_under(&json!({ "alg": "ES256", "kid": key.kid(), "crit": ["exp"] }), &good);
    assert_eq!(checked(&critical, &expected()).err(), Some(Refused::Critical));
}

#[test]
fn a_changed_token_is_refused() {
    let text = key(Algorithm::EdDsa).token(&claims(&json!({})));
    let parts: Vec<_> = text.split('.').collect();
    let other = base64url(claims(&json!({ "sub": "root" })).to_string());
    let forged = format!("{}.{other}.{}", parts[0], parts[2]);
    assert_eq!(checked(&forged, &expected()).err(), Some(Refused::Signature));
    let cut = format!("{}.{}.", parts[0], parts[1]);
    assert_eq!(checked(&cut, &expected()).err(), Some(Refused::Signature));
    for garbage in ["", ".", "..", "a.b.c", "opaque", &format!("{text}.x"), &format!("{text}="), &text[..9]] {
        assert_eq!(checked(garbage, &expected()).err(), Some(Refused::Malformed), "{garbage}");
    }
    let list = format!("{}.{}.{}", base64url("[]"), parts[1], parts[2]);
    assert_eq!(checked(&list, &expected()).err(), Some(Refused::Malformed));
    let endless = format!("{}.{}.{}", parts[0], parts[1], "A".repeat(70_000));
    assert_eq!(checked(&endless, &expected()).err(), Some(Refused::Malformed));
}

#[test]
fn the_published_rows_follow_from_the_refusal() {
    assert_eq!(Refused::Expired.message(), "Token expired");
    assert_eq!(Refused::Audience.message(), "Invalid token audience");
    assert_eq!(Refused::Issuer.message(), "Invalid token issuer");
    for unfetched in [Refused::NoKid, Refused::UnknownKid] {
        assert_eq!(unfetched.message(), "Unable to fetch JWKS");
    }
    for other in [Refused::Malformed, Refused::Signature, Refused::NoAudience, Refused::Type] {
        assert_eq!(other.message(), "Invalid token");
    }
}

/// RFC 7638, section 3.1, and RFC 8037, appendix A.3.
#[test]
fn thumbprints_are_those_of_the_standards() {
    let rsa = json!({
        "kty": "RSA", "e": "AQAB", "alg": "RS256",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjB\
              ZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8K\
              JZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xB\
              niIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    });
    let rsa = PublicKey::from_jwk(&rsa).expect("the standard's key");
    assert_eq!(rsa.kid(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    let ed = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    let ed = PublicKey::from_jwk(&ed).expect("the standard's key");
    assert_eq!(ed.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn key_sets_round_trip_and_skip_unusable_keys() {
    let mut json = set().to_json();
    let keys = json["keys"].as_array_mut().expect("a list");
    keys.push(json!({ "kty": "RSA", "use": "enc", "n": "AQAB", "e": "AQAB", "kid": "for-secrets" }));
    keys.push(json!({ "kty": "oct", "k": "AQAB", "kid": "shared" }));
    keys.push(json!("not a key"));
    assert_eq!(KeySet::from_json(json.to_string().as_bytes()), Ok(set()));
    for bad in ["", "[]", "{}", "{\"keys\":{}}"] {
        assert!(KeySet::from_json(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn unusable_jwks_are_refused() {
    let good = key(Algorithm::Es256).public().to_jwk();
    for (name, value) in [
        ("kty", json!("oct")),
        ("kty", Value::Null),
        ("crv", json!("P-384")),
        ("x", json!("AQAB")),
        ("y", Value::Null),
        ("use", json!("enc")),
        ("alg", json!("HS256")),
        ("alg", json!("EdDSA")),
        ("d", json!("AQAB")),
    ] {
        let mut bad = good.clone();
        bad[name] = value;
        assert!(PublicKey::from_jwk(&bad).is_err(), "{bad}");
    }
    let short = json!({ "kty": "RSA", "e": "AQAB", "n": base64url([0xff; 128]) });
    assert!(PublicKey::from_jwk(&short).is_err());
    assert!(!format!("{:?}", key(Algorithm::Rs256)).contains("PRIVATE"));
}

#[test]
fn keys_are_written_as_others_read_them() {
    for key in KEYS.iter() {
        let pair = rcgen::KeyPair::from_pem(&key.pem()).expect("a private key in PEM");
        assert_eq!(
            pair.public_key_pem().trim_end().lines().nth(1),
            key.public_pem().lines().nth(1),
            "{key:?}"
        );
        assert!(key.public_pem().lines().count() > 2, "{}", key.public_pem());
    }
}
