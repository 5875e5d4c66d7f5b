//! Validation through the command center: no app key on the node.

use std::fs;

use serde_json::{Value, json};
use server_stub::{Home, Options};

use test_support::daemon::Daemon;
use test_support::rig::Rig;
use test_support::rude::{answer, rude_server};

/// A rig whose node asks the command center at `url`, and has no app key.
fn asking(rig: &Rig, url: &str) {
    let mut config: Value = serde_json::from_slice(&fs::read(rig.config()).unwrap()).unwrap();
    let fields = config.as_object_mut().unwrap();
    for of_the_app in ["auth_url", "service_id", "app_id", "app_key_file"] {
        fields.remove(of_the_app);
    }
    fields.insert("via".into(), json!({ "command_center": url }));
    fs::write(rig.config(), config.to_string()).unwrap();
    // It may be gone already.
    let _ = fs::remove_file(rig.dir.path().join("app.key"));
}

#[test]
fn node_without_app_key_is_valid_by_the_command_center() {
    let rig = Rig::new();
    asking(&rig, rig.stub.command_center_url());
    let (code, view) = rig.check();
    assert_eq!((code, &view["outcome"]), (Some(0), &json!("valid")), "{view}");
    assert_eq!((rig.stub.heartbeats(), rig.stub.validations()), (0, 1), "a check takes no update");

    let new_key = rig.stub.rotate_key("kitchen-pi").unwrap();
    rig.stub.forget_verdicts();
    let (code, view) = rig.check();
    assert_eq!((code, &view["reason"]), (Some(77), &json!("Invalid node credentials")), "{view}");
    rig.install(&new_key);
    assert_eq!(rig.check().0, Some(0));
    assert!(rig.stub.deactivate("kitchen-pi"));
    rig.stub.forget_verdicts();
    let (code, view) = rig.check();
    assert_eq!((code, &view["outcome"]), (Some(77), &json!("node-rejected")), "{view}");
}

#[test]
fn node_is_valid_in_a_home_of_jarvisd() {
    let rig = Rig::with(Options { home: Home::Jarvisd, ..Options::default() });
    rig.forget("service_id");
    let (code, view) = rig.check();
    assert_eq!((code, &view["outcome"]), (Some(0), &json!("valid")), "{view}");
    asking(&rig, rig.stub.command_center_url());
    let (code, view) = rig.check();
    assert_eq!((code, &view["outcome"]), (Some(0), &json!("valid")), "{view}");
    // jarvisd remembers no verdict: a new key shows at once.
    assert!(rig.stub.rotate_key("kitchen-pi").is_some());
    let (code, view) = rig.check();
    assert_eq!((code, &view["reason"]), (Some(77), &json!("Invalid node credentials")), "{view}");
}

#[test]
fn status_401_about_the_auth_service_is_server_trouble() {
    let rig = Rig::new();
    let unavailable = rude_server(|stream| {
        answer(
            stream,
            b"HTTP/1.1 401 Unauthorized\r\nconnection: close\r\n\r\n{\"detail\":\"Auth service unavailable: timed out\"}",
        );
    });
    asking(&rig, &format!("http://{unavailable}"));
    let (code, view) = rig.check();
    assert_eq!((code, &view["outcome"]), (Some(75), &json!("server")), "{view}");
    assert!(view["reason"].as_str().unwrap().contains("cannot ask the auth service"), "{view}");
}

#[test]
fn node_id_with_a_colon_is_not_for_the_command_center() {
    let rig = Rig::new();
    rig.write_secret("credential.json", r#"{"node_id":"kitchen:pi","node_key":"a-key"}"#);
    let (_, direct) = rig.check();
    assert_eq!(direct["outcome"], "node-rejected", "the auth service can be asked: {direct}");
    asking(&rig, rig.stub.command_center_url());
    let (_, view) = rig.check();
    assert_eq!(view["outcome"], "setup", "{view}");
    assert!(
        view["reason"].as_str().unwrap().contains("a colon, where the service in via.command_center"),
        "{view}"
    );
}

#[test]
fn outage_behind_the_command_center_keeps_the_node_valid() {
    let rig = Rig::new();
    asking(&rig, rig.stub.command_center_url());
    rig.configure("revalidate_secs", 1);
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    rig.stub.set_faults("auth-unavailable".parse().unwrap()).unwrap();
    let line = daemon.comes_to("valid-cached");
    assert!(line.contains("cannot ask the auth service"), "{line}");
    daemon.stop();
}
