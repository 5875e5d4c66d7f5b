//! The process is killed at every system call of a credential's replacement, and again at every system call of
//! the replacement after that. What is left is always the old credential or the new one, whole.
//!
//! Needs strace: `cargo test -p node-sim --features strace --test crash -- --nocapture`
#![expect(clippy::unwrap_used, reason = "a test may fail")]
#![expect(clippy::print_stdout, reason = "figures for people")]

mod first_boot;
mod installation;
mod moving;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use jarvis_node::files::credential_store;
use serde_json::{Value, json};
use server_stub::Options;
use test_support::binaries::jarvis_node;
use test_support::process::feed;
use test_support::rig::Rig;

/// Files by name, with their contents.
type Files = BTreeMap<String, Vec<u8>>;

/// A server that accepts all of these nodes, and a place for a node's files.
struct Board {
    rig: Rig,
    nodes: Vec<String>,
}

impl Board {
    /// Over plain HTTP, since TLS does not matter here.
    fn new() -> Self {
        let rig = Rig::with(Options { tls: false, ..Options::default() });
        let (node_id, node_key) = rig.stub.node();
        let mut nodes = vec![json!({ "node_id": node_id, "node_key": node_key }).to_string()];
        for name in ["attic-pi", "cellar-pi"] {
            let file = rig.path(&format!("{name}.json"));
            let other_config = with_credential(&rig, &file, &format!("{name}.config.json"));
            let mut enroll = Command::new(jarvis_node());
            enroll
                .args(["enroll", "--url", rig.stub.command_center_url(), "--node-id", name, "--config"])
                .arg(&other_config);
            let (code, _, err) = feed(&mut enroll, &rig.stub.provisioning_token());
            assert_eq!(code, Some(0), "{err}");
            nodes.push(fs::read_to_string(file).unwrap());
        }
        Self { rig, nodes }
    }

    fn store(&self) -> PathBuf {
        self.rig.path("store")
    }

    /// The store's folder with just these files in it.
    fn lay_out(&self, files: &Files) {
        // There is none before the first time.
        let _ = fs::remove_dir_all(self.store());
        fs::create_dir(self.store()).unwrap();
        for (name, bytes) in files {
            let path = self.store().join(name);
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        }
    }

    fn files(&self) -> Files {
        fs::read_dir(self.store())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.file_name().unwrap().to_str().unwrap().into(), fs::read(path).unwrap()))
            .collect()
    }

    fn config(&self) -> PathBuf {
        with_credential(&self.rig, &self.store().join("credential.json"), "crash.config.json")
    }

    fn check(&self) -> (Option<i32>, Value) {
        let output = Command::new(jarvis_node())
            .args(["check", "--json", "--config"])
            .arg(self.config())
            .output()
            .unwrap();
        (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
    }

    /// Installs the node's credential under strace, which does `what`; its record, and whether the
    /// program ended by itself with success.
    fn install(&self, node: usize, what: &[&str]) -> (String, bool) {
        let record = self.rig.path("strace.txt");
        let mut strace = Command::new("strace");
        strace.arg("-f").arg("-o").arg(&record).args(what).arg(jarvis_node());
        strace.args(["install-credential", "--config"]).arg(self.config());
        let (code, _, _) = feed(&mut strace, &self.nodes[node]);
        (fs::read_to_string(record).unwrap(), code == Some(0))
    }

    /// The node in the store, as the device's own loader finds it.
    fn holds(&self) -> Option<String> {
        let found = credential_store::load(&self.store().join("credential.json")).ok()?;
        Some(found.credential.node_id.as_str().into())
    }
}

/// A configuration of this name that differs from the rig's in the credential's file.
fn with_credential(rig: &Rig, file: &Path, name: &str) -> PathBuf {
    let mut config: Value = serde_json::from_slice(&fs::read(rig.config()).unwrap()).unwrap();
    config["credential_file"] = file.to_str().unwrap().into();
    fs::write(rig.path(name), config.to_string()).unwrap();
    rig.path(name)
}

/// The system calls of a record, each with its number among those of its name.
fn calls(record: &str) -> Vec<(String, u32)> {
    let mut seen = BTreeMap::new();
    record
        .lines()
        .filter_map(|line| {
            let call = line.split_once(' ')?.1.trim_start();
            let name = call.split_once('(')?.0;
            name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_').then(|| name.to_owned())
        })
        .map(|name| {
            let count = seen.entry(name.clone()).or_insert(0);
            *count += 1;
            (name, *count)
        })
        .collect()
}

