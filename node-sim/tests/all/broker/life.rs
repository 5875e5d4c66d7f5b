//! The socket and the rules over the daemon's life.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};

use jarvis_node::commands::keygen;
use jarvis_node::sts::Algorithm;
use serde_json::{Value, json};
use test_support::daemon::Daemon;
use test_support::waiting::until;

use super::caller::{Caller, request};
use super::rig::{COORDINATOR, GATEWAY, Rig, uid};

#[test]
fn socket_is_open_to_anyone_and_removed_at_the_end() {
    let rig = Rig::new();
    let daemon = rig.daemon();
    let file = fs::metadata(rig.socket()).unwrap();
    assert!(file.file_type().is_socket());
    assert_eq!(file.permissions().mode() & 0o777, 0o666);
    let waits = rig.caller();
    // The daemon accepts in order, so it has accepted the caller before this one.
    assert_eq!(rig.get("/v1/version").status, 200);
    let (status, _) = daemon.stop();
    assert_eq!(status.code(), Some(0));
    assert!(!rig.socket().exists());
    assert_eq!(waits.read_all(), b"");
}

#[test]
fn socket_of_a_killed_daemon_is_replaced() {
    let rig = Rig::new();
    rig.daemon().kill();
    assert!(rig.socket().exists());
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    assert_eq!(rig.get("/v1/health").status, 200);
}

#[test]
fn removed_socket_comes_back_by_itself() {
    let rig = Rig::new();
    let mut daemon = rig.daemon();
    daemon.comes_to("valid");
    fs::remove_file(rig.socket()).unwrap();
    daemon.logs("somebody has removed");
    until("it listens", || UnixStream::connect(rig.socket()).is_ok());
    assert_eq!(rig.get(GATEWAY).status, 200);
}

#[test]
fn socket_of_another_program_is_left_until_that_ends() {
    let rig = Rig::new();
    let other = UnixListener::bind(rig.socket()).unwrap();
    let mut daemon = Daemon::start(&mut rig.command("run"));
    let told = daemon.logs("no tokens can be given out");
    assert!(told.contains("another program listens there"), "{told}");
    daemon.comes_to("valid");
    // The daemon had connected to see whether another program listens.
    let (mut looked, _) = other.accept().unwrap();
    assert_eq!(std::io::Read::read(&mut looked, &mut [0]).unwrap(), 0);
    drop(other);
    daemon.signal("HUP");
    until("it listens", || UnixStream::connect(rig.socket()).is_ok());
    assert_eq!(rig.get(GATEWAY).status, 200);
}

#[test]
fn reload_changes_rules_at_once() {
    let rig = Rig::new();
    rig.rules(&json!({"arp-run-gateway": {"users": [uid()]}}));
    let mut daemon = rig.daemon();
    daemon.comes_to("valid");
    assert_eq!(rig.get(GATEWAY).status, 200);
    assert_eq!(rig.get(COORDINATOR).brief(), (403, "audience_not_configured"));
    rig.rules(&json!({"arp-run-coordinator": {"users": [uid()]}}));
    daemon.signal("HUP");
    until("the new rules are in force", || rig.get(COORDINATOR).status == 200);
    assert_eq!(rig.get(GATEWAY).brief(), (403, "audience_not_configured"));
}

#[test]
fn right_taken_back_ends_despite_other_broken_files() {
    let rig = Rig::new();
    let mut daemon = rig.daemon();
    daemon.comes_to("valid");
    assert_eq!(rig.get(GATEWAY).status, 200);
    // First the credential is unsound, then the secret for the STS as well.
    for (unsound, taken, left) in
        [("credential.json", GATEWAY, Some(COORDINATOR)), ("sts.secret", COORDINATOR, None)]
    {
        let file = rig.node.dir.path().join(unsound);
        assert!(file.exists());
        fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
        let audience = left.map_or("other", |_| "arp-run-coordinator");
        rig.rules(&json!({audience: {"users": [uid()]}}));
        daemon.signal("HUP");
        until("it is taken back", || rig.get(taken).status == 403);
        if let Some(left) = left {
            assert_eq!(rig.get(left).status, 200);
        }
    }
    rig.rules(&json!({"other": {"user": ["root"]}}));
    daemon.signal("HUP");
    daemon.logs("still decided by the rules from before");
}

#[test]
fn trouble_with_tokens_is_a_warning_and_no_more() {
    let rig = Rig::new();
    let secret = rig.node.dir.path().join("sts.secret");
    let kept = fs::read(&secret).unwrap();
    fs::remove_file(&secret).unwrap();
    rig.rules(&json!({"arp-run-gateway": {"users": [uid(), "no-such-user-here"]}}));
    let mut daemon = rig.daemon();
    daemon.comes_to("valid");
    let warned = rig.get("/v1/health").body;
    assert_eq!((&warned["status"], &warned["outcome"]), (&json!("degraded"), &json!("valid")), "{warned}");
    assert_eq!([&warned["warnings"][0]["code"], &warned["warnings"][1]["code"]], ["sts", "broker_rule"]);
    let (code, view) = rig.node.check();
    assert_eq!((code, &view["warnings"]), (Some(0), &warned["warnings"]));
    let refused = rig.get(GATEWAY);
    assert_eq!(refused.status, 502);
    let told = refused.message();
    assert!(told.contains("the STS cannot be asked") && told.contains("sts.secret"), "{told}");
    // No reload is needed: the file is watched.
    fs::write(&secret, kept).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    until("a token", || rig.get(GATEWAY).status == 200);
    let left = rig.get("/v1/status").body;
    assert_eq!(left["warnings"].as_array().map(Vec::len), Some(1), "{left}");
    assert!(left["warnings"][0]["message"].as_str().unwrap().contains("no-such-user-here"), "{left}");
}

