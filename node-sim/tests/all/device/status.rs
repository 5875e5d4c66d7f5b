//! Where the daemon leaves its status, and what `jarvis-node status` makes of it.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use test_support::binaries::jarvis_node;
use test_support::daemon::Daemon;
use test_support::rig::Rig;

#[test]
fn status_of_a_killed_daemon_says_that_it_does_not_run() {
    let rig = Rig::new();
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    assert_eq!(rig.status()["fix"], Value::Null);
    daemon.kill();
    let status = rig.status();
    assert!(status["fix"].as_str().unwrap().contains("does not run any more"), "{status}");
    assert_eq!(status["next_check_secs"], Value::Null, "{status}");
    // Nor does it count as a daemon for the others.
    assert_eq!(rig.check().1.get("daemon"), None);
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    assert_eq!(rig.status()["fix"], Value::Null);
}

#[test]
fn status_is_not_left_in_the_file_of_another_key() {
    for (key, file) in
        [("state_file", "state.json"), ("credential_file", "new.json"), ("app_key_file", "a.key")]
    {
        let rig = Rig::new();
        rig.configure("status_file", file);
        rig.configure(key, file);
        let _ = fs::remove_file(rig.path(file));
        let mut daemon = Daemon::start(&mut rig.command("run"));
        let line = daemon.comes_to("setup");
        assert!(line.contains("would both use"), "{line}");
        daemon.stop();
        assert!(!rig.path(file).exists(), "{key}");
    }
}

#[test]
fn status_moves_when_the_configuration_says_so() {
    let rig = Rig::new();
    rig.configure("status_file", "one.json");
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    assert!(rig.path("one.json").exists());
    rig.configure("status_file", "two.json");
    daemon.signal("HUP");
    test_support::waiting::until("it has moved", || rig.path("two.json").exists());
    assert!(!rig.path("one.json").exists(), "nobody keeps it up");
    assert_eq!(rig.status()["outcome"], "valid");
}

/// Under a service manager there is a place that does not depend on the configuration.
#[test]
#[ignore = "needs root"]
fn status_is_found_while_the_configuration_is_broken() {
    let rig = Rig::new();
    let sound = fs::read_to_string(rig.config()).unwrap();
    for (broken, code) in [("{", "setup"), (r#"{"status_file":"elsewhere.json"}"#, "status_file")] {
        fs::write(rig.config(), &sound).unwrap();
        rig.configure("status_file", rig.path("status.json").to_str().unwrap());
        fs::write(rig.path("broken.json"), broken).unwrap();
        // A /run of its own.
        let script = r#"
            mount -t tmpfs tmpfs /run && mkdir /run/jarvis-node-agent
            RUNTIME_DIRECTORY=/run/jarvis-node-agent "$1" run --config "$2/config.json" & daemon=$!
            for _ in $(seq 200); do
                "$1" status --config "$2/config.json" 2>&1 | grep -q ^valid && break
                sleep 0.1
            done
            cp "$2/broken.json" "$2/config.json"
            "$1" status --json --config "$2/config.json"
            kill $daemon
        "#;
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script, "sh"]).arg(jarvis_node()).arg(rig.dir.path());
        let output = command.output().unwrap();
        let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        assert_eq!(status["outcome"], "valid", "{broken}: {output:?}");
        let codes: Vec<_> = status["warnings"].as_array().unwrap().iter().map(|one| &one["code"]).collect();
        assert!(codes.contains(&&json!(code)), "{broken}: {status}");
    }
}
