//! The state that a node keeps from boot to boot, and how seldom it writes it.

use core::time::Duration;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use test_support::process::feed;

use test_support::daemon::Daemon;
use test_support::rig::Rig;
use test_support::waiting::PATIENCE;

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Waits for the state file and returns its contents.
fn state(rig: &Rig) -> Value {
    let path = rig.dir.path().join("state.json");
    let end = SystemTime::now() + PATIENCE;
    loop {
        match fs::read(&path) {
            Ok(bytes) => return serde_json::from_slice(&bytes).unwrap(),
            Err(e) if SystemTime::now() > end => panic!("{e}"),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

#[test]
fn the_time_of_a_verified_server_is_kept_once_a_day() {
    let rig = Rig::new();
    rig.configure("revalidate_secs", 1);
    let start = now();
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    let kept = state(&rig)["passed"].as_u64().unwrap();
    assert!((start - 1..=now()).contains(&kept), "{kept}");
    let written = fs::metadata(rig.dir.path().join("state.json")).unwrap().modified().unwrap();
    let validations = rig.stub.validations();
    while rig.stub.validations() < validations + 3 {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(fs::metadata(rig.dir.path().join("state.json")).unwrap().modified().unwrap(), written);
    daemon.stop();
}

#[test]
fn a_clock_before_the_last_verified_server_is_not_set() {
    let rig = Rig::new();
    let path = rig.dir.path().join("state.json");
    fs::write(&path, json!({ "passed": now() + 86_400 }).to_string()).unwrap();
    let (code, view) = rig.check();
    assert_eq!((code, &view["outcome"]), (Some(75), &json!("clock")), "{view}");
    assert!(view["fix"].as_str().unwrap().contains("state_file"), "{view}");
    assert_eq!(rig.stub.validations(), 0, "no traffic that must fail");
    let (code, _, err) = feed(&mut rig.command("install-credential"), &{
        let (node_id, node_key) = rig.stub.node();
        json!({ "node_id": node_id, "node_key": node_key }).to_string()
    });
    assert_eq!(code, Some(75), "{err}");
    fs::write(&path, "{ torn").unwrap();
    assert_eq!(rig.check().0, Some(0));
}

#[test]
fn unusable_state_is_logged_once() {
    for (path, why) in [
        ("/proc/nowhere/state.json", "No such file"),
        ("notes.json", "is left alone"),
        ("folder", "it is a folder"),
    ] {
        state_is_told_once(path, why);
    }
}

#[track_caller]
fn state_is_told_once(path: &str, why: &str) {
    let rig = Rig::new();
    fs::write(rig.path("notes.json"), "another's").unwrap();
    fs::create_dir(rig.path("folder")).unwrap();
    rig.configure("state_file", rig.path(path).to_str().unwrap());
    rig.configure("revalidate_secs", 1);
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.logs("nothing is remembered");
    let validations = rig.stub.validations();
    while rig.stub.validations() < validations + 3 {
        std::thread::sleep(Duration::from_millis(50));
    }
    rig.stub.deactivate("kitchen-pi");
    daemon.comes_to("node-rejected");
    let told: Vec<_> =
        daemon.lines.iter().filter(|line| line.contains("state_file") || line.contains(path)).collect();
    assert!(told.len() == 1 && told[0].contains(why), "{told:?}");
    let warnings = &rig.status()["warnings"];
    assert_eq!(
        (warnings.as_array().unwrap().len(), &warnings[0]["code"]),
        (1, &json!("state_file")),
        "{warnings}"
    );
    daemon.stop();
}
