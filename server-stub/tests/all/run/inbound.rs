//! The table of 401s in docs/wire/arp.md, row by row, and the source of keys.

use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};
use server_stub::jwt::{Algorithm, SigningKey};
use server_stub::{InboundSettings, KeySource, Server, ServerOptions, Sts, StsOptions, guarded};

use super::rig::{asked, inbound, sts};
use crate::client::{Answer, Ask};

/// Another service behind the layer.
fn service(settings: InboundSettings) -> Server {
    let router = Router::new().route("/v1/health", get(|| async { "up" })).route("/", get(|| async { "in" }));
    let guarded = guarded(router, settings, &[]).expect("a layer");
    Server::start(ServerOptions::default(), guarded).expect("a server")
}

fn with_header(service: &Server, header: &str) -> Answer {
    asked(service, &Ask::get("/").header("Authorization", header))
}

fn with_token(service: &Server, token: &str) -> Answer {
    with_header(service, &format!("Bearer {token}"))
}

#[track_caller]
fn refused(answer: &Answer, error: &str, message: &str) {
    let body = format!("{{\"error\":{{\"code\":\"unauthorized\",\"message\":\"{message}\"}}}}");
    assert_eq!((answer.status, answer.body.as_str()), (401, body.as_str()));
    let challenge = format!("Bearer error=\"{error}\", error_description=\"{message}\"");
    assert_eq!(answer.header("www-authenticate"), Some(challenge.as_str()));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[track_caller]
fn served(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (200, "in"));
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// A token of the issuer with these claims changed; null removes one.
fn token(sts: &Sts, changed: &Value) -> String {
    let mut claims = json!({ "aud": ["account", "us"] });
    for (name, value) in changed.as_object().expect("an object") {
        claims[name] = value.clone();
    }
    sts.token(&claims)
}

#[test]
fn row_no_header_and_an_empty_one() {
    let sts = sts();
    let service = service(inbound(&sts, "us"));
    refused(&asked(&service, &Ask::get("/")), "invalid_request", "Missing Authorization header");
    for empty in ["", " ", "\t"] {
        refused(&with_header(&service, empty), "invalid_request", "Missing Authorization header");
    }
    // The layer does not reveal which paths exist.
    refused(&asked(&service, &Ask::get("/nowhere")), "invalid_request", "Missing Authorization header");
    refused(&asked(&service, &Ask::post("/", "{}")), "invalid_request", "Missing Authorization header");
}

#[test]
fn row_basic_no_token_two_tokens() {
    let sts = sts();
    let (service, good) = (service(inbound(&sts, "us")), token(&sts, &json!({})));
    for header in
        ["Basic dTpw", "Bearer", "Bearer ", &format!("Bearer {good} {good}"), &good, "Bearer\u{e9} x"]
    {
        refused(&with_header(&service, header), "invalid_request", "Invalid Authorization header");
    }
    let bearer = format!("Bearer {good}");
    // The published services take the first of two headers.
    for first in [bearer.as_str(), ""] {
        let twice = Ask::get("/").header("Authorization", first).header("Authorization", &bearer);
        refused(&asked(&service, &twice), "invalid_request", "Invalid Authorization header");
    }
    served(&with_header(&service, &format!("bearer  {good}")));
}

/// With an RSA key, which the confusion with HMAC needs, and the default algorithm.
#[test]
fn row_invalid_token_signature() {
    let sts = Sts::start(StsOptions::default()).expect("a token service");
    let service = service(InboundSettings::required(sts.issuer(), "us"));
    let good = token(&sts, &json!({}));
    served(&with_token(&service, &good));
    let claims = good.split('.').nth(1).expect("claims").to_owned();
    let (kid, public) = sts.with_signing_key(|key| (key.kid().to_owned(), key.public_pem()));
    let encoded = |text: &[u8]| URL_SAFE_NO_PAD.encode(text);
    let headed = |algorithm: &str| {
        let header = json!({ "alg": algorithm, "typ": "JWT", "kid": kid }).to_string();
        format!("{}.{claims}", encoded(header.as_bytes()))
    };
    let none = format!("{}.", headed("none"));
    let signed = headed("HS256");
    let secret = hmac::Key::new(hmac::HMAC_SHA256, public.as_bytes());
    let confused = format!("{signed}.{}", encoded(hmac::sign(&secret, signed.as_bytes()).as_ref()));
    let stranger = SigningKey::new(Algorithm::Rs256).expect("a key").named(&kid);
    let forged = stranger.token(&json!({ "iss": sts.issuer(), "aud": "us", "exp": now() + 60 }));
    let cut = &good[..good.len() - 8];
    // The signature is valid, but its algorithm is not on the list (ARP_AUTH_ALGORITHMS).
    let other = SigningKey::new(Algorithm::Es256).expect("a key").named(&kid);
    let other = other.token(&json!({ "iss": sts.issuer(), "aud": "us", "exp": now() + 60 }));
    for bad in ["garbage", "a.b.c", &none, &confused, &forged, cut, &other] {
        refused(&with_token(&service, bad), "invalid_token", "Invalid token");
    }
}

#[test]
fn row_invalid_token_header() {
    let sts = sts();
    let service = service(inbound(&sts, "us"));
    let claims = json!({ "iss": sts.issuer(), "aud": "us", "exp": now() + 60 });
    let under = |changed: Value| {
        sts.with_signing_key(|key| {
            let mut header = json!({ "alg": "ES256", "kid": key.kid() });
            header.as_object_mut().expect("an object").extend(changed.as_object().expect("one").clone());
            key.token_under(&header, &claims)
        })
    };
    for bad in [
        json!({ "b64": false }),
        json!({ "b64": false, "crit": ["b64"] }),
        json!({ "crit": ["exp"] }),
        json!({ "crit": [] }),
        json!({ "kid": 1 }),
        json!({ "kid": null }),
        // The published services understand this one, and nothing changes by it.
        json!({ "b64": true, "crit": ["b64"] }),
    ] {
        refused(&with_token(&service, &under(bad)), "invalid_token", "Invalid token");
    }
    for good in [json!({ "b64": true }), json!({ "b64": "false" }), json!({ "typ": "dpop+jwt" })] {
        served(&with_token(&service, &under(good)));
    }
}

#[test]
fn row_invalid_token_claims() {
    let sts = sts();
    let service = service(inbound(&sts, "us"));
    let late = now() + 90;
    for bad in [
        json!({ "nbf": late }),
        json!({ "iat": late }),
        json!({ "aud": null }),
        json!({ "iss": null }),
        json!({ "sub": 7 }),
        // The published services accept these.
        json!({ "exp": null }),
        json!({ "typ": "ID" }),
    ] {
        let answer = with_token(&service, &token(&sts, &bad));
        refused(&answer, "invalid_token", "Invalid token");
    }
    served(&with_token(&service, &token(&sts, &json!({ "nbf": now() + 30, "iat": now() + 30 }))));
}

#[test]
fn row_expired() {
    let sts = sts();
    let service = service(inbound(&sts, "us"));
    served(&with_token(&service, &token(&sts, &json!({ "exp": now() - 30 }))));
    let answer = with_token(&service, &token(&sts, &json!({ "exp": now() - 61 })));
    refused(&answer, "invalid_token", "Token expired");
}

#[test]
fn row_wrong_audience() {
    let sts = sts();
    let service = service(inbound(&sts, "us"));
    for aud in [json!("them"), json!(["account", "them"]), json!("us ")] {
        let answer = with_token(&service, &token(&sts, &json!({ "aud": aud })));
        refused(&answer, "invalid_token", "Invalid token audience");
    }
    served(&with_token(&service, &token(&sts, &json!({ "aud": "us" }))));
}

#[test]
fn row_wrong_issuer() {
    let sts = sts();
    let service = service(inbound(&sts, "us"));
    for iss in [format!("{}/", sts.issuer()), "https://elsewhere.test".to_owned()] {
        let answer = with_token(&service, &token(&sts, &json!({ "iss": iss })));
        refused(&answer, "invalid_token", "Invalid token issuer");
    }
}

#[test]
fn row_unknown_kid_and_no_kid() {
    let sts = sts();
    let service = service(inbound(&sts, "us"));
    let claims = json!({ "iss": sts.issuer(), "aud": "us", "exp": now() + 60 });
    let under = |header: Value| sts.with_signing_key(|key| key.token_under(&header, &claims));
    for header in [json!({ "alg": "ES256", "kid": "unknown" }), json!({ "alg": "ES256" })] {
        refused(&with_token(&service, &under(header)), "invalid_token", "Unable to fetch JWKS");
    }
}

#[test]
fn row_no_keys_to_be_had() {
    let sts = sts();
    let service = service(inbound(&sts, "us"));
    let good = token(&sts, &json!({}));
    sts.server().set_faults("status-302".parse().expect("a fault")).expect("set");
    refused(&with_token(&service, &good), "invalid_token", "Unable to fetch JWKS");
    sts.server().set_faults("".parse().expect("none")).expect("set");
    sts.server().go_down();
    refused(&with_token(&service, &good), "invalid_token", "Unable to fetch JWKS");
    sts.server().come_back().expect("back");
    served(&with_token(&service, &good));
    sts.server().go_down();
    served(&with_token(&service, &good));
}

/// The lifetime of 300 s is tested in `src/run/inbound/cache.rs`.
#[test]
fn keys_are_fetched_once_and_again_for_a_new_kid() {
    let sts = sts();
    let service = service(inbound(&sts, "us"));
    for _ in 0..3 {
        served(&with_token(&service, &token(&sts, &json!({}))));
    }
    assert_eq!(sts.jwks_requests(), 1);
    sts.rotate_signing_key().expect("a key");
    served(&with_token(&service, &token(&sts, &json!({}))));
    assert_eq!(sts.jwks_requests(), 2);
    let claims = json!({ "iss": sts.issuer(), "aud": "us", "exp": now() + 60 });
    for kid in ["a", "b", "c"] {
        let made_up =
            sts.with_signing_key(|key| key.token_under(&json!({ "alg": "ES256", "kid": kid }), &claims));
        refused(&with_token(&service, &made_up), "invalid_token", "Unable to fetch JWKS");
    }
    assert_eq!(sts.jwks_requests(), 2, "at most every 30 s");
}

#[test]
fn clock_skew_is_what_is_set() {
    let sts = sts();
    let service = service(InboundSettings { clock_skew: Duration::ZERO, ..inbound(&sts, "us") });
    let answer = with_token(&service, &token(&sts, &json!({ "exp": now() - 30 })));
    refused(&answer, "invalid_token", "Token expired");
}

#[test]
fn exempt_paths_are_exempt_to_the_letter() {
    let sts = sts();
    let health = service(inbound(&sts, "us"));
    assert_eq!(asked(&health, &Ask::get("/v1/health")).body, "up");
    assert_eq!(asked(&health, &Ask::get("/v1/health?x=y")).body, "up");
    for path in ["/v1/health/", "/v1/%68ealth", "/v1//health", "/V1/health"] {
        refused(&asked(&health, &Ask::get(path)), "invalid_request", "Missing Authorization header");
    }
    let open = service(InboundSettings { exempt_paths: vec!["/".into()], ..inbound(&sts, "us") });
    served(&with_header(&open, "nonsense"));
    assert_eq!(asked(&open, &Ask::get("/v1/health")).status, 401);
}

#[test]
fn keys_come_from_a_jwks_uri_or_a_discovery_document() {
    let sts = sts();
    let good = token(&sts, &json!({}));
    let discovery = format!("{}/.well-known/openid-configuration", sts.issuer());
    for source in [KeySource::Jwks(sts.jwks_uri()), KeySource::Discovery(discovery.clone())] {
        served(&with_token(&service(InboundSettings { keys: Some(source), ..inbound(&sts, "us") }), &good));
    }
    // Two services behind the layer do not share their state.
    for source in [KeySource::Discovery(sts.jwks_uri()), KeySource::Jwks(discovery)] {
        let service = service(InboundSettings { keys: Some(source), ..inbound(&sts, "us") });
        refused(&with_token(&service, &good), "invalid_token", "Unable to fetch JWKS");
    }
}

#[test]
fn without_issuer_and_audience_anybodys_tokens_are_taken() {
    let sts = sts();
    let service = service(InboundSettings { issuer: None, audience: None, ..inbound(&sts, "us") });
    served(&with_token(&service, &token(&sts, &json!({ "iss": "https://x.test", "aud": null }))));
}
