//! Whose a file is: of version 0.1.0 only its own files are moved or removed, and what stands in our places, but is not
//! ours, stays.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use serde_json::{Value, json};
use test_support::binaries::jarvis_node;
use test_support::card::{Card, Entry, config_0_1_0};
use test_support::process::run_to_end;

use super::{at_hand, told};

const OLD_UNIT: &str = "etc/systemd/system/jarvis-node.service";
const PROGRAM: &str = "usr/local/bin/jarvis-node";

fn add_pi(card: &Card) {
    let passwd = card.text("etc/passwd").unwrap_or_default() + "pi:x:1000:1000::/home/pi:/bin/bash\n";
    card.put("etc/passwd", 0o644, passwd);
    card.put("etc/group", 0o644, card.text("etc/group").unwrap_or_default() + "pi:x:1000:\n");
}

fn entries_of(card: &Card, paths: &[&str]) -> Vec<Option<Entry>> {
    let entries = card.entries();
    paths.iter().map(|path| entries.get(*path).cloned()).collect()
}

fn moved_config(card: &Card) -> Value {
    serde_json::from_str(&card.text("etc/jarvis-node-agent/config.json").unwrap()).unwrap()
}

#[test]
#[ignore = "needs root"]
fn voice_nodes_files_under_our_old_names_stay() {
    let card = Card::new();
    add_pi(&card);
    card.put(
        OLD_UNIT,
        0o644,
        "[Service]\nUser=pi\nExecStart=/usr/local/bin/jarvis-node --config /opt/jarvis-node/config.json\n",
    );
    card.put("etc/jarvis-node/config.json", 0o644, r#"{"credential_file": "theirs"}"#);
    card.put("etc/jarvis-node/voice.env", 0o600, "s3cret");
    card.put("etc/jarvis-node/model.new", 0o644, "theirs");
    card.put("var/lib/jarvis-node/state.json", 0o644, "theirs");
    card.give("etc/jarvis-node/voice.env", "pi");
    let before = card.entries();
    for run in [told(card.install(jarvis_node(), &[])), told(card.uninstall(&["--purge"]))] {
        assert_eq!(run.0, Some(0), "{}", run.1);
        let after = card.entries();
        assert!(
            before
                .iter()
                .filter(|(path, _)| path.contains("jarvis"))
                .all(|(path, entry)| after.get(path) == Some(entry))
        );
    }
}

#[test]
#[ignore = "needs root"]
fn purge_of_0_1_0_removes_its_secrets_and_no_others() {
    let card = Card::new();
    card.lay_out_0_1_0(&config_0_1_0());
    add_pi(&card);
    card.put("etc/.jarvis-node.AbCdEf", 0o600, "s3cret");
    card.put("var/lib/.jarvis-node.AbCdEf", 0o600, "s3cret");
    let theirs =
        ["etc/jarvis-node/wake/model", "etc/jarvis-node/ca.pem", "var/lib/jarvis-node/update-state.json"];
    for path in theirs {
        card.put(path, 0o644, "theirs");
        card.give(path, "pi");
    }
    let before = entries_of(&card, &theirs);
    // Without --purge they are kept for a later installation, which finds them.
    let (code, said) = told(card.uninstall(&[]));
    assert!(code == Some(0) && said.contains("install.sh moves them over"), "{said}");
    let later = card.copy();
    let (code, said) = told(later.install(jarvis_node(), &[]));
    assert_eq!(code, Some(0), "{said}");
    assert!(later.text("var/lib/jarvis-node-agent/credential.json").unwrap().contains("s3cret-2"));
    let (code, said) = told(card.uninstall(&["--purge"]));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("etc/jarvis-node/wake/model"), "{said}");
    assert_eq!(entries_of(&card, &theirs), before);
    let left: Vec<_> = card.entries().into_keys().filter(|path| path.contains("jarvis-node")).collect();
    assert_eq!(left.len(), theirs.len(), "{left:?}");
    assert!(card.user("jarvis-node").is_none());
}

#[test]
#[ignore = "needs root"]
fn file_of_another_user_stays_and_is_named_still() {
    let card = Card::new();
    card.lay_out_0_1_0(&config_0_1_0());
    add_pi(&card);
    card.give("etc/jarvis-node/app.key", "pi");
    let before = entries_of(&card, &["etc/jarvis-node/app.key"]);
    let (code, said) = told(card.install(jarvis_node(), &[]));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("belongs to another user"), "{said}");
    assert_eq!(entries_of(&card, &["etc/jarvis-node/app.key"]), before);
    assert_eq!(moved_config(&card)["app_key_file"], "/etc/jarvis-node/app.key");
    assert!(card.path("var/lib/jarvis-node-agent/credential.json").exists());
}

