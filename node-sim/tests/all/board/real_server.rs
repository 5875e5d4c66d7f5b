//! `node-sim board --server URL --config FILE`, against a server that somebody else runs.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use server_stub::{Options, Stub};

use super::rig;

#[test]
fn node_of_a_real_server_runs_on_the_board() {
    let dir = tempfile::tempdir().unwrap();
    let stub = Stub::start(Options { dir: Some(dir.path().into()), ..Options::default() }).unwrap();
    let config = dir.path().join("config.json");
    configure(
        &config,
        &json!({"auth_url": "https://127.0.0.1:1", "start_splay_secs": 0, "credential_file": "credential.json"}),
    );
    let before = contents(dir.path());

    let board = rig::with(&["--server", stub.url(), "--config", config.to_str().unwrap()]);
    let mut watch = board.watch();
    let state = watch.comes_to("valid");
    assert_eq!((&state["server"]["kind"], &state["server"]["url"]), (&json!("real"), &json!(stub.url())));
    assert_eq!(board.get("/faults").body, "[]");
    for control in ["server", "fault", "rotate", "deactivate", "wrong_ca"] {
        assert_eq!(state["controls"][control]["enabled"], false, "{control}");
        let (status, said) = board.put(control, Value::Null);
        assert_eq!((status, &said["said"]), (409, &state["controls"][control]["why"]), "{control}");
    }
    for control in ["install", "clock", "power", "reload"] {
        assert_eq!(state["controls"][control], json!({"enabled": true, "why": null}), "{control}");
    }

    let new_key = stub.rotate_key(stub.node().0).unwrap();
    board.set("reload", Value::Null);
    watch.comes_to("node-rejected");
    for wrong in [Value::Null, json!({"node_id": "kitchen-pi"}), json!("text")] {
        assert_eq!(board.put("install", wrong).0, 422);
    }
    let (status, said) = board.put("install", json!({"node_id": "a\tb", "node_key": new_key}));
    assert_eq!(status, 409, "{said}");
    let (status, said) = board.put("install", json!({"node_id": stub.node().0, "node_key": new_key}));
    assert_eq!(status, 200, "{said}");
    assert!(!said.to_string().contains(&new_key));
    watch.comes_to("valid");
    board.set("power", "pull");
    watch.until("off", |event| event.data["node"]["powered"] == false);
    board.set("power", "on");
    watch.comes_to("valid");
    let told: String = watch.seen.iter().map(|event| event.data.to_string()).collect();
    assert!(!told.contains(&new_key));
    assert_eq!(contents(dir.path()), before, "somebody's files are left alone");
}

#[test]
fn quiet_led_of_a_valid_node_is_said_to_be_dark() {
    let dir = tempfile::tempdir().unwrap();
    let _stub = Stub::start(Options { dir: Some(dir.path().into()), ..Options::default() }).unwrap();
    let config = dir.path().join("config.json");
    configure(&config, &json!({"led": {"gpio": 17, "quiet": true}}));
    let board = rig::with(&["--config", config.to_str().unwrap()]);
    let state = board.watch().comes_to("valid");
    assert_eq!(state["node"]["led"], "dark");
}

#[test]
fn a_clock_that_the_node_does_not_ask_cannot_be_set() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { dir: Some(dir.path().into()), tls: false, ..Options::default() };
    let _stub = Stub::start(options).unwrap();
    let config = dir.path().join("config.json");
    let board = rig::with(&["--config", config.to_str().unwrap()]);
    let state = board.watch().comes_to("valid");
    assert_eq!(state["controls"]["clock"]["enabled"], false);
    assert_eq!(board.put("clock", "1970").0, 409);
}

/// Changes keys of a configuration.
fn configure(config: &Path, keys: &Value) {
    let mut json: Value = serde_json::from_slice(&fs::read(config).unwrap()).unwrap();
    json.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    fs::write(config, json.to_string()).unwrap();
}

/// Every file of the folder with its contents.
fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.map(|path| (path.clone(), fs::read(&path).unwrap())).collect();
    files.sort();
    files
}
