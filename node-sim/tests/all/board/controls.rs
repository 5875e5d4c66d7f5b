//! Each control leads to its outcome.

use serde_json::{Value, json};

use super::rig;
use test_support::board::{Board, Event, Watch};

/// A board whose node is valid, and what happens on it.
fn valid_board() -> (Board, Watch) {
    let board = rig::start();
    let mut watch = board.watch();
    watch.comes_to("valid");
    (board, watch)
}

#[test]
fn server_goes_and_comes_back() {
    let (board, mut watch) = valid_board();
    board.set("server", false);
    board.set("reload", Value::Null);
    let state = watch.comes_to("network");
    assert_eq!(state["server"]["up"], false);
    assert!(state["node"]["reason"].as_str().unwrap().contains("refused"), "{state}");
    assert!(state["node"]["fix"].is_string() && state["node"]["led"] == "2 flashes, then a pause", "{state}");
    assert!(state["node"]["attempts"].as_u64().unwrap() >= 1, "{state}");
    board.set("server", true);
    // The node finds out by itself.
    let state = watch.comes_to("valid");
    assert_eq!((&state["server"]["up"], &state["node"]["attempts"]), (&json!(true), &json!(0)));
}

#[test]
fn verdict_outlives_the_server_for_the_grace_period() {
    let board = rig::with(&["--grace", "3"]);
    let mut watch = board.watch();
    assert_eq!(watch.comes_to("valid")["settings"]["offline_grace_secs"], 3);
    board.set("server", false);
    board.set("reload", Value::Null);
    watch.comes_to("valid-cached");
    watch.comes_to("network");
}

#[test]
fn faults_are_set_and_cleared_by_name() {
    let (board, mut watch) = valid_board();
    let known: Vec<Value> = serde_json::from_str(&board.get("/faults").body).unwrap();
    assert!(known.len() > 50, "{}", known.len());
    assert!(known.iter().all(|fault| fault["name"].is_string() && fault["description"].is_string()));
    assert!(!known.iter().any(|fault| fault["name"] == "oauth-invalid-client"), "none of another service");
    for (fault, outcome) in [
        ("status-503", "server"),
        ("status-401", "app-rejected"),
        ("cert-expired", "tls"),
        ("refused", "network"),
        ("status-302", "server"),
    ] {
        assert!(known.iter().any(|known| known["name"] == fault), "{fault}");
        board.set("fault", json!([fault]));
        board.set("reload", Value::Null);
        assert_eq!(watch.comes_to(outcome)["server"]["faults"], json!([fault]));
        board.set("fault", json!([]));
        board.set("reload", Value::Null);
        assert_eq!(watch.comes_to("valid")["server"]["faults"], json!([]));
    }
    for wrong in [json!(["status-500", "status-503"]), json!(["status-5"]), json!("status-500"), Value::Null]
    {
        assert_eq!(board.put("fault", wrong.clone()).0, 422, "{wrong}");
    }
    assert_eq!(board.state()["server"]["faults"], json!([]));
}

#[test]
fn rotated_key_is_rejected_until_installed() {
    let (board, mut watch) = valid_board();
    board.set("rotate", Value::Null);
    board.set("reload", Value::Null);
    let state = watch.comes_to("node-rejected");
    assert_eq!(state["node"]["reason"], "Invalid node credentials");
    board.set("install", Value::Null);
    assert_eq!(watch.comes_to("valid")["node"]["node_id"], state["node"]["node_id"]);
}

#[test]
fn deactivated_node_returns_under_another_name() {
    let (board, mut watch) = valid_board();
    let before = board.state()["node"]["node_id"].clone();
    for _ in 0..2 {
        board.set("deactivate", Value::Null);
        board.set("reload", Value::Null);
        let state = watch.comes_to("node-rejected");
        assert_eq!(state["node"]["reason"], "Node is inactive");
        for control in ["deactivate", "rotate"] {
            assert_eq!(state["controls"][control]["enabled"], false);
            let (status, said) = board.put(control, Value::Null);
            assert_eq!((status, &said["said"]), (409, &state["controls"][control]["why"]));
        }
        board.set("install", Value::Null);
        let state = watch.comes_to("valid");
        assert_ne!(state["node"]["node_id"], before);
        assert_eq!(state["controls"]["deactivate"]["enabled"], true);
    }
}

#[test]
fn wrong_ca_and_the_right_one_are_followed() {
    let (board, mut watch) = valid_board();
    board.set("wrong_ca", true);
    assert_eq!(watch.comes_to("tls")["node"]["wrong_ca"], true);
    board.set("wrong_ca", false);
    assert_eq!(watch.comes_to("valid")["node"]["wrong_ca"], false);
}

