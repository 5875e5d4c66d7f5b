//! `check` by root, for a daemon that runs as another user. Needs root.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use test_support::binaries::jarvis_node;
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
    check_beside(shown, "", &mut rig.command("check"))
}

/// This `check` where `systemctl show` prints `shown`, and `systemctl cat` prints `unit`.
fn check_beside(shown: &str, unit: &str, check: &mut Command) -> (Option<i32>, Value) {
    let output = output_beside(shown, unit, check.arg("--json"));
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

/// What this command prints where `systemctl show` prints `shown`, and `systemctl cat` prints `unit`.
pub(super) fn output_beside(shown: &str, unit: &str, command: &mut Command) -> Output {
    let programs = tempfile::tempdir().unwrap();
    let systemctl = programs.path().join("systemctl");
    let script = format!("#!/bin/sh\nif [ $1 = show ]; then printf '{shown}'; else printf '{unit}'; fi\n");
    fs::write(&systemctl, script).unwrap();
    fs::set_permissions(&systemctl, Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", programs.path().display(), std::env::var("PATH").unwrap());
    command.env("PATH", path).output().unwrap()
}

/// What `systemctl show` prints of a unit that starts the daemon as that user with these arguments.
fn unit_with_start_line(arguments: &str, more: &str) -> String {
    format!(
        "LoadState=loaded\\nUser={USER}\\nExecStart={{ path={program} ; argv[]={program} run{arguments} ; \
         ignore_errors=no ; pid=0 }}\\n{more}",
        program = jarvis_node().display()
    )
}

fn codes(view: &Value) -> Vec<&str> {
    view["warnings"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect()
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
    // As systemd makes one that the unit hides.
    fs::set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
    let (_, view) = rig.check();
    let fix = view["fix"].as_str().unwrap();
    assert!(fix.contains("ProtectHome=") && !fix.contains("chmod"), "{view}");
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
    assert_eq!(codes(&view), ["state_file", "led"], "{view}");
    assert_eq!(
        view["warnings"][0]["message"],
        "/usr/lib/jarvis-node-state.json cannot be written, so nothing is remembered across boots: Permission denied (os \
         error 13)"
    );
    assert!(
        view["warnings"][0]["fix"].as_str().unwrap().contains(&format!("a folder of user {USER}")),
        "{view}"
    );
}

#[test]
#[ignore = "needs root"]
fn check_by_root_is_as_powerless_as_a_root_of_the_unit() {
    let rig = rig_of_other_user();
    let unit = "LoadState=loaded\\nUser=root\\n";
    assert_eq!(check_where_unit_is(&rig, unit).0, Some(0));
    let (code, view) = check_where_unit_is(&rig, &format!("{unit}CapabilityBoundingSet=\\n"));
    assert!(code == Some(78) && codes(&view).contains(&"unit"), "{view}");
    assert!(view["reason"].as_str().unwrap().contains("Permission denied"), "{view}");
}

#[test]
#[ignore = "needs root"]
fn file_that_only_the_daemon_sees_is_not_called_missing() {
    let rig = rig_of_other_user();
    rig.configure("ca_file", "/nowhere/keys/ca.pem");
    let unit = format!("LoadState=loaded\\nUser={USER}\\nBindReadOnlyPaths=/etc:/nowhere/keys:rbind\\n");
    let (code, view) = check_where_unit_is(&rig, &unit);
    assert_eq!(code, Some(78), "{view}");
    assert!(view["reason"].as_str().unwrap().contains("for the daemon alone (BindPaths="), "{view}");
}

#[test]
#[ignore = "needs root"]
fn check_by_root_judges_the_files_that_are_written() {
    type Spoil = fn(&Path);
    const TAKEN: &str = "to a path of its own";
    let open = |path: &Path| fs::set_permissions(path, Permissions::from_mode(0o1777)).unwrap();
    let cases: [(&str, Spoil, &str); 8] = [
        ("a folder", |path| fs::create_dir(path).unwrap(), TAKEN),
        ("a pipe", |path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success()), TAKEN),
        ("not this program's", |path| fs::write(path, "another's").unwrap(), TAKEN),
        (
            "Permission denied",
            |path| {
                fs::write(path, "{}").unwrap();
                fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
            },
            "sudo",
        ),
        ("not permitted", |path| fs::write(path, "{}").unwrap(), "sudo"),
        (
            "Not a directory",
            |path| {
                fs::remove_dir(path.parent().unwrap()).unwrap();
                fs::write(path.parent().unwrap(), "").unwrap();
            },
            "is a file where a folder has to be",
        ),
        ("No such file", |path| fs::remove_dir(path.parent().unwrap()).unwrap(), "sudo install -d"),
        (
            "symbolic links",
            |path| {
                fs::remove_dir(path.parent().unwrap()).unwrap();
                symlink(path.parent().unwrap(), path.parent().unwrap()).unwrap();
            },
            "circle",
        ),
    ];
    for (key, code) in
        [("state_file", "state_file"), ("status_file", "status_file"), ("socket", "broker_socket")]
    {
        for (why, spoil, fix) in &cases {
            let rig = rig_of_other_user();
            let folder = rig.path("folder");
            fs::create_dir(&folder).unwrap();
            open(&folder);
            let path = folder.join("file.json");
            spoil(&path);
            let named = path.to_str().unwrap();
            if key == "socket" {
                let sts = json!({ "issuer": "https://sts.home.arpa", "client_id": "n", "client_key_file": "sts.key",
                    "audiences": { "a": {} } });
                rig.configure("sts", sts);
                rig.configure("broker", json!({ "socket": named }));
            } else {
                rig.configure(key, named);
            }
            let (code_of_check, view) = check_where_unit_is(&rig, &unit_with_start_line("", ""));
            assert_eq!(code_of_check, Some(0), "{key} {why}: {view}");
            let all = view["warnings"].as_array().unwrap();
            let told =
                all.iter().find(|one| one["code"] == code).unwrap_or_else(|| panic!("{key} {why}: {view}"));
            let message = told["message"].as_str().unwrap();
            let is_taken = key == "socket" && path.symlink_metadata().is_ok();
            assert!(
                message.contains(if is_taken { "no socket is there" } else { why }),
                "{key} {why}: {view}"
            );
            let fix = if is_taken { TAKEN } else { fix };
            assert!(told["fix"].as_str().unwrap().contains(fix), "{key} {why}: {view}");
        }
    }
}

#[test]
#[ignore = "needs root"]
fn check_is_of_the_configuration_that_the_unit_names() {
    let rig = rig_of_other_user();
    let config = rig.config();
    let unit = unit_with_start_line(&format!(" --config {}", config.display()), "");
    let (code, view) = check_beside(&unit, "", Command::new(jarvis_node()).arg("check"));
    assert_eq!((code, &view["warnings"]), (Some(0), &json!([])), "{view}");

    let other = rig.path("other.json");
    fs::copy(&config, &other).unwrap();
    let mut check = Command::new(jarvis_node());
    let (code, view) = check_beside(&unit, "", check.arg("check").arg("--config").arg(&other));
    assert_eq!((code, codes(&view)), (Some(0), vec!["check_config"]), "{view}");
    let told = &view["warnings"][0];
    assert!(told["message"].as_str().unwrap().ends_with(config.to_str().unwrap()), "{view}");
    let fix = format!("sudo jarvis-node check --config {}", config.display());
    assert!(told["fix"].as_str().unwrap().contains(&fix), "{view}");
    // By a link it is the same one.
    fs::remove_file(&other).unwrap();
    symlink(&config, &other).unwrap();
    let mut check = Command::new(jarvis_node());
    let (_, view) = check_beside(&unit, "", check.arg("check").arg("--config").arg(&other));
    assert_eq!(view["warnings"], json!([]), "{view}");
}

#[test]
#[ignore = "needs root"]
fn check_by_root_has_the_variables_of_the_unit() {
    let rig = rig_of_other_user();
    rig.configure("broker", json!({ "socket": rig.path("node.sock").to_str().unwrap() }));
    let variables = "ARP_AUTH_ISSUER=https://sts.home.arpa\nARP_AUTH_CLIENT_ID=node\nARP_AUTH_CLIENT_SECRET=s3cret\n\
        ARP_AUTH_AUDIENCE=smartem\n";
    rig.write_secret("env", variables);
    let config = format!(" --config {}", rig.config().display());
    let file = format!("EnvironmentFiles={} (ignore_errors=no)\\n", rig.path("env").display());
    let (code, view) = check_where_unit_is(&rig, &unit_with_start_line(&config, &file));
    assert_eq!((code, codes(&view)), (Some(0), vec![]), "{view}");
    // Those of the person who checks do not count.
    let mut check = rig.command("check");
    variables.lines().filter_map(|line| line.split_once('=')).for_each(|(name, value)| {
        check.env(name, value);
    });
    let (code, view) = check_beside(&unit_with_start_line(&config, ""), "", &mut check);
    assert_eq!((code, codes(&view)), (Some(0), vec!["tokens"]), "{view}");
    let line = "Environment=ARP_AUTH_CLIENT_SECRET=s3cret\\n";
    let (_, view) = check_where_unit_is(&rig, &unit_with_start_line(&config, line));
    assert_eq!(codes(&view), ["tokens"], "{view}");
    assert!(view["warnings"][0]["message"].as_str().unwrap().contains("ARP_AUTH_ISSUER"), "{view}");
    assert!(!view.to_string().contains("s3cret"), "{view}");
    fs::remove_file(rig.path("env")).unwrap();
    let (_, view) = check_where_unit_is(&rig, &unit_with_start_line(&config, &file));
    assert_eq!(codes(&view), ["unit", "tokens"], "{view}");
}

#[test]
#[ignore = "needs root"]
fn check_by_root_finds_what_links_lead_to_hidden_places() {
    let rig = rig_of_other_user();
    let home = tempfile::tempdir().unwrap();
    fs::copy(rig.path("ca.pem"), home.path().join("ca.pem")).unwrap();
    fs::set_permissions(home.path(), Permissions::from_mode(0o755)).unwrap();
    fs::remove_file(rig.path("ca.pem")).unwrap();
    symlink(home.path().join("ca.pem"), rig.path("ca.pem")).unwrap();
    assert_eq!(check_where_unit_is(&rig, &unit_with_start_line("", "")).0, Some(0));
    let hidden = home.path().display();
    for setting in ["InaccessiblePaths=-", "TemporaryFileSystem="] {
        let unit = format!("LoadState=loaded\\nUser={USER}\\n{setting}{hidden}\\n");
        let (code, view) = check_where_unit_is(&rig, &unit);
        assert_eq!(code, Some(78), "{view}");
        let reason = view["reason"].as_str().unwrap();
        assert!(
            reason.contains("ca.pem leads to a place in") && reason.contains(&hidden.to_string()),
            "{view}"
        );
        assert!(reason.contains(setting.trim_end_matches('-')), "{view}");
    }
}

#[test]
#[ignore = "needs root"]
fn file_that_systemd_passes_on_is_not_called_missing() {
    let rig = rig_of_other_user();
    let source = rig.path("voice.json");
    fs::rename(rig.path("credential.json"), &source).unwrap();
    rig.configure("credential_file", "node.json");
    let (shown, unit) =
        (unit_with_start_line("", ""), format!("[Service]\nLoadCredential=node.json:{}\n", source.display()));
    let (code, view) = check_beside(&shown, &unit, &mut rig.command("check"));
    assert_eq!(code, Some(78), "{view}");
    assert!(view["reason"].as_str().unwrap().contains("systemd passes the credential"), "{view}");
    assert!(view["fix"].as_str().unwrap().contains("systemctl restart jarvis-node-agent"), "{view}");
    fs::remove_file(source).unwrap();
    let (_, view) = check_beside(&shown, &unit, &mut rig.command("check"));
    assert!(view["reason"].as_str().unwrap().contains("voice.json, which systemd is to pass on"), "{view}");
    let (_, view) = check_beside(&shown, "", &mut rig.command("check"));
    assert!(view["reason"].as_str().unwrap().starts_with("there is no credential"), "{view}");
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
