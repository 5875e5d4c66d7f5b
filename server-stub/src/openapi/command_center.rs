//! The command center.

use serde_json::{Value, json};

use super::parts::{
    answer, boolean, described, elsewhere, integer, internal, key, like, list, moment, moment_or_null, named,
    null, object, one_of, only, open, refusal, refusal_like, text, text_or_null, uuid, with_optional,
};
use super::{Document, Operation};
use crate::home::Home;

const UNREADABLE: &str = "There was an error parsing the body";

/// What the command center of a home answers.
pub(crate) fn document(home: Home) -> Value {
    let what = "The command center, port 7703, as nodes, an app and an administrator use it.";
    let mut document = Document::new("Jarvis command center", described(home, what), elsewhere(home));
    document.schema("Task", task());
    let health = object([
        ("status", only("healthy")),
        ("service", only("jarvis-command-center")),
        ("timestamp", moment()),
    ]);
    let health =
        Operation::new("health", "Says that the process runs.").answers(200, answer("It runs.", health));
    document.add("get", "/health", health);
    let ping = Operation::new("ping", "Says that the process runs.")
        .answers(200, answer("It runs.", object([("message", only("pong"))])));
    document.add("get", "/api/v0/ping", ping);
    heartbeat(&mut document, home);
    updates(&mut document, home);
    enrolment(&mut document, home);
    calls(&mut document, home);
    document.finished()
}

fn heartbeat(document: &mut Document, home: Home) {
    let version_info =
        open([], ["version", "install_mode", "git_sha", "install_dir"].map(|name| (name, text_or_null())));
    let said = open(
        [],
        [
            ("version_info", version_info),
            ("is_busy", boolean()),
            ("protocols", list(text())),
            ("needs_k2", boolean()),
            ("thread_status", json!({ "type": "object" })),
        ],
    );
    let update = object([("task_id", uuid()), ("target_version", text())]);
    let heard = with_optional([("status", only("ok"))], [("pending_update", update)]);
    let heartbeat = by_node(home, "heartbeat", "Tells how a node is, and gets its queued update once.")
        .may_take(said)
        .answers(200, answer("Heard.", heard));
    document.add("post", "/api/v0/admin/nodes/heartbeat", bodied(heartbeat, home, &[]));
    let mut shown = object([
        ("node_id", text()),
        ("room", text()),
        ("user", text()),
        ("voice_mode", text()),
        ("household_id", uuid()),
        ("online", boolean()),
        ("last_seen", moment()),
        ("last_seen_version", text_or_null()),
        ("install_mode", text_or_null()),
        ("git_sha", text_or_null()),
        ("is_busy", boolean()),
        ("needs_k2", boolean()),
    ]);
    if home == Home::Python {
        shown["properties"]["adapter_hash"] = null();
    }
    let show = by_member("show_node", "Shows a node as the app sees it.")
        .at("node_id")
        .answers(200, answer("The node.", shown))
        .answers(404, refusal("There is no such node.", &["Node not found"]));
    document.add("get", "/api/v0/admin/nodes/{node_id}", show);
}

fn updates(document: &mut Document, home: Home) {
    let shown = || answer("The task.", named("Task"));
    let unknown = || refusal("There is no such task of this node.", &["Task not found"]);
    let ended = || refusal_like("It has ended.", "^Task is already (success|failed)$");
    let report = by_node(home, "report_task", "Tells that an update failed.")
        .at("task_id")
        .takes(open([("state", one_of(&["failed"]))], [("error_message", text_or_null())]))
        .answers(200, shown())
        .answers(404, unknown())
        .answers(409, ended());
    document.add("post", "/api/v0/nodes/tasks/{task_id}/status", bodied(report, home, &[]));
    let show =
        by_member("show_task", "Shows a task.").at("task_id").answers(200, shown()).answers(404, unknown());
    document.add("get", "/api/v0/tasks/{task_id}", show);
    let list_tasks = by_member("list_tasks", "Lists a node's tasks, the newest first.")
        .at("node_id")
        .answers(200, answer("The tasks.", list(named("Task"))));
    document.add("get", "/api/v0/nodes/{node_id}/tasks", list_tasks);
    let cancel = by_member("cancel_task", "Cancels a task.")
        .at("node_id")
        .at("task_id")
        .answers(200, shown())
        .answers(404, unknown())
        .answers(409, ended());
    document.add("post", "/api/v0/nodes/{node_id}/tasks/{task_id}/cancel", cancel);
    let none = "Could not determine target version (GitHub releases unreachable and no explicit version was requested).";
    let queued = object([
        ("message", only("An update is already queued for this node.")),
        ("task_id", uuid()),
        ("state", one_of(&["pending", "dispatched", "in_progress"])),
    ]);
    let update = by_member("request_update", "Queues an update of a node.")
        .at("node_id")
        .may_take(open([], [("target_version", text_or_null())]))
        .answers(200, shown())
        .answers(404, refusal("There is no such node.", &["Node not found"]))
        .answers(409, answer("One is queued.", object([("detail", queued)])))
        .answers(503, refusal("No version is known.", &[none]));
    let not_for_it = [
        r"Node install mode '.*' does not support remote updates \(only 'tarball' installs do\)\.",
        r"Node is already on version .+; target .+ is not newer\.",
    ];
    let not_for_it = if home == Home::Jarvisd { &not_for_it[..] } else { &[] };
    document.add("post", "/api/v0/nodes/{node_id}/update", bodied(update, home, not_for_it));
}

