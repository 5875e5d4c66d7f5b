//! `check` by root, for a daemon that runs as another user. Needs root.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::process::Command;

use serde_json::{Value, json};
use test_support::daemon::Daemon;
use test_support::rig::Rig;

/// A user that every Debian has.
const USER: &str = "daemon";
const UID: u32 = 1;

/// A rig whose folder and files belong to that user.
fn rig_of_other_user() -> Rig {
    let rig = Rig::new();
    chown(rig.dir.path(), Some(UID), Some(UID)).unwrap();
    for file in fs::read_dir(rig.dir.path()).unwrap() {
        chown(file.unwrap().path(), Some(UID), Some(UID)).unwrap();
    }
    rig
}

/// `check --json` where `systemctl show` prints this.
fn check_where_unit_is(rig: &Rig, shown: &str) -> (Option<i32>, Value) {
    let programs = tempfile::tempdir().unwrap();
    let systemctl = programs.path().join("systemctl");
    fs::write(&systemctl, format!("#!/bin/sh\nprintf '{shown}'\n")).unwrap();
    fs::set_permissions(&systemctl, Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", programs.path().display(), std::env::var("PATH").unwrap());
    let output = rig.command("check").arg("--json").env("PATH", path).output().unwrap();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
#[ignore = "needs root"]
fn check_by_root_is_made_as_the_daemons_user() {
    let rig = rig_of_other_user();
    let (code, view) = rig.check();
    assert_eq!((code, &view["outcome"]), (Some(0), &json!("valid")), "{view}");

    let credential = rig.path("credential.json");
    chown(&credential, Some(0), Some(0)).unwrap();
    let (code, view) = rig.check();
    assert_eq!((code, &view["outcome"]), (Some(78), &json!("setup")), "{view}");
    let shown = credential.display();
    assert_eq!(view["fix"], format!("sudo chown {USER} {shown} && sudo chmod 600 {shown}"));
    let fixed = Command::new("sh").arg("-c").arg(view["fix"].as_str().unwrap().replace("sudo ", "")).status();
    assert!(fixed.unwrap().success());
    assert_eq!(rig.check().0, Some(0), "the fix helps");

    let closed = rig.path("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    fs::copy(rig.path("ca.pem"), closed.join("ca.pem")).unwrap();
    rig.configure("ca_file", closed.join("ca.pem").to_str().unwrap());
    let (_, view) = rig.check();
    let fix = view["fix"].as_str().unwrap();
    assert!(fix.ends_with(&format!("sudo chmod a+x {}", closed.display())), "{view}");
    // By a link it is the same folder that is closed.
    symlink(closed.join("ca.pem"), rig.path("linked.pem")).unwrap();
    rig.configure("ca_file", "linked.pem");
    let (_, view) = rig.check();
    let fix = view["fix"].as_str().unwrap();
    assert!(fix.ends_with(&format!("sudo chmod a+x {}", closed.display())), "{view}");
    rig.configure("ca_file", closed.join("ca.pem").to_str().unwrap());
    fs::set_permissions(&closed, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(closed.join("ca.pem"), Permissions::from_mode(0o600)).unwrap();
    let (_, view) = rig.check();
    assert_eq!(view["fix"], format!("sudo chmod a+r {}", closed.join("ca.pem").display()), "{view}");
}

#[test]
#[ignore = "needs root"]
fn check_by_root_judges_sandbox_and_folders_of_the_unit() {
    let rig = rig_of_other_user();
    let unit = format!("LoadState=loaded\\nUser={USER}\\n");
    let (code, view) = check_where_unit_is(&rig, &format!("{unit}PrivateTmp=no\\nProtectSystem=no\\n"));
    assert_eq!((code, &view["outcome"]), (Some(0), &json!("valid")), "{view}");
    let (code, view) = check_where_unit_is(&rig, &format!("{unit}PrivateTmp=yes\\n"));
    assert_eq!(code, Some(78), "{view}");
    assert!(view["reason"].as_str().unwrap().contains("PrivateTmp="), "{view}");

    let (_, view) = check_where_unit_is(&rig, "LoadState=loaded\\nUser=no-such-user\\n");
    assert_eq!(view["warnings"][0]["code"], "check_user", "{view}");

    rig.configure("led", json!({"sysfs": "no-such-led"}));
    rig.configure("state_file", "/usr/lib/jarvis-node-state.json");
    let (code, view) =
        check_where_unit_is(&rig, &format!("{unit}ProtectSystem=strict\\nReadWritePaths=/tmp\\n"));
    assert_eq!(code, Some(0), "{view}");
    let codes: Vec<_> = view["warnings"].as_array().unwrap().iter().map(|one| &one["code"]).collect();
    assert_eq!(codes, ["state_file", "led"], "{view}");
    assert_eq!(
        view["warnings"][0]["message"],
        format!("/usr/lib/jarvis-node-state.json cannot be written: user {USER} may not write to /usr/lib")
    );
}

#[test]
#[ignore = "needs root"]
fn check_by_root_quotes_a_daemon_that_sees_otherwise() {
    let rig = rig_of_other_user();
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    let (_, view) = rig.check();
    assert_eq!(view.get("daemon"), None, "{view}");
    chown(rig.path("credential.json"), Some(0), Some(0)).unwrap();
    let (code, view) = rig.check();
    assert_eq!((code, &view["daemon"]["outcome"]), (Some(78), &json!("valid")), "{view}");
    let words = String::from_utf8(rig.command("check").output().unwrap().stdout).unwrap();
    assert!(words.contains("The running daemon says valid"), "{words}");
}
