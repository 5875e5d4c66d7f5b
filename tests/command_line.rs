//! The real binary, as far as it can be tested without a server.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

fn jarvis_node(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jarvis-node"));
    command.args(arguments).env_remove("JARVIS_NODE_CONFIG").env_remove("CREDENTIALS_DIRECTORY");
    command
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    parts(jarvis_node(arguments).output().unwrap())
}

fn parts(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A folder with a sound configuration for a server that does not exist.
fn sound() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "config.json", 0o644, CONFIG);
    write(dir.path(), "app.key", 0o600, "app-s3cret\n");
    write(dir.path(), "credential.json", 0o600, r#"{"node_id":"kitchen-pi","node_key":"node-s3cret"}"#);
    dir
}

// Port 1 on loopback: reserved, and refused at once.
const CONFIG: &str = r#"{
    "auth_url": "https://127.0.0.1:1", "service_id": "command-center", "app_id": "jarvis-node-agent",
    "app_key_file": "app.key", "credential_file": "credential.json", "led": "none", "status_file": "status.json"
}"#;

fn write(dir: &Path, name: &str, mode: u32, text: &str) {
    fs::write(dir.join(name), text).unwrap();
    fs::set_permissions(dir.join(name), Permissions::from_mode(mode)).unwrap();
}

fn check(dir: &TempDir) -> (Option<i32>, serde_json::Value) {
    let config = dir.path().join("config.json");
    let (code, out, _) = run(&["check", "--json", "--config", config.to_str().unwrap()]);
    (code, serde_json::from_str(&out).unwrap())
}

