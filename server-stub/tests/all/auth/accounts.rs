//! Users over a socket: tokens, their renewal, and the limits on guessing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use crate::client::{Answer, Ask, plain};
use server_stub::{Options, Settings, Stub, TokenAlgorithm};

const PASSWORD: &str = "correct horse 9";

fn register(stub: &Stub, email: &str) -> Answer {
    let body = serde_json::json!({ "email": email, "password": PASSWORD });
    Ask::post("/api/v0/auth/register", body.to_string()).of(stub)
}

fn login(stub: &Stub, email: &str, password: &str) -> Answer {
    let body = serde_json::json!({ "email": email, "password": password });
    Ask::post("/api/v0/auth/login", body.to_string()).of(stub)
}

fn refresh(stub: &Stub, token: &str) -> Answer {
    let body = serde_json::json!({ "refresh_token": token });
    Ask::post("/api/v0/auth/refresh", body.to_string()).of(stub)
}

fn me(stub: &Stub, authorization: &str) -> Answer {
    Ask::get("/api/v0/auth/me").header("Authorization", authorization).of(stub)
}

#[test]
fn an_access_token_names_its_user() {
    let stub = plain();
    let registered = register(&stub, "a@example.com");
    assert_eq!(registered.status, 201, "{registered:?}");
    let shown = me(&stub, &format!("Bearer {}", registered.text("access_token")));
    let user = "{\"id\":2,\"email\":\"a@example.com\",\"username\":\"a\",\"is_superuser\":false,\
                \"must_change_password\":false}";
    assert_eq!((shown.status, shown.body.as_str()), (200, user));
}

#[test]
fn a_token_that_is_none_is_challenged() {
    let stub = plain();
    let registered = register(&stub, "a@example.com");
    let token = registered.text("access_token");
    let (signed, _) = token.rsplit_once('.').expect("a signature");
    let elsewhere = register(&plain(), "a@example.com").text("access_token");
    for (authorization, detail) in [
        ("Basic YTpi", "Not authenticated"),
        ("Bearer", "Not authenticated"),
        ("Bearer nonsense", "Could not validate credentials"),
        (&format!("Bearer {signed}.AAAA"), "Could not validate credentials"),
        (&format!("Bearer {elsewhere}"), "Could not validate credentials"),
    ] {
        let answer = me(&stub, authorization);
        let body = format!("{{\"detail\":\"{detail}\"}}");
        assert_eq!((answer.status, answer.body.clone()), (401, body), "{authorization}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
}

#[test]
fn tokens_are_signed_as_the_settings_say() {
    let settings = Settings {
        secret_key: Some("a secret of the household".into()),
        algorithm: TokenAlgorithm::Hs384,
        access_token_minutes: 7,
        ..Settings::default()
    };
    let stub = Stub::start(Options { tls: false, settings, ..Options::default() }).expect("a stub");
    let token = register(&stub, "a@example.com").text("access_token");

    let (signed, signature) = token.rsplit_once('.').expect("a signature");
    let (header, claims) = signed.split_once('.').expect("a header");
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("Base64url");
    let secret = hmac::Key::new(hmac::HMAC_SHA384, b"a secret of the household");
    assert!(hmac::verify(&secret, signed.as_bytes(), &decoded(signature)).is_ok(), "ours");
    let json = |part: &str| serde_json::from_slice::<serde_json::Value>(&decoded(part)).expect("JSON");
    assert_eq!(json(header)["alg"], "HS384");
    let claims = json(claims);
    assert_eq!(claims["sub"], "2");
    assert_eq!(claims["email"], "a@example.com");
    assert_eq!(claims["is_superuser"], false);
    let life = claims["exp"].as_i64().zip(claims["iat"].as_i64()).map(|(exp, iat)| exp - iat);
    assert_eq!(life, Some(7 * 60));
    for claim in ["household_id", "jti"] {
        assert_eq!(claims[claim].as_str().map(str::len), Some(36), "{claim}");
    }
}

#[test]
fn a_users_household_can_have_nodes() {
    let stub = plain();
    let household = register(&stub, "a@example.com").text("household_id");
    let body = serde_json::json!({ "node_id": "n", "household_id": household, "name": "N" });
    let registered = Ask::post("/internal/nodes/register", body.to_string()).app(&stub).of(&stub);
    let body = serde_json::json!({
        "node_id": "n", "node_key": registered.text("node_key"), "service_id": stub.app_id(),
    });
    let verdict = Ask::post("/internal/validate-node", body.to_string()).app(&stub).of(&stub);
    assert!(verdict.body.contains("\"household_member_ids\":[2]"), "{}", verdict.body);
}

#[test]
fn registration_refuses_short_passwords_and_bad_emails() {
    let stub = plain();
    let short = "{\"email\":\"a@example.com\",\"password\":\"short\"}";
    let answer = Ask::post("/auth/register", short).of(&stub);
    let expected = "{\"detail\":[{\"type\":\"string_too_short\",\"loc\":[\"body\",\"password\"],\
                    \"msg\":\"String should have at least 8 characters\",\"input\":\"short\",\
                    \"ctx\":{\"min_length\":8}}]}";
    assert_eq!((answer.status, answer.body.as_str()), (422, expected));
    let nobody = "{\"email\":\"nobody\",\"password\":\"long enough\"}";
    assert_eq!(Ask::post("/auth/register", nobody).of(&stub).status, 422);
}

#[test]
fn repeated_refresh_gives_the_same_successor() {
    let stub = plain();
    let first = register(&stub, "a@example.com").text("refresh_token");
    let second = refresh(&stub, &first);
    assert_eq!(second.status, 200);
    assert_ne!(second.text("refresh_token"), first);
    assert_eq!(refresh(&stub, &first).text("refresh_token"), second.text("refresh_token"));
    assert_eq!(refresh(&stub, &second.text("refresh_token")).status, 200);
}

#[test]
fn logging_out_ends_the_session_and_never_complains() {
    let stub = plain();
    let token = register(&stub, "a@example.com").text("refresh_token");
    let body = serde_json::json!({ "refresh_token": token }).to_string();
    for _ in 0..2 {
        assert_eq!(Ask::post("/api/v0/auth/logout", body.clone()).of(&stub).status, 204);
    }
    let answer = refresh(&stub, &token);
    assert_eq!((answer.status, answer.body.as_str()), (401, "{\"detail\":\"Invalid refresh token\"}"));
}

#[test]
fn eight_failed_logins_lock_the_account_for_15_minutes() {
    let stub = plain();
    register(&stub, "a@example.com");
    for _ in 0..8 {
        assert_eq!(login(&stub, "a@example.com", "wrong horse").status, 401);
    }
    let locked = login(&stub, "a@example.com", PASSWORD);
    assert_eq!((locked.status, locked.header("retry-after")), (429, Some("900")));
    assert_eq!(locked.header("content-type"), Some("application/json"));
}

#[test]
fn more_than_thirty_a_minute_are_asked_to_wait() {
    let stub = plain();
    let spellings = ["/auth/login", "/api/v0/auth/refresh", "/auth/register"];
    for n in 0..30 {
        let answer = Ask::post(spellings[n % 3], "{}").of(&stub);
        assert_eq!(answer.status, 422, "request {n}");
    }
    for path in spellings {
        let refused = Ask::post(path, "{}").of(&stub);
        assert_eq!((refused.status, refused.header("retry-after")), (429, Some("60")), "{path}");
    }
    assert_eq!(Ask::post("/auth/logout", "{\"refresh_token\":\"x\"}").of(&stub).status, 204);
    assert_eq!(Ask::get("/health").of(&stub).status, 200);
}
