//! `cargo run -p node-sim`, with its output in a pipe instead of a terminal.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;
use test_support::binaries::jarvis_node;
use test_support::process::{run_to_end, signal};

use crate::node_sim;

#[test]
fn demo_runs_to_its_end() {
    let (code, out, err) = run_to_end(&mut node_sim(&[]));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(!out.contains('\u{1b}') && !out.contains('\r'), "plain lines: {out:?}");
    let told: Vec<_> = out
        .lines()
        .filter(|line| line.contains(" LED "))
        .filter_map(|line| line.split_whitespace().nth(2))
        .collect();
    assert_eq!(told, ["starting", "valid", "valid-cached", "valid", "node-rejected", "valid"], "{out}");
    let fetched: Vec<_> = out.lines().filter(|line| line.contains(" s  token ")).collect();
    assert_eq!(fetched.len(), 2, "one token, and the one after it: {out}");
    assert!(out.contains("event 5: \"run_completed\""), "{out}");
    assert!(out.contains("arp-run-coordinator is not on the list"), "{out}");
}

#[test]
fn demo_of_another_key_type_has_such_certificates() {
    // It may have to be built, for longer than the demo lasts.
    let program = jarvis_node();
    let dir = tempfile::tempdir().unwrap();
    let mut demo = node_sim(&["demo", "--key-type", "ed25519"]);
    let mut child =
        demo.env("TMPDIR", dir.path()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains(" LED ") && line.contains(" valid ")));
    let folder = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path());
    let config = folder.map(|folder| folder.join("config.json")).find(|file| file.exists()).unwrap();
    let output = Command::new(program).args(["check", "--json", "--config"]).arg(config).output().unwrap();
    signal(child.id(), "INT");
    child.wait().unwrap();
    let view: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(view["chain"]["keys"], serde_json::json!(["ed25519", "ed25519"]), "{view}");
}

#[test]
fn wrong_usage_says_what_is_right() {
    for arguments in
        [&["--server", "https://auth.home"][..], &["story"], &["--colour"], &["demo", "--key-type", "dsa"]]
    {
        let (code, out, err) = run_to_end(&mut node_sim(arguments));
        assert_eq!((code, out.as_str()), (Some(64), ""), "{arguments:?}");
        assert!(err.contains("node-sim --help"), "{err}");
    }
    let (code, out, _) = run_to_end(&mut node_sim(&["--help"]));
    assert_eq!(code, Some(0));
    assert!(out.contains("--server <URL>"), "{out}");
}
