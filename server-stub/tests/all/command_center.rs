//! The paths of command-center, over a socket.

use crate::client::{Ask, plain};
use server_stub::Stub;

fn heartbeat(stub: &Stub, shown: &str) -> (u16, String) {
    let answer = Ask::post("/api/v0/admin/nodes/heartbeat", "{}").header("X-API-Key", shown).of(stub);
    (answer.status, answer.body)
}

fn enrol(stub: &Stub, node_id: &str, token: &str) -> crate::client::Answer {
    let body = serde_json::json!({ "node_id": node_id, "provisioning_token": token });
    Ask::post("/api/v0/nodes/register", body.to_string()).of(stub)
}

fn detail(text: &str) -> (u16, String) {
    (401, format!("{{\"detail\":\"{text}\"}}"))
}

#[test]
fn a_node_shows_its_key_and_needs_no_apps() {
    let stub = plain();
    let (id, key) = stub.node();
    let ok = (200, "{\"status\":\"ok\"}".to_owned());
    assert_eq!(heartbeat(&stub, &format!("{id}:{key}")), ok);
    let silent = Ask::new("POST", "/api/v0/admin/nodes/heartbeat")
        .header("X-API-Key", &format!("{id}:{key}"))
        .of(&stub);
    assert_eq!((silent.status, silent.body), ok);
    assert_eq!((stub.heartbeats(), stub.validations()), (2, 0));
}

#[test]
fn a_denial_is_a_401_with_the_reason() {
    let stub = plain();
    let (id, key) = stub.node();
    assert_eq!(heartbeat(&stub, &format!("{id}:wrong")), detail("Invalid node credentials"));
    // The header is split at the first colon; the rest is the key.
    assert_eq!(heartbeat(&stub, &format!("{id}:{key}:")), detail("Invalid node credentials"));
    assert_eq!(heartbeat(&stub, &format!("nobody:{key}")), detail("Node not found"));
    assert_eq!(heartbeat(&stub, id), detail("Invalid API key format"));
    assert_eq!(heartbeat(&stub, ""), detail("Missing API key"));
    // An exception in the auth service is a refusal here, although the node was not checked.
    let endless = format!("{id}:{}", "x".repeat(5000));
    assert_eq!(heartbeat(&stub, &endless), detail("Auth service error: 500"));
    assert!(stub.deactivate(id));
    assert_eq!(heartbeat(&stub, &format!("{id}:{key}")), detail("Node is inactive"));
    let body = serde_json::json!({ "node_id": "attic-pi", "name": "Attic",
        "household_id": "11111111-2222-4333-8444-555555555555" });
    let attic = Ask::post("/admin/nodes", body.to_string()).admin(&stub).of(&stub).text("node_key");
    assert_eq!(
        heartbeat(&stub, &format!("attic-pi:{attic}")),
        detail("Node is not authorized to access service 'command-center'")
    );
}

#[test]
fn a_token_enrols_a_node_that_is_valid_at_once() {
    let stub = plain();
    let token = stub.provisioning_token();
    assert!(token.starts_with("prov_"), "{token}");
    let body = serde_json::json!({ "node_id": "attic-pi", "provisioning_token": token, "room": "Attic" });
    let answer = Ask::post("/api/v0/nodes/register", body.to_string()).of(&stub);
    let key = answer.text("node_key");
    assert_eq!((answer.status, key.len()), (201, 64));
    assert_eq!(
        answer.body,
        format!("{{\"node_id\":\"attic-pi\",\"node_key\":\"{key}\",\"room\":\"Attic\"}}")
    );
    assert_eq!(heartbeat(&stub, &format!("attic-pi:{key}")).0, 200);
    let again = enrol(&stub, "cellar-pi", &token);
    assert_eq!((again.status, again.body), detail("Invalid or expired provisioning token"));
}

#[test]
fn a_token_does_not_take_a_nodes_name_from_it() {
    let stub = plain();
    let answer = enrol(&stub, "kitchen-pi", &stub.provisioning_token());
    assert_eq!((answer.status, answer.body.as_str()), (400, "{\"detail\":\"Node already registered\"}"));
    let answer = enrol(&stub, "attic-pi", "prov_made-up");
    assert_eq!((answer.status, answer.body), detail("Invalid or expired provisioning token"));
    let missing = Ask::post("/api/v0/nodes/register", "{\"node_id\":\"attic-pi\"}").of(&stub);
    assert_eq!(missing.status, 422);
}

#[test]
fn an_administrator_gives_tokens_out() {
    let stub = plain();
    let ask = Ask::new("POST", "/api/v0/provisioning-tokens");
    assert_eq!(ask.of(&stub).status, 401);
    let given = Ask::new("POST", "/api/v0/provisioning-tokens").admin(&stub).of(&stub);
    assert_eq!(given.status, 201);
    assert_eq!(given.text("expires_at").len(), "2026-11-22T02:05:55.482570Z".len());
    assert_eq!(enrol(&stub, "attic-pi", &given.text("provisioning_token")).status, 201);
}
