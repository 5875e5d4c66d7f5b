//! An installation of version 0.1.0 is moved over by the same command as an upgrade.

use std::fs;

use serde_json::json;
use test_support::binaries::jarvis_node;
use test_support::card::{Card, config_0_1_0};

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
    card.put("etc/jarvis-node/keys/client.key", 0o600, "s3cret");
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
    config["broker"]["socket"] = "/run/jarvis-node-agent/node.sock".into();
    assert_eq!(moved, config);
    // Of the old one only what was not its own is left.
    let left = new.keys().filter(|path| path.contains("jarvis-node") && !path.contains("jarvis-node-agent"));
    assert_eq!(
        left.collect::<Vec<_>>(),
        [
            "etc/systemd/system/jarvis-node.service.d/led.conf",
            "usr/local/bin/jarvis-node",
            "var/lib/jarvis-node/update-state.json"
        ]
    );
    assert_eq!(told(card.install(jarvis_node(), &[])).0, Some(0), "an upgrade");
    assert_eq!(card.entries(), new);
}

#[test]
#[ignore = "needs root"]
fn credential_changed_after_a_cut_move_is_the_one_kept() {
    let card = Card::new();
    card.lay_out_0_1_0(&config_0_1_0());
    let cut = card.copy();
    assert_eq!(told(card.install(jarvis_node(), &[])).0, Some(0));
    // The copies are there, the old unit is, too: as if the power had gone. Then the old program got another key.
    let copies = ["etc/jarvis-node-agent", "var/lib/jarvis-node-agent"];
    for folder in copies {
        let done =
            std::process::Command::new("cp").arg("-a").args([card.path(folder), cut.path(folder)]).status();
        assert!(done.unwrap().success());
    }
    cut.put(
        "var/lib/jarvis-node/credential.json",
        0o600,
        r#"{"node_id":"kitchen-pi","node_key":"s3cret-3"}"#,
    );
    cut.give("var/lib/jarvis-node/credential.json", "jarvis-node");
    let (code, said) = told(cut.install(jarvis_node(), &[]));
    assert_eq!(code, Some(0), "{said}");
    assert!(cut.text("var/lib/jarvis-node-agent/credential.json").unwrap().contains("s3cret-3"));
    assert!(!cut.path("var/lib/jarvis-node").exists() && !cut.path("etc/jarvis-node").exists());
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
