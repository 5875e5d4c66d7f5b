//! Every recorded exchange is as described, and what is no right answer is not.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use test_support::described::Described;

use super::document;
use crate::client::Answer;

/// A recorded request and its answer, in whichever file.
#[derive(Deserialize)]
struct Exchange {
    #[serde(alias = "case")]
    name: String,
    service: Option<String>,
    profile: Option<String>,
    request: Request,
    response: Response,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    path: String,
}

#[derive(Deserialize)]
struct Response {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Value,
}

impl Exchange {
    /// The answer, with tokens and keys in the place of what stands for them in a recording.
    fn answer(&self) -> Answer {
        let Response { status, headers, body } = &self.response;
        let mut body = body.clone();
        for (name, value) in [("access_token", "<jwt>"), ("id_token", "<id_token>")] {
            if body.get(name).is_some_and(|token| token.is_object() || token == value) {
                body[name] = "header.payload.signature".into();
            }
        }
        let body = match body.as_str() {
            Some(text) => text.replace("<jwt>", "header.payload.signature"),
            None => body.to_string(),
        };
        let body = body
            .replace("<url>", "http://sts")
            .replace("<public_key>", "MIIB")
            .replace("\"<not before>\"", "1");
        Answer { status: *status, headers: headers.clone().into_iter().collect(), body }
    }

    /// The file of the document that it is to be as.
    fn file(&self) -> String {
        let home = if self.profile.as_deref() == Some("jarvisd") { "jarvisd" } else { "python" };
        let service = match self.service.as_deref() {
            None => "auth",
            Some("config") => "config-service",
            Some(name) => name,
        };
        format!("{service}.{home}.json")
    }
}

fn exchanges(recording: &str, list: &str, count: usize) -> Vec<Exchange> {
    let mut recording: Value = serde_json::from_str(recording).expect("JSON");
    let exchanges: Vec<Exchange> = serde_json::from_value(recording[list].take()).expect("exchanges");
    assert_eq!(exchanges.len(), count, "the recording is whole");
    exchanges
}

fn of_homes() -> Vec<Exchange> {
    let auth = include_str!("../../fixtures/jarvis-auth.json");
    let homes = include_str!("../../fixtures/jarvis-home.json");
    exchanges(auth, "exchanges", 33).into_iter().chain(exchanges(homes, "records", 170)).collect()
}

fn check(exchanges: &[Exchange], file: impl Fn(&Exchange) -> String) {
    let mut documents = BTreeMap::new();
    let differences: Vec<String> = exchanges
        .iter()
        .filter_map(|exchange| {
            let file = file(exchange);
            let described = documents.entry(file.clone()).or_insert_with(|| Described::new(document(&file)));
            let Request { method, path } = &exchange.request;
            let checked = described.check(method, path, &exchange.answer());
            checked.err().map(|why| format!("{}: {why}", exchange.name))
        })
        .collect();
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn recorded_answers_of_both_homes_are_as_described() {
    check(&of_homes(), Exchange::file);
}

#[test]
fn recorded_answers_of_keycloak_are_as_described() {
    let recording = include_str!("../../fixtures/keycloak.json");
    for (list, count) in [("exchanges", 300), ("named", 12)] {
        let mut exchanges = exchanges(recording, list, count);
        for exchange in &mut exchanges {
            // A slash at the end changes nothing. HEAD is a GET without the body.
            exchange.request.path = exchange.request.path.trim_end_matches('/').to_owned();
        }
        exchanges.retain(|exchange| exchange.request.method != "HEAD");
        check(&exchanges, |_| "token-service.json".to_owned());
    }
}

/// The recorded answer of this name in the documents of the Python home.
fn recorded(name: &str) -> Exchange {
    let mut exchanges = of_homes().into_iter();
    exchanges
        .find(|exchange| exchange.name == name && exchange.file().ends_with("python.json"))
        .expect("it is there")
}

#[test]
fn wrong_answers_are_not_as_described() {
    type Change<T> = fn(&mut T);
    let changes: [(&str, Change<Answer>); 4] = [
        ("validate_valid", |answer| answer.status = 202),
        ("validate_valid", |answer| answer.headers[0].1 = "text/html".to_owned()),
        ("validate_get", |answer| answer.headers.retain(|(name, _)| name != "allow")),
        ("user_logout", |answer| answer.body = "{}".to_owned()),
    ];
    for (name, change) in changes {
        refuses(name, change);
    }
    let bodies: [(&str, Change<Value>); 12] = [
        ("health", |body| body["status"] = "well".into()),
        ("validate_valid", |body| body["valid"] = "true".into()),
        ("validate_valid", |body| body["node_id"] = Value::Null),
        ("validate_valid", |body| body["more"] = 1.into()),
        ("validate_valid", |body| drop(body.as_object_mut().expect("an object").remove("reason"))),
        ("validate_inactive", |body| body["household_id"] = "11111111-2222-4333-8444-555555555555".into()),
        ("validate_inactive", |body| body["reason"] = "Node is gone".into()),
        ("validate_missing_field", |body| body["detail"] = "Field required".into()),
        ("register_node", |body| body["node_key"] = "short".into()),
        ("node_detail", |body| body["created_at"] = "yesterday".into()),
        ("heartbeat_pending_update", |body| body["pending_update"]["task_id"] = json!(7)),
        ("services_default", |body| body["services"][0]["port"] = 70_000.into()),
    ];
    for (name, change) in bodies {
        refuses(name, |answer| {
            let mut body = answer.json();
            change(&mut body);
            answer.body = body.to_string();
        });
    }
}

#[track_caller]
fn refuses(name: &str, change: impl Fn(&mut Answer)) {
    let exchange = recorded(name);
    let described = Described::new(document(&exchange.file()));
    let Request { method, path } = &exchange.request;
    let mut answer = exchange.answer();
    described.check(method, path, &answer).expect("the recorded answer is right");
    change(&mut answer);
    assert!(described.check(method, path, &answer).is_err(), "{name}: {answer:?}");
}
