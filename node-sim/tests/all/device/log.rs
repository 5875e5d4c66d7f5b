//! A log that cannot be written takes nothing but its lines away.

use std::fs::File;
use std::io;
use std::io::Write;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use test_support::daemon::Daemon;
use test_support::process::signal;
use test_support::rig::Rig;
use test_support::waiting::until;

/// Whether the daemon still runs, and ends well when it is asked to.
fn goes_on_and_ends_well(mut daemon: Child) {
    assert_eq!(daemon.try_wait().unwrap(), None);
    signal(daemon.id(), "TERM");
    assert_eq!(daemon.wait().unwrap().code(), Some(0));
}

/// The outcome that the daemon has left for others, if it has.
fn outcome(rig: &Rig) -> Option<String> {
    let output = rig.command("status").arg("--json").output().unwrap();
    Some(serde_json::from_slice::<Value>(&output.stdout).ok()?["outcome"].as_str()?.to_owned())
}

#[test]
fn daemon_whose_log_cannot_be_written_goes_on() {
    let (reader, nobody_reads) = io::pipe().unwrap();
    drop(reader);
    let (_reader, mut full) = io::pipe().unwrap();
    // As much as a pipe takes (pipe(7)).
    full.write_all(&[b'x'; 64 * 1024]).unwrap();
    let full_disk = File::options().write(true).open("/dev/full").unwrap();
    for stderr in [Stdio::from(nobody_reads), Stdio::from(full), Stdio::from(full_disk)] {
        let rig = Rig::new();
        rig.configure("led", "none");
        let daemon = rig.command("run").stderr(stderr).spawn().unwrap();
        until("it is valid", || outcome(&rig).as_deref() == Some("valid"));
        rig.stub.go_down();
        signal(daemon.id(), "HUP");
        until("it follows what happens", || outcome(&rig).is_some_and(|outcome| outcome != "valid"));
        until("its status tells of the log", || rig.status()["warnings"][0]["code"] == "log");
        goes_on_and_ends_well(daemon);
    }
}

#[test]
fn log_level_that_is_none_is_a_warning() {
    let rig = Rig::new();
    rig.configure("led", "none");
    let daemon = rig.command("run").env("JARVIS_NODE_LOG", "loud").stderr(Stdio::null()).spawn().unwrap();
    until("it is valid", || outcome(&rig).as_deref() == Some("valid"));
    assert_eq!(rig.status()["warnings"][0]["code"], "log_level");
    goes_on_and_ends_well(daemon);
}

#[test]
fn limit_of_file_sizes_takes_no_verdict_away() {
    let rig = Rig::new();
    rig.configure("led", "none");
    let mut limited = Command::new("sh");
    let program = test_support::binaries::jarvis_node();
    limited.args(["-c", "ulimit -f 0; exec \"$0\" run --config \"$1\""]).arg(program).arg(rig.config());
    let daemon = limited.stderr(Stdio::null()).spawn().unwrap();
    until("it has asked", || rig.stub.validations() > 0);
    goes_on_and_ends_well(daemon);
}

#[test]
fn command_whose_reader_left_ends_well() {
    let rig = Rig::new();
    for arguments in [&["check"][..], &["check", "--json"], &["--help"]] {
        let (reader, nobody_reads) = io::pipe().unwrap();
        drop(reader);
        let mut command = if arguments[0] == "--help" {
            Command::new(test_support::binaries::jarvis_node())
        } else {
            rig.command(arguments[0])
        };
        let rest = if arguments[0] == "--help" { arguments } else { &arguments[1..] };
        let ended = command.args(rest).stdout(nobody_reads).stderr(Stdio::null()).status().unwrap();
        assert_eq!(ended.code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn hidden_characters_are_written_out_in_errors() {
    let mut command = Command::new(test_support::binaries::jarvis_node());
    command.args(["token", "--audience", "a", "--socket", "/no\u{202e}where\u{200b}/a\nb.json"]);
    let output = command.output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("/no\\u{202e}where\\u{200b}/a b.json"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn log_in_json_is_an_object_a_line_with_each_change() {
    let rig = Rig::new();
    rig.configure("led", "none");
    let mut daemon = Daemon::start(rig.command("run").args(["--log-format", "json"]));
    daemon.logs("kitchen-pi is accepted");
    rig.stub.deactivate("kitchen-pi");
    daemon.signal("HUP");
    let rejected = daemon.logs("node-rejected");
    for line in &daemon.lines {
        let line: Value = serde_json::from_str(line).unwrap();
        let time = line["time"].as_str().unwrap();
        assert!(time.len() == 20 && time.ends_with('Z'), "{line}");
        assert!(
            line["level"].is_string() && line["target"].is_string() && line["message"].is_string(),
            "{line}"
        );
    }
    let rejected: Value = serde_json::from_str(&rejected).unwrap();
    assert_eq!((&rejected["level"], &rejected["outcome"]), (&"warn".into(), &"node-rejected".into()));
    assert_eq!(rejected["reason"], "Node is inactive");
    assert!(daemon.stop().0.success());
    let output = rig.command("run").args(["--log-format", "xml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
}