/// Kills an installation of `node` over `before` at each of `calls` in turn. Returns the different states
/// that were left behind, and how often the program was killed.
fn kill_at_each(
    board: &Board,
    before: &Files,
    node: usize,
    calls: &[(String, u32)],
) -> (BTreeSet<Files>, u32) {
    board.lay_out(before);
    let old = board.holds().expect("a credential to begin with");
    let new: Value = serde_json::from_str(&board.nodes[node]).unwrap();
    let new = new["node_id"].as_str().unwrap();
    let (mut states, mut killed) = (BTreeSet::new(), 0);
    for (name, count) in calls {
        board.lay_out(before);
        let inject = format!("inject={name}:signal=SIGKILL:when={count}");
        let (record, succeeded) = board.install(node, &["-e", &inject]);
        let was_killed = record.contains("+++ killed by SIGKILL +++");
        killed += u32::from(was_killed);
        let holds = board.holds();
        let sound = if succeeded { vec![new] } else { vec![old.as_str(), new] };
        assert!(
            holds.as_deref().is_some_and(|found| sound.contains(&found)),
            "killed at {name} number {count}: {holds:?} is neither {sound:?}; {:?}",
            board.files().keys()
        );
        states.insert(board.files());
    }
    (states, killed)
}

fn after_the_lock(calls: Vec<(String, u32)>) -> Vec<(String, u32)> {
    calls.into_iter().skip_while(|(name, _)| name != "flock").collect()
}

#[test]
#[ignore = "needs strace"]
fn credential_killed_at_any_system_call_is_old_or_new() {
    let strace = Command::new("strace").arg("--version").output();
    assert!(strace.is_ok(), "strace is missing: sudo apt-get install strace");
    let board = Board::new();
    let first = Files::from([("credential.json".into(), board.nodes[0].clone().into_bytes())]);
    board.lay_out(&first);
    let (record, succeeded) = board.install(1, &[]);
    assert!(succeeded);
    // With a previous credential, as after years of use.
    let second = board.files();
    let all = calls(&record);
    let (mut states, mut killed) = kill_at_each(&board, &first, 1, &all);
    let (more, count) = kill_at_each(&board, &second, 2, &all);
    states.extend(more);
    killed += count;
    println!("{} system calls, {killed} times killed, {} states left behind", all.len(), states.len());
    // The program was killed at nearly all calls. A few are not made every time.
    assert!(killed as usize > all.len() * 2 * 9 / 10, "{killed} of {}", all.len() * 2);
    assert!(states.len() > 4, "cut at no interesting moment: {}", states.len());

    let (mut again, mut worst) = (0, 0);
    for state in &states {
        board.lay_out(state);
        let (code, view) = board.check();
        assert_eq!(code, Some(0), "{view} {:?}", state.keys());
        let (record, succeeded) = board.install(0, &[]);
        // A credential that is there already is not written again.
        let node_0_there = state["credential.json"] == first["credential.json"] && state.len() == 1;
        assert!(succeeded, "{:?}", state.keys());
        if node_0_there {
            continue;
        }
        let (left, count) = kill_at_each(&board, state, 0, &after_the_lock(calls(&record)));
        again += count;
        worst = worst.max(left.len());
    }
    println!("killed {again} times more in the replacement after a cut one; {worst} states left at most");
    assert!(again > 50, "{again}");
}

#[test]
#[ignore = "needs strace"]
fn credential_beside_its_place_is_used_and_completed() {
    let board = Board::new();
    board.lay_out(&Files::from([("credential.json".into(), board.nodes[0].clone().into_bytes())]));
    let mut strace = Command::new("strace");
    let stuck = ["-f", "-o", "/dev/null", "-e", "inject=rename,renameat,renameat2:error=EIO"];
    strace.args(stuck).arg(jarvis_node()).args(["install-credential", "--config"]).arg(board.config());
    let (code, _, err) = feed(&mut strace, &board.nodes[1]);
    assert_eq!(code, Some(73), "{err}");
    assert!(err.contains("stored and in use nevertheless"), "{err}");
    let (_, command) = err.split_once("this completes it: sudo jarvis-node install-credential < ").unwrap();
    let (code, view) = board.check();
    assert_eq!((code, &view["node_id"]), (Some(0), &"attic-pi".into()), "{view}");
    let mut install = Command::new(jarvis_node());
    let (code, _, err) = feed(
        install.args(["install-credential", "--config"]).arg(board.config()),
        &fs::read_to_string(command.trim()).unwrap(),
    );
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(board.holds().as_deref(), Some("attic-pi"));
    assert!(!board.files().contains_key("credential.json.new"));
}

