//! The node's own log at its home: the real daemon over TLS, and logs with every fault.

use std::fs;

use serde_json::json;
use server_stub::{Faults, Home, LogLine, Options};
use test_support::daemon::Daemon;
use test_support::rig::Rig;
use test_support::rude::silent_server;
use test_support::waiting::until;

fn rig(home: Home) -> Rig {
    let rig = Rig::with(Options { home, ..Options::default() });
    rig.configure("led", "none");
    rig.configure("logs", json!({ "url": rig.stub.logs().url() }));
    rig
}

fn has(lines: &[LogLine], message: &str) -> bool {
    lines.iter().any(|line| line.message.contains(message))
}

/// Has the daemon ask again, and waits until the home has a line with this message.
fn is_told(rig: &Rig, daemon: &Daemon, message: &str) {
    until("the home has the line", || {
        let there = has(&rig.stub.log_lines(), message);
        if !there {
            daemon.signal("HUP");
        }
        there
    });
}

#[test]
fn home_gets_the_lines_of_a_change() {
    for home in [Home::Python, Home::Jarvisd] {
        let rig = rig(home);
        let mut daemon = Daemon::start(&mut rig.command("run"));
        daemon.comes_to("valid");
        is_told(&rig, &daemon, "valid: kitchen-pi is accepted");
        let lines = rig.stub.log_lines();
        let line = lines.iter().find(|line| line.message.starts_with("valid: ")).unwrap();
        assert_eq!(
            (&*line.node_id, &*line.service, &*line.level),
            ("kitchen-pi", "jarvis-node-agent", "INFO")
        );
        assert!(line.timestamp.as_ref().is_some_and(|time| time.ends_with('Z')), "{line:?}");
        assert!(line.context.as_ref().is_some_and(|context| context.contains("valid")), "{line:?}");
        rig.stub.go_down();
        daemon.signal("HUP");
        let lost = daemon.logs("] valid-cached: ");
        let lost = lost.split_once("] ").unwrap().1.to_owned();
        rig.stub.come_back().unwrap();
        is_told(&rig, &daemon, &lost);
        let lines = rig.stub.log_lines();
        let line = lines.iter().find(|line| line.message == lost).unwrap();
        assert_eq!(line.level, "WARNING");
        let (_, key) = rig.stub.node();
        assert!(!lines.iter().any(|line| format!("{line:?}").contains(key)));
    }
}

#[test]
fn lines_that_logs_do_not_take_come_later() {
    for (home, fault) in [
        (Home::Python, "logs-store-fails"),
        (Home::Jarvisd, "logs-store-fails"),
        (Home::Jarvisd, "status-503"),
        (Home::Python, "handshake-close"),
    ] {
        let rig = rig(home);
        let faults: Faults = fault.parse().unwrap();
        rig.stub.logs().set_faults(faults).unwrap();
        let mut daemon = Daemon::start(&mut rig.command("run"));
        daemon.comes_to("valid");
        daemon.logs("the home does not get this node's log: ");
        until("the status says so", || rig.status()["warnings"][0]["code"] == "logs");
        assert_eq!(rig.status()["outcome"], "valid");
        rig.stub.logs().set_faults(Faults::NONE).unwrap();
        is_told(&rig, &daemon, "valid: kitchen-pi is accepted");
        until("the warning ends", || rig.status()["warnings"].as_array().unwrap().is_empty());
        assert!(has(&rig.stub.log_lines(), "the home does not get"), "{fault}");
    }
}

#[test]
fn logs_that_hang_delay_no_verdict() {
    let rig = rig(Home::Jarvisd);
    rig.configure("allow_http", true);
    rig.configure("logs", json!({ "url": format!("http://{}", silent_server()) }));
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    let before = rig.stub.validations();
    // Each of them would have to wait for 15 s.
    for count in 1..=5 {
        daemon.signal("HUP");
        until("it is validated again", || rig.stub.validations() >= before + count);
    }
    rig.stub.deactivate("kitchen-pi");
    daemon.signal("HUP");
    daemon.comes_to("node-rejected");
    assert!(daemon.stop().0.success());
}

#[test]
fn logs_of_another_authority_get_nothing() {
    let (rig, other) = (rig(Home::Jarvisd), self::rig(Home::Jarvisd));
    let url = other.stub.logs().url().to_owned();
    rig.configure("logs", json!({ "url": url }));
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    let told = daemon.logs("the home does not get this node's log: ");
    assert!(told.contains("certificate"), "{told}");
    assert!(other.stub.log_lines().is_empty());
}

#[test]
fn wrong_logs_are_a_warning_and_cost_nothing_else() {
    let rig = rig(Home::Jarvisd);
    rig.configure("logs", json!({ "url": "http://home.example" }));
    let (code, view) = rig.check();
    assert_eq!((code, &view["warnings"][0]["code"]), (Some(0), &json!("logs")));
    assert!(fs::exists(rig.config()).unwrap());
}
