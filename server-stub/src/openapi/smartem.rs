//! SmartEM's backend.

use serde_json::{Value, json};

use super::parts::{answer, moment, object, one_of, only, refusal, text, uuid, with_header};
use super::{Document, Operation};

/// What SmartEM's backend answers, as far as it is here.
pub(crate) fn document() -> Value {
    let elsewhere = json!({
        "404": refusal("The service has no such path.", &["Not Found"]),
        "405": refusal("The path has no such method.", &["Method Not Allowed"]),
    });
    let what = "The part of SmartEM's backend that has to do with callers' tokens and agents' heartbeats.";
    let mut document = Document::new("SmartEM Decisions Backend API", what, elsewhere);
    let state = || object([("status", text()), ("details", text())]);
    let services = object([("database", state()), ("event_broker", state()), ("log_aggregator", state())]);
    let health = object([
        ("status", only("ok")),
        ("timestamp", moment()),
        ("services", services),
        ("version", text()),
    ]);
    document.add("get", "/health", open("health", "Says how the backend is.", health));
    let status = object([
        ("status", only("ok")),
        ("service", only("SmartEM Decisions API")),
        ("version", text()),
        ("timestamp", moment()),
    ]);
    document.add("get", "/status", open("status", "Says that the backend runs.", status));
    let version = object([("service", only("smartem-decisions")), ("version", text())]);
    document.add("get", "/version", guarded("version", "Tells the version.", version));
    let this = json!({ "type": "object", "required": ["openapi", "info", "paths"] });
    document.add("get", "/openapi.json", open("openapi", "Is this document.", this));
    let page = json!({ "description": "A page.", "content": { "text/html": { "schema": text() } } });
    document.add("get", "/docs", Operation::new("docs", "Is a page for people.").answers(200, page));
    let heard = object([
        ("status", one_of(&["success"])),
        ("agent_id", text()),
        ("session_id", text()),
        ("heartbeat_timestamp", moment()),
        ("connection_id", uuid()),
    ]);
    let heartbeat =
        guarded("heartbeat", "Tells that an agent is alive.", heard).at("agent_id").at("session_id");
    document.add("post", "/agent/{agent_id}/session/{session_id}/heartbeat", heartbeat);
    document.finished()
}

fn open(id: &str, summary: &str, schema: Value) -> Operation {
    Operation::new(id, summary).answers(200, answer("So it is.", schema))
}

fn guarded(id: &str, summary: &str, schema: Value) -> Operation {
    let sentences = [
        "Missing or malformed Authorization header",
        "Empty bearer token",
        "Cannot resolve signing key",
        "Token expired",
        "Token azp not permitted",
        "Invalid token",
    ];
    let refused = refusal("The caller's token is not good.", &sentences);
    open(id, summary, schema).bearer().answers(401, with_header(refused, "WWW-Authenticate", only("Bearer")))
}
