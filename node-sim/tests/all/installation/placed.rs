//! What is placed, what is removed, and which programs replace another.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use test_support::binaries::jarvis_node;
use test_support::card::Card;

use super::{at_hand, told};

const PLACED: [&str; 8] = [
    "etc/systemd/system/jarvis-node-agent-first-boot.service",
    "etc/systemd/system/jarvis-node-agent-update.path",
    "etc/systemd/system/jarvis-node-agent-update.service",
    "etc/systemd/system/jarvis-node-agent.service",
    "etc/sysusers.d/jarvis-node-agent.conf",
    "etc/tmpfiles.d/jarvis-node-agent.conf",
    "etc/udev/rules.d/60-jarvis-node-agent.rules",
    "usr/local/bin/jarvis-node",
];
const ENABLED: &str = "etc/systemd/system/multi-user.target.wants/jarvis-node-agent.service";
const UPDATES_ENABLED: &str = "etc/systemd/system/multi-user.target.wants/jarvis-node-agent-update.path";
const FIRST_BOOT_ENABLED: &str =
    "etc/systemd/system/multi-user.target.wants/jarvis-node-agent-first-boot.service";
const SECRETS: [&str; 2] = ["etc/jarvis-node-agent/app.key", "var/lib/jarvis-node-agent/credential.json"];

/// A card with an installation; its configuration is the example.
fn installed() -> Card {
    let card = Card::new();
    let hand = tempfile::tempdir().unwrap();
    let app_key = at_hand(hand.path(), "app.key", "s3cret-app-key\n");
    let credential = at_hand(hand.path(), "c.json", r#"{"node_id":"kitchen-pi","node_key":"s3cret"}"#);
    let options = ["--app-key", app_key.to_str().unwrap(), "--credential", credential.to_str().unwrap()];
    let (code, told) = told(card.install(jarvis_node(), &options));
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("Now fill in"), "{told}");
    card
}

#[test]
#[ignore = "needs root"]
fn folders_on_the_way_stay_open_to_all() {
    let card = Card::new();
    let _ = fs::remove_dir_all(card.path("var"));
    assert_eq!(told(card.install(jarvis_node(), &[])).0, Some(0));
    for folder in ["var", "var/lib", "etc/jarvis-node-agent"] {
        let mode = fs::metadata(card.path(folder)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o755, "{folder}");
    }
}

#[test]
#[ignore = "needs root"]
fn installation_is_removed_but_for_its_secrets() {
    let card = installed();
    let (entries, user) = (card.entries(), card.user("jarvis-node-agent").unwrap());
    for path in PLACED {
        assert_eq!(entries[path].1, (0, 0), "{path}");
    }
    for path in SECRETS {
        assert_eq!((entries[path].0, entries[path].1.0), (0o600, user), "{path}");
    }
    assert!(entries.contains_key(ENABLED) && entries.contains_key(FIRST_BOOT_ENABLED));
    // Only a person lets the app update the node.
    assert!(!entries.contains_key(UPDATES_ENABLED));
    symlink("/etc/systemd/system/jarvis-node-agent-update.path", card.path(UPDATES_ENABLED)).unwrap();
    let entries = card.entries();
    assert_eq!(told(card.install(jarvis_node(), &[])).0, Some(0), "an upgrade");
    assert_eq!(card.entries(), entries);

    for _ in 0..2 {
        assert_eq!(told(card.uninstall(&[])).0, Some(0));
        let left = card.entries();
        assert!(
            !PLACED
                .iter()
                .chain([&ENABLED, &UPDATES_ENABLED, &FIRST_BOOT_ENABLED])
                .any(|path| left.contains_key(*path)),
            "{:?}",
            left.keys()
        );
        for path in SECRETS.iter().chain([&"etc/jarvis-node-agent/config.json"]) {
            assert_eq!(left[*path], entries[*path], "{path}");
        }
    }
    let (code, told) = told(card.uninstall(&["--purge"]));
    assert_eq!(code, Some(0), "{told}");
    let names = card.entries().into_keys().filter(|path| path.contains("jarvis")).collect::<Vec<_>>();
    assert!(names.is_empty() && card.user("jarvis-node-agent").is_none(), "{names:?}");
}

#[test]
#[ignore = "needs root"]
fn disabled_node_stays_disabled_over_an_upgrade() {
    let card = installed();
    fs::remove_file(card.path(ENABLED)).unwrap();
    fs::remove_file(card.path(FIRST_BOOT_ENABLED)).unwrap();
    let before = card.entries();
    let (code, told) = told(card.install(jarvis_node(), &[]));
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("is disabled, and stays so"), "{told}");
    assert_eq!(card.entries(), before);
}

