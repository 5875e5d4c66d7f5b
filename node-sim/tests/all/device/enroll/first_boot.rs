//! `jarvis-node first-boot`: a board whose card has one file on its boot partition joins the home by itself.

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::PathBuf;

use serde_json::{Value, json};
use server_stub::{Faults, Home};
use test_support::daemon::Daemon;
use test_support::process::run_to_end;
use test_support::rig::Rig;
use test_support::rude::rude_command_center;
use test_support::waiting::until;

use super::join::{config, installed};

/// An installed board, and a folder in the place of its boot partition.
struct Board {
    rig: Rig,
}

impl Board {
    fn new(home: Home) -> Self {
        let rig = installed(home);
        fs::create_dir(rig.path("boot")).unwrap();
        Self { rig }
    }

    fn file(&self) -> PathBuf {
        self.rig.path("boot/jarvis-node.json")
    }

    /// A file by which the board joins this home, but for `changes`, of which null takes a key away.
    fn text(&self, changes: &Value) -> String {
        let token = self.rig.stub.provisioning_token_for("attic-pi");
        let mut file = json!({ "home": self.rig.stub.config().url(), "token": token, "node_id": "attic-pi" });
        for (key, value) in changes.as_object().unwrap() {
            file[key] = value.clone();
        }
        file.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        file.to_string()
    }

    fn put(&self, text: impl AsRef<[u8]>) {
        fs::write(self.file(), text).unwrap();
    }

    /// Its exit code and all it has said.
    fn boot(&self) -> (Option<i32>, String) {
        let mut command = self.rig.command("first-boot");
        let (code, out, err) = run_to_end(command.arg("--file").arg(self.file()));
        (code, out + &err)
    }

    fn error(&self) -> Option<String> {
        fs::read_to_string(self.rig.path("boot/jarvis-node.error.txt")).ok()
    }
}

/// The word in `text` that begins like a token.
fn token_in(text: &str) -> &str {
    text.split('"').find(|word| word.starts_with("prov_")).unwrap()
}

#[test]
fn file_on_the_card_makes_a_valid_node_and_is_wiped() {
    for home in [Home::Python, Home::Jarvisd] {
        let board = Board::new(home);
        let text = board.text(&json!({ "led": "none", "room": "attic", "spread_secs": 7 }));
        board.put(format!("\u{feff}{text}\r\n"));
        let mut same_file = File::open(board.file()).unwrap();
        let (code, said) = board.boot();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("this node is attic-pi") && said.contains("it is accepted"), "{said}");
        assert_eq!(fs::read_dir(board.rig.path("boot")).unwrap().count(), 0);
        let mut left = Vec::new();
        same_file.rewind().unwrap();
        same_file.read_to_end(&mut left).unwrap();
        assert_eq!(left, vec![0; text.len() + 5], "overwritten in place");
        let written = config(&board.rig);
        assert_eq!((&written["led"], &written["spread_secs"]), (&json!("none"), &json!(7)));
        let (code, view) = board.rig.check();
        assert_eq!((code, &view["node_id"]), (Some(0), &json!("attic-pi")), "{view}");
        let token = token_in(&text);
        assert!(!said.contains(token), "{said}");
        for path in fs::read_dir(board.rig.dir.path()).unwrap().map(|entry| entry.unwrap().path()) {
            let bytes = fs::read(&path).unwrap_or_default();
            assert!(!String::from_utf8_lossy(&bytes).contains(token), "{}", path.display());
        }
        let (code, said) = board.boot();
        assert_eq!((code, said.contains("there is no file")), (Some(0), true), "{said}");
    }
}

#[test]
fn certificates_come_as_text_or_as_a_file_beside() {
    for as_file in [true, false] {
        let board = Board::new(Home::Jarvisd);
        let pem = board.rig.stub.ca_pem().unwrap().to_owned();
        fs::remove_file(board.rig.path("ca.pem")).unwrap();
        let ca = if as_file { "home-ca.pem" } else { &pem };
        fs::write(board.rig.path("boot/home-ca.pem"), &pem).unwrap();
        board.put(board.text(&json!({ "ca": ca })));
        let (code, said) = board.boot();
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(fs::read_to_string(board.rig.path("ca.pem")).unwrap(), pem);
        assert_eq!(board.rig.check().0, Some(0));
    }
}