#[test]
fn help_and_version_go_to_standard_output() {
    let (code, out, err) = run(&["--help"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.contains("\n  check "), "{out}");
    for help in [&["led", "--help"][..], &["--help", "led"], &["help", "led"], &["led", "-h"]] {
        let (code, out, err) = run(help);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{help:?}");
        assert!(out.starts_with("Usage: jarvis-node led OUTCOME [--config FILE]\n"), "{out}");
        assert!(out.contains("valid-cached") && out.contains("\n  69  "), "{out}");
    }
    let (code, out, _) = run(&["--version"]);
    assert_eq!((code, out), (Some(0), format!("jarvis-node {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn wrong_usage_exits_64_with_a_sentence() {
    for arguments in [
        &[][..],
        &["walk"],
        &["check", "twice"],
        &["check", "--colour"],
        &["check", "--config"],
        &["run", "--json"],
        &["led"],
        &["led", "purple"],
        &["move"],
        &["request", "GET"],
        &["check", "--json=yes"],
    ] {
        let (code, out, err) = run(arguments);
        assert_eq!((code, out.as_str()), (Some(64), ""), "{arguments:?}");
        assert!(err.starts_with("jarvis-node: ") && err.lines().count() == 1, "{arguments:?}: {err}");
    }
}

#[test]
fn unknown_log_level_changes_no_exit_code() {
    let dir = sound();
    let config = dir.path().join("config.json");
    let mut check = jarvis_node(&["check", "--config", config.to_str().unwrap()]);
    let (code, _, err) = parts(check.env("JARVIS_NODE_LOG", "loud").output().unwrap());
    assert_eq!(code, Some(69));
    assert!(err.contains("JARVIS_NODE_LOG names no level"), "{err}");
    let (code, _, err) = parts(jarvis_node(&["--version"]).env("JARVIS_NODE_LOG", "loud").output().unwrap());
    assert_eq!((code, err.as_str()), (Some(0), ""), "--version logs nothing");
}

#[test]
fn configuration_is_found_by_argument_and_by_environment() {
    let dir = sound();
    let config = dir.path().join("config.json");
    assert_eq!(run(&["check", "--config", config.to_str().unwrap()]).0, Some(69));
    let output = jarvis_node(&["check"]).env("JARVIS_NODE_CONFIG", &config).output().unwrap();
    assert_eq!(output.status.code(), Some(69));
    let mut both = jarvis_node(&["check", "--config", "/nowhere.json"]);
    let (_, out, _) = parts(both.env("JARVIS_NODE_CONFIG", &config).output().unwrap());
    assert!(out.contains("/nowhere.json"), "{out}");
}

#[test]
fn unusable_setup_exits_78_and_names_its_fix() {
    type Breakage = (fn(&Path), &'static str, &'static str);
    let cases: [Breakage; 8] = [
        (|dir| fs::remove_file(dir.join("config.json")).unwrap(), "there is no configuration", "config.json"),
        (|dir| write(dir, "config.json", 0o644, "{"), "EOF", "docs/configuration.md"),
        (
            |dir| write(dir, "config.json", 0o644, &CONFIG.replace("service_id", "service")),
            "there is no key \"service\"",
            "docs/configuration.md",
        ),
        (
            |dir| write(dir, "config.json", 0o644, &CONFIG.replace("https://127.0.0.1", "http://192.0.2.1")),
            "plain HTTP",
            "docs/configuration.md",
        ),
        (
            |dir| fs::remove_file(dir.join("credential.json")).unwrap(),
            "there is no credential file",
            "credential.json",
        ),
        (
            |dir| fs::set_permissions(dir.join("credential.json"), Permissions::from_mode(0o644)).unwrap(),
            "can be read or changed by other users",
            "sudo chmod 600 ",
        ),
        (
            |dir| fs::set_permissions(dir.join("app.key"), Permissions::from_mode(0o640)).unwrap(),
            "the app key file",
            "sudo chmod 600 ",
        ),
        (
            |dir| {
                write(
                    dir,
                    "credential.json",
                    0o600,
                    r#"{"node_id":"your-node-id","api_key":"your_api_key_here"}"#,
                )
            },
            "not provisioned",
            "Register this node",
        ),
    ];
    for (break_it, reason, fix) in cases {
        let dir = sound();
        break_it(dir.path());
        let (code, view) = check(&dir);
        assert_eq!((code, view["outcome"].as_str()), (Some(78), Some("setup")), "{reason}");
        assert!(view["reason"].as_str().unwrap().contains(reason), "{view}");
        assert!(view["fix"].as_str().unwrap().contains(fix), "{view}");
    }
}

#[test]
fn credentials_from_systemd_are_found_by_their_name() {
    let dir = sound();
    fs::remove_file(dir.path().join("credential.json")).unwrap();
    assert_eq!(check(&dir).0, Some(78));
    let passed_on = tempfile::tempdir().unwrap();
    write(passed_on.path(), "credential.json", 0o440, r#"{"node_id":"attic-pi","node_key":"k"}"#);
    let output = jarvis_node(&["check", "--json", "--config"])
        .arg(dir.path().join("config.json"))
        .env("CREDENTIALS_DIRECTORY", passed_on.path())
        .output()
        .unwrap();
    let (code, out, _) = parts(output);
    assert_eq!(code, Some(69), "{out}");
    assert!(out.contains(r#""node_id":"attic-pi""#), "{out}");
}

#[test]
fn status_and_led_say_what_is_missing() {
    let dir = sound();
    let config = dir.path().join("config.json");
    let config = config.to_str().unwrap();
    let (code, out, err) = run(&["status", "--config", config]);
    assert_eq!((code, out.as_str()), (Some(69), ""));
    assert!(err.contains("Is it running?"), "{err}");
    let (code, _, err) = run(&["led", "--config", config, "valid"]);
    assert_eq!(code, Some(78));
    assert!(err.contains(r#""led": "none""#), "{err}");
    write(dir.path(), "config.json", 0o644, &CONFIG.replace(r#""none""#, r#"{"sysfs": "no-such-led"}"#));
    let (code, _, err) = run(&["led", "--config", config, "valid"]);
    assert_eq!(code, Some(69));
    assert!(err.contains("/sys/class/leds/no-such-led"), "{err}");
}

#[test]
fn check_writes_nothing() {
    let dir = sound();
    let names = || {
        let mut names: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    assert_eq!(check(&dir).0, Some(69));
    assert_eq!(names(), before);
}

#[test]
fn config_check_needs_none_of_the_named_files() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config.json");
    let check = || run(&["config", "check", config.to_str().unwrap()]);
    write(dir.path(), "config.json", 0o644, CONFIG);
    let (code, out, err) = check();
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let lines: Vec<_> = out.lines().collect();
    assert_eq!((lines[0], lines.len()), ("ok", 3), "{out}");
    assert!(lines[1].contains("not here: ") && lines[1].ends_with("/credential.json"), "{out}");
    write(dir.path(), "app.key", 0o600, "s3cret");
    assert_eq!(check().1.lines().count(), 2);
    write(dir.path(), "config.json", 0o644, &CONFIG.replace("service_id", "service"));
    let (code, out, err) = check();
    assert_eq!((code, out.as_str()), (Some(78), ""));
    assert!(err.contains("there is no key \"service\"") && err.contains("docs/configuration.md"), "{err}");
    write(dir.path(), "config.json", 0o644, &CONFIG.replace(r#""none""#, r#""off""#));
    let (code, out, err) = check();
    assert_eq!((code, err.as_str()), (Some(78), ""));
    assert!(out.contains(r#"it can only be "none""#) && !out.contains("ok\n"), "{out}");
}
