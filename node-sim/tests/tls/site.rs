//! A node's files, set up for one of our servers.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use jarvis_node::setup::{Loaded, Reader};
use serde_json::Value;

use super::pki::Identity;
use super::rig::Rig;
use super::server::{Seen, Server};

/// What `check` said, and what the server saw of it.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) exit: Option<i32>,
    pub(super) view: Value,
    pub(super) seen: Seen,
}

impl Checked {
    pub(super) fn outcome(&self) -> &str {
        self.view["outcome"].as_str().unwrap()
    }
}

impl Rig {
    /// Points the node at `url`, with these roots and nothing else that is not usual.
    pub(super) fn point(&self, url: &str, roots: &str) {
        for key in ["spki_pins", "client_cert_file", "client_key_file", "allow_http"] {
            self.forget(key);
        }
        self.configure("auth_url", url);
        fs::write(self.dir.path().join("ca.pem"), roots).unwrap();
        self.configure("ca_file", "ca.pem");
    }

    pub(super) fn forget(&self, key: &str) {
        let mut config: Value = serde_json::from_slice(&fs::read(self.config()).unwrap()).unwrap();
        config.as_object_mut().unwrap().remove(key);
        fs::write(self.config(), config.to_string()).unwrap();
    }

    /// Gives the node a certificate of its own.
    pub(super) fn own_certificate(&self, identity: &Identity) {
        fs::write(self.dir.path().join("client.pem"), identity.pem()).unwrap();
        self.secret_file("client.key", &identity.key_pem());
        self.configure("client_cert_file", "client.pem");
        self.configure("client_key_file", "client.key");
    }

    pub(super) fn secret_file(&self, name: &str, text: &str) {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// One `check`, after which the server has ended.
    pub(super) fn checked(&self, server: Server) -> Checked {
        let (exit, view) = self.check();
        Checked { exit, view, seen: server.stop() }
    }

    /// The setup as the daemon holds it.
    pub(super) fn reader(&self) -> Reader {
        Reader::new(self.config())
    }

    /// Whether a secret is in these bytes.
    pub(super) fn secret_in(&self, bytes: &[u8]) -> bool {
        let app_key = fs::read(self.dir.path().join("app.key")).unwrap();
        let node_key = self.stub.node().1;
        [app_key.trim_ascii_end(), node_key.as_bytes()]
            .into_iter()
            .any(|secret| bytes.windows(secret.len()).any(|window| window == secret))
    }
}

/// One validation in this process; true if it was good, else the trouble's reason.
pub(super) fn validate(loaded: &Loaded) -> Result<(), String> {
    match loaded.client.validate(&loaded.credential).answer {
        node_core::answer::Answer::Valid(_) => Ok(()),
        node_core::answer::Answer::Rejected(reason) => Err(reason.to_string()),
        node_core::answer::Answer::Reachable => Err("nobody knocked".into()),
        node_core::answer::Answer::Inconclusive { trouble, .. } => Err(trouble.reason.to_string()),
    }
}
