//! A node's files, set up for one of these servers.

use std::fs;

use jarvis_node::setup::{Loaded, Reader};
use serde_json::Value;

use super::pki::Identity;
use super::server::{Seen, Server};
use test_support::rig::Rig;

/// What `check` printed, and what the server saw.
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

/// What the tests of TLS do with a rig.
pub(super) trait TlsRig {
    /// Points the node at `url`, with these roots, and resets all other keys about TLS.
    fn point(&self, url: &str, roots: &str);
    /// Gives the node a certificate of its own.
    fn own_certificate(&self, identity: &Identity);
    /// Runs `check` once; the server has ended then.
    fn checked(&self, server: Server) -> Checked;
    /// Reads the setup as the daemon does.
    fn reader(&self) -> Reader;
    /// Whether a secret of the node is in these bytes.
    fn secret_in(&self, bytes: &[u8]) -> bool;
}

impl TlsRig for Rig {
    fn point(&self, url: &str, roots: &str) {
        for key in ["spki_pins", "client_cert_file", "client_key_file", "allow_http"] {
            self.forget(key);
        }
        self.configure("auth_url", url);
        fs::write(self.path("ca.pem"), roots).unwrap();
        self.configure("ca_file", "ca.pem");
    }

    fn own_certificate(&self, identity: &Identity) {
        fs::write(self.path("client.pem"), identity.pem()).unwrap();
        self.write_secret("client.key", &identity.key_pem());
        self.configure("client_cert_file", "client.pem");
        self.configure("client_key_file", "client.key");
    }

    fn checked(&self, server: Server) -> Checked {
        let (exit, view) = self.check();
        Checked { exit, view, seen: server.stop() }
    }

    fn reader(&self) -> Reader {
        Reader::new(self.config())
    }

    fn secret_in(&self, bytes: &[u8]) -> bool {
        let app_key = fs::read(self.path("app.key")).unwrap();
        let node_key = self.stub.node().1;
        [app_key.trim_ascii_end(), node_key.as_bytes()]
            .into_iter()
            .any(|secret| bytes.windows(secret.len()).any(|window| window == secret))
    }
}

/// One validation in this process; an error holds the reason.
pub(super) fn validate(loaded: &Loaded) -> Result<(), String> {
    match loaded.client.validate(&loaded.credential).answer {
        node_core::answer::Answer::Valid(_) => Ok(()),
        node_core::answer::Answer::Rejected(reason) => Err(reason.to_string()),
        node_core::answer::Answer::Reachable => Err("only a probe was answered".into()),
        node_core::answer::Answer::Inconclusive { trouble, .. } => Err(trouble.reason.to_string()),
    }
}
