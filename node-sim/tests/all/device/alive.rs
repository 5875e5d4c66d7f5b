//! What a home is shown of a node that is alive, and what it is not shown: the real daemon over TLS.

use std::fs;
use std::io::Write as _;

use serde_json::{Value, json};
use server_stub::{Home, Options};
use test_support::daemon::Daemon;
use test_support::process::feed;
use test_support::rig::Rig;
use test_support::rude::{answer, read_request, rude_server};
use test_support::waiting::until;

pub(super) const NODE: &str = "kitchen-pi";

fn rig(home: Home) -> Rig {
    Rig::with(Options { home, ..Options::default() })
}

/// A rig whose node asks the service that `via` names.
pub(super) fn asking(home: Home, via: &str) -> Rig {
    let rig = rig(home);
    let url = if via == "logs" { rig.stub.logs().url() } else { rig.stub.command_center_url() };
    let url = url.to_owned();
    rig.edit(|config| {
        for of_the_app in ["auth_url", "service_id", "app_id", "app_key_file"] {
            config.remove(of_the_app);
        }
        config.insert("via".into(), json!({ via: url }));
    });
    fs::remove_file(rig.path("app.key")).unwrap();
    rig
}

/// A node that sends heartbeats: beside a direct validation, or as its validation.
fn shown_alive(home: Home, beside: bool) -> Rig {
    if !beside {
        return asking(home, "command_center");
    }
    let rig = rig(home);
    rig.configure("heartbeat", json!({ "command_center": rig.stub.command_center_url() }));
    rig.configure("service_id", "jarvis-command-center");
    rig
}

/// Gives the rig's credential the form of the voice software's own file.
fn share(rig: &Rig) {
    let (id, key) = rig.stub.node();
    rig.write_secret(
        "credential.json",
        &json!({ "node_id": id, "api_key": key, "room": "kitchen" }).to_string(),
    );
}

/// The calls that a server was sent so far, by method and path.
fn calls(server: &server_stub::Server) -> Vec<String> {
    let log = server.log(0);
    let requests = log["requests"].as_array().unwrap();
    let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    requests.iter().map(|one| format!("{} {}", text(one, "method"), text(one, "path"))).collect()
}

/// What the phone app makes of a node (docs/wire/jarvis-home.md, "Heartbeat").
fn read_by_the_app(shown: &Value) -> (bool, String, bool, bool) {
    let text = |key: &str| shown[key].as_str().unwrap_or_default();
    let version = format!("{} · {}", text("last_seen_version"), text("install_mode"));
    let offers_update = text("install_mode") == "tarball";
    (shown["online"] == true, version, offers_update, shown["needs_k2"] == true)
}

pub(super) fn task(rig: &Rig) -> Value {
    rig.stub.tasks(NODE).pop().unwrap()
}

pub(super) fn warnings(rig: &Rig) -> Vec<(String, String)> {
    let status = rig.status();
    let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    let all = status["warnings"].as_array().into_iter().flatten();
    all.map(|one| (text(one, "code"), text(one, "message"))).collect()
}

#[test]
fn app_shows_version_and_no_gear_after_one_heartbeat() {
    for home in [Home::Python, Home::Jarvisd] {
        for beside in [false, true] {
            let rig = shown_alive(home, beside);
            let shown = || rig.stub.shown_to_the_app(NODE).unwrap();
            assert!(shown()["needs_k2"] == true && shown()["install_mode"].is_null(), "{}", shown());
            let mut daemon = Daemon::start(&mut rig.command("run"));
            daemon.comes_to("valid");
            until("a heartbeat", || rig.stub.heartbeats() == 1);
            let version = format!("{} · package", env!("CARGO_PKG_VERSION"));
            assert_eq!(read_by_the_app(&shown()), (true, version, false, false), "{home} {beside}");
            assert_eq!(warnings(&rig), [], "{home} {beside}");
            daemon.stop();
        }
    }
}

#[test]
fn update_from_the_app_ends_within_one_heartbeat() {
    for home in [Home::Python, Home::Jarvisd] {
        for beside in [false, true] {
            let rig = shown_alive(home, beside);
            rig.stub.queue_update(NODE, "v9.9.9").unwrap();
            let mut daemon = Daemon::start(&mut rig.command("run"));
            daemon.comes_to("valid");
            until("the update fails", || task(&rig)["state"] == "failed");
            assert_eq!(rig.stub.heartbeats(), 1, "{home} {beside}");
            let told = task(&rig)["error_message"].as_str().unwrap().to_owned();
            assert!(told.contains("is updated at its board") && told.contains("version 9.9.9"), "{told}");
            assert!(told.len() < 1000, "{told}");
            assert_eq!(warnings(&rig), [], "{home} {beside}");
            daemon.stop();
        }
    }
}