#[test]
#[ignore = "needs root"]
fn link_is_moved_as_the_file_it_leads_to() {
    let card = Card::new();
    let mut config = config_0_1_0();
    config["app_key_file"] = "/var/lib/jarvis-node/sub/app.key".into();
    card.lay_out_0_1_0(&config);
    // Root's link beside the configuration; a link of the daemon's user to a file that it may not read.
    card.put("etc/pki/ca.pem", 0o644, "an authority");
    fs::remove_file(card.path("etc/jarvis-node/ca.pem")).unwrap();
    symlink("../pki/ca.pem", card.path("etc/jarvis-node/ca.pem")).unwrap();
    card.put("var/lib/jarvis-node/sub/app.key", 0o600, "s3cret-sub");
    card.give("var/lib/jarvis-node/sub/app.key", "jarvis-node");
    let (code, said) = told(card.install(jarvis_node(), &[]));
    // On a card no link is followed: it may lead to this system.
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("ca.pem is a link"), "{said}");
    let answered = fs::read(card.path("etc/pki/ca.pem")).unwrap();
    fs::remove_file(card.path("etc/jarvis-node/ca.pem")).unwrap();
    fs::write(card.path("etc/jarvis-node/ca.pem"), answered).unwrap();
    let (code, said) = told(card.install(jarvis_node(), &[]));
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(card.text("var/lib/jarvis-node-agent/sub/app.key").as_deref(), Some("s3cret-sub"));
    assert_eq!(moved_config(&card)["app_key_file"], "/var/lib/jarvis-node-agent/sub/app.key");
    assert!(!card.path("var/lib/jarvis-node").exists());
}

#[test]
#[ignore = "needs root"]
fn unit_with_a_configuration_of_its_own_is_asked_about() {
    for line in [
        "Environment=JARVIS_NODE_CONFIG=/srv/j/c.json\nExecStart=/usr/local/bin/jarvis-node run",
        "ExecStart = /usr/local/bin/jarvis-node run --config /srv/j/c.json",
        "ExecStart=\"/usr/local/bin/jarvis-node\" run --config=/srv/j/c.json",
    ] {
        let card = Card::new();
        card.lay_out_0_1_0(&config_0_1_0());
        card.put(
            OLD_UNIT,
            0o644,
            format!("[Service]\n{line}\nUser=jarvis-node\n[Install]\nWantedBy=multi-user.target\n"),
        );
        let before = card.entries();
        let (code, said) = told(card.install(jarvis_node(), &[]));
        assert_eq!(code, Some(1), "{line}: {said}");
        assert!(said.contains("configuration of its own") && said.contains("/srv/j/c.json"), "{said}");
        assert_eq!(card.entries(), before);
        let hand = tempfile::tempdir().unwrap();
        let config = at_hand(hand.path(), "c.json", config_0_1_0().to_string());
        let (code, said) = told(card.install(jarvis_node(), &["--config", config.to_str().unwrap()]));
        assert_eq!(code, Some(0), "{line}: {said}");
        assert!(
            !card.path(OLD_UNIT).exists() && card.path("etc/jarvis-node-agent/app.key").exists(),
            "{said}"
        );
    }
}

#[test]
#[ignore = "needs root"]
fn old_files_given_and_the_old_user_gone_are_moved() {
    let card = Card::new();
    card.lay_out_0_1_0(&config_0_1_0());
    let passwd = card.text("etc/passwd").unwrap();
    let others = passwd.lines().filter(|line| !line.starts_with("jarvis-node:"));
    card.put("etc/passwd", 0o644, others.map(|line| format!("{line}\n")).collect::<String>());
    let given = card.path("var/lib/jarvis-node/credential.json");
    let (_, said) = told(card.install(jarvis_node(), &["--credential", given.to_str().unwrap()]));
    assert!(said.contains("Installed") && said.contains("the one that is in place"), "{said}");
    let (entries, user) = (card.entries(), card.user("jarvis-node-agent").unwrap());
    for name in ["credential.json", "credential.json.prev"] {
        assert_eq!(entries[&format!("var/lib/jarvis-node-agent/{name}")].1.0, user, "{name}");
    }
    assert!(!card.path("var/lib/jarvis-node").exists());
}

