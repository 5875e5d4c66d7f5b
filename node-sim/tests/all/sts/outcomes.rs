//! Answers of a token service, byte for byte, and its faulty tokens, for the table of outcomes.

use std::net::SocketAddr;

use jarvis_node::config::Config;
use jarvis_node::sts::{StsClient, Wanted};
use node_core::time::UnixTime;
use serde_json::{Value, json};
use server_stub::Fault;
use test_support::rude::{answer, rude_server};

use super::rig::{Rig, exchange, wanted};
use crate::outcomes::{Row, answer_bytes, answer_name};

const SECTION: &str = "Tokens";

type Given = (&'static str, &'static [&'static str], &'static str);

const FOR_ITSELF: &[Given] = &[
    ("400 Bad Request", &[], r#"{"error":"invalid_client"}"#),
    ("400 Bad Request", &[], r#"{"error":"unsupported_grant_type"}"#),
    ("400 Bad Request", &[], r#"{"error":"invalid_scope"}"#),
    ("400 Bad Request", &[], r#"{"error":"invalid_request","error_description":"Missing parameter"}"#),
    ("400 Bad Request", &[], r#"{"error":"invalid_grant","error_description":"User disabled"}"#),
    ("400 Bad Request", &[], r#"{"error":"invalid_target"}"#),
    ("400 Bad Request", &[], r#"{"error":"server_error"}"#),
    ("401 Unauthorized", &[], r#"{"message":"No API key found"}"#),
    ("415 Unsupported Media Type", &[], r#"{"error":"HTTP 415 Unsupported Media Type"}"#),
    ("401 Unauthorized", &[], r#"{"error":"invalid_client","error_description":"Invalid client"}"#),
    ("401 Unauthorized", &[], r#"{"error":"unauthorized_client"}"#),
    ("401 Unauthorized", &[], r#"{"detail":"x"}"#),
    ("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"sts\""], r#"{"error":"invalid_client"}"#),
    ("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"home\""], "<html>Log in</html>"),
    ("403 Forbidden", &[], r#"{"error":"access_denied","error_description":"Realm not enabled"}"#),
    ("403 Forbidden", &[], r#"{"error":"invalid_request","error_description":"HTTPS required"}"#),
    ("404 Not Found", &[], r#"{"error":"Realm does not exist"}"#),
    ("405 Method Not Allowed", &[], r#"{"error":"HTTP 405 Method Not Allowed"}"#),
    ("302 Found", &["Location: https://sts.example/"], ""),
    (
        "400 Bad Request",
        &["Content-Type: text/html"],
        "<title>400 No required SSL certificate was sent</title>",
    ),
    ("400 Bad Request", &["Content-Type: text/plain"], "Invalid host header"),
    ("400 Bad Request", &["Content-Type: text/plain"], "400: Bad Request"),
    ("400 Bad Request", &[], ""),
    ("403 Forbidden", &[], ""),
    ("407 Proxy Authentication Required", &[], ""),
    ("429 Too Many Requests", &[], ""),
    ("503 Service Unavailable", &["Content-Type: text/html"], "<html>503</html>"),
    ("511 Network Authentication Required", &[], ""),
    ("200 OK", &["Content-Type: text/html"], "<html>Log in</html>"),
    ("200 OK", &[], "{}"),
];

/// Where the rule of the audience says that its tokens are opaque.
const OPAQUE: &[Given] = &[
    ("200 OK", &[], r#"{"access_token":"opaque"}"#),
    ("200 OK", &[], r#"{"access_token":"two words","expires_in":60}"#),
];

const FOR_A_CALLER: &[Given] = &[
    ("400 Bad Request", &[], r#"{"error":"invalid_client","error_description":"Audience not found"}"#),
    ("400 Bad Request", &[], r#"{"error":"invalid_request","error_description":"Invalid token"}"#),
    ("400 Bad Request", &[], r#"{"error":"unsupported_grant_type"}"#),
    (
        "403 Forbidden",
        &[],
        r#"{"error":"access_denied","error_description":"Client not allowed to exchange"}"#,
    ),
];

/// A client of the STS at this address, with this rule for its audience.
fn client(rig: &Rig, server: SocketAddr, rule: &Value) -> StsClient {
    rig.file("secret", "s3cret");
    let config = json!({
        "auth_url": "https://auth.invalid", "service_id": "s", "app_id": "a", "app_key_file": "a.key",
        "credential_file": "c.json",
        "sts": {
            "issuer": format!("http://{server}/realms/home"), "client_id": "jarvis-node",
            "client_secret_file": "secret", "audiences": { "arp-run-gateway": rule },
        },
    });
    rig.file("config.json", &config.to_string());
    let config = Config::load(&rig.dir.path().join("config.json")).unwrap();
    StsClient::load(config.sts.as_ref().unwrap(), &config, UnixTime(0)).unwrap()
}

pub(crate) fn rows() -> Vec<Row> {
    let rig = Rig::new();
    let told = |grant: &str, given: &Given, wanted: &Wanted| {
        let rule = json!({ "opaque": grant == "opaque: " });
        let bytes = answer_bytes(given);
        let server = rude_server(move |stream| answer(stream, bytes));
        let error = client(&rig, server, &rule).fetch(wanted).unwrap_err();
        let cause = format!("{grant}{}", answer_name(given));
        Row::new(SECTION, cause, error.outcome().as_str(), &error.to_string(), "")
    };
    let own = wanted("arp-run-gateway");
    let mut rows: Vec<_> = FOR_ITSELF.iter().map(|given| told("", given, &own)).collect();
    rows.extend(OPAQUE.iter().map(|given| told("opaque: ", given, &own)));
    let callers = exchange("arp-run-gateway", "a-token");
    rows.extend(FOR_A_CALLER.iter().map(|given| told("exchange: ", given, &callers)));
    let nobody = client(&rig, "127.0.0.1:1".parse().unwrap(), &json!({})).fetch(&own).unwrap_err();
    rows.push(Row::new(SECTION, "nothing listens", nobody.outcome().as_str(), &nobody.to_string(), ""));
    // Each flaw of a token that a client can see, made by the stub; a proxy before it tells the time.
    let rig = Rig::new();
    let client = rig.usual();
    for fault in Fault::all().filter(|fault| fault.is_of_tokens() && !fault.name().starts_with("oauth-")) {
        rig.fault(&format!("{},date-now", fault.name()));
        if let Err(error) = client.fetch(&wanted("arp-run-gateway")) {
            let cause = format!("`{}`: {}", fault.name(), fault.description());
            rows.push(Row::new(SECTION, cause, error.outcome().as_str(), &error.to_string(), ""));
        }
    }
    rows
}