#[test]
fn update_to_the_version_that_runs_is_a_success() {
    let rig = asking(Home::Python, "command_center");
    rig.configure("revalidate_secs", 1);
    rig.stub.queue_update(NODE, env!("CARGO_PKG_VERSION")).unwrap();
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    until("the update succeeds", || task(&rig)["state"] == "success");
    daemon.stop();
}

#[test]
fn shared_identity_is_validated_without_a_heartbeat() {
    for (home, via) in [Home::Python, Home::Jarvisd]
        .into_iter()
        .flat_map(|home| [(home, "command_center"), (home, "logs"), (home, "auth")])
    {
        let rig = if via == "auth" { rig(home) } else { asking(home, via) };
        if via != "command_center" {
            rig.configure("heartbeat", json!({ "command_center": rig.stub.command_center_url() }));
        }
        rig.forget("service_id");
        share(&rig);
        rig.configure("revalidate_secs", 1);
        rig.stub.queue_update(NODE, "9.9.9").unwrap();
        let mut command = rig.command("run");
        let mut daemon = Daemon::start(command.env("JARVIS_NODE_LOG", "debug"));
        daemon.comes_to("valid");
        for _ in 0..2 {
            daemon.logs("answered: valid");
        }
        let codes: Vec<_> = warnings(&rig).into_iter().map(|(code, _)| code).collect();
        let expected = if via == "command_center" { "shared_identity" } else { "heartbeat" };
        assert_eq!(codes, [expected], "{home} {via}");
        assert_eq!((rig.stub.heartbeats(), &task(&rig)["state"]), (0, &json!("pending")), "{home} {via}");
        assert_eq!(rig.stub.log_lines().len(), 0, "{home} {via}");
        let seen = calls(rig.stub.command_center());
        if via == "command_center" {
            assert!(
                seen.len() > 1 && seen.iter().all(|call| call == "GET /api/v0/node/mqtt-credentials"),
                "{seen:?}"
            );
        } else {
            assert_eq!(seen, [""; 0], "{home} {via}");
        }
        let (_, _, lines) = daemon.end();
        let log = lines.join("\n");
        let secrets = [rig.stub.node().1, "example-shared"];
        assert!(!secrets.iter().any(|secret| log.contains(secret)), "{log}");
    }
}

#[test]
fn credential_installed_from_the_voice_softwares_file_is_shared() {
    let rig = asking(Home::Python, "command_center");
    let (id, key) = rig.stub.node();
    fs::remove_file(rig.path("credential.json")).unwrap();
    let given = json!({ "node_id": id, "api_key": key, "mqtt_port": 1884 }).to_string();
    let mut install = rig.command("install-credential");
    assert_eq!(feed(&mut install, &given).0, Some(0));
    let stored: Value = serde_json::from_slice(&fs::read(rig.path("credential.json")).unwrap()).unwrap();
    assert_eq!(
        (&stored["node_key"], &stored["mqtt_port"]),
        (&json!(key), &Value::Null),
        "not the file itself"
    );
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    assert_eq!(warnings(&rig)[0].0, "shared_identity");
    daemon.stop();
    assert_eq!(rig.stub.heartbeats(), 0);
}

#[test]
fn check_takes_no_update_and_shows_no_life() {
    for home in [Home::Python, Home::Jarvisd] {
        let rig = asking(home, "command_center");
        rig.stub.queue_update(NODE, "9.9.9").unwrap();
        let (code, view) = rig.check();
        assert_eq!((code, &view["outcome"]), (Some(0), &json!("valid")), "{view}");
        assert_eq!((rig.stub.heartbeats(), &task(&rig)["state"]), (0, &json!("pending")), "{home}");
    }
}

#[test]
fn node_is_valid_by_the_logs_and_leaves_no_line() {
    for home in [Home::Python, Home::Jarvisd] {
        let rig = asking(home, "logs");
        let (code, view) = rig.check();
        assert_eq!((code, &view["outcome"]), (Some(0), &json!("valid")), "{view}");
        assert_eq!((rig.stub.log_lines().len(), calls(rig.stub.command_center()).len()), (0, 0), "{home}");
        // A Python service remembers a good verdict for a minute.
        rig.install("another");
        let (code, view) = rig.check();
        assert_eq!((code, &view["reason"]), (Some(77), &json!("Invalid node credentials")), "{view}");
    }
}

