//! `jarvis-node install-credential`: only a proven credential replaces the old one.

use std::fs;

use serde_json::json;
use test_support::process::feed;

use test_support::daemon::Daemon;
use test_support::rig::Rig;

fn install(rig: &Rig, input: &str) -> (Option<i32>, String, String) {
    feed(&mut rig.command("install-credential"), input)
}

fn credential(node_key: &str) -> String {
    json!({ "node_id": "kitchen-pi", "node_key": node_key }).to_string()
}

fn stored(rig: &Rig, suffix: &str) -> Option<String> {
    fs::read_to_string(rig.dir.path().join(format!("credential.json{suffix}"))).ok()
}

fn has_old_one(rig: &Rig) -> bool {
    stored(rig, "").is_some_and(|text| text.contains(rig.stub.node().1))
}

#[test]
fn an_accepted_credential_takes_the_old_ones_place() {
    let rig = Rig::new();
    let old = stored(&rig, "").unwrap();
    let new_key = rig.stub.rotate_key("kitchen-pi").unwrap();
    let (code, out, err) = install(&rig, &credential(&new_key));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(out, "proven and stored: the auth service accepts kitchen-pi\n");
    assert_eq!(stored(&rig, ".prev"), Some(old));
    assert_eq!(rig.check().0, Some(0));

    let before = stored(&rig, "");
    let (code, out, _) = install(&rig, &credential(&new_key));
    assert_eq!(code, Some(0));
    assert!(out.starts_with("nothing to do"), "{out}");
    assert_eq!(stored(&rig, ""), before);
}

#[test]
fn a_rejected_credential_leaves_the_old_one() {
    let rig = Rig::new();
    let (code, _, err) = install(&rig, &credential("wr0ng-key"));
    assert_eq!(code, Some(77));
    assert!(err.contains("Invalid node credentials") && err.contains("The old one is kept"), "{err}");
    assert!(!err.contains("wr0ng-key") && has_old_one(&rig), "{err}");
}

#[test]
fn credential_stays_while_the_server_is_away() {
    let rig = Rig::new();
    rig.stub.go_down();
    let (code, _, err) = install(&rig, &credential("n3w-key"));
    assert_eq!(code, Some(69));
    assert!(err.contains("could not be learnt, so the old one is kept"), "{err}");
    assert!(has_old_one(&rig));
}

#[test]
fn unproven_credential_is_stored_where_there_was_none() {
    let rig = Rig::new();
    rig.stub.go_down();
    let path = rig.dir.path().join("credential.json");
    let placeholder = r#"{"node_id":"your-node-id","api_key":"","room":"kitchen"}"#;
    for before in [None, Some(placeholder)] {
        match before {
            // Keeps the file's mode.
            Some(text) => fs::write(&path, text).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let (code, out, err) = install(&rig, &credential(rig.stub.node().1));
        assert_eq!(code, Some(0), "{err}");
        assert!(out.starts_with("stored, but unproven: whether kitchen-pi"), "{out}");
        assert!(has_old_one(&rig));
    }
    assert!(stored(&rig, "").unwrap().contains(r#""room": "kitchen""#));
    rig.stub.come_back().unwrap();
    assert_eq!(rig.check().0, Some(0));
}

#[test]
fn malformed_credential_changes_nothing_and_is_not_shown() {
    let rig = Rig::new();
    for input in [
        "",
        "s3cret",
        "{\"node_id\":\"your-node-id\",\"node_key\":\"s3cret\"}",
        "{\"node_id\":\"kitchen-pi\",\"node_key\":\"s3cret",
        "{\"node_key\":\"s3cret\"}",
    ] {
        let (code, out, err) = install(&rig, input);
        assert_eq!((code, out.as_str()), (Some(65), ""), "{input}: {err}");
        assert!(err.contains("Nothing was changed") && !err.contains("s3cret"), "{err}");
        assert!(err.contains("standard input ") && !err.contains("file"), "{err}");
        assert!(has_old_one(&rig));
    }
    assert_eq!(rig.stub.validations(), 0);
}

#[test]
fn a_running_daemon_takes_a_new_credential_up_by_itself() {
    let rig = Rig::new();
    rig.configure("revalidate_secs", 604_800);
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    let new_key = rig.stub.rotate_key("kitchen-pi").unwrap();
    daemon.signal("HUP");
    daemon.comes_to("node-rejected");
    assert_eq!(install(&rig, &credential(&new_key)).0, Some(0));
    daemon.comes_to("valid");

    // The daemon also notices a file that is put there by hand.
    let newer_key = rig.stub.rotate_key("kitchen-pi").unwrap();
    daemon.signal("HUP");
    daemon.comes_to("node-rejected");
    rig.install(&newer_key);
    daemon.comes_to("valid");
    daemon.stop();
}

#[test]
fn torn_credential_is_replaced_by_the_previous_and_logged() {
    let rig = Rig::new();
    let (_, first_key) = rig.stub.node();
    let path = rig.dir.path().join("credential.json");
    // The previous credential is there, as after a replacement, and the server still accepts it.
    fs::copy(&path, rig.dir.path().join("credential.json.prev")).unwrap();
    fs::write(&path, "{\"node_id\":\"kit").unwrap();
    let output = rig.command("check").output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(err.contains("is not JSON") && err.contains("credential.json.prev, is used"), "{err}");
    assert!(!err.contains(first_key));
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"node_id\":\"kit");
}
