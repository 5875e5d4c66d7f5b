//! The installer is killed before each of its commands that change something, and at each system call of these that
//! does. Whatever is left, a unit with its program and files can start, no secret is readable by others, and the same
//! command run again ends as if it had never been cut short.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use test_support::binaries::jarvis_node;
use test_support::card::{Card, Entry, config_0_1_0};
use test_support::process::run_to_end;
use test_support::rig::Rig;

/// The system calls that change files; writing is one with making the file, since both happen to one that is staged.
const CALLS: &str = "chmod,fchmod,fchmodat,chown,fchown,lchown,fchownat,link,linkat,mkdir,mkdirat,rename,renameat,\
                     renameat2,rmdir,symlink,symlinkat,unlink,unlinkat,utimensat,fsync";

/// What is installed, and how.
struct Case {
    name: &'static str,
    before: Card,
    script: &'static str,
    options: Vec<String>,
    /// What must hold wherever the script was killed.
    at_every_moment: fn(&Card),
}

impl Case {
    fn script(&self, card: &Card) -> Command {
        let mut command = card.script(self.script);
        command.args(&self.options);
        command
    }

    /// Kills the script at a command, and there at a system call (0: before the command). Returns the command; `None`
    /// if the script has no so many commands, and no number if the command has no so many calls.
    fn kill(&self, card: &Card, at: u32, call: u32) -> Option<(String, bool)> {
        let dir = tempfile::tempdir().unwrap();
        let count = dir.path().join("count");
        fs::write(&count, "0\n").unwrap();
        let mut command = Command::new("setsid");
        let script = self.script(card);
        command.arg(script.get_program()).args(script.get_args());
        command.env("BASH_ENV", Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crash/killer.sh"));
        command.env("KILL_COUNT", &count).env("KILL_CALLS", CALLS);
        command.env("KILL_AT", at.to_string()).env("KILL_CALL", call.to_string());
        let status =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        let Ok(ended) = fs::read_to_string(dir.path().join("count.ended")) else {
            assert!(status.success(), "{} ended by itself with {status}", self.name);
            return None;
        };
        let (ended, command) = ended.split_once('\n').unwrap();
        Some((command.trim_end().into(), ended == "137"))
    }

    /// Kills at every moment; returns how often, and how many different states that left behind.
    fn kill_everywhere(&self) -> (u32, usize) {
        let undisturbed = self.before.copy();
        let (code, _, err) = run_to_end(&mut self.script(&undisturbed));
        assert_eq!(code, Some(0), "{}: {err}", self.name);
        let expected = undisturbed.entries();
        let (mut killed, mut states) = (0, BTreeSet::new());
        'commands: for at in 1.. {
            for call in 0.. {
                let card = self.before.copy();
                let Some((command, cut)) = self.kill(&card, at, call) else { break 'commands };
                if !cut {
                    break;
                }
                killed += 1;
                let place = format!("{}: killed at {command}, call {call}", self.name);
                if !states.insert(card.entries()) {
                    continue;
                }
                (self.at_every_moment)(&card);
                check_secrets(&card, &place);
                let (code, _, err) = run_to_end(&mut self.script(&card));
                assert_eq!(code, Some(0), "{place}, then: {err}");
                check_same(&card.entries(), &expected, &place);
            }
        }
        (killed, states.len())
    }
}

/// Nobody but root and the daemons' users can read a secret.
fn check_secrets(card: &Card, place: &str) {
    for (path, (mode, _, content)) in card.entries() {
        let folder = card.path(&path);
        let closed = folder.ancestors().take_while(|folder| *folder != card.root()).any(|path| {
            use std::os::unix::fs::MetadataExt;
            fs::symlink_metadata(path).unwrap().mode() & 0o077 == 0
        });
        if content.windows(6).any(|window| window == b"s3cret") {
            assert!(closed, "{place}: {path} is open to others: {mode:o}");
        }
    }
}

fn check_same(found: &BTreeMap<String, Entry>, expected: &BTreeMap<String, Entry>, place: &str) {
    let names = |entries: &BTreeMap<String, Entry>| entries.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(expected), "{place}");
    for (path, entry) in found {
        let (mode, owner, content) = &expected[path];
        assert_eq!((entry.0, entry.1), (*mode, *owner), "{place}: {path}");
        assert!(entry.2 == *content, "{place}: {path} is {}", String::from_utf8_lossy(&entry.2));
    }
}

