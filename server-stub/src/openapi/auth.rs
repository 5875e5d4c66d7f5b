//! The auth service.

use serde_json::{Value, json};

use super::parts::{
    answer, boolean, described, elsewhere, integer, integer_or_null, internal, jwt, key, like, list, moment,
    moment_or_null, named, nothing, null, object, one_of, only, open, refusal, text, text_or_null,
    unprocessable, uuid, with_header,
};
use super::{Document, Operation};
use crate::home::Home;

/// What the auth service of a home answers.
pub(crate) fn document(home: Home) -> Value {
    let what = "The auth service, port 7701: it judges nodes, and administers them, apps and users.";
    let mut document = Document::new("Jarvis auth service", described(home, what), elsewhere(home));
    schemas(&mut document);
    validation(&mut document, home);
    by_apps(&mut document, home);
    by_administrators(&mut document, home);
    accounts(&mut document, home, "/auth", "");
    let households = Operation::new("households", "Lists the households of the user.")
        .bearer()
        .answers(200, answer("The households.", list(named("Household"))))
        .answers(401, user_refused());
    document.add("get", "/households", households);
    if home == Home::Python {
        accounts(&mut document, home, "/api/v0/auth", "_v0");
        let user = by_app("show_user", "Shows a user.")
            .at("user_id")
            .answers(200, answer("The user.", named("User")))
            .answers(404, refusal("There is no such user.", &["User not found"]))
            .answers(422, unprocessable());
        document.add("get", "/api/v0/users/{user_id}", user);
    }
    document.finished()
}

fn validation(document: &mut Document, home: Home) {
    let health = Operation::new("health", "Says that the process runs. Its database may be away.")
        .answers(200, answer("It runs.", object([("status", only("ok"))])));
    document.add("get", "/health", health);
    let validate = by_app("validate_node", "Judges a node's credential. A rejection is a 200, too.")
        .takes(open([("node_id", text()), ("node_key", text()), ("service_id", text())], []))
        .answers(200, answer("The verdict.", json!({ "oneOf": [named("Valid"), named("Rejection")] })));
    document.add("post", "/internal/validate-node", bodied(validate, home, &[]));
    let ping = |id| by_app(id, "Names the calling app.").answers(200, answer("The app.", named("App")));
    document.add("get", "/internal/app-ping", ping("app_ping"));
    if home == Home::Python {
        document.add("post", "/internal/validate-app", ping("validate_app"));
    }
}

fn by_apps(document: &mut Document, home: Home) {
    let register = by_app("register_node", "Registers a node.")
        .takes(named("NewNode"))
        .answers(201, answer("Registered.", object([("node_id", text()), ("node_key", key())])));
    document.add("post", "/internal/nodes/register", registration(register, home));
    let deactivate = by_app("deactivate_node", "Deactivates a node.").at("node_id");
    document.add("delete", "/internal/nodes/{node_id}", deactivation(deactivate));
    let grant = by_app("grant_service", "Grants a node a service.")
        .at("node_id")
        .takes(open([("service_id", text())], []))
        .answers(
            201,
            answer(
                "Granted.",
                object([("node_id", text()), ("service_id", text()), ("granted_at", moment())]),
            ),
        )
        .answers(404, node_not_found());
    let grant = bodied(grant, home, &["Node already has access to this service"]);
    document.add("post", "/internal/nodes/{node_id}/services", grant);
    let revoke = by_app("revoke_service", "Takes a service from a node.")
        .at("node_id")
        .at("service_id")
        .answers(204, nothing("Taken."))
        .answers(404, refusal("It was not granted.", &["Service access not found"]));
    document.add("delete", "/internal/nodes/{node_id}/services/{service_id}", revoke);
}

