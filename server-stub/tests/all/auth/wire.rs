//! The behaviour in docs/wire/jarvis-auth.md that has no recording, over a socket.

use crate::client::{Ask, Connection, plain};
use server_stub::Stub;

const VALIDATE: &str = "/internal/validate-node";
const HOUSEHOLD: &str = "11111111-2222-4333-8444-555555555555";
const NOTHING: &str = "\"node_id\":null,\"household_id\":null,\"household_member_ids\":null";

fn question(node_id: &str, node_key: &str, service: &str) -> String {
    serde_json::json!({ "node_id": node_id, "node_key": node_key, "service_id": service }).to_string()
}

/// Status and body of the answer to a validation request with this body.
fn validate(stub: &Stub, body: impl Into<Vec<u8>>) -> (u16, String) {
    let answer = Ask::post(VALIDATE, body).app(stub).of(stub);
    (answer.status, answer.body)
}

fn rejected(reason: &str) -> (u16, String) {
    (200, format!("{{\"valid\":false,{NOTHING},\"reason\":{}}}", serde_json::Value::from(reason)))
}

fn error(place: &str, kind: &str, message: &str, input: &str) -> String {
    format!("{{\"type\":\"{kind}\",\"loc\":[{place}],\"msg\":\"{message}\",\"input\":{input}}}")
}

fn unprocessable(errors: &[String]) -> (u16, String) {
    (422, format!("{{\"detail\":[{}]}}", errors.join(",")))
}

fn register_node(stub: &Stub, node_id: &str, household: &str) -> crate::client::Answer {
    let body = serde_json::json!({ "node_id": node_id, "household_id": household, "name": "N" });
    Ask::post("/internal/nodes/register", body.to_string()).app(stub).of(stub)
}

#[test]
fn ids_that_are_not_quite_the_nodes_are_unknown() {
    let stub = plain();
    let (_, key) = stub.node();
    let long = "x".repeat(10_000);
    for id in ["Kitchen-Pi", "kitchen-pi ", "", "küche", &long] {
        assert_eq!(
            validate(&stub, question(id, key, "command-center")),
            rejected("Node not found"),
            "{id:?}"
        );
    }
}

#[test]
fn keys_that_are_not_quite_the_nodes_are_wrong() {
    let stub = plain();
    let (id, key) = stub.node();
    for wrong in [String::new(), format!("{key}\n"), key[..63].to_owned()] {
        let verdict = validate(&stub, question(id, &wrong, "command-center"));
        assert_eq!(verdict, rejected("Invalid node credentials"), "{wrong:?}");
    }
}

#[test]
fn a_deactivated_nodes_key_is_not_looked_at() {
    let stub = plain();
    let (id, _) = stub.node();
    assert!(stub.deactivate(id));
    assert_eq!(validate(&stub, question(id, "any", "any")), rejected("Node is inactive"));
    assert!(!stub.deactivate("nobody"));
}

#[test]
fn a_service_that_is_not_granted_is_echoed() {
    let stub = plain();
    let (id, key) = stub.node();
    let odd = format!("a \"quoted\" ü\u{1} {}", "x".repeat(1000));
    let reason = format!("Node is not authorized to access service '{odd}'");
    assert_eq!(validate(&stub, question(id, key, &odd)), rejected(&reason));
}

#[test]
fn empty_app_headers_are_missing_ones() {
    let stub = plain();
    let missing = "{\"detail\":\"Missing app credentials\"}";
    for (id, key) in [("", ""), (stub.app_id(), ""), ("", stub.app_key())] {
        let ask = Ask::post(VALIDATE, question("a", "b", "c"));
        let answer = ask.header("X-Jarvis-App-Id", id).header("X-Jarvis-App-Key", key).of(&stub);
        assert_eq!((answer.status, answer.body.as_str()), (401, missing));
    }
    let ping = Ask::get("/internal/app-ping").of(&stub);
    assert_eq!((ping.status, ping.body.as_str()), (401, missing));
}

#[test]
fn an_app_that_may_not_call_is_not_told_how_to_authenticate() {
    let stub = plain();
    for (id, key) in [("nobody", stub.app_key()), (stub.app_id(), "wrong")] {
        let ask = Ask::post(VALIDATE, question("a", "b", "c"));
        let answer = ask.header("X-Jarvis-App-Id", id).header("X-Jarvis-App-Key", key).of(&stub);
        assert_eq!((answer.status, answer.body.as_str()), (401, "{\"detail\":\"Invalid app credentials\"}"));
        assert_eq!(answer.header("www-authenticate"), None);
    }
}

