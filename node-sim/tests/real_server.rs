//! `node-sim --config FILE --server URL` against a server that somebody else runs.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use server_stub::{Options, Stub};

#[test]
fn it_runs_the_configured_node_until_it_is_interrupted() {
    let dir = tempfile::tempdir().unwrap();
    let stub = Stub::start(Options { dir: Some(dir.path().into()), ..Options::default() }).unwrap();
    // The right server is the one of the argument.
    let config = dir.path().join("config.json");
    let mut json: serde_json::Value = serde_json::from_slice(&fs::read(&config).unwrap()).unwrap();
    json["auth_url"] = "https://127.0.0.1:1".into();
    json["start_splay_secs"] = 0.into();
    for (key, file) in
        [("credential_file", "credential.json"), ("app_key_file", "app.key"), ("ca_file", "ca.pem")]
    {
        json[key] = file.into();
    }
    fs::write(&config, json.to_string()).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_node-sim"))
        .args(["--server", stub.url(), "--config"])
        .arg(&config)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("valid: the auth service accepts this node")));
    let killed = Command::new("kill").args(["-s", "INT"]).arg(child.id().to_string()).status().unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    for file in ["status.json", "state.json"] {
        assert!(!dir.path().join(file).exists(), "nothing is written beside the configuration: {file}");
    }
}