#[test]
fn caller_waiting_when_rules_change_is_rejected() {
    let rig = Rig::new();
    rig.node.configure("request_timeout_secs", 600);
    let mut daemon = rig.daemon();
    daemon.comes_to("valid");
    rig.fault("body-stall");
    let waits = rig.asking(GATEWAY);
    rig.requests(1);
    rig.rules(&json!({"arp-run-coordinator": {"users": [uid()]}}));
    daemon.signal("HUP");
    let sent_home = waits.answer();
    assert_eq!(sent_home.brief(), (503, "busy"));
    assert!(sent_home.message().contains("rules have changed"), "{sent_home:?}");
}

#[test]
fn reload_moves_and_removes_the_socket() {
    let rig = Rig::new();
    let mut daemon = rig.daemon();
    daemon.comes_to("valid");
    let token = rig.get(GATEWAY).token().to_owned();
    rig.node.configure("broker", json!({"socket": "other.sock"}));
    daemon.signal("HUP");
    let moved = rig.node.dir.path().join("other.sock");
    until("it has moved", || UnixStream::connect(&moved).is_ok());
    assert!(!rig.socket().exists());
    let mut caller = Caller::at(&moved);
    assert!(caller.send(&request("GET", GATEWAY)));
    assert_eq!(caller.answer().token(), token, "what was there is still good");
    rig.node.configure("broker", serde_json::Value::Null);
    daemon.signal("HUP");
    until("it is gone", || !moved.exists());
    let (status, _) = daemon.stop();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn refused_client_is_not_retried_before_its_secret_changes() {
    let rig = Rig::new();
    rig.secret("wrong");
    let mut daemon = rig.daemon();
    daemon.comes_to("valid");
    for target in [GATEWAY, GATEWAY, COORDINATOR] {
        let refused = rig.get(target);
        assert_eq!(refused.brief(), (502, "token_request_failed"));
        assert_eq!(refused.field("retry-after"), None, "of no use: {refused:?}");
        assert!(refused.message().contains("client_id"), "{refused:?}");
    }
    assert_eq!(rig.sts.token_requests(), 1);
    rig.secret("jarvis-node-secret");
    daemon.signal("HUP");
    until("it is tried again", || rig.get(GATEWAY).status == 200);
    until("nothing is wrong", || rig.node.status()["warnings"] == json!([]));
}

#[test]
fn refused_client_fixed_at_the_sts_is_retried_after_reload() {
    let rig = Rig::new();
    rig.sts.enable_client("jarvis-node", false).unwrap();
    let mut daemon = rig.daemon();
    daemon.comes_to("valid");
    let refused = rig.get(GATEWAY);
    assert_eq!(refused.status, 502);
    assert!(refused.message().contains("then reload"), "{refused:?}");
    until("the status tells why", || rig.node.status()["warnings"][0]["code"] == "sts_failure");
    rig.sts.enable_client("jarvis-node", true).unwrap();
    assert_eq!(rig.get(GATEWAY).status, 502);
    assert_eq!(rig.sts.token_requests(), 1);
    daemon.signal("HUP");
    until("it is tried again", || rig.get(GATEWAY).status == 200);
}

#[test]
fn environment_replaces_sts_configuration_for_root_only() {
    let rig = Rig::new();
    rig.node.configure("sts", Value::Null);
    let mut command = rig.command("run");
    command.env("ARP_AUTH_ISSUER", rig.sts.issuer()).env("ARP_AUTH_AUDIENCE", "arp-run-gateway");
    command.env("ARP_AUTH_CLIENT_ID", "jarvis-node").env("ARP_AUTH_CLIENT_SECRET", "jarvis-node-secret");
    let mut daemon = rig.daemon_by(&mut command);
    let said = daemon.logs("as variables of the environment say");
    assert!(said.contains(rig.sts.issuer()), "{said}");
    let allowed = if uid() == 0 { 200 } else { 403 };
    assert_eq!([GATEWAY, "/v1/token"].map(|target| rig.get(target).status), [allowed; 2]);
}

#[test]
fn key_from_keygen_proves_the_node_through_the_broker() {
    let rig = Rig::new();
    let keys = keygen::make(Algorithm::Es256, &rig.node.dir.path().join("sts.key")).unwrap();
    rig.node.configure(
        "sts",
        json!({
            "issuer": rig.sts.issuer(), "client_id": "jarvis-node", "client_key_file": "sts.key",
            "audiences": {"arp-run-gateway": {"users": [uid()]}},
        }),
    );
    let mut daemon = rig.daemon();
    daemon.comes_to("valid");
    let unknown = rig.get(GATEWAY);
    assert_eq!(unknown.brief(), (502, "token_request_failed"), "not registered yet: {unknown:?}");
    rig.sts.register_key("jarvis-node", &serde_json::from_str(&keys).unwrap()).unwrap();
    daemon.signal("HUP");
    until("it is tried again", || rig.get(GATEWAY).status == 200);
}