#[test]
fn clock_set_to_1970_and_back_is_followed() {
    let (board, mut watch) = valid_board();
    board.set("clock", "1970");
    let state = watch.comes_to("clock");
    assert!(state["node"]["clock"].as_str().unwrap().starts_with("1970-01-01T00:"), "{state}");
    assert_eq!(state["node"]["clock_1970"], true);
    board.set("clock", "now");
    let state = watch.comes_to("valid");
    assert!(state["node"]["clock"].as_str().unwrap() > "2026", "{state}");
    // A board without a time server starts in 1970.
    board.set("power", "pull");
    board.set("clock", "1970");
    board.set("power", "on");
    watch.until("on", |event| event.data["node"]["powered"] == true);
    watch.comes_to("clock");
    board.set("clock", "now");
    watch.comes_to("valid");
}

#[test]
fn power_pulled_and_back_restarts_the_node() {
    let (board, mut watch) = valid_board();
    let process = board.node_pid();
    board.set("power", "pull");
    let state = watch.until("off", |event| event.data["node"]["powered"] == false).data;
    assert_eq!((&state["node"]["outcome"], &state["node"]["memory"]), (&Value::Null, &Value::Null));
    assert_eq!(board.node_pid(), None, "{process:?}");
    for control in ["install", "reload"] {
        assert_eq!(board.put(control, Value::Null).0, 409, "{control}");
    }
    assert_eq!(board.put("power", "pull").0, 409);
    board.set("power", "on");
    assert_eq!(board.put("power", "on").0, 409);
    // The verdict was in memory, so the node starts without one.
    watch.comes_to("starting");
    let state = watch.comes_to("valid");
    if cfg!(target_os = "linux") {
        assert!(board.node_pid().is_some_and(|pid| Some(pid) != process));
        let anon = state["node"]["memory"]["anon_kib"].as_u64().unwrap();
        assert!((100..20_000).contains(&anon), "{anon} KiB");
    }
}

#[test]
fn verdict_is_forgotten_with_the_power() {
    // The verdict is in memory, as on a board: a grace period that has not ended does not survive the power
    // cut.
    let board = rig::with(&["--grace", "3600"]);
    let mut watch = board.watch();
    watch.comes_to("valid");
    board.set("server", false);
    board.set("power", "pull");
    board.set("power", "on");
    watch.until("network", |event| event.data["outcome"] == "network");
    let shown: Vec<_> = watch.seen.iter().filter_map(|event| event.data["outcome"].as_str()).collect();
    assert_eq!(shown, ["starting", "valid", "starting", "network"]);
}

#[test]
fn calls_and_answers_appear_on_the_time_line() {
    let (board, mut watch) = valid_board();
    board.set("fault", json!(["late"]));
    board.set("reload", Value::Null);
    let of = |kind: &'static str| move |event: &Event| event.data["kind"] == kind;
    watch.until("a control", of("control"));
    watch.until("a call", of("call"));
    watch.until("the call under way", |event| event.data["node"]["calling_since_ms"].is_u64());
    let answer = watch.until("an answer", of("answer"));
    assert_eq!(answer.data["ok"], true);
    assert!((2000..60_000).contains(&answer.data["took_ms"].as_u64().unwrap()), "{answer:?}");
    board.set("fault", json!(["status-503"]));
    board.set("reload", Value::Null);
    let answer = watch.until("no verdict", |event| event.data.get("ok").is_some_and(Value::is_null));
    assert!(answer.data["text"].as_str().unwrap().contains("503"), "{answer:?}");
    let shown = watch.until("an outcome", of("outcome"));
    assert_eq!(shown.data["outcome"], "server");
}

#[test]
fn unknown_control_is_refused() {
    let board = rig::start();
    for (control, value) in [
        ("nothing", Value::Null),
        ("server", json!("up")),
        ("clock", json!("1980")),
        ("power", Value::Null),
        ("wrong_ca", json!(1)),
        ("install", json!({"node_id": "mine", "node_key": "k"})),
    ] {
        let (status, said) = board.put(control, value);
        assert_eq!((status, &said["ok"]), (422, &json!(false)), "{control}");
    }
    let head = "POST /do HTTP/1.1\r\nHost: HOST\r\nOrigin: http://HOST\r\nContent-Type: application/json";
    for body in ["", "[]", "{", "{\"value\": 1}", &"x".repeat(70_000)] {
        assert_eq!(board.ask(head, body).status, 422, "{:.20}", body);
    }
}