#[test]
fn outage_behind_the_logs_keeps_the_node_valid() {
    let rig = asking(Home::Python, "logs");
    rig.configure("revalidate_secs", 1);
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    rig.stub.logs().set_faults("auth-unavailable".parse().unwrap()).unwrap();
    let line = daemon.comes_to("valid-cached");
    assert!(line.contains("the logs service cannot ask the auth service"), "{line}");
    daemon.stop();
}

#[test]
fn trouble_with_the_heartbeat_is_a_warning_beside_the_verdict() {
    let rig = rig(Home::Python);
    rig.configure("revalidate_secs", 1);
    rig.configure("heartbeat", json!({ "command_center": rig.stub.command_center_url() }));
    rig.stub.command_center().go_down();
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    daemon.logs("the app may show this node as offline");
    until("a warning", || warnings(&rig).iter().any(|(code, _)| code == "heartbeat"));
    assert_eq!(rig.status()["outcome"], "valid");
    rig.stub.command_center().come_back().unwrap();
    until("no warning", || warnings(&rig).is_empty());
    assert!(rig.stub.lose_row(NODE));
    daemon.logs("the command center does not have it");
    assert_eq!(rig.status()["outcome"], "valid");
    daemon.stop();
}

#[test]
fn heartbeat_in_another_home_is_a_warning_that_says_so() {
    let rig = rig(Home::Python);
    let elsewhere = rude_server(|stream| {
        answer(stream, b"HTTP/1.1 401 \r\nconnection: close\r\n\r\n{\"detail\":\"Node not found\"}");
    });
    rig.configure("heartbeat", json!({ "command_center": format!("http://{elsewhere}") }));
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    let told = daemon.logs("the command center rejects the node (Node not found)");
    assert!(told.contains("heartbeat.command_center leads to the home"), "{told}");
    assert_eq!(rig.status()["outcome"], "valid");
    daemon.stop();
}

#[test]
fn version_that_is_none_is_refused_in_words() {
    let rig = asking(Home::Python, "command_center");
    rig.stub.queue_update(NODE, "1.2.3; reboot").unwrap();
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    until("the update fails", || task(&rig)["state"] == "failed");
    assert_eq!(task(&rig)["error_message"], "what is to be installed is not a version.");
    daemon.stop();
}

#[test]
fn update_that_cannot_be_answered_is_a_warning() {
    let rig = Rig::new();
    let home = rude_server(|mut stream| {
        let request = read_request(&mut stream);
        let (status, body) = if request.starts_with("POST /api/v0/admin/nodes/heartbeat ") {
            (200, r#"{"status":"ok","pending_update":{"task_id":"a-1","target_version":"9.9.9"}}"#)
        } else {
            assert!(request.starts_with("POST /api/v0/nodes/tasks/a-1/status "), "{request}");
            (500, "{}")
        };
        let _ = write!(stream, "HTTP/1.1 {status} \r\nconnection: close\r\n\r\n{body}");
    });
    rig.configure("heartbeat", json!({ "command_center": format!("http://{home}") }));
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    daemon.logs("the app could not be told why an update was not made, and will show a time-out");
    daemon.stop();
}

/// How often the daemon's main thread has waited since it runs: a wake-up each.
fn waits(daemon: &Daemon) -> u64 {
    let pid = daemon.pid();
    let status = fs::read_to_string(format!("/proc/{pid}/task/{pid}/status")).unwrap();
    let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
    count.trim().parse().unwrap()
}

#[test]
fn heartbeat_beside_the_validation_wakes_nothing_up() {
    const CALLS: u64 = 8;
    let woken = [false, true].map(|beside| {
        let rig = rig(Home::Python);
        rig.configure("revalidate_secs", 1);
        if beside {
            rig.configure("heartbeat", json!({ "command_center": rig.stub.command_center_url() }));
        }
        // A Python command center asks the auth service once a minute.
        let calls = || rig.stub.validations();
        let mut daemon = Daemon::start(&mut rig.command("run"));
        daemon.comes_to("valid");
        let (first, before) = (calls(), waits(&daemon));
        until("some more validations", || calls() >= first + CALLS);
        let woken = waits(&daemon) - before;
        assert_eq!(rig.stub.heartbeats() > CALLS / 2, beside);
        daemon.stop();
        woken
    });
    // One more for each heartbeat would be twice as far away.
    assert!(woken[1] <= woken[0] + CALLS / 2, "{woken:?}");
}
