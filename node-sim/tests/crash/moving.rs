//! `jarvis-node move` is killed at every system call from its first connection on, on the way to the other home and on the way back. One of the two homes
//! always accepts the node with what lies on the card, and the way back can always be completed.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use server_stub::{Home, Options};
use test_support::binaries::jarvis_node;
use test_support::process::feed;
use test_support::rig::Rig;

use super::{Files, calls};

/// A node's folder with all its files, and both homes.
struct Board {
    present: Rig,
    new: Rig,
}

impl Board {
    /// Over plain HTTP, since TLS does not matter here.
    fn new(present: Home, new: Home) -> Self {
        let rig = |home| Rig::with(Options { home, tls: false, ..Options::default() });
        let board = Self { present: rig(present), new: rig(new) };
        fs::create_dir(board.folder()).unwrap();
        let rig = &board.present;
        for key in ["credential_file", "state_file"] {
            rig.configure(key, board.folder().join(format!("{key}.json")).to_str().unwrap());
        }
        rig.configure("led", "none");
        fs::copy(rig.path("credential.json"), board.folder().join("credential_file.json")).unwrap();
        fs::copy(rig.config(), board.config()).unwrap();
        let mut config: Value = serde_json::from_slice(&fs::read(board.config()).unwrap()).unwrap();
        let app_key = rig.path(config["app_key_file"].as_str().unwrap());
        config["app_key_file"] = app_key.to_str().unwrap().into();
        fs::write(board.config(), config.to_string()).unwrap();
        board
    }

    fn folder(&self) -> PathBuf {
        self.present.path("board")
    }

    fn config(&self) -> PathBuf {
        self.folder().join("config.json")
    }

    fn lay_out(&self, files: &Files) {
        fs::remove_dir_all(self.folder()).unwrap();
        fs::create_dir(self.folder()).unwrap();
        for (name, bytes) in files {
            let path = self.folder().join(name);
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        }
    }

    fn files(&self) -> Files {
        fs::read_dir(self.folder())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.file_name().unwrap().to_str().unwrap().into(), fs::read(path).unwrap()))
            .collect()
    }

    /// Moves under strace, which does `what`; its record, and how the command ended.
    fn relocate(
        &self,
        to: &str,
        options: &[&str],
        token: &str,
        what: &[&str],
    ) -> (String, Option<i32>, String) {
        let record = self.present.path("strace.txt");
        let mut strace = Command::new("strace");
        strace.arg("-f").arg("-o").arg(&record).args(what).arg(jarvis_node());
        strace.args(["move", "--to", to, "--config"]).arg(self.config()).args(options);
        let (code, out, err) = feed(&mut strace, token);
        (fs::read_to_string(record).unwrap(), code, out + &err)
    }

    fn check(&self) -> (Option<i32>, Value) {
        let mut check = Command::new(jarvis_node());
        let output = check.args(["check", "--json", "--config"]).arg(self.config()).output().unwrap();
        (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
    }
}

/// Kills the command that `run` runs with options for strace at each of `calls`; checks the node after each with `check`.
/// Returns how often it was killed.
pub(super) fn kill_at_each(calls: &[(String, u32)], mut run: impl FnMut(&[&str], &str) -> bool) -> usize {
    calls
        .iter()
        .filter(|(name, count)| {
            let inject = format!("inject={name}:signal=SIGKILL:when={count}");
            run(&["-e", &inject], &format!("killed at {name} number {count}"))
        })
        .count()
}

/// Calls about memory, time and threads, after which everything outside is as after the call before.
const INNER: [&str; 14] = [
    "brk",
    "clock_gettime",
    "clone3",
    "futex",
    "getrandom",
    "madvise",
    "mmap",
    "mprotect",
    "munmap",
    "poll",
    "ppoll",
    "rt_sigaction",
    "rt_sigprocmask",
    "sigaltstack",
];

/// What comes before the first connection only reads.
pub(super) fn from_the_first_connection(record: &str) -> Vec<(String, u32)> {
    let calls = calls(record).into_iter().skip_while(|(name, _)| name != "connect");
    calls.filter(|(name, _)| !INNER.contains(&name.as_str())).collect()
}

#[test]
#[ignore = "needs strace"]
fn move_killed_at_any_system_call_leaves_one_home() {
    for (present, new) in [(Home::Python, Home::Jarvisd), (Home::Jarvisd, Home::Python)] {
        let board = Board::new(present, new);
        let (there, back) =
            (board.new.stub.command_center_url().to_owned(), board.present.stub.url().to_owned());
        let before = board.files();
        let mut number = 0;
        // Each time another id: one that was registered is never free again.
        let mut go = |what: &[&str]| {
            number += 1;
            let node_id = format!("attic-{number}");
            let token = board.new.stub.provisioning_token_for(&node_id);
            board.relocate(&there, &["--node-id", &node_id], &token, what)
        };
        let (record, code, said) = go(&[]);
        assert_eq!(code, Some(0), "{said}");
        let moved = board.files();
        let all = from_the_first_connection(&record);
        let mut states = BTreeSet::new();
        let killed = kill_at_each(&all, |what, place| {
            board.lay_out(&before);
            let (record, code, _) = go(what);
            let (checked, view) = board.check();
            let id = view["node_id"].as_str().unwrap_or_default();
            assert_eq!(checked, Some(0), "{place}: {view} {:?}", board.files().keys());
            assert!(id == "kitchen-pi" || id.starts_with("attic-"), "{place}: {view}");
            assert!(code != Some(0) || id.starts_with("attic-"), "{place}: {view}");
            states.insert(board.files().into_keys().collect::<Vec<_>>());
            record.contains("+++ killed by SIGKILL +++")
        });
        println!(
            "{present:?} to {new:?}: {} calls, killed {killed} times, {} states",
            all.len(),
            states.len()
        );
        assert!(killed > all.len() * 9 / 10 && states.len() >= 5, "{killed} of {}, {states:?}", all.len());

        board.lay_out(&moved);
        let (record, code, said) = board.relocate(&back, &[], "", &[]);
        assert_eq!(code, Some(0), "{said}");
        let all = from_the_first_connection(&record);
        let killed = kill_at_each(&all, |what, place| {
            board.lay_out(&moved);
            let (record, _, _) = board.relocate(&back, &[], "", what);
            let (checked, view) = board.check();
            assert_eq!(checked, Some(0), "{place}: {view} {:?}", board.files().keys());
            let (_, code, said) = board.relocate(&back, &[], "", &[]);
            assert_eq!(code, Some(0), "{place}: {said} {:?}", board.files().keys());
            assert_eq!(board.check().1["node_id"], "kitchen-pi", "{place}");
            let (_, code, said) = board.relocate(&there, &[], "", &[]);
            assert_eq!(code, Some(0), "{place}, and there again: {said} {:?}", board.files().keys());
            record.contains("+++ killed by SIGKILL +++")
        });
        println!("{new:?} back to {present:?}: {} calls, killed {killed} times", all.len());
        assert!(killed > all.len() * 9 / 10, "{killed} of {}", all.len());
    }
}