#[test]
fn checks_run_in_order_json_app_fields() {
    let stub = plain();
    let nobody = |body: &'static str| Ask::post(VALIDATE, body).of(&stub).status;
    assert_eq!(nobody("{"), 422);
    assert_eq!(nobody("\u{feff}{}"), 401);
    assert_eq!(nobody("{}"), 401);
    assert_eq!(
        Ask::new("POST", VALIDATE).header("Content-Type", "text/plain").body("x").of(&stub).status,
        401
    );
    assert_eq!(Ask::new("POST", VALIDATE).of(&stub).status, 401);
}

#[test]
fn every_bad_field_is_named_in_order() {
    let stub = plain();
    let body = "{\"node_key\":7,\"service_id\":[1.0,true]}";
    let message = "Input should be a valid string";
    let errors = [
        error("\"body\",\"node_id\"", "missing", "Field required", body),
        error("\"body\",\"node_key\"", "string_type", message, "7"),
        error("\"body\",\"service_id\"", "string_type", message, "[1.0,true]"),
    ];
    assert_eq!(validate(&stub, body), unprocessable(&errors));
}

#[test]
fn bodies_that_are_no_object() {
    let stub = plain();
    let message = "Input should be a valid dictionary or object to extract fields from";
    let odd = |input: &str| unprocessable(&[error("\"body\"", "model_attributes_type", message, input)]);
    let missing = unprocessable(&[error("\"body\"", "missing", "Field required", "null")]);
    assert_eq!(validate(&stub, "[1, 2]"), odd("[1,2]"));
    assert_eq!(validate(&stub, "\"text\""), odd("\"text\""));
    assert_eq!(validate(&stub, "null"), missing);
    assert_eq!(validate(&stub, ""), missing);
}

#[test]
fn a_body_that_is_not_said_to_be_json_comes_back_whole() {
    let stub = plain();
    let body = question("kitchen-pi", "the-key", "command-center");
    for content_type in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("json")] {
        let mut ask = Ask::new("POST", VALIDATE).app(&stub).body(body.clone());
        if let Some(content_type) = content_type {
            ask = ask.header("Content-Type", content_type);
        }
        let answer = ask.of(&stub);
        assert_eq!(answer.status, 422, "{content_type:?}");
        assert!(answer.body.contains("model_attributes_type"), "{}", answer.body);
        assert!(answer.body.contains("\\\"node_key\\\":\\\"the-key\\\""), "{}", answer.body);
    }
    for content_type in ["application/json; charset=utf-8", "Application/JSON", "application/vnd.api+json"] {
        let ask = Ask::new("POST", VALIDATE).app(&stub).body(body.clone());
        assert_eq!(ask.header("Content-Type", content_type).of(&stub).status, 200, "{content_type}");
    }
}

#[test]
fn bytes_that_are_no_utf_8() {
    let stub = plain();
    let verdict = validate(&stub, &b"{\"node_id\":\"\xff\"}"[..]);
    assert_eq!(verdict, (400, "{\"detail\":\"There was an error parsing the body\"}".to_owned()));
}

#[test]
fn inputs_that_raise_exceptions_are_a_500() {
    let stub = plain();
    let (id, key) = stub.node();
    let long = "x".repeat(5000);
    let nul = "a\0b";
    for body in [
        question(nul, key, "command-center"),
        question(id, nul, "command-center"),
        question(id, key, nul),
        question(id, &long, "command-center"),
    ] {
        let answer = Ask::post(VALIDATE, body).app(&stub).of(&stub);
        assert_eq!((answer.status, answer.body.as_str()), (500, "Internal Server Error"));
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    }
    // A key that is not checked raises no exception.
    assert_eq!(validate(&stub, question("nobody", &long, "x")), rejected("Node not found"));
}

#[test]
fn wrong_methods_are_told_the_first_right_one() {
    let stub = plain();
    for (method, path, allow) in [
        ("HEAD", VALIDATE, "POST"),
        ("PUT", VALIDATE, "POST"),
        ("HEAD", "/health", "GET"),
        ("POST", "/health", "GET"),
        ("PUT", "/admin/nodes", "POST"),
        ("PATCH", "/admin/nodes/kitchen-pi", "GET"),
        ("GET", "/internal/nodes/kitchen-pi", "DELETE"),
        ("OPTIONS", "/api/v0/auth/login", "POST"),
    ] {
        let answer = Connection::plain(stub.addr()).ask(&Ask::new(method, path));
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)), "{method} {path}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("content-length"), Some("31"), "{method} {path}");
    }
}