#[test]
fn bad_file_is_told_beside_it_and_stays() {
    let board = Board::new(Home::Python);
    let text = |changes: Value| board.text(&changes).into_bytes();
    let utf_16: Vec<u8> = board.text(&json!({})).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let key = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n";
    let table: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "is empty"),
        (vec![0; 600], "NUL byte on line 1"),
        (utf_16, "is UTF-16 text, where UTF-8 belongs. Save"),
        (b"home = \"jarvis\"\ntoken = \"prov_s3cret\"".to_vec(), "this is not JSON, which begins with {"),
        (b"{\"token\": \"prov_s3cret\" // mine\n}".to_vec(), "JSON has no comments"),
        (b"{\"token\": \"prov_s3cret\"".to_vec(), "line 1"),
        (b"[\"prov_s3cret\"]".to_vec(), "a list, where an object belongs"),
        (b"\"prov_s3cret\"".to_vec(), "this is no object of JSON"),
        (vec![b' '; 300_000], "is far too large"),
        (text(json!({ "token": null })), "token is missing"),
        (text(json!({ "token": 5 })), "token must be text in quotes"),
        (text(json!({ "token": "two words" })), "token does not hold a provisioning token"),
        (text(json!({ "token": "another-s3cret" })), "something else than a provisioning token"),
        (text(json!({ "node_id": null })), "node_id is missing"),
        (text(json!({ "node_id": "your-node-id" })), "node_id is empty or still the placeholder"),
        (text(json!({ "home": true })), "home must be text in quotes"),
        (text(json!({ "home": "jarvis" })), "home"),
        (text(json!({ "allow_http": "yes" })), "allow_http must be true or false"),
        (text(json!({ "tokn": "prov_s3cret" })), ": there is no key \"tokn\". Correct"),
        (text(json!({ "led": "ACT" })), "led: as a word it can only be \"none\""),
        (text(json!({ "auth_url": "https://a" })), "auth_url does not belong here"),
        (text(json!({ "ca": "no-such.pem" })), "no-such.pem"),
        (text(json!({ "ca": key })), "ca: holds a private key"),
        (text(json!({ "ca": "-----BEGIN nonsense" })), "ca: "),
    ];
    let before = fs::read(board.rig.config()).unwrap();
    let ca = fs::read(board.rig.path("ca.pem")).unwrap();
    for (bytes, says) in table {
        board.put(&bytes);
        let (code, said) = board.boot();
        let error = board.error().unwrap_or_default();
        assert!(matches!(code, Some(65 | 78)), "{says}: {code:?} {said}");
        assert!(error.contains(says) && said.contains(says), "{says}: {error} {said}");
        assert!(error.ends_with(".\n") && !error.contains("--"), "{error}");
        for secret in ["s3cret", "prov_A", "AA=="] {
            assert!(!error.contains(secret) && !said.contains(secret), "{says}: {error} {said}");
        }
        assert_eq!(fs::read(board.file()).unwrap(), bytes, "{says}");
        assert_eq!(fs::read(board.rig.config()).unwrap(), before, "{says}");
        assert_eq!(fs::read(board.rig.path("ca.pem")).unwrap(), ca, "{says}");
    }
    fs::remove_file(board.file()).unwrap();
    fs::create_dir(board.file()).unwrap();
    let (code, said) = board.boot();
    assert_eq!(code, Some(78), "{said}");
    assert!(board.error().unwrap().contains("it is a folder, not a regular file"));
    fs::remove_dir(board.file()).unwrap();
    board.put(board.text(&json!({})));
    assert_eq!(board.boot().0, Some(0));
    assert_eq!(board.error(), None, "it is of the file before");
}

#[test]
fn home_that_is_away_leaves_the_file() {
    let board = Board::new(Home::Python);
    board.put(board.text(&json!({ "home": "https://127.0.0.1:1" })));
    let (code, said) = board.boot();
    assert_eq!(code, Some(69), "{said}");
    let error = board.error().unwrap();
    assert!(error.contains("no connection") && error.contains("the token is still good"), "{error}");
    assert!(board.file().exists());
    board.put(board.text(&json!({})));
    board.rig.stub.set_faults("status-503".parse().unwrap()).unwrap();
    let (code, said) = board.boot();
    assert!(matches!(code, Some(74 | 75)) && board.file().exists(), "{code:?} {said}");
    board.rig.stub.set_faults(Faults::NONE).unwrap();
    assert_eq!(board.boot().0, Some(0));
}

#[test]
fn refused_token_is_told_and_taken_away() {
    let board = Board::new(Home::Jarvisd);
    board.put(board.text(&json!({ "token": "prov_s3cret" })));
    let (code, said) = board.boot();
    assert_eq!(code, Some(77), "{said}");
    let error = board.error().unwrap();
    assert!(error.contains("invalid, used up or too old") && !error.contains("s3cret"), "{error}");
    assert!(error.contains("The file is removed, since the home has had its token"), "{error}");
    assert!(!board.file().exists() && !said.contains("s3cret"), "{said}");
}

