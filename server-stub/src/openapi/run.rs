//! The Run Gateway and the Run Coordinator, which have the same paths.

use serde_json::{Value, json};

use super::parts::{answer, boolean, like, list, named, object, one_of, only, text, with_optional};
use super::{Document, Operation};

/// What the Run Gateway answers.
pub(crate) fn gateway() -> Value {
    let check = with_optional([("name", text()), ("status", one_of(&STATUSES))], [("message", text())]);
    let health = with_optional([("status", one_of(&STATUSES)), ("time", time())], [("checks", list(check))]);
    document("ARP Run Gateway", "arp-run-gateway", health, |operation| {
        // What the token service and the coordinator refuse is passed on, with their statuses.
        let failed =
            one_of(&["token_exchange_failed", "token_request_failed", "run_coordinator_unavailable"]);
        let other = answer("The token service or the coordinator failed or refused.", error(failed));
        let mut operation = operation;
        if let Some(answers) = operation.0.get_mut("responses") {
            answers["default"] = other;
        }
        operation
    })
}

/// What the Run Coordinator answers.
pub(crate) fn coordinator() -> Value {
    let health = object([("status", only("ok")), ("time", time())]);
    document("ARP Run Coordinator", "arp-run-coordinator", health, |operation| operation)
}

const STATUSES: [&str; 3] = ["ok", "degraded", "down"];

fn document(
    title: &'static str,
    service: &'static str,
    health: Value,
    guarded: fn(Operation) -> Operation,
) -> Value {
    let http_error = |sentence: &str| {
        object([("error", object([("code", only("http_error")), ("message", only(sentence))]))])
    };
    let elsewhere = json!({
        "404": answer("The service has no such path.", http_error("Not Found")),
        "405": answer("The path has no such method.", http_error("Method Not Allowed")),
    });
    let mut document = Document::new(title, "It starts runs and tells how they go.", elsewhere);
    requests(&mut document);
    let run = with_optional(
        [
            ("run_id", text()),
            ("state", one_of(&["running", "succeeded", "canceled"])),
            ("root_node_run_id", text()),
            ("started_at", time()),
        ],
        [("run_context", named("RunContext")), ("ended_at", time())],
    );
    document.schema("Run", run);
    let health =
        Operation::new("health", "Says how the service is.").answers(200, answer("How it is.", health));
    document.add("get", "/v1/health", health);
    let version = object([
        ("service_name", only(service)),
        ("service_version", text()),
        ("supported_api_versions", json!({ "const": ["v1"] })),
    ]);
    let version = Operation::new("version", "Tells the service's version.")
        .answers(200, answer("The version.", version));
    document.add("get", "/v1/version", version);
    let called = |id, summary| guarded(Operation::new(id, summary).bearer().answers(401, unauthorized()));
    let shown = || answer("The run.", named("Run"));
    let unknown = || answer("There is no such run.", error(only("run_not_found")));
    let complaint =
        object([("type", text()), ("loc", json!({ "type": "array", "minItems": 1 })), ("msg", text())]);
    let details = object([("errors", json!({ "type": "array", "minItems": 1, "items": complaint }))]);
    let invalid = object([
        ("code", only("invalid_request")),
        ("message", only("Request validation failed")),
        ("details", details),
    ]);
    let start = called("start_run", "Starts a run.")
        .takes(named("RunStart"))
        .answers(200, shown())
        .answers(400, answer("The body is not as described.", object([("error", invalid)])))
        .answers(409, answer("There is a run of this id.", error(only("run_already_exists"))))
        .answers(413, answer("The body has more than 1 MiB.", error(only("http_error"))));
    document.add("post", "/v1/runs", start);
    let show = called("show_run", "Shows a run.").at("run_id").answers(200, shown()).answers(404, unknown());
    document.add("get", "/v1/runs/{run_id}", show);
    let cancel = called("cancel_run", "Cancels a run. One that is over stays as it ended.")
        .at("run_id")
        .answers(200, shown())
        .answers(404, unknown());
    document.add("post", "/v1/runs/{run_id}:cancel", cancel);
    let events = json!({
        "description": "The events, one JSON object a line, each as soon as it is there.",
        "content": { "application/x-ndjson": { "schema": text(), "x-line": named("Event") } },
    });
    let events = called("run_events", "Tells a run's events.")
        .at("run_id")
        .answers(200, events)
        .answers(404, unknown());
    document.add("get", "/v1/runs/{run_id}/events", events);
    document.finished()
}