/// A board without a configuration, beside a voice node that was never provisioned, as often as it is asked for.
struct Fresh {
    rig: Rig,
}

impl Fresh {
    fn lay_out(&self) {
        let file = |name: &str| self.rig.path(name).to_str().unwrap().to_owned();
        for name in ["credential.json", "credential.json.new", "voice.json.new", "config.json.new"] {
            let _ = fs::remove_file(self.rig.path(name));
        }
        let example = json!({
            "auth_url": "https://jarvis.home.arpa:7701",
            "app_id": "jarvis-node-agent",
            "app_key_file": "/etc/jarvis-node-agent/app.key",
            "credential_file": file("credential.json"),
            "state_file": file("state.json"),
        });
        fs::write(self.rig.config(), example.to_string()).unwrap();
        let voice = r#"{ "room": "attic", "api_key": "your_api_key_here", "node_id": "your-node-id" }"#;
        fs::write(self.rig.path("voice.json"), voice).unwrap();
        fs::set_permissions(self.rig.path("voice.json"), Permissions::from_mode(0o644)).unwrap();
    }

    /// Enrols a new node of this name under strace, which does `what`; its record.
    fn enroll(&self, name: &str, what: &[&str]) -> String {
        let record = self.rig.path("strace.txt");
        let mut strace = Command::new("strace");
        strace.arg("-f").arg("-o").arg(&record).args(what).arg(jarvis_node());
        strace.args(["enroll", "--url", self.rig.stub.config().url(), "--node-id", name, "--write-config"]);
        strace.arg(self.rig.path("voice.json")).arg("--config").arg(self.rig.config());
        feed(&mut strace, &self.rig.stub.provisioning_token());
        fs::read_to_string(record).unwrap()
    }

    /// Which of the credential, the configuration and the voice node's file are new. Each is old or new, whole.
    fn is_new(&self, name: &str) -> [bool; 3] {
        let credential = credential_store::load(&self.rig.path("credential.json")).ok();
        let config = jarvis_node::config::Config::load(&self.rig.config()).unwrap();
        let voice: Value = serde_json::from_slice(&fs::read(self.rig.path("voice.json")).unwrap()).unwrap();
        assert_eq!(voice["room"], "attic");
        let mode = fs::metadata(self.rig.path("voice.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o644);
        let is_voices = voice["api_key"] != "your_api_key_here";
        if is_voices {
            let key = credential.as_ref().expect("stored before").credential.node_key.expose();
            assert_eq!((&voice["node_id"], &voice["api_key"]), (&json!(name), &json!(key)));
        }
        [credential.is_some(), config.via == jarvis_node::config::Via::Logs, is_voices]
    }
}

#[test]
#[ignore = "needs strace"]
fn enrolment_killed_at_any_system_call_leaves_files_whole() {
    let fresh = Fresh { rig: Rig::with(Options { tls: false, ..Options::default() }) };
    fresh.lay_out();
    let record = fresh.enroll("n", &[]);
    assert_eq!(fresh.is_new("n"), [true; 3]);
    let all = after_the_lock(calls(&record));
    let (mut states, mut killed) = (BTreeSet::new(), 0);
    for (nth, (name, count)) in all.iter().enumerate() {
        fresh.lay_out();
        let node = format!("n{nth}");
        let record = fresh.enroll(&node, &["-e", &format!("inject={name}:signal=SIGKILL:when={count}")]);
        killed += u32::from(record.contains("+++ killed by SIGKILL +++"));
        let [credential, config, voice] = fresh.is_new(&node);
        // In this order: a key that is shown once comes first.
        assert!(credential || !config && !voice, "killed at {name} number {count}");
        states.insert([credential, config, voice]);
    }
    println!("{} system calls of an enrolment, {killed} times killed, {states:?}", all.len());
    assert!(killed as usize > all.len() * 9 / 10, "{killed} of {}", all.len());
    assert_eq!(states.len(), 4, "each file for itself: {states:?}");
}
