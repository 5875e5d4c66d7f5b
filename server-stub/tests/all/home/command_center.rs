//! Every answer of the command center that is known of a home, and what follows from several.

use crate::client::{Answer, Ask};
use server_stub::{Home, Options, Settings, Stub};

use super::replay::{ACCESS_TOKEN, NODE_KEY, PROVISIONING_TOKEN, Record, records};

/// Answers that the stub cannot give, and why.
const NOT_HELD: [(&str, &str); 1] =
    [("token_minted_before_2026_10_09", "of an older jarvisd; the stub plays the newest that is known")];

const TASK: &str = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";

pub(super) fn plain(home: Home) -> Stub {
    let settings = Settings { admin_token: Some("an-admin-token".to_owned()), ..Settings::default() };
    Stub::start(Options { home, tls: false, settings, ..Options::default() }).expect("a stub")
}

/// A heartbeat of the first node.
pub(super) fn heartbeat(stub: &Stub, body: &str) -> Answer {
    let (id, key) = stub.node();
    heartbeat_as(stub, &format!("{id}:{key}"), body)
}

pub(super) fn heartbeat_as(stub: &Stub, shown: &str, body: &str) -> Answer {
    let ask = Ask::post("/api/v0/admin/nodes/heartbeat", body).header("X-API-Key", shown);
    ask.at(stub.command_center())
}

pub(super) fn access_token(stub: &Stub) -> String {
    let (email, password) = stub.member();
    let body = serde_json::json!({ "email": email, "password": password });
    Ask::post("/auth/login", body.to_string()).of(stub).text("access_token")
}

fn a_stranger(stub: &Stub) -> String {
    let body = "{\"email\":\"stranger@example.com\",\"password\":\"example-password\"}";
    Ask::post("/auth/register", body).of(stub).text("access_token")
}

/// Brings the home to where the record was, and returns what stands for the record's values.
fn prepared(stub: &Stub, record: &Record) -> Vec<(&'static str, String)> {
    let fault = |name: &str| stub.set_faults(name.parse().expect("a fault")).expect("set");
    let queued = || stub.queue_update("kitchen-pi", "1.2.3").expect("queued");
    let reported = |mode: &str| {
        let body = format!(
            "{{\"version_info\":{{\"version\":\"0.1.0\",\"install_mode\":\"{mode}\"}},\"needs_k2\":false}}"
        );
        assert_eq!(heartbeat(stub, &body).status, 200);
    };
    let minted_for = |household: &str| {
        let body = format!("{{\"household_id\":\"{household}\",\"node_id\":\"attic-pi\"}}");
        let ask = Ask::post("/api/v0/provisioning/token", body).header("X-API-Key", stub.admin_api_key());
        ask.at(stub.command_center()).text("token")
    };
    let mut put = vec![
        (NODE_KEY, stub.node().1.to_owned()),
        ("<admin_api_key>", stub.admin_api_key().to_owned()),
        (TASK, TASK.to_owned()),
    ];
    let new_node = ("kitchen-pi", "attic-pi".to_owned());
    let token = |stub: &Stub| (PROVISIONING_TOKEN, stub.provisioning_token());
    match record.case.as_str() {
        // A key that nobody has.
        "bare_key" => put[0].1 = NODE_KEY.to_owned(),
        "inactive" => {
            put[0].1 = stub.register("garage-pi").expect("a key");
            assert!(stub.deactivate("garage-pi"));
        }
        "no_grant" => {
            let path = "/internal/nodes/kitchen-pi/services/jarvis-command-center";
            assert_eq!(Ask::new("DELETE", path).app(stub).of(stub).status, 204);
        }
        "not_configured_locally" => assert!(stub.lose_row("kitchen-pi")),
        "outage_auth_not_configured" => fault("auth-not-configured"),
        "outage_auth_unreachable" => stub.auth().go_down(),
        "outage_auth_500" => stub.auth().set_faults("status-500".parse().expect("a fault")).expect("set"),
        "outage" => fault("auth-unavailable"),
        "heartbeat_pending_update" => drop(queued()),
        "task_failed" | "task_bad_state" | "task_ended" => {
            put[2].1 = queued();
            assert!(heartbeat(stub, "").body.contains("pending_update"));
            if record.case == "task_ended" {
                assert_eq!(record.ask(&borrowed(&put)).at(stub.command_center()).status, 200);
            }
        }
        "update_already_queued" => {
            queued();
            assert!(heartbeat(stub, "").body.contains("pending_update"));
        }
        "update_refused_install_mode" | "node_as_the_app_sees_it" => reported("package"),
        "update_not_newer" => reported("tarball"),
        "token_not_member" => put.push((ACCESS_TOKEN, a_stranger(stub))),
        "register_created" => put.extend([new_node, token(stub)]),
        "register_already" => put.push(token(stub)),
        "register_id_taken_at_auth" => {
            assert!(stub.lose_row("kitchen-pi"));
            put.push(token(stub));
        }
        "register_no_household" => {
            let token = minted_for("99999999-8888-4777-8666-555555555555");
            put.extend([new_node, (PROVISIONING_TOKEN, token)]);
        }
        "register_auth_unreachable" => {
            put.extend([new_node, token(stub)]);
            stub.auth().go_down();
        }
        "register_cc_own_key_refused" => {
            let path = "/admin/app-clients/jarvis-command-center/revoke";
            assert_eq!(Ask::new("POST", path).admin(stub).of(stub).status, 200);
            put.extend([new_node, token(stub)]);
        }
        "register_cc_without_key" => {
            fault("auth-not-configured");
            put.extend([new_node, token(stub)]);
        }
        "register_fault" => {
            fault("registration-fails");
            put.extend([new_node, token(stub)]);
        }
        "mqtt_no_broker" | "mqtt_off" => fault("mqtt-off"),
        "push_withheld" => fault("push-withheld"),
        "push_not_sent" => fault("push-fails"),
        "llm_absent" => fault("llm-absent"),
        "llm_failed" => fault("llm-fails"),
        _ => {}
    }
    // Not before, since the auth service may be down now.
    if !put.iter().any(|(from, _)| *from == ACCESS_TOKEN)
        && record.request.headers.values().any(|v| v.contains(ACCESS_TOKEN))
    {
        put.push((ACCESS_TOKEN, access_token(stub)));
    }
    put
}

