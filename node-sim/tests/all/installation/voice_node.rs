//! The voice node of a Jarvis home on the same card: told about, never touched.

use serde_json::{Value, json};
use test_support::binaries::jarvis_node;
use test_support::card::{Card, Entry};

use super::{at_hand, told};

const FILES: [&str; 3] = [
    "etc/systemd/system/jarvis-node.service",
    "etc/systemd/system/multi-user.target.wants/jarvis-node.service",
    "opt/jarvis-node/config.json",
];

/// A card with a stand-in of the voice node.
fn with_voice_node() -> Card {
    let card = Card::new();
    card.put(
        FILES[0],
        0o644,
        "[Service]\nUser=pi\nExecStart=/opt/jarvis-node/.venv/bin/python -m scripts.main\n\
         [Install]\nWantedBy=multi-user.target\n",
    );
    card.put("etc/passwd", 0o644, "pi:x:1000:1000::/home/pi:/bin/bash\n");
    card.put("etc/group", 0o644, "pi:x:1000:\n");
    card.put(FILES[2], 0o600, json!({ "node_id": "kitchen-pi", "api_key": "s3cret" }).to_string());
    card.give(FILES[2], "pi");
    let wants = card.path("etc/systemd/system/multi-user.target.wants");
    std::fs::create_dir_all(&wants).unwrap();
    std::os::unix::fs::symlink("/etc/systemd/system/jarvis-node.service", wants.join("jarvis-node.service"))
        .unwrap();
    card
}

fn theirs(card: &Card) -> Vec<Entry> {
    let entries = card.entries();
    FILES.iter().map(|path| entries[*path].clone()).collect()
}

fn config(led: Option<Value>) -> String {
    let mut config = json!({
        "via": { "command_center": "https://home:7703" },
        "credential_file": "/var/lib/jarvis-node-agent/credential.json",
    });
    if let Some(led) = led {
        config["led"] = led;
    }
    config.to_string()
}

/// Installs with a configuration that has this LED; what was said, and the LED in the end.
fn install(card: &Card, led: Option<Value>, options: &[&str]) -> (Option<i32>, String, Value) {
    let hand = tempfile::tempdir().unwrap();
    let config = at_hand(hand.path(), "config.json", config(led));
    let options = [&["--config", config.to_str().unwrap()], options].concat();
    let (code, said) = told(card.install(jarvis_node(), &options));
    let placed = card.text("etc/jarvis-node-agent/config.json").unwrap_or_default();
    let placed: Value = serde_json::from_str(&placed).unwrap_or_default();
    (code, said, placed["led"].clone())
}

#[test]
#[ignore = "needs root"]
fn voice_node_is_told_about_and_stays_as_it_is() {
    let card = with_voice_node();
    let before = theirs(&card);
    let (code, said) = told(card.install(jarvis_node(), &[]));
    assert_eq!(code, Some(0), "{said}");
    for word in ["voice node", "jarvis-node.service", "/opt/jarvis-node/config.json", "ACT", "GPIO17"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert_eq!(theirs(&card), before);
    for options in [&[][..], &["--purge"]] {
        assert_eq!(told(card.uninstall(options)).0, Some(0));
        assert_eq!(theirs(&card), before);
    }
}

#[test]
#[ignore = "needs root"]
fn led_of_the_voice_node_is_taken_only_when_told() {
    let share = &["--share-led"][..];
    for (led, options, then) in [
        (None, &[][..], Some(json!("none"))),
        (None, share, Some(Value::Null)),
        (Some(json!({ "sysfs": "ACT" })), &[], None),
        (Some(json!({ "gpio": 17, "active_low": true })), &[], None),
        (Some(json!({ "sysfs": "ACT" })), share, Some(json!({ "sysfs": "ACT" }))),
        (Some(json!({ "gpio": 27 })), &[], Some(json!({ "gpio": 27 }))),
        (Some(json!("none")), &[], Some(json!("none"))),
    ] {
        let card = with_voice_node();
        let before = card.entries();
        let (code, said, placed) = install(&card, led.clone(), options);
        if let Some(then) = then {
            assert_eq!((code, placed), (Some(0), then), "{led:?}: {said}");
        } else {
            assert_eq!(code, Some(1), "{led:?}: {said}");
            assert!(said.contains("--share-led"), "{said}");
            assert_eq!(card.entries(), before);
        }
    }
    let (code, _, placed) = install(&Card::new(), None, &[]);
    assert_eq!((code, placed), (Some(0), Value::Null), "without a voice node");
}

#[test]
#[ignore = "needs root"]
fn voice_nodes_configuration_is_copied_as_a_credential() {
    let card = with_voice_node();
    let before = theirs(&card);
    let path = card.path(FILES[2]);
    let (code, said) = told(card.install(jarvis_node(), &["--credential", path.to_str().unwrap()]));
    assert_eq!(code, Some(0), "{said}");
    let copy = card.text("var/lib/jarvis-node-agent/credential.json").unwrap();
    assert!(copy.contains("kitchen-pi") && copy.contains("s3cret"), "{copy}");
    assert_eq!(theirs(&card), before);
}