#[test]
fn trailing_slash_redirects_to_the_host_header() {
    let stub = plain();
    let location = |method: &str, path: &str| {
        let answer = Ask::new(method, path).header("Host", "evil.example:1").of(&stub);
        assert_eq!(answer.status, 307, "{method} {path}");
        assert_eq!((answer.header("content-type"), answer.header("content-length")), (None, Some("0")));
        answer.header("location").map(str::to_owned)
    };
    assert_eq!(location("GET", "/health/?a=b").as_deref(), Some("http://evil.example:1/health?a=b"));
    let node = "/admin/nodes/kitchen-pi/";
    assert_eq!(location("POST", node).as_deref(), Some("http://evil.example:1/admin/nodes/kitchen-pi"));
    assert_eq!(location("PUT", "/auth/me//").as_deref(), Some("http://evil.example:1/auth/me"));
    assert_eq!(Ask::get("/nowhere/").of(&stub).status, 404);
    assert_eq!(Ask::get("/").of(&stub).status, 404);
}

#[test]
fn every_answer_bears_what_uvicorn_sends_and_nothing_else() {
    let stub = plain();
    let answers = [
        Ask::get("/health").of(&stub),
        Ask::get("/nowhere").of(&stub),
        Ask::post("/auth/logout", "{\"refresh_token\":\"x\"}").of(&stub),
        Ask::post(VALIDATE, "{}").app(&stub).of(&stub),
    ];
    for answer in answers {
        assert_eq!(answer.header("server"), Some("uvicorn"));
        let known = ["server", "date", "content-length", "content-type"];
        assert!(answer.headers.iter().all(|(name, _)| known.contains(&name.as_str())), "{answer:?}");
        let expected = (answer.status != 204).then(|| answer.body.len().to_string());
        assert_eq!(answer.header("content-length"), expected.as_deref());
    }
}

#[test]
fn rotation_leaves_no_overlap() {
    let stub = plain();
    let (id, old) = stub.node();
    let answer = Ask::new("POST", "/admin/nodes/kitchen-pi/rotate-key").admin(&stub).of(&stub);
    let by_admin = answer.text("node_key");
    assert_eq!(validate(&stub, question(id, old, "command-center")), rejected("Invalid node credentials"));
    assert_eq!(validate(&stub, question(id, &by_admin, "command-center")).0, 200);
    let by_test = stub.rotate_key(id).expect("a known node");
    let verdict = validate(&stub, question(id, &by_admin, "command-center"));
    assert_eq!(verdict, rejected("Invalid node credentials"));
    let valid = format!(
        "{{\"valid\":true,\"node_id\":\"{id}\",\"household_id\":\"{HOUSEHOLD}\",\
         \"household_member_ids\":[1],\"reason\":null}}"
    );
    assert_eq!(validate(&stub, question(id, &by_test, "command-center")), (200, valid));
    assert_eq!(stub.rotate_key("nobody"), None);
    assert_eq!(stub.validations(), 4);
}

#[test]
fn a_further_node_is_as_good_as_the_first() {
    let stub = plain();
    let (first, key) = stub.node();
    let of_second = stub.register("garden-pi").expect("a free name");
    let verdict = validate(&stub, question("garden-pi", &of_second, "command-center"));
    let of_first = validate(&stub, question(first, key, "command-center"));
    assert_eq!((verdict.0, verdict.1.replace("garden-pi", first)), of_first);
    assert_eq!(stub.register("garden-pi"), None);
    assert_eq!(stub.register(first), None, "nobody's key is replaced");
}

#[test]
fn registration_needs_a_household_and_its_lists_are_checked() {
    let stub = plain();
    let answer = register_node(&stub, "n", "no-such-household");
    assert_eq!((answer.status, answer.body.as_str()), (404, "{\"detail\":\"Household not found\"}"));
    let body = "{\"node_id\":\"n\",\"household_id\":\"h\",\"name\":\"N\",\"services\":[\"a\",null],\
                \"registered_by_user_id\":\"x\"}";
    let answer = Ask::post("/internal/nodes/register", body).app(&stub).of(&stub);
    let integer = "Input should be a valid integer, unable to parse string as an integer";
    let errors = [
        error("\"body\",\"registered_by_user_id\"", "int_parsing", integer, "\"x\""),
        error("\"body\",\"services\",1", "string_type", "Input should be a valid string", "null"),
    ];
    assert_eq!((answer.status, answer.body), unprocessable(&errors));
}

#[test]
fn grants_come_and_go() {
    let stub = plain();
    let key = register_node(&stub, "n", HOUSEHOLD).text("node_key");
    let ask = || validate(&stub, question("n", &key, "lights"));
    let refused = rejected("Node is not authorized to access service 'lights'");
    assert_eq!(ask(), refused);
    let grant =
        || Ask::post("/internal/nodes/n/services", "{\"service_id\":\"lights\"}").app(&stub).of(&stub);
    let granted = grant();
    assert_eq!(granted.status, 201);
    let start = "{\"node_id\":\"n\",\"service_id\":\"lights\",\"granted_at\":\"2";
    assert!(granted.body.starts_with(start), "{}", granted.body);
    assert_eq!(grant().status, 400);
    assert!(ask().1.starts_with("{\"valid\":true"));
    let revoke = || Ask::new("DELETE", "/internal/nodes/n/services/lights").app(&stub).of(&stub);
    let revoked = revoke();
    assert_eq!((revoked.status, revoked.body.as_str()), (204, ""));
    assert_eq!(revoke().status, 404);
    assert_eq!(ask(), refused);
}