fn borrowed<'a>(put: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    put.iter().map(|(from, to)| (*from, to.as_str())).collect()
}

#[test]
fn every_known_answer_of_the_command_center_is_given() {
    let mut differences = Vec::new();
    let records = records("command-center");
    assert_eq!(records.len(), 97);
    for record in records.iter().filter(|record| NOT_HELD.iter().all(|(case, _)| *case != record.case)) {
        let stub = plain(record.home());
        let mut put = prepared(&stub, record);
        let mut ask = record.ask(&borrowed(&put));
        if record.case == "token_minted" {
            // The addresses that the record's answer names.
            ask = ask.header("Host", "192.0.2.10:7703");
            put.push((":7700", format!(":{}", stub.config().addr().port())));
        }
        let answer = ask.at(stub.command_center());
        differences.extend(record.differences(&answer, &borrowed(&put)));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn token_for_a_node_enrols_it_with_two_grants() {
    for home in [Home::Python, Home::Jarvisd] {
        let stub = plain(home);
        let token = stub.provisioning_token_for("attic-pi");
        let enrol = |node: &str| {
            let body = serde_json::json!({ "node_id": node, "provisioning_token": token });
            Ask::post("/api/v0/nodes/register", body.to_string()).at(stub.command_center())
        };
        assert_eq!(enrol("cellar-pi").status, 401, "{home}: the token is for another node");
        let enrolled = enrol("attic-pi");
        assert_eq!(enrolled.status, 201, "{home}: {enrolled:?}");
        let key = enrolled.text("node_key");
        assert_eq!(heartbeat_as(&stub, &format!("attic-pi:{key}"), "{}").status, 200, "{home}");
        for (service, valid) in
            [("jarvis-command-center", true), ("jarvis-logs", true), ("command-center", false)]
        {
            let body = serde_json::json!({ "node_id": "attic-pi", "node_key": key, "service_id": service });
            let answer = Ask::post("/internal/validate-node", body.to_string()).app(&stub).of(&stub);
            assert_eq!(answer.json()["valid"], valid, "{home}: {service}");
        }
        assert_eq!(enrol("attic-pi").status, 401, "{home}: the token is spent");
    }
}

#[test]
fn registration_that_fails_burns_the_id_and_not_the_token() {
    let stub = plain(Home::Jarvisd);
    let token = stub.provisioning_token_for("attic-pi");
    let body = serde_json::json!({ "node_id": "attic-pi", "provisioning_token": token });
    let enrol = || Ask::post("/api/v0/nodes/register", body.to_string()).at(stub.command_center());
    stub.set_faults("registration-fails".parse().expect("a fault")).expect("set");
    assert_eq!((enrol().status, enrol().text("detail").as_str()), (500, "node_id already exists"));
    stub.set_faults("".parse().expect("none")).expect("set");
    let again = enrol();
    assert_eq!((again.status, again.text("detail").as_str()), (400, "node_id already exists"));
}

#[test]
fn member_mints_a_token_for_a_household_of_theirs() {
    for home in [Home::Python, Home::Jarvisd] {
        let stub = plain(home);
        let bearer = format!("Bearer {}", access_token(&stub));
        let households = Ask::get("/households").header("Authorization", &bearer).of(&stub).json();
        assert_eq!(households[0]["id"], stub.household_id(), "{home}");
        let body = serde_json::json!({ "household_id": households[0]["id"], "node_id": "attic-pi" });
        let minted =
            Ask::post("/api/v0/provisioning/token", body.to_string()).header("Authorization", &bearer);
        let minted = minted.header("Host", "127.0.0.1:7703").at(stub.command_center());
        assert_eq!((minted.status, minted.text("node_id").as_str()), (201, "attic-pi"), "{home}: {minted:?}");
        // Asked at a loopback address, a command center names none.
        assert!(minted.json().get("node_command_center_url").is_none(), "{home}");
    }
}

#[test]
fn bare_key_passes_python_after_the_auth_service_has_another() {
    for (home, status) in [(Home::Python, 200), (Home::Jarvisd, 401)] {
        let stub = plain(home);
        let key = stub.node().1.to_owned();
        assert!(stub.rotate_key("kitchen-pi").is_some());
        assert_eq!(heartbeat_as(&stub, &key, "{}").status, status, "{home}");
        assert_eq!(heartbeat_as(&stub, &format!("kitchen-pi:{key}"), "{}").status, 401, "{home}");
    }
}
