//! Every answer of the auth service that is known of jarvisd.

use crate::client::{Ask, Connection};
use server_stub::{Options, Settings, Stub};

use super::replay::{ACCESS_TOKEN, NODE_KEY, Record, records};

/// Answers that the stub cannot give, and why.
const NOT_HELD: [(&str, &str); 2] = [
    ("malformed_request", "the HTTP library answers what is no HTTP, with 400 and no body"),
    ("headers_too_large", "the HTTP library answers a head that is too long, with 431 and no body"),
];

/// Records whose moments lack the `Z` that their source writes (`pyTimeOf` in `internal/modules/auth/util.go`,
/// 543562e), as the Python service does.
const WITH_ZONE: [&str; 3] = ["rotate", "grant", "households"];

const PERSON: &str = "{\"email\":\"person@example.com\",\"password\":\"example-password\"}";

fn stub(record: &Record) -> Stub {
    // jarvisd has no administrator without a token.
    let settings = Settings { admin_token: Some("an-admin-token".to_owned()), ..Settings::default() };
    let options = Options { home: record.home(), tls: false, settings, ..Options::default() };
    Stub::start(options).expect("a stub")
}

/// Brings the service to where the record was, and returns what stands for the record's values.
fn prepared(stub: &Stub, record: &Record) -> Vec<(&'static str, String)> {
    let mut put = vec![
        (NODE_KEY, stub.node().1.to_owned()),
        ("<app_key>", stub.app_key().to_owned()),
        ("<admin_token>", stub.admin_token().to_owned()),
    ];
    let grant = || {
        let granted = Ask::post("/internal/nodes/kitchen-pi/services", "{\"service_id\":\"command-center\"}");
        assert_eq!(granted.app(stub).of(stub).status, 201);
    };
    let log_in = || Ask::post("/auth/login", PERSON).of(stub);
    match record.case.as_str() {
        "validate_inactive" => {
            put[0].1 = stub.register("garage-pi").expect("a key");
            assert!(stub.deactivate("garage-pi"));
        }
        "body_too_large" => put.push(("<more than 1048576 bytes>", "x".repeat(1024 * 1024 + 1))),
        "database_fault" => stub.set_faults("status-500".parse().expect("a fault")).expect("set"),
        "app_ping" => put.push(("Node agent", "Jarvis Node Agent".to_owned())),
        // The recorded one has no such node yet.
        "register_created" | "register_no_household" => put.push(("kitchen-pi", "attic-pi".to_owned())),
        "grant_twice" | "revoke_grant" => grant(),
        "login" => assert_eq!(Ask::post("/auth/register", PERSON).of(stub).status, 201),
        "login_temporary_expired" => {
            stub.set_faults("password-expired".parse().expect("a fault")).expect("set");
        }
        "login_locked" => (0..8).for_each(|_| assert_eq!(log_in().status, 401)),
        "login_rate" => (0..30).for_each(|_| drop(log_in())),
        "households" => {
            let registered = Ask::post("/auth/register", PERSON).of(stub);
            put.push((ACCESS_TOKEN, registered.text("access_token")));
        }
        _ => {}
    }
    put
}