#[test]
fn an_app_may_deactivate_any_node() {
    let stub = plain();
    let answer = Ask::new("DELETE", "/internal/nodes/kitchen-pi").app(&stub).of(&stub);
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, "{\"node_id\":\"kitchen-pi\",\"is_active\":false}")
    );
    let again = Ask::new("DELETE", "/internal/nodes/nobody").app(&stub).of(&stub);
    assert_eq!((again.status, again.body.as_str()), (404, "{\"detail\":\"Node not found\"}"));
    assert_eq!(Ask::new("DELETE", "/internal/nodes/kitchen-pi").of(&stub).status, 401);
}

#[test]
fn administrators_create_and_list_nodes() {
    let stub = plain();
    let body = format!(
        "{{\"node_id\":\"n\",\"household_id\":\"{HOUSEHOLD}\",\"name\":\"N\",\"services\":[\"s\"],\
         \"registered_by_user_id\":1}}"
    );
    let created = Ask::post("/admin/nodes", body).admin(&stub).of(&stub);
    assert_eq!(created.status, 201);
    let start = format!(
        "{{\"node_id\":\"n\",\"name\":\"N\",\"household_id\":\"{HOUSEHOLD}\",\
         \"registered_by_user_id\":1,\"node_key\":\""
    );
    assert!(created.body.starts_with(&start), "{}", created.body);
    assert!(created.body.ends_with("Z\",\"services\":[\"s\"]}"), "{}", created.body);
    let listed = Ask::get("/admin/nodes").admin(&stub).of(&stub);
    let listed: serde_json::Value = serde_json::from_str(&listed.body).expect("a list");
    let ids: Vec<_> =
        listed.as_array().expect("a list").iter().map(|node| node["node_id"].as_str()).collect();
    assert_eq!(ids, [Some("kitchen-pi"), Some("n")]);
    for path in ["/admin/nodes", "/admin/nodes/n", "/admin/app-clients"] {
        assert_eq!(Ask::get(path).of(&stub).status, 401, "{path}");
    }
}

#[test]
fn apps_are_made_rotated_and_revoked() {
    let stub = plain();
    let create =
        || Ask::post("/admin/app-clients", "{\"app_id\":\"cc\",\"name\":\"CC\"}").admin(&stub).of(&stub);
    let created = create();
    assert_eq!(created.status, 201);
    assert!(created.body.ends_with(",\"last_rotated_at\":null}"), "{}", created.body);
    assert_eq!(create().status, 400);
    let ping = |key: &str| {
        let ask = Ask::get("/internal/app-ping").header("X-Jarvis-App-Id", "cc");
        let answer = ask.header("X-Jarvis-App-Key", key).of(&stub);
        (answer.status, answer.body)
    };
    let known = (200, "{\"app_id\":\"cc\",\"name\":\"CC\"}".to_owned());
    assert_eq!(ping(&created.text("key")), known);
    let rotated = Ask::new("POST", "/admin/app-clients/cc/rotate").admin(&stub).of(&stub).text("key");
    assert_eq!(ping(&created.text("key")).0, 401);
    assert_eq!(ping(&rotated), known);
    let revoked = Ask::new("POST", "/admin/app-clients/cc/revoke").admin(&stub).of(&stub);
    assert_eq!(revoked.body, "{\"app_id\":\"cc\",\"is_active\":false}");
    assert_eq!(ping(&rotated).0, 401);
    assert_eq!(Ask::new("POST", "/admin/app-clients/x/revoke").admin(&stub).of(&stub).status, 404);
}

#[test]
fn published_paths_without_a_route_are_served() {
    let stub = plain();
    let app = Ask::new("POST", "/internal/validate-app").app(&stub).of(&stub);
    assert_eq!((app.status, app.body), (200, Ask::get("/internal/app-ping").app(&stub).of(&stub).body));
    assert_eq!(Ask::new("POST", "/internal/validate-app").of(&stub).status, 401);
    let user = Ask::get("/api/v0/users/1").app(&stub).of(&stub);
    assert_eq!(user.status, 200);
    assert!(user.body.starts_with("{\"id\":1,\"email\":\""), "{}", user.body);
    assert_eq!(Ask::get("/api/v0/users/99").app(&stub).of(&stub).status, 404);
    assert_eq!(Ask::get("/api/v0/users/one").app(&stub).of(&stub).status, 422);
    assert_eq!(Ask::get("/api/v0/users/1").of(&stub).status, 401);
}
