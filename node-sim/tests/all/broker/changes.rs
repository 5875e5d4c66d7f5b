//! What somebody changes on the board while the daemon runs: owners and modes, the socket and its folder, the rules.

use std::fs;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use test_support::daemon::Daemon;
use test_support::waiting::until;

use super::rig::{GATEWAY, Rig};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The codes of the warnings in the status.
fn codes(rig: &Rig) -> Vec<String> {
    let warnings = rig.node.status()["warnings"].take();
    warnings.as_array().unwrap().iter().map(|one| String::from(one["code"].as_str().unwrap())).collect()
}

#[test]
fn secret_opened_to_others_is_warned_of_until_closed() {
    let rig = Rig::new();
    let mut daemon = rig.daemon();
    daemon.comes_to("valid");
    for (file, code) in [("sts.secret", "sts"), ("credential.json", "setup"), ("app.key", "setup")] {
        let path = rig.node.path(file);
        set_mode(&path, 0o644);
        until("it is warned of", || codes(&rig) == [code]);
        assert_eq!(rig.get(GATEWAY).status, 200, "{file}");
        set_mode(&path, 0o600);
        until("the warning goes", || codes(&rig).is_empty());
    }
}

#[test]
fn socket_survives_what_is_done_to_it_and_its_folder() {
    let rig = Rig::new();
    let (run, socket) = (rig.node.path("run"), rig.node.path("run/node.sock"));
    fs::create_dir(&run).unwrap();
    rig.node.configure("broker", json!({"socket": "run/node.sock"}));
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    let listens = || {
        UnixStream::connect(&socket).is_ok()
            && fs::metadata(&socket).is_ok_and(|file| file.permissions().mode() & 0o777 == 0o666)
    };
    until("it listens", listens);
    set_mode(&socket, 0o000);
    until("it is open again", listens);
    set_mode(&run, 0o777);
    until("the folder is warned of", || codes(&rig).contains(&"broker_folder".into()));
    set_mode(&run, 0o755);
    until("the warning goes", || codes(&rig).is_empty());
    fs::rename(&run, rig.node.path("run.moved")).unwrap();
    fs::create_dir(&run).unwrap();
    until("it listens in the new folder", listens);
    fs::remove_file(&socket).unwrap();
    until("the new folder is watched", listens);
}

#[test]
fn emptied_rules_stop_tokens_and_broken_ones_do_not() {
    let rig = Rig::new();
    let mut daemon = rig.daemon();
    daemon.comes_to("valid");
    assert_eq!(rig.get(GATEWAY).status, 200);
    rig.rules(&json!({"arp-run-gateway": 7}));
    until("it is warned of", || codes(&rig) == ["tokens"]);
    assert_eq!(rig.get(GATEWAY).status, 200, "by the rules from before");
    let fix = rig.node.status()["warnings"][0]["fix"].take();
    assert!(fix.as_str().unwrap().contains("keeps to the rules that it read before"), "{fix}");
    rig.rules(&json!({}));
    until("nobody gets a token", || rig.get(GATEWAY).brief() == (403, "audience_not_configured"));
    until("that is no fault", || rig.node.status()["warnings"] == json!([]));
}

#[test]
fn daemon_with_few_descriptors_says_so_and_serves() {
    let rig = Rig::new();
    let run = rig.command("run");
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 40; exec \"$0\" \"$@\""]).arg(run.get_program()).args(run.get_args());
    for (name, value) in run.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let mut daemon = rig.daemon_by(&mut limited);
    daemon.comes_to("valid");
    until("it is warned of", || codes(&rig) == ["broker_limit"]);
    let warning: Value = rig.node.status()["warnings"][0].take();
    assert!(warning["fix"].as_str().unwrap().contains("LimitNOFILE="), "{warning}");
    assert_eq!(rig.get(GATEWAY).status, 200);
}

#[test]
fn refused_exchange_takes_no_token_from_others() {
    let rig = Rig::new();
    let mut daemon = rig.daemon();
    daemon.comes_to("valid");
    for fault in ["oauth-invalid-client", "oauth-401-detail", "oauth-no-realm", "oauth-unauthorized-client"] {
        rig.fault(fault);
        let body = format!("subject_token=bad-{fault}&audience=arp-run-gateway");
        assert_eq!(
            rig.post("application/x-www-form-urlencoded", &body).brief(),
            (502, "token_exchange_failed")
        );
    }
    rig.fault("");
    assert_eq!(rig.get(GATEWAY).status, 200);
}
