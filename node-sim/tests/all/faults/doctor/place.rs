//! A mount namespace of its own, in which a board's fault can be made.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use test_support::rig::Rig;
use test_support::waiting::until;

use super::told;
use crate::faults::Complaints;

/// A namespace, and the folder and the programs of a board in it. It ends with this.
pub(super) struct Place {
    holder: Child,
    folder: PathBuf,
    program: PathBuf,
    config: PathBuf,
}

impl Place {
    /// That of this rig, with the programs in `bin` before all others.
    pub(super) fn new(rig: &Rig, bin: &Path) -> Self {
        let holder = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sleep", "3600"])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let of = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
        until("it has a namespace", || {
            let theirs = of(&holder.id().to_string());
            theirs.is_some() && theirs != of("self")
        });
        Self { holder, folder: rig.dir.path().into(), program: bin.join("good"), config: rig.config() }
    }

    fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .arg(format!("--mount=/proc/{}/ns/mnt", self.holder.id()))
            .arg(format!("--wdns={}", self.folder.display()))
            .env("PATH", format!("{}:{path}", self.folder.join("bin").display()))
            .env_remove("CREDENTIALS_DIRECTORY");
        command
    }

    /// Runs a command as root. Complains if it fails.
    pub(super) fn run(&self, command: &str) -> Complaints {
        let done = self.enter().args(["sh", "-c", command]).output().unwrap();
        if done.status.success() {
            return Complaints::new();
        }
        vec![format!("{command}: {}", String::from_utf8_lossy(&done.stderr))]
    }

    /// `jarvis-node doctor OPTION`, by the package's program, whatever the unit starts.
    pub(super) fn doctor(&self, option: &str) -> Value {
        let mut command = self.enter();
        command.arg(&self.program).arg("doctor").arg("--config").arg(&self.config);
        if !option.is_empty() {
            command.arg(option);
        }
        told(&mut command)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