#[test]
#[ignore = "needs root"]
fn installer_works_however_it_is_started() {
    let link = tempfile::tempdir().unwrap();
    let link = link.path().join("jinst");
    let script = Card::new().script("install.sh");
    let script = script.get_args().next().unwrap().to_owned();
    std::os::unix::fs::symlink(&script, &link).unwrap();
    for (shell, code) in [
        ("CDPATH=/etc \"$0\" --root \"$1\" \"$3\"", 0),
        ("\"$2\" --root \"$1\" \"$3\" >/dev/full", 0),
        ("\"$2\" --root \"$1\" \"$3\" >&-", 0),
        ("sh \"$2\" --root \"$1\" \"$3\"", 64),
        ("bash -s -- --root \"$1\" \"$3\" <\"$2\"", 64),
    ] {
        let card = Card::new();
        let mut command = std::process::Command::new("bash");
        command.args(["-c", shell]).arg(&link).arg(card.root()).arg(&script).arg(jarvis_node());
        let (ended, said) = told(test_support::process::run_to_end(&mut command));
        assert_eq!(ended, Some(code), "{shell}: {said}");
        assert_eq!(card.path(ENABLED).symlink_metadata().is_ok(), code == 0, "{shell}: {said}");
        assert_eq!(said.contains("with bash"), code != 0, "{shell}: {said}");
    }
}

#[test]
#[ignore = "needs root"]
fn program_that_does_not_work_replaces_nothing() {
    let card = installed();
    let before = card.entries();
    let hand = tempfile::tempdir().unwrap();
    let whole = fs::read(jarvis_node()).unwrap();
    let cut = at_hand(hand.path(), "cut", &whole[..3000]);
    let text = at_hand(hand.path(), "text", "touch /tmp/must-not-run\n");
    let empty = at_hand(hand.path(), "empty", "");
    let broken = at_hand(
        hand.path(),
        "broken",
        "#!/bin/sh\n# Proves this node to its Jarvis auth service\necho jarvis-node 9; exit 3\n",
    );
    let no_interpreter = at_hand(
        hand.path(),
        "lost",
        "#!/no/such/interpreter\n# Proves this node to its Jarvis auth service\n",
    );
    for (program, says) in [
        (cut.as_path(), "only a part of it"),
        (text.as_path(), "is not jarvis-node"),
        (empty.as_path(), "is not jarvis-node"),
        (broken.as_path(), "exit status 3"),
        (no_interpreter.as_path(), "needs a library or an interpreter"),
        (Path::new("/bin/true"), "is not jarvis-node"),
        (Path::new("/no/such/file"), "There is no program"),
    ] {
        let (code, told) = told(card.install(program, &[]));
        assert_eq!(code, Some(1), "{}: {told}", program.display());
        assert!(told.contains(says), "{}: {told}", program.display());
        assert_eq!(card.entries(), before, "{}", program.display());
    }
}

#[test]
#[ignore = "needs root"]
fn program_of_another_processor_goes_untried_on_a_card() {
    let card = Card::new();
    let hand = tempfile::tempdir().unwrap();
    // The head of a big-endian program for SPARC, which no machine here runs.
    let mut head = *b"\x7fELF\x01\x02\x01\0\0\0\0\0\0\0\0\0\0\x02\0\x02";
    head[19] = 2;
    let foreign = [&head[..], b"Proves this node to its Jarvis auth service"].concat();
    let foreign = at_hand(hand.path(), "foreign", foreign);
    let credential = at_hand(hand.path(), "c.json", r#"{"node_id":"kitchen-pi","node_key":"s3cret"}"#);
    let credential = ["--credential", credential.to_str().unwrap()];
    let (code, told) = told(card.install(&foreign, &credential));
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("could not be tried") && told.contains("not proven"), "{told}");
    assert!(card.text("var/lib/jarvis-node-agent/credential.json").unwrap().contains("s3cret"));
}

#[test]
#[ignore = "needs root"]
fn link_of_an_administrator_is_not_replaced() {
    let card = installed();
    let unit = card.path("etc/systemd/system/jarvis-node-agent.service");
    fs::remove_file(&unit).unwrap();
    std::os::unix::fs::symlink("/dev/null", &unit).unwrap();
    let before = card.entries();
    let (code, told) = told(card.install(jarvis_node(), &[]));
    assert_eq!(code, Some(1));
    assert!(told.contains("jarvis-node-agent.service is a link"), "{told}");
    assert_eq!(card.entries(), before);
}
