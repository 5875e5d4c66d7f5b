//! A credential that is given to the installer goes through the program's store.

use serde_json::json;
use test_support::binaries::jarvis_node;
use test_support::card::Card;
use test_support::rig::Rig;

use super::{at_hand, told};

const STORED: &str = "var/lib/jarvis-node-agent/credential.json";

/// A card whose configuration asks the rig's stub.
fn card_for(rig: &Rig) -> Card {
    rig.configure("app_key_file", "/etc/jarvis-node-agent/app.key");
    rig.configure("ca_file", "/etc/jarvis-node-agent/ca.pem");
    rig.configure("credential_file", "/var/lib/jarvis-node-agent/credential.json");
    let card = Card::new();
    let file = |name: &str| rig.path(name).to_str().unwrap().to_owned();
    let (config, app_key, ca) = (file("config.json"), file("app.key"), file("ca.pem"));
    let (code, said) =
        told(card.install(jarvis_node(), &["--config", &config, "--app-key", &app_key, "--ca", &ca]));
    assert_eq!(code, Some(0), "{said}");
    card
}

fn install(card: &Card, node_key: &str) -> (Option<i32>, String) {
    let hand = tempfile::tempdir().unwrap();
    let credential = json!({ "node_id": "kitchen-pi", "node_key": node_key }).to_string();
    let credential = at_hand(hand.path(), "c.json", credential);
    told(card.install(jarvis_node(), &["--credential", credential.to_str().unwrap()]))
}

#[test]
#[ignore = "needs root"]
fn old_credential_given_again_does_not_replace_a_rotated_one() {
    let rig = Rig::new();
    let card = card_for(&rig);
    let old_key = rig.stub.node().1.to_owned();
    let (code, said) = install(&card, &old_key);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("proven and stored"), "{said}");
    assert_eq!(card.entries()[STORED].1.0, card.user("jarvis-node-agent").unwrap());

    let new_key = rig.stub.rotate_key("kitchen-pi").unwrap();
    let (code, said) = install(&card, &new_key);
    assert_eq!(code, Some(0), "{said}");
    let rotated = card.text(STORED).unwrap();
    assert!(rotated.contains(&new_key));
    assert!(card.text("var/lib/jarvis-node-agent/credential.json.prev").unwrap().contains(&old_key));

    let (code, said) = install(&card, &old_key);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("The credential was not installed") && said.contains("Installed on"), "{said}");
    assert!(!said.contains(&old_key), "{said}");
    assert_eq!(card.text(STORED), Some(rotated));
}

#[test]
#[ignore = "needs root"]
fn sentence_about_a_first_credential_claims_no_old_one() {
    let rig = Rig::new();
    let card = card_for(&rig);
    let (code, said) = install(&card, "s3cret-wrong");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("rejects the new credential") && said.contains("It was not stored"), "{said}");
    assert!(card.text(STORED).is_none());
    std::fs::remove_file(card.path("etc/jarvis-node-agent/app.key")).unwrap();
    let (code, said) = install(&card, "s3cret-1");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("put in place, but not proven") && !said.contains("Nothing was changed"), "{said}");
    assert!(said.contains("app key") && card.text(STORED).is_some(), "{said}");
}

#[test]
#[ignore = "needs root"]
fn unproven_credential_is_stored_only_as_the_first() {
    let rig = Rig::new();
    let card = card_for(&rig);
    rig.stub.go_down();
    let (code, said) = install(&card, "s3cret-1");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("unproven"), "{said}");
    let first = card.text(STORED);
    let (code, said) = install(&card, "s3cret-2");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("it stays"), "{said}");
    assert_eq!(card.text(STORED), first);
    assert!(!said.contains("s3cret"), "{said}");
}