fn by_administrators(document: &mut Document, home: Home) {
    let list_nodes = by_administrator("list_nodes", "Lists all nodes.")
        .answers(200, answer("The nodes.", list(node(text()))));
    document.add("get", "/admin/nodes", list_nodes);
    let create = by_administrator("create_node", "Creates a node.")
        .takes(named("NewNode"))
        .answers(201, answer("Created.", named("CreatedNode")));
    document.add("post", "/admin/nodes", registration(create, home));
    let show = by_administrator("show_node", "Shows a node.")
        .at("node_id")
        .answers(200, answer("The node.", node(named("Granted"))))
        .answers(404, node_not_found());
    document.add("get", "/admin/nodes/{node_id}", show);
    let deactivate =
        by_administrator("deactivate_node_as_administrator", "Deactivates a node.").at("node_id");
    document.add("delete", "/admin/nodes/{node_id}", deactivation(deactivate));
    let rotated = object([("node_id", text()), ("node_key", key()), ("last_rotated_at", moment())]);
    let rotate = by_administrator("rotate_node_key", "Gives a node a new key. The old one fails at once.")
        .at("node_id")
        .answers(200, answer("Rotated.", rotated))
        .answers(404, node_not_found());
    document.add("post", "/admin/nodes/{node_id}/rotate-key", rotate);

    let list_apps = by_administrator("list_apps", "Lists all apps.")
        .answers(200, answer("The apps.", list(app("is_active", boolean()))));
    document.add("get", "/admin/app-clients", list_apps);
    let create = by_administrator("create_app", "Creates an app.")
        .takes(open([("app_id", text()), ("name", text())], []))
        .answers(201, answer("Created.", app("key", key())));
    let create = bodied(create, home, &["app_id already exists"]);
    document.add("post", "/admin/app-clients", create);
    let rotated = object([("app_id", text()), ("key", key()), ("last_rotated_at", moment())]);
    let unknown = || refusal("There is no such app.", &["App client not found"]);
    let rotate = by_administrator("rotate_app_key", "Gives an app a new key.")
        .at("app_id")
        .answers(200, answer("Rotated.", rotated))
        .answers(404, unknown());
    document.add("post", "/admin/app-clients/{app_id}/rotate", rotate);
    let revoke = by_administrator("revoke_app", "Revokes an app.")
        .at("app_id")
        .answers(200, answer("Revoked.", object([("app_id", text()), ("is_active", only(false))])))
        .answers(404, unknown());
    document.add("post", "/admin/app-clients/{app_id}/revoke", revoke);
}

/// What users do, below a prefix. `suffix` makes the operations' names unique.
fn accounts(document: &mut Document, home: Home, prefix: &str, suffix: &str) {
    let mut add =
        |method: &str, what: &str, operation| document.add(method, &format!("{prefix}/{what}"), operation);
    let operation = |id: &str, summary| Operation::new(format!("{id}{suffix}"), summary);
    let limited = |operation, taken: &[&str]| {
        let sentences = [
            "Too many requests. Please slow down.",
            "Too many failed login attempts. Please try again later.",
        ];
        let refused = refusal("There are too many calls, or too many failed ones.", &sentences);
        bodied(operation, home, taken)
            .answers(429, with_header(refused, "Retry-After", one_of(&["60", "900"])))
    };
    let register = operation("register_user", "Registers a user with a household.")
        .takes(named("NewUser"))
        .answers(201, answer("Registered and logged in.", signed_in("household_id", uuid())));
    add("post", "register", limited(register, &["Email already registered"]));
    let wrong =
        ["Invalid email or password", "Temporary password expired. Ask your administrator for a new one."];
    let log_in = operation("log_in", "Logs a user in.")
        .takes(open([("email", text()), ("password", text())], []))
        .answers(200, answer("Logged in.", named("SignedIn")))
        .answers(401, refusal("Not with this password.", &wrong));
    add("post", "login", limited(log_in, &[]));
    let token = || open([("refresh_token", text())], []);
    let refresh = operation("refresh", "Gives new tokens for a refresh token.")
        .takes(token())
        .answers(200, answer("Refreshed.", named("SignedIn")))
        .answers(
            401,
            refusal("The token is used or old.", &["Invalid refresh token", "Refresh token expired"]),
        );
    add("post", "refresh", limited(refresh, &[]));
    let log_out = operation("log_out", "Ends a session, known or not.").takes(token());
    add("post", "logout", bodied(log_out, home, &[]).answers(204, nothing("Logged out.")));
    let me = operation("me", "Shows the user whose token it is.")
        .bearer()
        .answers(200, answer("The user.", named("User")))
        .answers(401, user_refused());
    add("get", "me", me);
}