fn enrolment(document: &mut Document, home: Home) {
    let registered = "Node already registered";
    let given = [
        ("token", like("^prov_[A-Za-z0-9_-]{43}$")),
        ("node_id", text()),
        ("expires_at", moment()),
        ("expires_in", json!({ "enum": if home == Home::Python { vec![600] } else { vec![600, 1800] } })),
    ];
    let given = match home {
        Home::Python => object(given),
        Home::Jarvisd => {
            let url = || like("^https?://");
            with_optional(given, [("node_command_center_url", url()), ("node_config_service_url", url())])
        }
    };
    let texts = ["room", "name", "node_id"].map(|name| (name, text_or_null()));
    let who = ["Authentication required", "Invalid API key", "Invalid or expired JWT"];
    let mint = Operation::new("create_provisioning_token", "Gives a token for a new node.")
        .bearer()
        .header("X-API-Key")
        .takes(open([("household_id", text())], texts))
        .answers(201, answer("A token.", given))
        .answers(401, refusal("The caller is not known.", &who));
    let mint = bodied(mint, home, &[registered]);
    let mint = match home {
        Home::Python => mint,
        Home::Jarvisd => {
            mint.answers(403, refusal("It is not the caller's.", &["User is not a member of this household"]))
        }
    };
    document.add("post", "/api/v0/provisioning/token", mint);

    let enrolled = object([
        ("node_id", text()),
        ("room", text()),
        ("user", only("default")),
        ("voice_mode", only("brief")),
        ("node_key", key()),
    ]);
    let register = Operation::new("register", "Gives a new node its key for its token.")
        .takes(open([("node_id", text()), ("provisioning_token", text())], [("room", text_or_null())]))
        .answers(201, answer("Registered.", enrolled))
        .answers(404, refusal("There is no such household.", &["Household not found"]));
    let bad = "Invalid or expired provisioning token";
    let register = bodied(register, home, &[registered, "node_id already exists"]);
    let register = match home {
        Home::Python => register
            .answers(
                401,
                refusal_like(
                    "The token is not good, or the center's own key is not.",
                    &format!("^({bad}|Auth service error: .+)$"),
                ),
            )
            .answers(
                500,
                failed(&[
                    "JARVIS_APP_KEY not configured for auth integration",
                    "Auth service error: Internal Server Error",
                ]),
            )
            .answers(502, refusal_like("The auth service is away.", "^Auth service unavailable: .+$")),
        Home::Jarvisd => register.answers(401, refusal("The token is not good.", &[bad])),
    };
    document.add("post", "/api/v0/nodes/register", register);
}

