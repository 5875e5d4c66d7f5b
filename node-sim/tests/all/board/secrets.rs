//! No key or token reaches a browser.

use std::fs;

use serde_json::{Value, json};

use super::rig;
use test_support::board::Board;

/// Every secret in the node's folder: whole files, and the keys in them.
fn secrets(board: &Board) -> Vec<String> {
    let read = |name: &str| fs::read_to_string(board.files().join(name)).unwrap();
    let credential: Value = serde_json::from_str(&read("credential.json")).unwrap();
    let mut secrets: Vec<String> = ["app.key", "admin.token"].map(|name| read(name).trim().to_owned()).into();
    secrets.push(credential["node_key"].as_str().unwrap().to_owned());
    for name in ["ca.key", "server.key"] {
        secrets.extend(read(name).lines().filter(|line| !line.starts_with('-')).map(ToOwned::to_owned));
    }
    assert!(secrets.iter().all(|secret| secret.len() >= 16), "each is worth looking for");
    secrets
}

#[test]
fn keys_are_in_no_event_page_or_answer() {
    let board = rig::start();
    let mut watch = board.watch();
    watch.comes_to("valid");
    let mut secrets_of_its_life = secrets(&board);
    let mut told = String::new();
    let mut put = |control: &str, value: Value| told += &board.put(control, value).1.to_string();
    // With this fault the server repeats all it is sent, keys included.
    put("fault", json!(["status-422"]));
    put("reload", Value::Null);
    watch.comes_to("server");
    put("fault", json!([]));
    put("rotate", Value::Null);
    put("reload", Value::Null);
    watch.comes_to("node-rejected");
    put("install", Value::Null);
    watch.comes_to("valid");
    secrets_of_its_life.extend(secrets(&board));
    put("deactivate", Value::Null);
    put("install", Value::Null);
    put("install", json!({"node_id": "mine", "node_key": "a-key-that-was-typed-in"}));
    put("fault", json!(["a-key-that-was-typed-in-elsewhere", {"node_key": "a-key-that-was-typed-in"}]));
    put("reload", Value::Null);
    watch.comes_to("valid");
    secrets_of_its_life.extend(secrets(&board));
    secrets_of_its_life.push("\"a-key-that-was-typed-in\"".into());
    for path in ["/", "/state", "/faults"] {
        told += &board.get(path).body;
    }
    for event in &watch.seen {
        told += &event.data.to_string();
    }
    for secret in &secrets_of_its_life {
        assert!(!told.contains(secret.as_str()), "a secret of {} characters is told", secret.len());
    }
    assert!(told.contains("kitchen-pi"), "all of it was looked through");
}
