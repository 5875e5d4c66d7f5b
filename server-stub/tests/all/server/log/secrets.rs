//! The log contains no part of a secret, wherever and in whatever encoding it was sent.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::client::{Ask, plain};

/// This many consecutive bytes of a secret count as a part of it. The other text of the log shares no such
/// sequence with a random secret.
const PIECE: usize = 6;

const FIELDS: [&str; 8] = [
    "node_key",
    "provisioning_token",
    "password",
    "refresh_token",
    "client_secret",
    "client_assertion",
    "subject_token",
    "a_field_of_tomorrow",
];
const HEADERS: [&str; 6] = [
    "X-Jarvis-App-Key",
    "X-Jarvis-Admin-Token",
    "X-API-Key",
    "Cookie",
    "Authorization",
    "X-A-Header-Of-Tomorrow",
];

/// Percent-encodes every byte.
fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// Percent-encodes all but unreserved bytes.
fn half_percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    text.bytes().map(|b| if plain(b) { char::from(b).into() } else { format!("%{b:02X}") }).collect()
}

/// Escapes every character as in JSON.
fn escaped(text: &str) -> String {
    text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
}

fn form(path: &str, body: String) -> Ask {
    Ask::new("POST", path).header("Content-Type", "application/x-www-form-urlencoded").body(body)
}

/// Every request that can contain a secret, with further texts that must not be shown.
fn requests(secret: &str) -> Vec<(Ask, Vec<String>)> {
    const JSON: &str = "/internal/validate-node";
    const TOKEN: &str = "/realms/arp-dev/protocol/openid-connect/token";
    let ids = json!({ "node_id": "kitchen-pi", "service_id": "command-center" });
    let mut all = Vec::new();
    let mut add = |ask: Ask| all.push((ask, Vec::new()));
    for field in FIELDS {
        let mut body = ids.clone();
        body[field] = secret.into();
        add(Ask::post(JSON, body.to_string()).header("X-Jarvis-App-Id", "jarvis-node-agent"));
        add(Ask::post(JSON, body.to_string()[..body.to_string().len() - 2].to_owned()));
        add(Ask::new("POST", JSON).header("Content-Type", "text/plain").body(body.to_string()));
        add(Ask::post(JSON, format!("{{\"node_id\":\"kitchen-pi\",\"{field}\":\"{}\"}}", escaped(secret))));
        add(Ask::post(JSON, json!({ "inside": body, "list": [body] }).to_string()));
        for encode in [percent, half_percent] {
            add(form(TOKEN, format!("client_id=jarvis-node&{field}={}", encode(secret))));
            add(form(JSON, format!("{field}={}&node_id=kitchen-pi&node_id={0}", encode(secret))));
            add(Ask::get(&format!("/health?{field}={}", encode(secret))));
        }
    }
    // In place of an id, by mistake.
    for field in ["node_id", "client_id", "service_id"] {
        let mut body = json!({ "node_key": secret });
        body[field] = secret.into();
        add(Ask::post(JSON, body.to_string()).header("X-Jarvis-App-Id", "jarvis-node-agent"));
        body[field] = format!("{secret}:x").into();
        add(Ask::post(JSON, body.to_string()).header("X-Jarvis-App-Id", "jarvis-node-agent"));
        add(form(TOKEN, format!("{field}={0}&client_secret={0}", percent(secret))));
    }
    add(Ask::post(JSON, format!("{{{}:1}}", Value::from(secret))));
    for encode in [percent, half_percent] {
        add(Ask::get(&format!("/{}", encode(secret))));
        add(Ask::get(&format!("/admin/nodes/{}/rotate-key", encode(secret))));
    }
    for name in HEADERS {
        add(Ask::get("/health").header(name, secret));
        add(Ask::get("/health").header(name, &format!("kitchen-pi:{secret}")));
        add(Ask::get("/health").header(name, &format!("Bearer {secret}")));
    }
    add(Ask::get("/internal/app-ping").header("X-Jarvis-App-Id", secret).header("X-Jarvis-App-Key", secret));
    let basic = STANDARD.encode(format!("jarvis-node:{}", percent(secret)));
    let request = Ask::get("/health").header("Authorization", &format!("Basic {basic}"));
    all.push((request, vec![basic]));
    let claims = URL_SAFE_NO_PAD.encode(json!({ "sub": "jarvis-node", "secret": secret }).to_string());
    let token = format!("eyJhbGciOiJIUzI1NiJ9.{claims}.{}", URL_SAFE_NO_PAD.encode(secret));
    let parts = token.split('.').map(str::to_owned).collect::<Vec<_>>();
    all.push((form(TOKEN, format!("client_assertion={token}")), parts.clone()));
    all.push((Ask::get("/health").header("Authorization", &format!("Bearer {token}")), parts.clone()));
    all.push((Ask::get(&format!("/{token}")), parts));
    all
}

/// Sends all requests and checks the whole log.
#[track_caller]
fn assert_hidden(secret: &str, requests: Vec<(Ask, Vec<String>)>) {
    let stub = plain();
    let mut hidden = vec![secret.to_owned(), percent(secret), half_percent(secret), escaped(secret)];
    let sent = requests.len();
    for (ask, parts) in requests {
        // Each request has its own connection, because some are closed after it.
        ask.of(&stub);
        hidden.extend(parts);
    }
    let log = stub.log(0);
    assert_eq!(log["requests"].as_array().map(Vec::len), Some(sent));
    // Both the values and their encodings.
    for shown in [format!("{log:?}"), log.to_string()] {
        let shown: HashSet<&[u8]> = shown.as_bytes().windows(PIECE).collect();
        for hidden in &hidden {
            let found = hidden.as_bytes().windows(PIECE).find(|piece| shown.contains(piece));
            let found = found.map(String::from_utf8_lossy);
            assert_eq!(found, None, "a piece of {hidden} in {log:#}");
        }
    }
}

/// The header `X-API-Key` holds `id:key`, and ids are shown: a secret of that form alone cannot be told from one.
fn is_id_and_key(text: &str) -> bool {
    let is_id =
        |id: &str| id.len() >= PIECE && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    text.split_once(':').is_some_and(|(id, _)| is_id(id))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_piece_of_a_key_is_shown(key in "[A-Za-z0-9]{64}") {
        let mut all = requests(&key);
        // Also without any encoding.
        all.extend([
            Ask::get(&format!("/{key}")),
            Ask::get(&format!("/realms/{key}/protocol")),
            Ask::get(&format!("/health?{key}")),
            Ask::new(&key, "/health"),
            Ask::post("/internal/validate-node", json!({ "node_id": key }).to_string()),
            Ask::get("/internal/app-ping").header("X-Jarvis-App-Id", &key),
            Ask::get("/health").header("X-API-Key", &format!("{key}:kitchen-pi")),
        ].map(|ask| (ask, Vec::new())));
        assert_hidden(&key, all);
    }

    /// Secrets with the characters and length of an id.
    #[test]
    fn no_piece_of_a_clients_secret_is_shown(secret in "[A-Za-z0-9]{25,40}") {
        assert_hidden(&secret, requests(&secret));
    }

    #[test]
    fn no_piece_of_a_password_is_shown(
        password in "[!-~]{12,80}".prop_filter("X-API-Key takes it for an id and a key", |it| !is_id_and_key(it))
    ) {
        assert_hidden(&password, requests(&password));
    }
}