fn schemas(document: &mut Document) {
    let texts = ["node_id", "household_id", "household_member_ids"];
    let [node_id, household_id, members] = texts;
    let valid = object([
        ("valid", only(true)),
        (node_id, text()),
        (household_id, uuid()),
        (members, list(integer())),
        ("reason", null()),
    ]);
    document.schema("Valid", valid);
    let reasons = "^(Node not found|Node is inactive|Invalid node credentials\
                   |Node is not authorized to access service '.*')$";
    let rejection = object([
        ("valid", only(false)),
        (node_id, null()),
        (household_id, null()),
        (members, null()),
        ("reason", like(reasons)),
    ]);
    document.schema("Rejection", rejection);
    document.schema("App", object([("app_id", text()), ("name", text())]));
    let new = open(
        [(node_id, text()), (household_id, text()), ("name", text())],
        [
            ("registered_by_user_id", integer_or_null()),
            ("services", json!({ "type": ["array", "null"], "items": text() })),
        ],
    );
    document.schema("NewNode", new);
    let created = object([
        (node_id, text()),
        ("name", text()),
        (household_id, uuid()),
        ("registered_by_user_id", integer_or_null()),
        ("node_key", key()),
        ("created_at", moment()),
        ("services", list(text())),
    ]);
    document.schema("CreatedNode", created);
    let granted = [("service_id", text()), ("granted_at", moment()), ("granted_by", integer_or_null())];
    document.schema("Granted", object(granted));
    let role = one_of(&["admin", "member"]);
    let household = object([("id", uuid()), ("name", text()), ("role", role), ("created_at", moment())]);
    document.schema("Household", household);
    let password = json!({ "type": "string", "minLength": 8, "maxLength": 255 });
    let new = open([("email", text()), ("password", password)], [("username", text_or_null())]);
    document.schema("NewUser", new);
    let user = object([
        ("id", integer()),
        ("email", text()),
        ("username", text()),
        ("is_superuser", boolean()),
        ("must_change_password", boolean()),
    ]);
    document.schema("User", user);
    document.schema("SignedIn", signed_in("must_change_password", boolean()));
}

/// An operation for apps.
fn by_app(id: &str, summary: &str) -> Operation {
    let refused = "The app is refused, which says nothing of a node.";
    Operation::new(id, summary)
        .header("X-Jarvis-App-Id")
        .header("X-Jarvis-App-Key")
        .answers(401, refusal(refused, &["Missing app credentials", "Invalid app credentials"]))
}

/// An operation for the administrator.
fn by_administrator(id: &str, summary: &str) -> Operation {
    Operation::new(id, summary)
        .header("X-Jarvis-Admin-Token")
        .answers(401, refusal("The administrator's token is wrong.", &["Unauthorized"]))
}

/// The answers to a body that is not as it should be; `taken` are other sentences of a 400.
fn bodied(operation: Operation, home: Home, taken: &[&str]) -> Operation {
    let operation = operation.answers(422, unprocessable()).answers(500, internal(home));
    let unreadable = ["There was an error parsing the body"];
    match home {
        Home::Python => {
            let sentences = [taken, &unreadable].concat();
            operation.answers(400, refusal("The body is no UTF-8, or what it asks for is there.", &sentences))
        }
        Home::Jarvisd => {
            let operation =
                operation.answers(413, refusal("The body has more than 1 MiB.", &["Request body too large"]));
            if taken.is_empty() { operation } else { operation.answers(400, refusal("It is there.", taken)) }
        }
    }
}

/// The refusals of a new node.
fn registration(operation: Operation, home: Home) -> Operation {
    bodied(operation, home, &["node_id already exists"])
        .answers(404, refusal("There is no such household.", &["Household not found"]))
}

fn deactivation(operation: Operation) -> Operation {
    operation
        .answers(200, answer("Deactivated.", object([("node_id", text()), ("is_active", only(false))])))
        .answers(404, node_not_found())
}

fn node_not_found() -> Value {
    refusal("There is no such node.", &["Node not found"])
}

fn user_refused() -> Value {
    let sentences = ["Not authenticated", "Could not validate credentials"];
    with_header(refusal("The user's token is not good.", &sentences), "WWW-Authenticate", only("Bearer"))
}

/// A node as it is shown, with its services as `service` says.
fn node(service: Value) -> Value {
    object([
        ("node_id", text()),
        ("name", text()),
        ("household_id", uuid()),
        ("registered_by_user_id", integer_or_null()),
        ("is_active", boolean()),
        ("created_at", moment()),
        ("updated_at", moment()),
        ("last_rotated_at", moment_or_null()),
        ("services", list(service)),
    ])
}

/// An app as it is shown, with another member.
fn app(name: &str, member: Value) -> Value {
    object([
        ("app_id", text()),
        ("name", text()),
        (name, member),
        ("created_at", moment()),
        ("last_rotated_at", moment_or_null()),
    ])
}

/// The tokens of a user, with another member.
fn signed_in(name: &str, member: Value) -> Value {
    object([
        ("access_token", jwt()),
        ("refresh_token", json!({ "type": "string", "minLength": 1 })),
        ("token_type", only("bearer")),
        ("user", named("User")),
        (name, member),
    ])
}