#[test]
fn every_known_answer_of_the_auth_service_is_given() {
    let mut differences = Vec::new();
    let records = records("auth");
    assert_eq!(records.len(), 41);
    for record in records.iter().filter(|record| NOT_HELD.iter().all(|(case, _)| *case != record.case)) {
        let stub = stub(record);
        let put = prepared(&stub, record);
        let put: Vec<_> = put.iter().map(|(from, to)| (*from, to.as_str())).collect();
        let mut answer = record.ask(&put).of(&stub);
        if WITH_ZONE.contains(&record.case.as_str()) {
            // A key may end with a Z, too.
            let is_moment = |part: &str| part.len() < 30 && part.as_bytes().get(10) == Some(&b'T');
            let without = |part: &'_ str| part.trim_end_matches('Z').to_owned();
            let parts = answer.body.split('"');
            let parts: Vec<_> =
                parts.map(|part| if is_moment(part) { without(part) } else { part.to_owned() }).collect();
            let without = parts.join("\"");
            assert_ne!(without, answer.body, "{}", record.case);
            answer.body = without;
        }
        differences.extend(record.differences(&answer, &put));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn jarvisd_without_an_admin_token_refuses_administrators() {
    let options = Options { home: server_stub::Home::Jarvisd, tls: false, ..Options::default() };
    let stub = Stub::start(options).expect("a stub");
    let answer = Ask::new("POST", "/admin/nodes/kitchen-pi/rotate-key").admin(&stub).of(&stub);
    assert_eq!((answer.status, answer.body.as_str()), (401, "{\"detail\":\"Unauthorized\"}\n"));
    // The stub's own paths are still its administrator's.
    assert_eq!(Ask::get("/__stub/log").admin(&stub).of(&stub).status, 200);
}

#[test]
fn jarvisd_takes_any_text_where_python_fails() {
    let options = |home| Options { home, tls: false, ..Options::default() };
    for (home, status) in [(server_stub::Home::Python, 500), (server_stub::Home::Jarvisd, 200)] {
        let stub = Stub::start(options(home)).expect("a stub");
        for (id, key) in
            [("kitchen-pi", "a\0b".to_owned()), ("a\0b", "key".to_owned()), ("kitchen-pi", "x".repeat(5000))]
        {
            let body = serde_json::json!({ "node_id": id, "node_key": key, "service_id": "jarvis-logs" });
            let answer = Ask::post("/internal/validate-node", body.to_string()).app(&stub).of(&stub);
            assert_eq!(answer.status, status, "{home} {id:?}: {answer:?}");
        }
    }
}

#[test]
fn jarvisd_repeats_a_bad_body_in_order_and_takes_no_null() {
    let stub = Stub::start(Options { home: server_stub::Home::Jarvisd, tls: false, ..Options::default() });
    let stub = stub.expect("a stub");
    let told = |body: &str| Ask::post("/internal/validate-node", body).app(&stub).of(&stub).body;
    assert!(
        told("{\"node_key\":\"k<\",\"node_id\":\"n\"}")
            .contains("\"input\":{\"node_id\":\"n\",\"node_key\":\"k\\u003c\"}")
    );
    assert!(told(" ").contains("\"type\":\"missing\",\"loc\":[\"body\"]"));
    assert!(told("null").contains("\"type\":\"model_attributes_type\""));
}

#[test]
fn jarvisd_answers_head_and_names_all_methods() {
    let stub = Stub::start(Options { home: server_stub::Home::Jarvisd, tls: false, ..Options::default() });
    let stub = stub.expect("a stub");
    let head = Ask::new("HEAD", "/health").of(&stub);
    assert_eq!((head.status, head.header("Content-Length")), (200, Some("16")));
    let refused = Ask::new("DELETE", "/health").of(&stub);
    assert_eq!((refused.status, refused.header("Allow")), (405, Some("GET, HEAD")));
    let redirect = Ask::get("//health?a=1&b=2").of(&stub);
    assert_eq!((redirect.status, redirect.header("Location")), (307, Some("/health?a=1&b=2")));
    assert_eq!(redirect.body, "<a href=\"/health?a=1&amp;b=2\">Temporary Redirect</a>.\n\n");
}

#[test]
fn jarvisd_keeps_an_idle_connection_and_python_does_not() {
    let options = |home| Options { home, tls: false, ..Options::default() };
    let stubs = [server_stub::Home::Python, server_stub::Home::Jarvisd]
        .map(|home| Stub::start(options(home)).expect("a stub"));
    let [mut python, mut jarvisd] = [0, 1].map(|n| Connection::plain(stubs[n].addr()));
    for connection in [&mut python, &mut jarvisd] {
        assert_eq!(connection.ask(&Ask::get("/health")).status, 200);
    }
    // This returns when Python has closed the connection, after five seconds.
    assert!(python.ended());
    assert_eq!(jarvisd.ask(&Ask::get("/health")).status, 200);
}