#[test]
#[ignore = "needs root"]
fn what_stands_in_our_places_is_named_and_stays() {
    let wrapper = "#!/bin/sh\nexec /opt/jarvis-node/.venv/bin/python -m scripts.main\n";
    let lay_out: [fn(&Card); 4] = [
        |card| {
            card.put(PROGRAM, 0o755, "#!/bin/sh\nexec /opt/jarvis-node/.venv/bin/python -m scripts.main\n")
        },
        |card| card.put(&format!("{PROGRAM}/x"), 0o644, "theirs"),
        |card| card.put(&format!("{PROGRAM}.new/x"), 0o644, "theirs"),
        |card| card.put("etc/jarvis-node-agent", 0o644, "theirs"),
    ];
    for (number, lay_out) in lay_out.iter().enumerate() {
        let card = Card::new();
        lay_out(&card);
        let before = card.entries();
        let (code, said) = told(card.install(jarvis_node(), &[]));
        assert_eq!(code, Some(1), "{number}: {said}");
        assert!(said.contains("Nothing was changed"), "{number}: {said}");
        assert_eq!(card.entries(), before, "{number}");
    }
    let card = Card::new();
    card.put(PROGRAM, 0o755, wrapper);
    card.put("var/lib/jarvis-node-agent/credential.json", 0o600, "s3cret");
    fs::create_dir_all(card.path("etc/udev/rules.d")).unwrap();
    symlink("/dev/null", card.path("etc/udev/rules.d/60-jarvis-node-agent.rules")).unwrap();
    let (code, said) = told(card.uninstall(&["--purge"]));
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(card.text(PROGRAM).as_deref(), Some(wrapper));
    assert!(fs::symlink_metadata(card.path("etc/udev/rules.d/60-jarvis-node-agent.rules")).is_ok());
    assert!(!card.path("var/lib/jarvis-node-agent").exists());
}

#[test]
#[ignore = "needs root"]
fn purge_empties_a_mount_point() {
    let card = Card::new();
    assert_eq!(told(card.install(jarvis_node(), &[])).0, Some(0));
    card.put("var/lib/private/jarvis-node-agent/credential.json", 0o600, "s3cret");
    let state = card.path("var/lib/jarvis-node-agent");
    let mut inside = Command::new("unshare");
    inside.args(["-m", "sh", "-c"]).arg(
        "mount -t tmpfs none \"$0\" && echo s3cret >\"$0/credential.json\" && \"$@\"; echo \"ended $?\"; ls -A \"$0\"",
    );
    let script = card.script("uninstall.sh");
    inside.arg(&state).arg(script.get_program()).args(script.get_args()).arg("--purge");
    let (code, said) = told(run_to_end(&mut inside));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("ended 0") && !said.contains("ended 0\ncredential.json"), "{said}");
    assert!(card.user("jarvis-node-agent").is_none());
    assert!(!card.path("var/lib/private/jarvis-node-agent").exists());
}

#[test]
#[ignore = "needs root"]
fn given_file_is_judged_before_it_replaces_another() {
    let card = Card::new();
    assert_eq!(told(card.install(jarvis_node(), &[])).0, Some(0));
    let before = card.entries();
    let hand = tempfile::tempdir().unwrap();
    let credential = json!({ "node_id": "kitchen-pi", "node_key": "s3cret" }).to_string();
    let key = "-----BEGIN EC PRIVATE KEY-----\ns3cret\n-----END EC PRIVATE KEY-----\n";
    let big = vec![b'x'; 3 << 20];
    for (option, content) in [
        ("--ca", credential.as_bytes()),
        ("--ca", key.as_bytes()),
        ("--ca", b""),
        ("--config", credential.as_bytes()),
        ("--config", b"{"),
        ("--config", b""),
        ("--app-key", b""),
        ("--app-key", &big),
        ("--credential", b"{}"),
    ] {
        let given = at_hand(hand.path(), "given", content);
        let (code, said) = told(card.install(jarvis_node(), &[option, given.to_str().unwrap()]));
        assert_eq!(code, Some(1), "{option}: {said}");
        assert!(
            said.contains(given.to_str().unwrap()) && said.contains("Nothing was changed"),
            "{option}: {said}"
        );
        assert!(!said.contains("s3cret") && !said.contains(".jarvis-node-agent.new"), "{option}: {said}");
        assert_eq!(card.entries(), before, "{option}");
    }
    let (code, said) = told(card.install(jarvis_node(), &["--app-key", ""]));
    assert!(code == Some(1) && said.contains("wants a value"), "{said}");
    // A pipe is read once.
    let mut piped = Command::new("bash");
    piped.args(["-c", "exec \"$0\" \"$@\" --app-key <(echo s3cret-key)"]);
    let script = card.script("install.sh");
    piped.arg(script.get_program()).args(script.get_args()).arg(jarvis_node());
    let (code, said) = told(run_to_end(&mut piped));
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(card.text("etc/jarvis-node-agent/app.key").as_deref(), Some("s3cret-key\n"));
    let program = hand.path().join("hello world");
    fs::write(&program, fs::read(jarvis_node()).unwrap()).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(told(card.install(&program, &[])).0, Some(0));
}
