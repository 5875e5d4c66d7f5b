//! SmartEM's backend: the table of 401s in docs/wire/smartem.md, row by row, and what is open.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use server_stub::jwt::{Algorithm, SigningKey};
use server_stub::{Backend, BackendOptions, InboundSettings, ServerOptions, Sts, StsOptions};

use super::rig::asked;
use crate::client::{Answer, Ask};

const HEARTBEAT: &str = "/agent/epu-1/session/s-2/heartbeat";

fn sts() -> Sts {
    Sts::start(StsOptions::default()).expect("a token service")
}

fn backend(inbound: InboundSettings) -> Backend {
    let options = BackendOptions { server: ServerOptions::default(), inbound, authorities: Vec::new() };
    Backend::start(options).expect("a backend")
}

fn beat(backend: &Backend, header: Option<&str>) -> Answer {
    let ask = Ask::post(HEARTBEAT, "");
    let ask = if let Some(header) = header { ask.header("Authorization", header) } else { ask };
    asked(backend.server(), &ask)
}

fn with_token(backend: &Backend, token: &str) -> Answer {
    beat(backend, Some(&format!("Bearer {token}")))
}

#[track_caller]
fn refused(answer: &Answer, detail: &str) {
    let body = format!("{{\"detail\":\"{detail}\"}}");
    assert_eq!((answer.status, answer.body.as_str()), (401, body.as_str()));
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
}

#[track_caller]
fn served(answer: &Answer) {
    assert_eq!((answer.status, answer.text("status").as_str()), (200, "success"), "{}", answer.body);
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// A token with these claims changed; the audience is the issuer's choice.
fn token(sts: &Sts, mut changed: Value) -> String {
    changed["aud"] = "account".into();
    sts.token(&changed)
}

#[test]
fn heartbeat_with_a_token_for_any_audience_is_served() {
    let sts = sts();
    let backend = backend(InboundSettings::smartem(sts.issuer()));
    for aud in [json!("account"), json!(["a", "b"]), Value::Null] {
        let answer = with_token(&backend, &sts.token(&json!({ "aud": aud })));
        served(&answer);
        assert_eq!((answer.text("agent_id"), answer.text("session_id")), ("epu-1".into(), "s-2".into()));
    }
    assert_eq!(sts.jwks_requests(), 1);
}

#[test]
fn row_missing_or_malformed_header() {
    let sts = sts();
    let backend = backend(InboundSettings::smartem(sts.issuer()));
    let good = token(&sts, json!({}));
    refused(&beat(&backend, None), "Missing or malformed Authorization header");
    // The server's HTTP takes the space at the end away.
    for header in ["Basic dTpw", "Bearer", "Bearer ", &good] {
        refused(&beat(&backend, Some(header)), "Missing or malformed Authorization header");
    }
    served(&beat(&backend, Some(&format!("bEARER   {good}"))));
}

#[test]
fn row_signing_key_cannot_be_resolved() {
    let sts = sts();
    let backend = backend(InboundSettings::smartem(sts.issuer()));
    let good = token(&sts, json!({}));
    sts.server().go_down();
    refused(&with_token(&backend, &good), "Cannot resolve signing key");
    sts.server().come_back().expect("back");
    served(&with_token(&backend, &good));
    let claims = json!({ "iss": sts.issuer(), "exp": now() + 60 });
    let under = |header: Value| sts.with_signing_key(|key| key.token_under(&header, &claims));
    for header in [json!({ "alg": "RS256", "kid": "unknown" }), json!({ "alg": "RS256" })] {
        refused(&with_token(&backend, &under(header)), "Cannot resolve signing key");
    }
    // A new key is found at once, even after an unknown one.
    sts.rotate_signing_key().expect("a key");
    served(&with_token(&backend, &token(&sts, json!({}))));
}

#[test]
fn row_expired_beyond_the_leeway() {
    let sts = sts();
    let backend = backend(InboundSettings::smartem(sts.issuer()));
    served(&with_token(&backend, &token(&sts, json!({ "exp": now() - 30 }))));
    refused(&with_token(&backend, &token(&sts, json!({ "exp": now() - 61 }))), "Token expired");
}

#[test]
fn row_azp_not_in_the_list() {
    let sts = sts();
    let mut inbound = InboundSettings::smartem(sts.issuer());
    inbound.azp = vec!["SmartEM_User".into(), "SmartEM_Agent".into()];
    let backend = backend(inbound);
    served(&with_token(&backend, &token(&sts, json!({ "azp": "SmartEM_Agent" }))));
    for azp in [json!("jarvis-node"), json!("SmartEM_"), Value::Null, json!(["SmartEM_Agent"])] {
        let answer = with_token(&backend, &token(&sts, json!({ "azp": azp })));
        refused(&answer, "Token azp not permitted");
    }
}

#[test]
fn row_everything_else_is_invalid() {
    let sts = sts();
    let backend = backend(InboundSettings::smartem(sts.issuer()));
    let good = token(&sts, json!({}));
    let kid = sts.with_signing_key(|key| key.kid().to_owned());
    let stranger = SigningKey::new(Algorithm::Es256).expect("a key").named(&kid);
    let other = stranger.token(&json!({ "iss": sts.issuer(), "exp": now() + 60 }));
    for bad in ["garbage", "a.b.c", &format!("{good} {good}"), &good[..good.len() - 8], &other] {
        refused(&with_token(&backend, bad), "Invalid token");
    }
    let issuer = format!("{}/", sts.issuer());
    for bad in [json!({ "iss": issuer }), json!({ "nbf": now() + 90 }), json!({ "iat": now() + 90 })] {
        refused(&with_token(&backend, &token(&sts, bad)), "Invalid token");
    }
    let mut lenient = InboundSettings::smartem(sts.issuer());
    lenient.issuer = None;
    served(&with_token(&self::backend(lenient), &token(&sts, json!({ "iss": issuer }))));
}

#[test]
fn open_paths_and_unknown_ones_need_no_token() {
    let sts = sts();
    let backend = backend(InboundSettings::smartem(sts.issuer()));
    for (path, status) in [
        ("/health", 200),
        ("/status", 200),
        ("/openapi.json", 200),
        ("/docs", 200),
        // It is exempt, and switched off.
        ("/redoc", 404),
        ("/version", 401),
        ("/health/", 404),
        ("/nowhere", 404),
        (HEARTBEAT, 405),
    ] {
        assert_eq!(asked(backend.server(), &Ask::get(path)).status, status, "{path}");
    }
}

#[test]
fn backend_without_an_url_fails_at_the_first_token() {
    let inbound = InboundSettings::smartem_from_variables(|_| None).expect("it starts");
    let backend = backend(inbound);
    assert_eq!(asked(backend.server(), &Ask::get("/health")).status, 200);
    refused(&beat(&backend, None), "Missing or malformed Authorization header");
    let answer = with_token(&backend, "x");
    assert_eq!((answer.status, answer.body.as_str()), (500, "Internal Server Error"));
}
