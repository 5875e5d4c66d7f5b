//! What a row runs in: a stub, a node's files for it, and a bystander that must not be contacted.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use server_stub::{Faults, Options};

use super::Complaints;
use super::bystander::Bystander;
use super::leaks::Keys;
use super::table::Row;
use test_support::rig::Rig;

/// The most memory that the program may take under any fault, in KiB. A debug build needs about 5500.
pub(super) const MEMORY_KIB: u64 = 16 * 1024;

pub(super) struct Setting {
    pub(super) rig: Rig,
    pub(super) keys: Keys,
    bystander: Bystander,
    credential: Untouched,
}

/// A file's contents, and all that writing it would change.
#[derive(Debug, PartialEq, Eq)]
struct Untouched(Vec<u8>, u64, i64, i64, u32);

impl Untouched {
    fn read(path: PathBuf) -> Self {
        let about = fs::metadata(&path).unwrap();
        Self(fs::read(path).unwrap(), about.ino(), about.mtime(), about.mtime_nsec(), about.mode())
    }
}

impl Setting {
    /// A stub with these faults, and files for the row's time-outs.
    pub(super) fn new(row: &Row, faults: Faults) -> Self {
        let bystander = Bystander::start();
        let options = Options { faults, redirect_to: bystander.url(), ..Options::default() };
        let rig = Rig::with(options);
        rig.configure("connect_timeout_secs", row.connect_secs);
        rig.configure("request_timeout_secs", row.request_secs);
        let keys = Keys::of(&rig);
        let credential = Untouched::read(rig.dir.path().join("credential.json"));
        Self { rig, keys, bystander, credential }
    }

    /// The program with its most detailed log.
    pub(super) fn command(&self, verb: &str) -> Command {
        let mut command = self.rig.command(verb);
        command.env("JARVIS_NODE_LOG", "trace").env("RUST_LOG", "trace");
        command
    }

    /// Checks what must hold at the end of every row.
    pub(super) fn complaints(&self) -> Complaints {
        let mut all = Complaints::new();
        if self.bystander.visits() > 0 {
            all.push(format!("{} connections to another host", self.bystander.visits()));
        }
        if Untouched::read(self.rig.dir.path().join("credential.json")) != self.credential {
            all.push("the credential was touched".into());
        }
        for file in fs::read_dir(self.rig.dir.path()).unwrap() {
            let path = file.unwrap().path();
            let own = ["credential.json", "app.key", "admin.token", "ca.key", "server.key"];
            if !own.iter().any(|name| path.ends_with(name)) {
                let bytes = fs::read(&path).unwrap();
                all.extend(self.keys.leaks(&path.display().to_string(), &bytes));
            }
        }
        all
    }

    pub(super) fn status(&self) -> Option<Value> {
        serde_json::from_slice(&self.command("status").arg("--json").output().unwrap().stdout).ok()
    }
}