/// Schemas of requests: those of ARP 0.3.7.
fn requests(document: &mut Document) {
    let any = || json!({ "type": "object" });
    let texts = || json!({ "type": "object", "additionalProperties": { "type": "string" } });
    let whole = |least: u8| json!({ "type": "integer", "minimum": least });
    let extensions = || ("extensions", named("Extensions"));
    let namespaced = r"^[A-Za-z0-9][A-Za-z0-9_.-]*\.[A-Za-z0-9_.-]+$";
    document.schema("Extensions", json!({ "type": "object", "propertyNames": { "pattern": namespaced } }));
    let actor = with_optional([("type", text()), ("id", text())], [("uri", text()), extensions()]);
    let trace = with_optional([], [("trace_id", text()), ("span_id", text()), ("request_id", text())]);
    let context = [
        ("tenant_id", text()),
        ("actor", actor),
        ("identity", any()),
        ("trace", trace),
        ("policy", any()),
        ("budgets", any()),
        extensions(),
    ];
    document.schema("RunContext", with_optional([], context));
    let structural = [
        "max_depth",
        "max_children_per_composite",
        "max_total_nodes_per_run",
        "max_decomposition_rounds_per_node",
    ];
    let candidates = [
        ("max_candidates_per_subtask", whole(1)),
        ("allowed_node_type_ids", list(text())),
        ("denied_node_type_ids", list(text())),
    ];
    let budgets = [
        ("max_wall_time_ms", whole(0)),
        ("max_steps", whole(0)),
        ("max_external_calls", whole(0)),
        ("max_cost", json!({ "type": "number", "minimum": 0 })),
    ];
    let gates =
        [("side_effect_class", one_of(&["read", "write", "irreversible"])), ("require_approval", boolean())];
    let constraints = [
        ("structural", with_optional([], structural.map(|name| (name, whole(0))))),
        ("candidates", with_optional([], candidates)),
        ("budgets", with_optional([], budgets)),
        ("gates", with_optional([], gates)),
        extensions(),
    ];
    let node_type = with_optional([("node_type_id", text()), ("version", text())], [extensions()]);
    let start = with_optional(
        [("root_node_type_ref", node_type), ("input", any())],
        [
            ("run_id", json!({ "type": "string", "minLength": 1 })),
            ("run_context", named("RunContext")),
            ("constraints", with_optional([], constraints)),
            ("metadata", with_optional([], [("labels", texts()), ("annotations", texts()), extensions()])),
            extensions(),
        ],
    );
    document.schema("RunStart", start);
    let event = object([
        ("run_id", text()),
        ("node_run_id", text()),
        ("seq", whole(1)),
        ("type", text()),
        ("time", time()),
        ("data", any()),
    ]);
    document.schema("Event", event);
}

fn time() -> Value {
    like(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z$")
}

fn error(code: Value) -> Value {
    object([(
        "error",
        with_optional([("code", code), ("message", text())], [("details", json!({ "type": "object" }))]),
    )])
}

/// 401 for the caller's own token. Without the header, a 401 is the token service's or the coordinator's.
fn unauthorized() -> Value {
    let codes = ["unauthorized", "token_exchange_failed", "token_request_failed"];
    answer(
        "A token is missing or not good; it is the caller's where there is a challenge.",
        error(one_of(&codes)),
    )
}