/// Whether an installation is whole: enabled, with its program, configuration and secrets.
fn is_whole(card: &Card, name: &str, program: &str) -> bool {
    let enabled = format!("etc/systemd/system/multi-user.target.wants/{name}.service");
    let secret = |path: &str, part: &str| card.text(path).is_some_and(|text| text.contains(part));
    fs::symlink_metadata(card.path(&enabled)).is_ok()
        && secret(&format!("etc/systemd/system/{name}.service"), "ExecStart=/usr/local/bin/jarvis-node run")
        && secret("usr/local/bin/jarvis-node", program)
        && secret(&format!("etc/{name}/config.json"), &format!("/var/lib/{name}/credential.json"))
        && secret(&format!("etc/{name}/app.key"), "s3cret")
        && secret(&format!("var/lib/{name}/credential.json"), "s3cret-2")
        && secret(&format!("var/lib/{name}/credential.json.prev"), "s3cret-1")
}

fn one_can_start(card: &Card) {
    let old = is_whole(card, "jarvis-node", "version 0.1.0");
    let new = is_whole(card, "jarvis-node-agent", "new program");
    assert!(old || new, "no unit can start: {:?}", card.entries().keys());
}

/// A small stand-in: the store itself is killed in the other test.
fn program(folder: &Path) -> PathBuf {
    let path = folder.join("jarvis-node");
    fs::write(
        &path,
        format!(
            "#!/bin/sh\n# the new program: Proves this node to its Jarvis auth service\n\
             [ \"$1\" != install-credential ] || exit 69\n\
             [ \"$1\" != installer ] || exec '{}' \"$@\"\necho jarvis-node 9\n",
            jarvis_node().display()
        ),
    )
    .unwrap();
    path
}

#[test]
#[ignore = "needs strace and root"]
fn installation_killed_anywhere_is_finished_by_the_next() {
    let hand = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        fs::write(hand.path().join(name), content).unwrap();
        hand.path().join(name).to_str().unwrap().to_owned()
    };
    let program = program(hand.path()).to_str().unwrap().to_owned();
    let old = Card::new();
    old.lay_out_0_1_0(&config_0_1_0());
    let secrets = [
        ("--app-key", file("app.key", "s3cret-app-key")),
        ("--credential", file("c.json", r#"{"node_id":"kitchen-pi","node_key":"s3cret"}"#)),
        ("--ca", file("ca.pem", &fs::read_to_string(Rig::new().path("ca.pem")).unwrap())),
    ];
    let secrets = secrets.into_iter().flat_map(|(option, file)| [option.to_owned(), file]);
    let with_program =
        |options: Vec<String>| options.into_iter().chain([program.clone()]).collect::<Vec<_>>();
    let mut cases = vec![
        Case {
            name: "a first installation",
            before: Card::new(),
            script: "install.sh",
            options: with_program(secrets.collect()),
            at_every_moment: |_| {},
        },
        Case {
            name: "the move from version 0.1.0",
            before: old,
            script: "install.sh",
            options: with_program(Vec::new()),
            at_every_moment: one_can_start,
        },
    ];
    let installed = cases[0].before.copy();
    assert_eq!(run_to_end(&mut cases[0].script(&installed)).0, Some(0));
    cases.push(Case {
        name: "a removal",
        before: installed,
        script: "uninstall.sh",
        options: vec!["--purge".into()],
        at_every_moment: |_| {},
    });
    for case in &cases {
        let (killed, states) = case.kill_everywhere();
        println!("{}: killed {killed} times, {states} states left behind", case.name);
        assert!(killed > 30 && states > 5, "{}: cut at no interesting moment", case.name);
    }
}