#[test]
fn lost_answer_is_told_and_the_file_kept() {
    let board = Board::new(Home::Jarvisd);
    let cut = rude_command_center(drop);
    board.put(board.text(&json!({ "home": format!("http://{cut}") })));
    let (code, said) = board.boot();
    assert_eq!(code, Some(74), "{said}");
    let error = board.error().unwrap();
    assert!(error.contains("the answer was lost") && error.contains("another node_id"), "{error}");
    assert!(board.file().exists());
}

/// What a power cut leaves at each step after the answer is stored.
#[test]
fn next_start_finishes_what_a_power_cut_has_left() {
    let board = Board::new(Home::Python);
    let example = fs::read(board.rig.config()).unwrap();
    let text = board.text(&json!({ "led": "none" }));
    board.put(&text);
    assert_eq!(board.boot().0, Some(0));
    let configured = fs::read(board.rig.config()).unwrap();
    let mut half = text.clone().into_bytes();
    half[..text.len() / 2].fill(0);
    let all = vec![0; text.len()];
    for (what, config, file) in [
        ("no configuration", &example, text.as_bytes()),
        ("not removed", &configured, text.as_bytes()),
        ("half overwritten", &configured, &half),
        ("overwritten", &configured, &all),
    ] {
        fs::write(board.rig.config(), config).unwrap();
        board.put(file);
        let (code, said) = board.boot();
        assert_eq!(code, Some(0), "{what}: {said}");
        assert_eq!(fs::read_dir(board.rig.path("boot")).unwrap().count(), 0, "{what}: {said}");
        assert_eq!(fs::read(board.rig.config()).unwrap(), configured, "{what}");
        assert_eq!(board.rig.check().1["node_id"], "attic-pi", "{what}");
    }
}

#[test]
fn accepted_later_the_file_is_removed_later() {
    let board = Board::new(Home::Python);
    let text = board.text(&json!({}));
    board.put(&text);
    assert_eq!(board.boot().0, Some(0));
    board.put(&text);
    board.rig.stub.command_center().set_faults("status-503".parse().unwrap()).unwrap();
    let (code, said) = board.boot();
    assert_eq!(code, Some(75), "{said}");
    assert!(board.error().unwrap().contains("'attic-pi' is registered, but whether"), "{said}");
    assert!(board.file().exists());
    board.rig.stub.command_center().set_faults(Faults::NONE).unwrap();
    let (code, said) = board.boot();
    assert_eq!((code, said.contains("set up already")), (Some(0), true), "{said}");
    assert!(!board.file().exists() && board.error().is_none());
}

#[test]
fn board_with_a_node_or_a_configuration_keeps_them() {
    let board = Board::new(Home::Python);
    board.put(board.text(&json!({ "led": "none" })));
    assert_eq!(board.boot().0, Some(0));
    let configured = config(&board.rig);
    board.put(board.text(&json!({ "node_id": "cellar-pi" })));
    let (code, said) = board.boot();
    assert_eq!(code, Some(78), "{said}");
    assert!(board.error().unwrap().contains("has a credential already, of 'attic-pi'"), "{said}");
    assert!(board.file().exists());
    fs::remove_file(board.rig.path("credential.json")).unwrap();
    let other = board.rig.stub.provisioning_token_for("cellar-pi");
    board.put(board.text(&json!({ "node_id": "cellar-pi", "token": other, "led": { "gpio": 4 } })));
    let (code, said) = board.boot();
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("a configuration already"), "{said}");
    // The home is the one that is configured.
    board.put(board.text(&json!({ "node_id": "cellar-pi", "token": other, "home": null })));
    let (code, said) = board.boot();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(config(&board.rig), configured);
    assert_eq!(board.rig.check().1["node_id"], "cellar-pi");
}

#[test]
fn daemon_shows_what_went_wrong_and_takes_the_node_up() {
    let board = Board::new(Home::Jarvisd);
    board.rig.configure("led", "none");
    let mut daemon = Daemon::start(&mut board.rig.command("run"));
    daemon.comes_to("setup");
    board.put(board.text(&json!({ "token": "prov_s3cret" })));
    assert_eq!(board.boot().0, Some(77));
    daemon.signal("HUP");
    until("the status has the sentence", || {
        let status = board.rig.status();
        let reason = status["reason"].as_str().unwrap_or_default();
        status["outcome"] == "setup" && reason.contains("invalid, used up or too old")
    });
    assert!(board.rig.path("first-boot.txt").exists());
    assert_eq!(board.boot().0, Some(0), "without a file");
    assert!(!board.rig.path("first-boot.txt").exists(), "what was told is over");
    board.put(board.text(&json!({ "led": "none" })));
    assert_eq!(board.boot().0, Some(0));
    daemon.comes_to("valid");
    assert!(!board.rig.path("first-boot.txt").exists());
}
