//! The lines that nodes send.

use serde_json::json;
use server_stub::{Home, LogLine, Stub};

use super::replay::{NODE_KEY, records};
use super::{HOMES, household};
use crate::client::{Answer, Ask};

const PATH: &str = "/api/v0/node/logs/batch";
const LINE: &str = r#"{"logs":[{"service":"jarvis-node","level":"INFO","message":"checked"}]}"#;

fn post(stub: &Stub, node_id: &str, key: &str, body: &str) -> Answer {
    Ask::post(PATH, body).header("X-Node-Id", node_id).header("X-Node-Key", key).at(stub.logs())
}

/// As the first node.
fn send(stub: &Stub, body: &str) -> Answer {
    let (node_id, key) = stub.node();
    post(stub, node_id, key, body)
}

fn told(answer: &Answer) -> (u16, String) {
    (answer.status, answer.body.trim_end().to_owned())
}

#[test]
fn lines_of_a_node_are_kept_in_their_order() {
    for home in HOMES {
        let stub = household(home);
        let body = json!({ "logs": [
            { "timestamp": "2026-11-27T12:00:00.5", "service": "s", "level": "ERROR", "message": "one",
              "context": { "a": [1, "ä"] } },
            { "service": "s", "level": "DEBUG", "message": "" },
        ]});
        let answer = send(&stub, &body.to_string());
        assert_eq!(told(&answer), (204, String::new()), "{home}");
        assert_eq!(answer.header("content-type").or(answer.header("content-length")), None, "{answer:?}");
        let line = |timestamp: Option<&str>, level: &str, message: &str, context: Option<&str>| LogLine {
            node_id: "kitchen-pi".to_owned(),
            timestamp: timestamp.map(str::to_owned),
            service: "s".to_owned(),
            level: level.to_owned(),
            message: message.to_owned(),
            context: context.map(str::to_owned),
        };
        let first = line(Some("2026-11-27T12:00:00.5"), "ERROR", "one", Some("{\"a\":[1,\"ä\"]}"));
        assert_eq!(stub.log_lines(), [first, line(None, "DEBUG", "", None)], "{home}");
        assert_eq!(send(&stub, "{\"logs\":[]}").status, 204);
        assert_eq!(stub.log_lines().len(), 2);
    }
}

