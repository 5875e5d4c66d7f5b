//! An installation of version 0.1.0 is moved over by the same command as an upgrade.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use serde_json::json;
use test_support::binaries::jarvis_node;
use test_support::card::{Card, config_0_1_0};
use test_support::process::run_to_end;

use super::{at_hand, told};

const OLD_UNIT: &str = "etc/systemd/system/jarvis-node.service";

#[test]
#[ignore = "needs root"]
fn old_installation_is_moved_with_all_it_has() {
    let card = Card::new();
    let mut config = config_0_1_0();
    config["sts"] =
        json!({ "client_key_file": "/var/lib/jarvis-node/sts.key", "issuer": "https://x/jarvis-node/" });
    config["broker"] = json!({ "socket": "/run/jarvis-node/node.sock" });
    card.lay_out_0_1_0(&config);
    card.put("var/lib/jarvis-node/sts.key", 0o600, "s3cret");
    card.put("var/lib/jarvis-node/update-state.json", 0o644, "of an older voice node");
    config["client_cert_file"] = "keys/client.pem".into();
    config["client_key_file"] = "/etc//jarvis-node/x/../keys/client.key".into();
    fs::write(card.path("etc/jarvis-node/config.json"), config.to_string()).unwrap();
    card.put("etc/jarvis-node/keys/client.key", 0o600, "s3cret");
    fs::set_permissions(card.path("etc/jarvis-node/keys"), Permissions::from_mode(0o700)).unwrap();
    card.give("etc/jarvis-node/keys", "jarvis-node");
    card.put("etc/jarvis-node/voice.env", 0o600, "of the voice node");
    card.give("etc/jarvis-node/keys/client.key", "jarvis-node");
    card.put("etc/systemd/system/jarvis-node.service.d/led.conf", 0o644, "[Service]\n");
    let unit =
        card.text(OLD_UNIT).unwrap().replace("node run", "node run --config /etc/jarvis-node/config.json");
    card.put(OLD_UNIT, 0o644, unit);
    let old = card.entries();

    let (code, said) = told(card.install(jarvis_node(), &[]));
    assert_eq!(code, Some(0), "{said}");
    for word in ["jarvis-node.service.d/led.conf", "/run/jarvis-node-agent", "node run --config"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let (new, user) = (card.entries(), card.user("jarvis-node-agent").unwrap());
    for (path, owner) in [
        ("etc/jarvis-node/app.key", user),
        ("etc/jarvis-node/ca.pem", 0),
        ("etc/jarvis-node/keys/client.key", user),
        ("var/lib/jarvis-node/credential.json", user),
        ("var/lib/jarvis-node/credential.json.prev", user),
        ("var/lib/jarvis-node/state.json", user),
        ("var/lib/jarvis-node/sts.key", 0),
    ] {
        let (mode, _, content) = &old[path];
        let moved = &new[&path.replace("jarvis-node", "jarvis-node-agent")];
        assert_eq!((&moved.0, moved.1.0, &moved.2), (mode, owner, content), "{path}");
    }
    let moved: serde_json::Value =
        serde_json::from_str(&card.text("etc/jarvis-node-agent/config.json").unwrap()).unwrap();
    config["app_key_file"] = "/etc/jarvis-node-agent/app.key".into();
    config["ca_file"] = "/etc/jarvis-node-agent/ca.pem".into();
    config["credential_file"] = "/var/lib/jarvis-node-agent/credential.json".into();
    config["sts"]["client_key_file"] = "/var/lib/jarvis-node-agent/sts.key".into();
    config["client_key_file"] = "/etc/jarvis-node-agent/keys/client.key".into();
    config["broker"]["socket"] = "/run/jarvis-node-agent/node.sock".into();
    assert_eq!(moved, config);
    let keys = fs::metadata(card.path("etc/jarvis-node-agent/keys")).unwrap();
    assert_eq!((keys.mode() & 0o777, keys.uid()), (0o700, user));
    // Of the old one only what was not its own is left.
    let left = new.keys().filter(|path| path.contains("jarvis-node") && !path.contains("jarvis-node-agent"));
    assert_eq!(
        left.collect::<Vec<_>>(),
        [
            "etc/jarvis-node/voice.env",
            "etc/systemd/system/jarvis-node.service.d/led.conf",
            "usr/local/bin/jarvis-node",
            "var/lib/jarvis-node/update-state.json"
        ]
    );
    assert_eq!(told(card.install(jarvis_node(), &[])).0, Some(0), "an upgrade");
    assert_eq!(card.entries(), new);
}

/// A card where version 0.1.0 was moved over, and then installed again by its own installer.
fn moved_and_old_again() -> Card {
    let card = Card::new();
    card.lay_out_0_1_0(&config_0_1_0());
    let (code, said) = told(card.install(jarvis_node(), &[]));
    assert_eq!(code, Some(0), "{said}");
    let old = Card::new();
    let mut config = config_0_1_0();
    config["service_id"] = "of-the-example".into();
    old.lay_out_0_1_0(&config);
    old.put(
        "var/lib/jarvis-node/credential.json",
        0o600,
        r#"{"node_id":"kitchen-pi","node_key":"s3cret-0"}"#,
    );
    old.give("var/lib/jarvis-node/credential.json", "jarvis-node");
    for path in ["etc/jarvis-node", "var/lib/jarvis-node", OLD_UNIT, "etc/tmpfiles.d/jarvis-node.conf"] {
        let done =
            std::process::Command::new("cp").arg("-aT").args([old.path(path), card.path(path)]).status();
        assert!(done.unwrap().success());
    }
    card
}

#[test]
#[ignore = "needs root"]
fn files_of_two_installations_are_decided_by_a_person() {
    let card = moved_and_old_again();
    let before = card.entries();
    let (code, said) = told(card.install(jarvis_node(), &[]));
    assert_eq!(code, Some(1), "{said}");
    let commands: Vec<_> = said.lines().filter_map(|line| line.strip_prefix("    sudo ")).collect();
    // Of two differing files, and for each of both answers.
    assert_eq!(commands.len(), 4, "{said}");
    assert_eq!(card.entries(), before);
    for [first, second] in [[0, 2], [1, 3]] {
        let answered = card.copy();
        for number in [first, second] {
            let command = commands[number].replace(&*shell_quoted(&card), answered.root().to_str().unwrap());
            let done = std::process::Command::new("sh").args(["-c", &command]).status();
            assert!(done.unwrap().success(), "{command}");
        }
        let (code, said) = told(answered.install(jarvis_node(), &[]));
        assert_eq!(code, Some(0), "{said}");
        let key = if first == 0 { "s3cret-0" } else { "s3cret-2" };
        assert!(answered.text("var/lib/jarvis-node-agent/credential.json").unwrap().contains(key));
        let example = answered.text("etc/jarvis-node-agent/config.json").unwrap().contains("of-the-example");
        assert_eq!(example, first == 0);
    }
}

/// A card's root as bash's printf writes it.
fn shell_quoted(card: &Card) -> String {
    card.root().to_str().unwrap().replace(' ', "\\ ").replace('&', "\\&")
}

#[test]
#[ignore = "needs root"]
fn given_files_win_whatever_their_times_are() {
    for year in ["1980", "2031"] {
        let card = Card::new();
        card.lay_out_0_1_0(&config_0_1_0());
        for path in ["etc/jarvis-node/config.json", "etc/jarvis-node/app.key"] {
            let time = format!("{year}-01-01");
            let done = std::process::Command::new("touch").args(["-d", &time]).arg(card.path(path)).status();
            assert!(done.unwrap().success());
        }
        let hand = tempfile::tempdir().unwrap();
        let mut config = config_0_1_0();
        config["service_id"] = "given".into();
        let config = at_hand(hand.path(), "c.json", config.to_string());
        let app_key = at_hand(hand.path(), "a.key", "s3cret-given");
        let given = ["--config", config.to_str().unwrap(), "--app-key", app_key.to_str().unwrap()];
        let (code, said) = told(card.install(jarvis_node(), &given));
        assert_eq!(code, Some(0), "{said}");
        assert!(card.text("etc/jarvis-node-agent/config.json").unwrap().contains("given"));
        assert_eq!(card.text("etc/jarvis-node-agent/app.key").unwrap(), "s3cret-given");
        assert!(!card.path("etc/jarvis-node").exists());
    }
}

#[test]
#[ignore = "needs root"]
fn copy_that_fails_leaves_the_old_installation() {
    let card = Card::new();
    card.lay_out_0_1_0(&config_0_1_0());
    let old = card.entries();
    let full = tempfile::tempdir().unwrap();
    // As on a full file system.
    let cp = at_hand(full.path(), "cp", "#!/bin/sh\nfor to; do :; done\nprintf x >\"$to\"\nexit 1\n");
    fs::set_permissions(cp, Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", full.path().display(), std::env::var("PATH").unwrap());
    let (code, said) = told(run_to_end(card.script("install.sh").arg(jarvis_node()).env("PATH", path)));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("could not be copied"), "{said}");
    let left = card.entries();
    for (path, entry) in old.iter().filter(|(path, _)| path.contains("jarvis-node")) {
        assert_eq!(&left[path], entry, "{path}");
    }
    assert_eq!(told(card.install(jarvis_node(), &[])).0, Some(0));
    assert!(card.text("var/lib/jarvis-node-agent/credential.json").unwrap().contains("s3cret-2"));
}

#[test]
#[ignore = "needs root"]
fn configuration_of_the_old_form_given_again_is_adapted() {
    let card = Card::new();
    card.lay_out_0_1_0(&config_0_1_0());
    let hand = tempfile::tempdir().unwrap();
    // As some programs write JSON.
    let config = at_hand(hand.path(), "config.json", config_0_1_0().to_string().replace('/', "\\/"));
    let (code, said) = told(card.install(jarvis_node(), &["--config", config.to_str().unwrap()]));
    assert_eq!(code, Some(0), "{said}");
    let placed: serde_json::Value =
        serde_json::from_str(&card.text("etc/jarvis-node-agent/config.json").unwrap()).unwrap();
    assert_eq!(placed["app_key_file"], "/etc/jarvis-node-agent/app.key");
    assert_eq!(placed["credential_file"], "/var/lib/jarvis-node-agent/credential.json");
    assert_eq!(placed["auth_url"], "https://jarvis.home.arpa:7701");
}

#[test]
#[ignore = "needs root"]
fn unit_that_the_voice_node_has_replaced_stays() {
    let card = Card::new();
    card.lay_out_0_1_0(&config_0_1_0());
    let theirs = "[Service]\nUser=pi\nExecStart=/opt/jarvis-node/.venv/bin/python -m scripts.main\n";
    card.put(OLD_UNIT, 0o644, theirs);
    let (code, said) = told(card.install(jarvis_node(), &[]));
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(card.text(OLD_UNIT).as_deref(), Some(theirs));
    assert!(
        fs::symlink_metadata(card.path("etc/systemd/system/multi-user.target.wants/jarvis-node.service"))
            .is_ok()
    );
    assert!(card.text("var/lib/jarvis-node-agent/credential.json").unwrap().contains("s3cret-2"));
    assert!(!card.path("var/lib/jarvis-node").exists() && !card.path("etc/jarvis-node").exists());
}

#[test]
#[ignore = "needs root"]
fn secret_elsewhere_that_is_the_old_users_is_named() {
    let card = Card::new();
    let mut config = config_0_1_0();
    config["app_key_file"] = "/srv/keys/app.key".into();
    card.lay_out_0_1_0(&config);
    card.put("srv/keys/app.key", 0o600, "s3cret");
    card.give("srv/keys/app.key", "jarvis-node");
    let (code, said) = told(card.install(jarvis_node(), &[]));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("/srv/keys/app.key belongs to the old user"), "{said}");
    assert_eq!(card.entries()["srv/keys/app.key"].1.0, card.user("jarvis-node").unwrap());
}
