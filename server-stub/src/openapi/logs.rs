//! The logs.

use serde_json::{Value, json};

use super::parts::{
    answer, described, elsewhere, internal, like, list, moment, nothing, object, one_of, only, open, refusal,
    refusal_like, text, text_or_null, unprocessable,
};
use super::{Document, Operation};
use crate::home::Home;

/// What the logs of a home answer.
pub(crate) fn document(home: Home) -> Value {
    let what = "The logs, port 7702: they take lines from nodes.";
    let mut document = Document::new("Jarvis logs", described(home, what), elsewhere(home));
    let ping = Operation::new("ping", "Says that the process runs.")
        .answers(200, answer("It runs.", object([("message", only("pong"))])));
    document.add("get", "/ping", ping);
    let store = object([("loki", one_of(&["available", "unavailable"]))]);
    let health =
        object([("status", one_of(&["healthy", "degraded"])), ("timestamp", moment()), ("services", store)]);
    let health =
        Operation::new("health", "Says how the service is.").answers(200, answer("How it is.", health));
    document.add("get", "/health", health);
    document.add("post", "/api/v0/node/logs/batch", batch(home));
    document.finished()
}

fn batch(home: Home) -> Operation {
    let line = open(
        [
            ("service", json!({ "type": "string", "minLength": 1, "maxLength": 64 })),
            ("level", one_of(&["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])),
            ("message", text()),
        ],
        [("timestamp", text_or_null()), ("context", json!({ "type": ["object", "null"] }))],
    );
    let refused = "^(Node not found|Node is inactive|Invalid node credentials\
                   |Node is not authorized to access service 'jarvis-logs'\
                   |Auth service (unavailable|error): .+|JARVIS_APP_KEY not configured)$";
    let operation = Operation::new("send_lines", "Takes lines of a node.")
        .header("X-Node-Id")
        .header("X-Node-Key")
        .takes(open([("logs", list(line))], []))
        .answers(204, nothing("Taken."))
        .answers(401, refusal("A header is missing.", &["Missing node credentials"]))
        .answers(403, refusal_like("The node is refused, or the auth service cannot be asked.", refused))
        .answers(500, internal(home))
        .answers(502, refusal("The lines could not be stored.", &["Failed to push logs to Loki"]));
    match home {
        Home::Python => operation
            .answers(400, refusal("The body is no UTF-8.", &["There was an error parsing the body"]))
            .answers(422, unprocessable()),
        Home::Jarvisd => {
            let mut bad = unprocessable();
            let complaints = bad["content"]["application/json"]["schema"].take();
            let sentence = object([("detail", like("^(Request body is empty|Invalid JSON body: .+)$"))]);
            bad["content"]["application/json"]["schema"] = json!({ "oneOf": [complaints, sentence] });
            operation
                .answers(413, refusal("The body has more than 1 MiB.", &["Request body too large"]))
                .answers(422, bad)
        }
    }
}
