//! With `--root` nothing outside the card is read or written.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;
use test_support::binaries::jarvis_node;
use test_support::card::Card;
use test_support::rig::Rig;

use super::{at_hand, told};

#[test]
#[ignore = "needs root"]
fn path_of_the_configuration_is_taken_on_the_card() {
    let rig = Rig::new();
    // A folder of the card that this system has, too.
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    for (path, written) in [
        ("/var/lib/jarvis-node-agent/credential.json".to_owned(), false),
        ("/var/lib/jarvis-node-agent/credential.json".to_owned(), true),
        (format!("{folder}/c.json"), false),
        (format!("/etc/..{folder}//c.json"), true),
    ] {
        rig.configure("app_key_file", format!("{folder}/app.key"));
        rig.configure("ca_file", "ca.pem");
        rig.configure("credential_file", path.as_str());
        let card = Card::new();
        fs::create_dir_all(card.path(folder)).unwrap();
        fs::copy(rig.path("app.key"), card.path(&format!("{folder}/app.key"))).unwrap();
        let config = fs::read_to_string(rig.config()).unwrap();
        let config = if written { config.replace('/', "\\/") } else { config };
        let config = at_hand(rig.config().parent().unwrap(), "given.json", config);
        let (node_id, node_key) = rig.stub.node();
        let credential = json!({ "node_id": node_id, "node_key": node_key }).to_string();
        let credential = at_hand(rig.config().parent().unwrap(), "c.json", credential);
        let ca = rig.path("ca.pem");
        let options = [("--config", &config), ("--credential", &credential), ("--ca", &ca)];
        let options: Vec<_> =
            options.iter().flat_map(|(option, file)| [*option, file.to_str().unwrap()]).collect();
        let (code, said) = told(card.install(jarvis_node(), &options));
        assert_eq!(code, Some(0), "{path}: {said}");
        assert!(said.contains("proven and stored") && !said.contains("still to come"), "{path}: {said}");
        let path = path.replace("/etc/..", "");
        assert!(card.text(&path).unwrap().contains(node_key), "{path}");
        assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
    }
}

#[test]
#[ignore = "needs root"]
fn link_on_a_card_is_refused() {
    let outside = tempfile::tempdir().unwrap();
    for path in
        ["etc/jarvis-node-agent", "var/lib/jarvis-node-agent", "etc/jarvis-node", "var/lib", "usr/local/bin"]
    {
        let card = Card::new();
        let _ = fs::remove_dir(card.path(path));
        symlink(outside.path(), card.path(path)).unwrap();
        let before = card.entries();
        let purge = ["--purge"];
        for (code, said) in [told(card.install(jarvis_node(), &[])), told(card.uninstall(&purge))] {
            assert_eq!(code, Some(1), "{path}: {said}");
            assert!(said.contains("is a link"), "{path}: {said}");
        }
        assert_eq!(card.entries(), before, "{path}");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0, "{path}");
    }
}

#[test]
#[ignore = "needs root"]
fn root_that_is_none_or_this_system_is_refused() {
    let hand = tempfile::tempdir().unwrap();
    let link = hand.path().join("link");
    symlink("/", &link).unwrap();
    for root in ["", "/", "//", "/etc/..", link.to_str().unwrap()] {
        for script in ["install.sh", "uninstall.sh"] {
            let mut command = Card::new().script(script);
            // The last one counts.
            command.args(["--root", root]);
            if script == "install.sh" {
                command.arg(jarvis_node());
            }
            let (code, said) = told(test_support::process::run_to_end(&mut command));
            assert_eq!(code, Some(1), "{script} {root}: {said}");
            assert!(said.contains("wants a value") || said.contains("is this system itself"), "{said}");
        }
    }
}
