//! A card as another computer mounts it: a folder in which `systemd/install.sh` works. Needs root.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{Ended, run_to_end};

/// A folder with the parts of a system that the installer needs.
pub struct Card {
    dir: TempDir,
}

/// What is at a path: its mode, its owner, and its content (of a link, where it leads).
pub type Entry = (u32, (u32, u32), Vec<u8>);

impl Default for Card {
    fn default() -> Self {
        Self::new()
    }
}

impl Card {
    /// A system without any node.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn new() -> Self {
        // A name as a person may give a mount point.
        let card = Self { dir: tempfile::Builder::new().prefix("card #1 & co").tempdir().unwrap() };
        for folder in ["etc/systemd/system", "var/lib", "usr/local/bin"] {
            fs::create_dir_all(card.path(folder)).unwrap();
        }
        card
    }

    /// A copy of this card, owners and times included.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn copy(&self) -> Self {
        let copy = Self { dir: tempfile::tempdir().unwrap() };
        let done = Command::new("cp").args(["-a", "-T"]).arg(self.root()).arg(copy.root()).status();
        assert!(done.unwrap().success());
        copy
    }

    /// Where it is mounted.
    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// A path on it, from its root.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    /// Writes a file of root's, with its folders.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn put(&self, path: &str, mode: u32, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    /// The text of a file; `None` if there is none.
    pub fn text(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.path(path)).ok()
    }

    /// Installs as a person does: `systemd/install.sh --root CARD OPTIONS PROGRAM`.
    pub fn install(&self, program: &Path, options: &[&str]) -> Ended {
        run_to_end(self.script("install.sh").args(options).arg(program))
    }

    /// `systemd/uninstall.sh --root CARD OPTIONS`.
    pub fn uninstall(&self, options: &[&str]) -> Ended {
        run_to_end(self.script("uninstall.sh").args(options))
    }

    /// A script of `systemd/` for this card.
    ///
    /// # Panics
    /// If the workspace is not where it was built.
    pub fn script(&self, name: &str) -> Command {
        let systemd = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("systemd");
        let mut command = Command::new("bash");
        command.arg(systemd.join(name)).arg("--root").arg(self.root()).env_remove("BASH_ENV");
        command
    }

    /// The number of a user, by the card's own list.
    pub fn user(&self, name: &str) -> Option<u32> {
        let users = self.text("etc/passwd")?;
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        line.split(':').nth(2)?.parse().ok()
    }

    /// Every file and link, by its path. Left out is what systemd's and other tools keep for themselves beside the
    /// lists of users.
    pub fn entries(&self) -> BTreeMap<String, Entry> {
        let mut entries = BTreeMap::new();
        self.collect(self.root(), &mut entries);
        entries
    }

    fn collect(&self, folder: &Path, entries: &mut BTreeMap<String, Entry>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let about = fs::symlink_metadata(&path).unwrap();
            if about.is_dir() {
                self.collect(&path, entries);
                continue;
            }
            let name = path.strip_prefix(self.root()).unwrap().to_str().unwrap().to_owned();
            let kept_by_tools =
                ["etc/.pwd.lock", "etc/shadow", "etc/gshadow", "etc/.#", "etc/passwd.", "etc/group."];
            if kept_by_tools.iter().any(|start| name.starts_with(start)) || name.ends_with('-') {
                continue;
            }
            let content = if about.is_symlink() {
                fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
            } else {
                fs::read(&path).unwrap()
            };
            entries.insert(name, (about.mode() & 0o7777, (about.uid(), about.gid()), content));
        }
    }

    /// Lays out what the installer of version 0.1.0 left, with a node in its second credential. The unit is as short
    /// as it can be.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn lay_out_0_1_0(&self, config: &Value) {
        self.put(
            "etc/sysusers.d/jarvis-node.conf",
            0o644,
            "g gpio -\nu jarvis-node - \"Jarvis node\" /var/lib/jarvis-node\n",
        );
        self.put(
            "etc/tmpfiles.d/jarvis-node.conf",
            0o644,
            "d /etc/jarvis-node 0755 root root\nz /etc/jarvis-node/app.key 0600 jarvis-node jarvis-node\n",
        );
        self.put("etc/udev/rules.d/60-jarvis-node.rules", 0o644, "KERNEL==\"gpiomem\", GROUP=\"gpio\"\n");
        let mut sysusers = Command::new("systemd-sysusers");
        sysusers.arg(format!("--root={}", self.root().display())).arg("jarvis-node.conf");
        assert_eq!(run_to_end(&mut sysusers).0, Some(0));
        let unit = "[Service]\nExecStart=/usr/local/bin/jarvis-node run\nUser=jarvis-node\n[Install]\nWantedBy=multi-user.target\n";
        self.put("etc/systemd/system/jarvis-node.service", 0o644, unit);
        let wants = self.path("etc/systemd/system/multi-user.target.wants");
        fs::create_dir_all(&wants).unwrap();
        symlink("/etc/systemd/system/jarvis-node.service", wants.join("jarvis-node.service")).unwrap();
        self.put(
            "usr/local/bin/jarvis-node",
            0o755,
            "version 0.1.0: Proves this node to its Jarvis auth service\n",
        );
        self.put("etc/jarvis-node/config.json", 0o644, config.to_string());
        self.put("etc/jarvis-node/ca.pem", 0o644, "an authority\n");
        let credential = |key: &str| json!({ "node_id": "kitchen-pi", "node_key": key }).to_string();
        for (path, content) in [
            ("etc/jarvis-node/app.key", "s3cret-app-key\n".to_owned()),
            ("var/lib/jarvis-node/credential.json", credential("s3cret-2")),
            ("var/lib/jarvis-node/credential.json.prev", credential("s3cret-1")),
            ("var/lib/jarvis-node/state.json", "{}".to_owned()),
        ] {
            self.put(path, 0o600, content);
            self.give(path, "jarvis-node");
        }
        self.give("var/lib/jarvis-node", "jarvis-node");
    }

    /// Gives a file to a user of the card.
    ///
    /// # Panics
    /// If there is no such user, or this is not root.
    pub fn give(&self, path: &str, user: &str) {
        let user = self.user(user);
        chown(self.path(path), Some(user.unwrap()), user).unwrap();
    }
}

/// The configuration of version 0.1.0's guide.
#[must_use]
pub fn config_0_1_0() -> Value {
    json!({
        "auth_url": "https://jarvis.home.arpa:7701", "service_id": "command-center", "app_id": "jarvis-node-agent",
        "app_key_file": "/etc/jarvis-node/app.key", "ca_file": "/etc/jarvis-node/ca.pem",
        "credential_file": "/var/lib/jarvis-node/credential.json", "led": "none",
    })
}
