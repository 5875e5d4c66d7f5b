//! Every exchange recorded from the real service, replayed over a socket in the recorded order. Only
//! values that are random by nature are compared by shape; key order, compactness and null keys count.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;

use crate::client::{Answer, Ask, plain};
use serde::Deserialize;
use server_stub::Stub;

/// Stands for a node's key in the recordings.
const RECORDED_KEY: &str = "Zq3n8Yk1-_bTtWm5xV7cR0pLsD2fGh4jKa6eUi9oNvBwxxxxxxxxxxxxxxxxxxxx";
/// The Host header of the recordings.
const RECORDED_HOST: &str = "127.0.0.1:7701";
/// The compared headers. The others differ between two answers of the service.
const COMPARED: [&str; 6] =
    ["server", "content-type", "allow", "location", "www-authenticate", "retry-after"];

#[derive(Deserialize)]
struct Recording {
    exchanges: Vec<Exchange>,
}

#[derive(Deserialize)]
struct Exchange {
    name: String,
    request: Request,
    response: Response,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    path: String,
    headers: HashMap<String, String>,
    body: Option<String>,
}

#[derive(Deserialize)]
struct Response {
    status: u16,
    headers: HashMap<String, String>,
    body: String,
}

/// The values of the recordings' placeholders.
struct Replay {
    stub: Stub,
    node_keys: HashMap<String, String>,
    refresh_token: String,
}

impl Replay {
    /// A stub with the nodes of the recordings.
    fn new() -> Self {
        let stub = plain();
        let (kitchen, key) = stub.node();
        let mut node_keys = HashMap::from([(kitchen.to_owned(), key.to_owned())]);
        for (node, services) in [("garage-pi", "[\"command-center\"]"), ("attic-pi", "[]")] {
            let body = format!(
                "{{\"node_id\":\"{node}\",\"household_id\":\"11111111-2222-4333-8444-555555555555\",\
                 \"name\":\"x\",\"services\":{services}}}"
            );
            let answer = Ask::post("/internal/nodes/register", body).app(&stub).of(&stub);
            assert_eq!(answer.status, 201, "{answer:?}");
            node_keys.insert(node.to_owned(), answer.text("node_key"));
        }
        assert!(stub.deactivate("garage-pi"));
        Self { stub, node_keys, refresh_token: String::new() }
    }

    fn ask(&self, request: &Request) -> Ask {
        let mut ask = Ask::new(&request.method, &request.path).header("Host", RECORDED_HOST);
        for (name, value) in &request.headers {
            let value = match value.as_str() {
                "<app_key>" => self.stub.app_key(),
                "<admin_token>" => self.stub.admin_token(),
                as_recorded => as_recorded,
            };
            ask = ask.header(name, value);
        }
        let Some(body) = &request.body else { return ask };
        let node = self.node_keys.iter().find(|(node, _)| body.contains(&format!("\"{node}\"")));
        let key = node.map_or(RECORDED_KEY, |(_, key)| key);
        ask.body(body.replace(RECORDED_KEY, key).replace("<opaque>", &self.refresh_token))
    }

    /// Keeps values for later exchanges.
    fn learn(&mut self, answer: &Answer) {
        if answer.body.contains("\"refresh_token\"") {
            self.refresh_token = answer.text("refresh_token");
        }
    }
}

/// The body with every random value replaced by its kind, after a check of its format.
fn normalised(body: &str) -> String {
    let mut text = body.to_owned();
    for (key, kind) in [
        ("node_key", Kind::Key),
        ("access_token", Kind::Jwt),
        ("refresh_token", Kind::Key),
        ("household_id", Kind::Uuid),
        ("created_at", Kind::Moment),
        ("updated_at", Kind::Moment),
        ("last_rotated_at", Kind::Moment),
        ("granted_at", Kind::Moment),
    ] {
        text = replace_strings(&text, key, kind);
    }
    // The id of a new user.
    let Some((before, after)) = text.split_once("\"id\":") else { return text };
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    assert_ne!(rest.len(), after.len(), "an id in {body}");
    format!("{before}\"id\":<id>{rest}")
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Key,
    Jwt,
    Uuid,
    Moment,
}

impl Kind {
    fn fits(self, value: &str) -> bool {
        let like = |pattern: &str, value: &str| {
            pattern.len() == value.len()
                && pattern.bytes().zip(value.bytes()).all(|(p, v)| match p {
                    b'9' => v.is_ascii_digit(),
                    b'x' => v.is_ascii_digit() || (b'a'..=b'f').contains(&v),
                    _ => p == v,
                })
        };
        let opaque = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        match self {
            Self::Key => value == "<opaque>" || (value.len() == 64 && opaque(value)),
            Self::Jwt => value == "<jwt>" || (value.split('.').count() == 3 && value.split('.').all(opaque)),
            Self::Uuid => like("xxxxxxxx-xxxx-4xxx-xxxx-xxxxxxxxxxxx", value),
            Self::Moment => like("9999-99-99T99:99:99.999999Z", value),
        }
    }
}

fn replace_strings(text: &str, key: &str, kind: Kind) -> String {
    let opening = format!("\"{key}\":\"");
    let mut parts = text.split(&opening);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (value, rest) = part.split_once('"').unwrap();
        assert!(kind.fits(value), "{key} {value:?} is no {kind:?} in {text}");
        // The id of the first household is fixed.
        let value = if value.starts_with("11111111-") { value.to_owned() } else { format!("<{kind:?}>") };
        out.push_str(&format!("{opening}{value}\"{rest}"));
    }
    out
}

#[test]
fn every_recorded_exchange_is_answered_alike() {
    let recording = include_str!("../../fixtures/jarvis-auth.json");
    let recording: Recording = serde_json::from_str(recording).unwrap();
    assert_eq!(recording.exchanges.len(), 33, "the recording is whole");
    let mut replay = Replay::new();
    for Exchange { name, request, response } in &recording.exchanges {
        let answer = replay.ask(request).of(&replay.stub);
        assert_eq!(answer.status, response.status, "{name}: {answer:?}");
        for header in COMPARED {
            let recorded = response.headers.get(header).map(String::as_str);
            assert_eq!(answer.header(header), recorded, "{name}: {header}");
        }
        for header in response.headers.keys() {
            assert!(COMPARED.contains(&header.as_str()), "{name}: {header} is not compared");
        }
        let node = request
            .body
            .as_ref()
            .and_then(|body| replay.node_keys.iter().find(|(node, _)| body.contains(&format!("\"{node}\""))));
        // An echoed body contains the key.
        let sent = node
            .map_or_else(|| answer.body.clone(), |(_, key)| answer.body.replace(key.as_str(), RECORDED_KEY));
        assert_eq!(normalised(&sent), normalised(&response.body), "{name}");
        replay.learn(&answer);
    }
}

#[test]
fn a_new_nodes_grants_bear_its_own_time() {
    let stub = plain();
    let body = "{\"node_id\":\"n\",\"household_id\":\"11111111-2222-4333-8444-555555555555\",\"name\":\"N\"}";
    assert_eq!(Ask::post("/internal/nodes/register", body).app(&stub).of(&stub).status, 201);
    let shown = Ask::get("/admin/nodes/n").admin(&stub).of(&stub);
    let shown: serde_json::Value = serde_json::from_str(&shown.body).unwrap();
    assert_eq!(shown["created_at"], shown["services"][0]["granted_at"]);
    assert_eq!(shown["last_rotated_at"], serde_json::Value::Null);
}
