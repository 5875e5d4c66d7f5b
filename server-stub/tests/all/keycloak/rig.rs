//! A token service and its clients.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use server_stub::jwt::{Algorithm, Claims, Expected, KeySet, Refused, SigningKey, Token};
use server_stub::{Faults, Sts, StsOptions};

use crate::client::{Answer, Ask, Connection};

pub(crate) const TOKEN_PATH: &str = "/realms/arp-dev/protocol/openid-connect/token";
pub(crate) const CERTS_PATH: &str = "/realms/arp-dev/protocol/openid-connect/certs";
pub(crate) const DISCOVERY_PATH: &str = "/realms/arp-dev/.well-known/openid-configuration";
pub(crate) const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub(crate) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
pub(crate) const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A form's fields.
pub(crate) type Fields<'a> = &'a [(&'a str, &'a str)];

/// A token service with an EC key.
pub(crate) fn start() -> Sts {
    start_with(StsOptions::default())
}

pub(crate) fn start_with(options: StsOptions) -> Sts {
    Sts::start(StsOptions { algorithm: Algorithm::Es256, ..options }).expect("a token service")
}

pub(crate) fn faults(names: &str) -> Faults {
    names.parse().expect("faults")
}

pub(crate) fn ask(sts: &Sts, ask: &Ask) -> Answer {
    Connection::plain(sts.server().addr()).ask(ask)
}

/// Form-encodes all but unreserved characters.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => encoded.push(char::from(byte)),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

pub(crate) fn form(fields: Fields<'_>) -> Ask {
    let body: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    let ask = Ask::new("POST", TOKEN_PATH).body(body.join("&"));
    ask.header("Content-Type", "application/x-www-form-urlencoded").header("Accept", "application/json")
}

pub(crate) fn post(sts: &Sts, fields: Fields<'_>) -> Answer {
    ask(sts, &form(fields))
}

/// A token request of the node's client with client_secret_post, and these fields.
pub(crate) fn own(sts: &Sts, fields: Fields<'_>) -> Answer {
    let credentials = [
        ("grant_type", "client_credentials"),
        ("client_id", "jarvis-node"),
        ("client_secret", "jarvis-node-secret"),
    ];
    post(sts, &[&credentials, fields].concat())
}

/// An exchange of `subject` by a client of the dev realm.
pub(crate) fn exchange(sts: &Sts, client: &str, subject: &str, fields: Fields<'_>) -> Answer {
    let secret = format!("{client}-secret");
    let first = [
        ("grant_type", EXCHANGE),
        ("client_id", client),
        ("client_secret", &secret),
        ("subject_token", subject),
        ("subject_token_type", ACCESS_TOKEN),
    ];
    post(sts, &[&first, fields].concat())
}

#[track_caller]
pub(crate) fn json_of(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("no JSON: {answer:?}"))
}

#[track_caller]
pub(crate) fn token_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.text("access_token")
}

/// Status, error and description.
#[track_caller]
pub(crate) fn refusal(answer: &Answer) -> (u16, String, String) {
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
    (answer.status, answer.text("error"), answer.text("error_description"))
}

/// The claims of a token, verified by the published keys.
pub(crate) fn checked(sts: &Sts, token: &str, audience: &str) -> Result<Claims, Refused> {
    let keys = KeySet::from_json(ask(sts, &Ask::get(CERTS_PATH)).body.as_bytes()).expect("a JWKS");
    let (issuer, audiences) = (sts.issuer(), [audience]);
    let algorithms = [Algorithm::Rs256, Algorithm::Es256];
    let now = Expected::now(&algorithms);
    let expected = Expected { issuer: Some(issuer), audiences: Some(&audiences), ..now };
    let token = Token::read(token, &expected)?;
    let key = keys.find(token.kid());
    token.check(key, &expected)
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// The claims of a valid assertion of the node's client, changed; null removes a claim.
pub(crate) fn assertion_claims(sts: &Sts, jti: &str, changed: &Value) -> Value {
    let mut claims = json!({
        "iss": "jarvis-node", "sub": "jarvis-node", "aud": sts.token_endpoint(),
        "jti": jti, "iat": now(), "exp": now() + 60,
    });
    for (name, value) in changed.as_object().expect("an object") {
        if value.is_null() {
            claims.as_object_mut().expect("an object").remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

pub(crate) fn by_assertion(sts: &Sts, assertion: &str) -> Answer {
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", ASSERTION),
        ("client_assertion", assertion),
    ];
    post(sts, &fields)
}

/// A key of the node's client, registered.
pub(crate) fn registered(sts: &Sts, algorithm: Algorithm) -> SigningKey {
    let key = SigningKey::new(algorithm).expect("a key");
    sts.register_key("jarvis-node", &key.public().to_jwk()).expect("registered");
    key
}
