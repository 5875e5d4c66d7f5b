//! `jarvis-node move`: an enrolled node becomes one of another home, and goes back.

use std::fs;

use serde_json::{Value, json};
use server_stub::{Home, Options};
use test_support::daemon::Daemon;
use test_support::process::feed;
use test_support::rig::Rig;

/// The node's present home, and another one in the other manner.
fn homes(from: Home, to: Home) -> (Rig, Rig) {
    let rig = |home| Rig::with(Options { home, ..Options::default() });
    let (present, new) = (rig(from), rig(to));
    fs::copy(new.path("ca.pem"), present.path("new-ca.pem")).unwrap();
    (present, new)
}

fn relocate(rig: &Rig, to: &str, more: &[&str], token: &str) -> (Option<i32>, String) {
    let mut command = rig.command("move");
    let (code, out, err) = feed(command.args(["--to", to]).args(more), token);
    (code, out + &err)
}

fn config(rig: &Rig) -> Value {
    serde_json::from_slice(&fs::read(rig.config()).unwrap()).unwrap()
}

#[test]
fn node_moves_to_the_other_home_and_back() {
    for (from, to) in [(Home::Python, Home::Jarvisd), (Home::Jarvisd, Home::Python)] {
        let (rig, new) = homes(from, to);
        rig.configure("led", json!("none"));
        let before = config(&rig);
        let mut daemon = Daemon::start(&mut rig.command("run"));
        daemon.comes_to("valid");
        let token = new.stub.provisioning_token_for("attic-pi");
        let ca = rig.path("new-ca.pem");
        let options = ["--ca", ca.to_str().unwrap(), "--node-id", "attic-pi", "--room", "attic"];
        let (code, said) = relocate(&rig, new.stub.command_center_url(), &options, &token);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("this node is attic-pi at") && !said.contains(&token), "{said}");
        let now = config(&rig);
        assert_eq!(now["via"]["command_center"], new.stub.command_center_url());
        assert_eq!((&now["led"], now.get("auth_url"), now.get("app_key_file")), (&json!("none"), None, None));
        let (code, view) = rig.check();
        assert_eq!((code, &view["node_id"]), (Some(0), &json!("attic-pi")), "{view}");
        daemon.logs("attic-pi");

        // The old home need not be told, and still has the node: it takes it back without a token.
        let (code, said) = relocate(&rig, rig.stub.url(), &[], "");
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(config(&rig), before);
        assert_eq!(rig.check().1["node_id"], "kitchen-pi");
        let (code, said) = relocate(&rig, new.stub.command_center_url(), &[], "");
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(config(&rig), now);
        let (code, said) = relocate(&rig, new.stub.command_center_url(), &[], "");
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("nothing to do"), "{said}");
    }
}

#[test]
fn move_finds_the_new_home_by_its_config_service() {
    let (rig, new) = homes(Home::Python, Home::Jarvisd);
    let token = new.stub.provisioning_token_for("kitchen-two");
    let ca = rig.path("new-ca.pem");
    let options = ["--ca", ca.to_str().unwrap(), "--node-id", "kitchen-two"];
    let (code, said) = relocate(&rig, new.stub.config().url(), &options, &token);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(config(&rig)["via"]["command_center"], new.stub.command_center_url());
    assert_eq!(rig.check().0, Some(0));
}

#[test]
fn failed_move_leaves_the_node_where_it_is() {
    let (rig, new) = homes(Home::Python, Home::Jarvisd);
    let before = fs::read(rig.config()).unwrap();
    let ca = rig.path("new-ca.pem");
    let trusting = ["--ca", ca.to_str().unwrap(), "--node-id", "attic-pi"];
    let center = new.stub.command_center_url();
    for (to, options, token, code, told) in [
        ("nonsense", &trusting[..], "prov_x", 65, "--to"),
        ("http://192.0.2.1:7703", &trusting, "prov_x", 65, "--to is plain HTTP"),
        ("https://127.0.0.1:1", &trusting, "prov_x", 69, "no connection"),
        (center, &[], "prov_x", 76, "certificate"),
        (center, &trusting, "", 65, "provisioning token"),
        (center, &trusting, "prov_used-up", 77, "invalid, used up or too old"),
        (center, &["--ca", ca.to_str().unwrap(), "--node-id", ""], "prov_x", 65, "--node-id"),
    ] {
        let (exit, said) = relocate(&rig, to, options, token);
        assert_eq!(exit, Some(code), "{to}: {said}");
        assert!(said.contains(told) && said.contains("stays with its present home"), "{said}");
        assert_eq!(fs::read(rig.config()).unwrap(), before);
        assert_eq!(rig.check().0, Some(0));
    }
}

/// Registered, and then cut off: the key is kept, and the next try needs no token.
#[test]
fn move_goes_on_where_it_could_not_prove_itself() {
    let (rig, new) = homes(Home::Python, Home::Python);
    let ca = rig.path("new-ca.pem");
    let center = new.stub.command_center_url();
    let go = |more: &[&str]| relocate(&rig, center, &[&["--ca", ca.to_str().unwrap()], more].concat(), "");
    let kept = format!("credential-127.0.0.1-{}.json", new.stub.command_center().addr().port());
    let put =
        |key: &str| rig.write_secret(&kept, &json!({ "node_id": "kitchen-pi", "node_key": key }).to_string());
    put("another-key");
    let (code, said) = go(&[]);
    assert_eq!(code, Some(77), "{said}");
    assert!(said.contains("Invalid node credentials") && said.contains(&kept), "{said}");
    put(new.stub.node().1);
    new.stub.command_center().set_faults("status-500".parse().unwrap()).unwrap();
    let (code, said) = go(&[]);
    assert_eq!(code, Some(75), "{said}");
    assert!(said.contains("needs no token") && said.contains("stays with its present home"), "{said}");
    assert!(config(&rig).get("via").is_none());
    new.stub.command_center().set_faults("".parse().unwrap()).unwrap();
    let (code, said) = go(&[]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(config(&rig)["via"]["command_center"], center);
    assert_eq!(rig.check().0, Some(0));
}