#[test]
fn node_is_checked_before_the_fields_of_the_body() {
    for home in HOMES {
        let stub = household(home);
        let refused = |body: &str| Ask::post(PATH, body).at(stub.logs()).status;
        assert_eq!(refused(r#"{"logs":[{"level":"x"}]}"#), 401, "{home}");
        // Python reads JSON first.
        assert_eq!(refused("{\"logs\":"), if home == Home::Python { 422 } else { 401 }, "{home}");
        for empty in [("X-Node-Id", ""), ("X-Node-Key", "")] {
            let other = if empty.0 == "X-Node-Id" { "X-Node-Key" } else { "X-Node-Id" };
            let answer = Ask::post(PATH, LINE).header(empty.0, "").header(other, "x").at(stub.logs());
            let missing = "{\"detail\":\"Missing node credentials\"}".to_owned();
            assert_eq!(told(&answer), (401, missing), "{home}");
        }
        assert!(stub.log_lines().is_empty());
    }
}

#[test]
fn bad_lines_are_each_named_in_the_words_of_the_home() {
    let level = "String should match pattern '^(DEBUG|INFO|WARNING|ERROR|CRITICAL)$'";
    let body = json!({ "logs": [
        { "service": "", "level": "info" },
        { "timestamp": "noon", "service": "s".repeat(65), "level": "INFO", "message": null },
    ]});
    for home in HOMES {
        let stub = household(home);
        let answer = send(&stub, &body.to_string());
        assert_eq!(answer.status, 422, "{home}: {answer:?}");
        let detail = answer.json()["detail"].clone();
        let kinds = detail.as_array().expect("complaints").iter().map(|one| one["type"].clone());
        let message = if home == Home::Python { "string_type" } else { "missing" };
        let expected = [
            "string_too_short",
            "string_pattern_mismatch",
            "missing",
            "datetime_from_date_parsing",
            "string_too_long",
            message,
        ];
        assert!(kinds.eq(expected), "{home}: {detail}");
        assert_eq!(detail[0]["msg"], "String should have at least 1 character");
        assert_eq!(detail[1]["msg"], level);
        assert_eq!(detail[1]["loc"], json!(["body", "logs", 0, "level"]));
        assert_eq!(detail[1].get("ctx").is_some(), home == Home::Python, "{detail}");
        // A missing field repeats the line, but not in jarvisd.
        assert_eq!(detail[2]["input"].is_null(), home == Home::Jarvisd, "{detail}");
        assert!(stub.log_lines().is_empty(), "none of a bad batch is kept");
    }
}

#[test]
fn jarvisd_tells_a_body_that_go_cannot_decode_in_a_sentence() {
    let stub = household(Home::Jarvisd);
    for (body, sentence) in [
        ("", "Request body is empty"),
        ("{\"logs\":[", "Invalid JSON body: unexpected EOF"),
        (
            "{\"logs\":[{\"level\":1}]}",
            "Invalid JSON body: json: cannot unmarshal value into Go struct field .logs.level",
        ),
        ("{\"logs\":{}}", "Invalid JSON body: json: cannot unmarshal value into Go struct field .logs"),
    ] {
        let expected = format!("{{\"detail\":\"{sentence}\"}}");
        assert_eq!(told(&send(&stub, body)), (422, expected), "{body}");
    }
    let missing =
        r#"{"detail":[{"type":"missing","loc":["body","logs"],"msg":"Field required","input":null}]}"#;
    assert_eq!(told(&send(&stub, "{}")), (422, missing.to_owned()));
}

#[test]
fn outage_of_the_auth_service_looks_like_a_rejection() {
    let stub = household(Home::Python);
    stub.auth().go_down();
    let (status, body) = told(&send(&stub, LINE));
    assert_eq!(status, 403);
    assert!(body.starts_with("{\"detail\":\"Auth service unavailable: "), "{body}");
    stub.auth().come_back().expect("the same address");
    stub.auth().set_faults("status-503".parse().expect("a fault")).expect("it can have it");
    assert_eq!(told(&send(&stub, LINE)), (403, "{\"detail\":\"Auth service error: 503\"}".to_owned()));
    // Unlike a command center, the logs do not remember an outage.
    stub.auth().set_faults(server_stub::Faults::NONE).expect("none");
    assert_eq!(send(&stub, LINE).status, 204);
    for home in HOMES {
        let stub = household(home);
        stub.logs().set_faults("auth-error-500".parse().expect("a fault")).expect("it can have it");
        let (status, body) = told(&send(&stub, LINE));
        assert!(status == 403 && body.starts_with("{\"detail\":\"Auth service error: "), "{home}: {body}");
        stub.logs().set_faults("logs-store-fails".parse().expect("a fault")).expect("it can have it");
        assert_eq!(
            told(&send(&stub, LINE)),
            (502, "{\"detail\":\"Failed to push logs to Loki\"}".to_owned())
        );
        assert!(stub.log_lines().is_empty());
    }
}

#[test]
fn python_logs_remember_a_verdict_until_a_restart() {
    for home in HOMES {
        let stub = household(home);
        let (node_id, old) = stub.node();
        let new = stub.rotate_key(node_id).expect("a node");
        let wrong = (403, "{\"detail\":\"Invalid node credentials\"}".to_owned());
        assert_eq!(told(&post(&stub, node_id, old, LINE)), wrong, "{home}");
        assert_eq!(post(&stub, node_id, &new, LINE).status, 204, "{home}");
        assert!(stub.deactivate(node_id));
        let remembered = post(&stub, node_id, &new, LINE);
        assert_eq!(remembered.status, if home == Home::Python { 204 } else { 403 }, "{home}");
        stub.go_down();
        stub.come_back().expect("the same addresses");
        let inactive = (403, "{\"detail\":\"Node is inactive\"}".to_owned());
        assert_eq!(told(&post(&stub, node_id, &new, LINE)), inactive, "{home}");
    }
}

/// The households of the records' cases, and the node and key that are shown in each.
fn of_the_case(home: Home, case: &str) -> (Stub, String, String) {
    let stub = household(home);
    let fault = |name: &str| {
        stub.logs().set_faults(name.parse().expect("a fault")).expect("it can have it");
    };
    match case {
        "refused: Node is not authorized to access service 'jarvis-logs'" => {
            let grant = "/internal/nodes/kitchen-pi/services/jarvis-logs";
            assert_eq!(Ask::new("DELETE", grant).app(&stub).of(&stub).status, 204);
        }
        "outage_in_disguise" => fault("auth-error-500"),
        "store_failed" => fault("logs-store-fails"),
        _ => {}
    }
    let (node_id, key) = stub.node();
    let node_id = if case == "refused: Node not found" { "nobody" } else { node_id }.to_owned();
    let key = if case == "refused: Invalid node credentials" { "another" } else { key }.to_owned();
    (stub, node_id, key)
}

#[test]
fn logs_answer_as_documented_in_both_homes() {
    let records = records("logs");
    assert_eq!(records.len(), 15, "the file is whole");
    let mut differences = Vec::new();
    for record in &records {
        let (stub, node_id, key) = of_the_case(record.home(), &record.case);
        let answer = record.ask(&[("kitchen-pi", &node_id), (NODE_KEY, &key)]).at(stub.logs());
        // The words of the failed database are not known.
        differences.extend(record.differences(&answer, &[("DATABASE ERROR", "disk I/O error (10)")]));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
