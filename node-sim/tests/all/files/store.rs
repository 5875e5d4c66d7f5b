//! A credential file that the system does not let be replaced. It is found before a token or a new key is risked.

use std::fs;
use std::path::Path;
use std::process::Command;

use test_support::binaries::jarvis_node;
use test_support::process::{Ended, feed, run_to_end};
use test_support::rig::Rig;

/// `jarvis-node` with these arguments, in a mount namespace of its own in which `file` is a mount point.
fn where_mounted(file: &Path, rig: &Rig, arguments: &[&str], input: &str) -> Ended {
    let script = "mount --bind \"$0\" \"$0\" && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", script]).arg(file);
    command.arg(jarvis_node()).args(arguments).arg("--config").arg(rig.config());
    feed(&mut command, input)
}

fn names(rig: &Rig) -> Vec<String> {
    let entries = fs::read_dir(rig.dir.path()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
#[ignore = "needs root"]
fn mounted_credential_costs_no_token_and_no_key() {
    let rig = Rig::new();
    let credential = rig.path("credential.json");
    let before = (fs::read(&credential).unwrap(), names(&rig));
    let token = rig.stub.provisioning_token();
    let enroll = ["enroll", "--url", rig.stub.command_center_url(), "--node-id", "attic-pi", "--replace"];
    let (code, _, err) = where_mounted(&credential, &rig, &enroll, &token);
    assert_eq!(code, Some(73), "{err}");
    assert!(err.contains("is mounted by itself") && err.contains("the token is still good"), "{err}");
    assert_eq!((fs::read(&credential).unwrap(), names(&rig)), before);

    let key = rig.stub.rotate_key("kitchen-pi").unwrap();
    let new = format!(r#"{{"node_id":"kitchen-pi","node_key":"{key}"}}"#);
    let (code, _, err) = where_mounted(&credential, &rig, &["install-credential"], &new);
    assert_eq!(code, Some(73), "{err}");
    assert!(err.contains("is mounted by itself") && err.contains("What was stored is unchanged"), "{err}");
    assert_eq!((fs::read(&credential).unwrap(), names(&rig)), before);
    assert_eq!(feed(&mut rig.command("install-credential"), &new).0, Some(0));
    let mut again = rig.command("enroll");
    again.args(["--url", rig.stub.command_center_url(), "--node-id", "attic-pi", "--replace"]);
    assert_eq!(feed(&mut again, &token).0, Some(0), "the token was good");
}

#[test]
#[ignore = "needs root, and a file system with attributes"]
fn locked_credential_costs_no_token() {
    let rig = Rig::new();
    let credential = rig.path("credential.json");
    let token = rig.stub.provisioning_token();
    let chattr = |how: &str| run_to_end(Command::new("chattr").arg(how).arg(&credential));
    let (code, _, err) = chattr("+i");
    if code != Some(0) {
        assert!(err.contains("not supported"), "{err}");
        return;
    }
    let mut enroll = rig.command("enroll");
    enroll.args(["--url", rig.stub.command_center_url(), "--node-id", "attic-pi", "--replace"]);
    let (code, _, err) = feed(&mut enroll, &token);
    assert_eq!(chattr("-i").0, Some(0));
    assert_eq!(code, Some(73), "{err}");
    assert!(err.contains("sudo chattr -i") && err.contains("the token is still good"), "{err}");
    assert_eq!(feed(&mut enroll, &token).0, Some(0), "the token was good");
}
