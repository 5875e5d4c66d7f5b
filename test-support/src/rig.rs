//! The device's binary with a stub for it to ask.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value};
use server_stub::{Options, Stub};
use tempfile::TempDir;

use crate::binaries::jarvis_node;

/// A stub server, and a folder with a node's files for it.
pub struct Rig {
    /// The auth service that the configuration names.
    pub stub: Stub,
    /// The node's files. The stub keeps its own here too.
    pub dir: TempDir,
}

impl Default for Rig {
    fn default() -> Self {
        Self::new()
    }
}

impl Rig {
    /// A stub that speaks TLS and has no faults.
    pub fn new() -> Self {
        Self::with(Options::default())
    }

    /// A stub with these options, except that it keeps its files in a folder of its own.
    ///
    /// # Panics
    /// If the stub does not start.
    pub fn with(options: Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let stub = Stub::start(Options { dir: Some(dir.path().into()), ..options }).unwrap();
        let rig = Self { stub, dir };
        // One node alone has no reason to spread its calls over time.
        rig.configure("start_splay_secs", 0);
        rig
    }

    /// A file of this name among the node's.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.path("config.json")
    }

    /// Sets a key of the configuration.
    pub fn configure(&self, key: &str, value: impl Into<Value>) {
        self.edit(|config| drop(config.insert(key.into(), value.into())));
    }

    /// Removes a key from the configuration.
    pub fn forget(&self, key: &str) {
        self.edit(|config| drop(config.remove(key)));
    }

    /// Changes the configuration.
    ///
    /// # Panics
    /// If it is not an object of JSON.
    pub fn edit(&self, change: impl FnOnce(&mut Map<String, Value>)) {
        let mut config: Value = serde_json::from_slice(&fs::read(self.config()).unwrap()).unwrap();
        change(config.as_object_mut().unwrap());
        fs::write(self.config(), config.to_string()).unwrap();
    }

    /// Writes a file that only its owner may read.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write_secret(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), Permissions::from_mode(0o600)).unwrap();
    }

    /// Puts a credential with this key in the place of the present one, by a rename.
    ///
    /// # Panics
    /// If there is no credential, or it cannot be replaced.
    pub fn install(&self, node_key: &str) {
        let path = self.path("credential.json");
        let mut credential: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        credential["node_key"] = node_key.into();
        self.write_secret("credential.new", &credential.to_string());
        fs::rename(self.path("credential.new"), path).unwrap();
    }

    /// `jarvis-node VERB` with this configuration.
    pub fn command(&self, verb: &str) -> Command {
        self.command_of(jarvis_node(), verb)
    }

    /// `PROGRAM VERB` with this configuration, for another build of the program.
    pub fn command_of(&self, program: &Path, verb: &str) -> Command {
        let mut command = Command::new(program);
        command.arg(verb).arg("--config").arg(self.config()).env_remove("CREDENTIALS_DIRECTORY");
        command
    }

    /// `check --json`: its exit code and what it printed.
    ///
    /// # Panics
    /// If that is no JSON.
    pub fn check(&self) -> (Option<i32>, Value) {
        let output = self.command("check").arg("--json").output().unwrap();
        (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
    }

    /// `status --json`.
    ///
    /// # Panics
    /// If it prints no JSON.
    pub fn status(&self) -> Value {
        let output = self.command("status").arg("--json").output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }
}
