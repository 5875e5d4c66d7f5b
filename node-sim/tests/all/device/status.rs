//! Where the daemon leaves its status, and what `jarvis-node status` makes of it.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use test_support::binaries::jarvis_node;
use test_support::daemon::Daemon;
use test_support::rig::Rig;

use super::other_users::output_beside;

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
fn status_and_check_tell_of_a_daemon_that_does_not_stay_up() {
    let rig = Rig::new();
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    daemon.stop();
    let shown = "LoadState=loaded\\nActiveState=activating\\nSubState=auto-restart\\nResult=exit-code\\nExecMainStatus=71\\n";
    let says = |verb: &str| {
        let output = output_beside(shown, "", &mut rig.command(verb));
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    };
    for verb in ["status", "check"] {
        let said = says(verb);
        assert!(said.contains("starts again and again") && said.contains("exit status 71"), "{said}");
        assert!(!said.contains("systemctl start"), "{said}");
    }
    fs::remove_file(rig.path("status.json")).unwrap();
    let said = says("status");
    assert!(said.contains("no daemon has left") && said.contains("again and again"), "{said}");
}

#[test]
fn status_of_a_daemon_with_another_configuration_says_so() {
    let rig = Rig::new();
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    let other = rig.path("other.json");
    fs::copy(rig.config(), &other).unwrap();
    let of_other =
        Command::new(jarvis_node()).args(["status", "--json", "--config"]).arg(&other).output().unwrap();
    let status: Value = serde_json::from_slice(&of_other.stdout).unwrap();
    assert_eq!(status["warnings"][0]["code"], "check_config", "{status}");
    assert!(
        status["warnings"][0]["message"].as_str().unwrap().ends_with(rig.config().to_str().unwrap()),
        "{status}"
    );
    assert_eq!(rig.status()["warnings"], json!([]));
}

#[test]
fn status_file_that_cannot_be_read_is_not_called_missing() {
    let rig = Rig::new();
    fs::create_dir(rig.path("folder")).unwrap();
    rig.configure("status_file", "folder");
    let output = rig.command("status").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(69), "{said}");
    assert!(said.contains("cannot be read") && said.contains("Set status_file"), "{said}");
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
        // That of a daemon before would be taken for the new one's.
        let _ = fs::remove_file(rig.path("status.json"));
        // A /run of its own.
        let script = r#"
            mount -t tmpfs tmpfs /run && mkdir /run/jarvis-node-agent
            RUNTIME_DIRECTORY=/run/jarvis-node-agent "$1" run --config "$2/config.json" & daemon=$!
            for _ in $(seq 200); do
                "$1" status --config "$2/config.json" 2>&1 | grep -q '^valid:' && break
                sleep 0.1
            done
            cp "$2/broken.json" "$2/config.json"
            # The daemon sees it at some moment.
            for _ in $(seq 200); do
                told=$("$1" status --json --config "$2/config.json")
                case $told in *"\"code\":\"$3\""*) break ;; esac
                sleep 0.1
            done
            printf '%s' "$told"
            kill $daemon
        "#;
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script, "sh"]).arg(jarvis_node()).arg(rig.dir.path());
        let output = command.arg(code).output().unwrap();
        let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        assert_eq!(status["outcome"], "valid", "{broken}: {output:?}");
        let codes: Vec<_> = status["warnings"].as_array().unwrap().iter().map(|one| &one["code"]).collect();
        assert!(codes.contains(&&json!(code)), "{broken}: {status}");
    }
}