fn calls(document: &mut Document, home: Home) {
    let of_mqtt = object([("username", text_or_null()), ("password", text_or_null())]);
    let mqtt = by_node(home, "mqtt_credentials", "Gives a node what the MQTT broker asks it for.")
        .answers(200, answer("The credentials, or none.", of_mqtt))
        .answers(400, answer("A header is missing.", complaints()))
        .answers(500, internal(home));
    document.add("get", "/api/v0/node/mqtt-credentials", mqtt);
    let target = || ("target_type", one_of(&["user", "household"]));
    let id = || json!({ "type": ["string", "null"], "pattern": "^[0-9a-f-]{36}$" });
    let withheld = || ("withheld_by", text_or_null());
    let mut call = |name: &str, id: &str, summary: &str, takes: Value, gives: Value| {
        let operation =
            by_node(home, id, summary).takes(takes).answers(200, answer("What became of it.", gives));
        document.add("post", &format!("/api/v0/node/{name}"), bodied(operation, home, &[]));
    };
    let push = open(
        [("title", text()), ("body", text())],
        [
            ("category", text_or_null()),
            ("user_id", json!({ "type": ["integer", "null"] })),
            target(),
            ("dedupe_key", text_or_null()),
            ("force", boolean()),
        ],
    );
    let pushed = object([("sent", boolean()), ("inbox_item_id", id()), withheld()]);
    call("push-notification", "push_notification", "Notifies the household.", push, pushed);
    let item = open(
        [("title", text())],
        [
            ("summary", text_or_null()),
            ("body", text_or_null()),
            ("category", text_or_null()),
            ("dedupe_key", text_or_null()),
            ("metadata", json!({ "type": ["object", "null"] })),
            target(),
        ],
    );
    let filed = object([("id", id()), ("sent", boolean()), withheld()]);
    call("inbox-item", "inbox_item", "Files an item.", item, filed);
    let link = open(
        [("user_id", integer()), ("url", text())],
        [("title", text_or_null()), ("body", text_or_null())],
    );
    call("send-link", "send_link", "Sends a user a link.", link, object([("sent", boolean()), withheld()]));
    let message = open([("role", one_of(&["system", "user", "assistant"])), ("content", text())], []);
    let asked = open(
        [("messages", list(message))],
        [("model", text_or_null()), ("temperature", json!({ "type": "number" }))],
    );
    let said = object([("content", text())]);
    let chat = by_node(home, "llm_chat", "Asks the language model.")
        .takes(asked)
        .answers(200, answer("Its words.", said));
    let chat = bodied(chat, home, &[]);
    let absent = ["LLM unavailable"];
    let chat = match home {
        Home::Python => chat.answers(500, failed(&absent)),
        Home::Jarvisd => chat.answers(503, refusal("There is no model.", &absent)),
    };
    document.add("post", "/api/v0/node/llm/chat", chat);
}

/// An operation for nodes. The Python home says of an outage that the node is refused.
fn by_node(home: Home, id: &str, summary: &str) -> Operation {
    let reasons = "Invalid API Key|Node not configured locally|Node not found|Node is inactive\
                   |Invalid node credentials|Node is not authorized to access service '.*'";
    let outages = match home {
        Home::Python => "|Auth not configured|Auth service unavailable: .+|Auth service error: .+",
        Home::Jarvisd => "",
    };
    let refused = refusal_like("The node is refused.", &format!("^({reasons}{outages})$"));
    Operation::new(id, summary).header("X-API-Key").answers(401, refused)
}

/// An operation for members of a household.
fn by_member(id: &str, summary: &str) -> Operation {
    Operation::new(id, summary)
        .bearer()
        .answers(
            401,
            refusal(
                "The user's token is not good.",
                &["Missing or invalid Authorization header", "Invalid token"],
            ),
        )
        .answers(403, refusal("It is not the caller's.", &["User is not a member of this household"]))
}

/// The answers to a body that is not as it should be; `taken` are patterns of other sentences of a 400.
fn bodied(operation: Operation, home: Home, taken: &[&str]) -> Operation {
    let (operation, unreadable) = match home {
        Home::Python => (operation, &[UNREADABLE][..]),
        Home::Jarvisd => (
            operation.answers(413, refusal("The body has more than 1 MiB.", &["Request body too large"])),
            &[][..],
        ),
    };
    let sentences = [taken, unreadable].concat().join("|");
    let bad = if sentences.is_empty() {
        complaints()
    } else {
        json!({ "oneOf": [complaints(), object([("detail", like(&format!("^({sentences})$")))])] })
    };
    operation
        .answers(400, answer("The body is not as described, or not possible.", bad))
        .answers(500, internal(home))
}

fn complaints() -> Value {
    object([
        ("error", only("validation_error")),
        ("message", only("Request validation failed. Please correct the highlighted fields.")),
        ("details", json!({ "type": "array", "minItems": 1, "items": like("^(header|body)( -> .+)?: .+$") })),
    ])
}

/// A 500 of the Python home: with one of these sentences, or of an exception.
fn failed(sentences: &[&str]) -> Value {
    let mut failed = refusal("The service failed.", sentences);
    failed["content"]["text/plain"] = json!({ "schema": one_of(&["Internal Server Error"]) });
    failed
}

fn task() -> Value {
    object([
        ("id", uuid()),
        ("node_id", text()),
        ("kind", only("update")),
        ("target_version", text()),
        ("state", one_of(&["pending", "dispatched", "in_progress", "success", "failed"])),
        ("error_message", text_or_null()),
        ("created_at", moment()),
        ("updated_at", moment()),
        ("finished_at", moment_or_null()),
    ])
}
