//! A node whose daemon gives out tokens of a realm.

use std::path::PathBuf;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use test_support::caller::{Answer, Caller, request};
use test_support::daemon::Daemon;
use test_support::process::run_to_end;
use test_support::rig::Rig as Node;
use test_support::waiting::until;

use crate::realm::{CLIENT, COORDINATOR, GATEWAY, Realm, SECRET, with_keys};

pub(crate) struct Rig {
    pub(crate) node: Node,
    pub(crate) realm: Realm,
}

impl Rig {
    /// A node that proves itself by the client's secret.
    pub(crate) fn new(realm: Realm) -> Self {
        let rig = Self::without_client(realm);
        rig.node.write_secret("sts.secret", SECRET);
        rig.configure(&json!({"client_id": CLIENT, "client_secret_file": "sts.secret"}));
        rig
    }

    /// A node that proves itself by a key that `keygen` made in the file sts.key; also its public half.
    pub(crate) fn with_key(realm: Realm, algorithm: &str) -> (Self, String) {
        let rig = Self::without_client(realm);
        let keys = rig.keygen("sts.key", algorithm);
        rig.realm.change_client(CLIENT, |client| *client = with_keys(client.take(), &keys, algorithm));
        rig.configure(&json!({"client_id": CLIENT, "client_key_file": "sts.key"}));
        (rig, keys)
    }

    /// A node whose client is still to be configured.
    pub(crate) fn without_client(realm: Realm) -> Self {
        let node = Node::new();
        node.configure("led", "none");
        node.configure("broker", json!({"socket": "node.sock"}));
        Self { node, realm }
    }

    /// Puts these keys into `sts` besides issuer, CA and audiences.
    pub(crate) fn configure(&self, keys: &Value) {
        let me = json!({"users": [rustix::process::geteuid().as_raw()], "exchange": true});
        let mut sts = json!({
            "issuer": self.realm.issuer(), "ca_file": self.realm.place().ca,
            "audiences": {GATEWAY: me, COORDINATOR: me, "nobody": me, "arp-hidden": me},
        });
        for (key, value) in keys.as_object().unwrap() {
            sts[key] = value.clone();
        }
        self.node.configure("sts", sts);
    }

    /// Sets one key of `sts`.
    pub(crate) fn set(&self, key: &str, value: &str) {
        self.node.edit(|config| config["sts"][key] = value.into());
    }

    /// `jarvis-node VERB` with its configuration and none of our own variables.
    pub(crate) fn command(&self, verb: &str) -> Command {
        let mut command = self.node.command(verb);
        for name in ["KEYCLOAK_HTTPS", "KEYCLOAK_HTTP", "KEYCLOAK_CA"] {
            command.env_remove(name);
        }
        command
    }

    /// Makes a key pair by `keygen` in the file `name`; returns the set with its public half.
    pub(crate) fn keygen(&self, name: &str, algorithm: &str) -> String {
        let mut keygen = Command::new(test_support::binaries::jarvis_node());
        keygen.args(["keygen", "--algorithm", algorithm, "--out"]).arg(self.node.path(name));
        let (code, keys, err) = run_to_end(&mut keygen);
        assert_eq!(code, Some(0), "{err}");
        keys
    }

    /// Starts a daemon and waits until it listens and is valid.
    pub(crate) fn daemon(&self) -> Daemon {
        self.daemon_by(&mut self.command("run"))
    }

    /// The same, by this command.
    pub(crate) fn daemon_by(&self, run: &mut Command) -> Daemon {
        let mut daemon = Daemon::start(run);
        daemon.comes_to("valid");
        until("it listens", || std::os::unix::net::UnixStream::connect(self.socket()).is_ok());
        daemon
    }

    fn socket(&self) -> PathBuf {
        self.node.path("node.sock")
    }

    fn sending(&self, request: &[u8]) -> Caller {
        let mut caller = Caller::at(&self.socket());
        assert!(caller.send(request));
        caller
    }

    /// A caller that has asked for a token for this audience and waits for the answer.
    pub(crate) fn asking(&self, audience: &str) -> Caller {
        self.sending(&request("GET", &format!("/v1/token?audience={audience}")))
    }

    /// The daemon's answer to a request for a token for this audience.
    pub(crate) fn get(&self, audience: &str) -> Answer {
        self.asking(audience).answer()
    }

    /// The daemon's answer to a request to exchange this token.
    pub(crate) fn exchange(&self, subject: &str, audience: &str) -> Answer {
        let body = format!("subject_token={subject}&audience={audience}");
        let head =
            "POST /v1/token/exchange HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded";
        self.sending(format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).answer()
    }

    /// The daemon's answer once it is one with a token.
    #[track_caller]
    pub(crate) fn gets(&self, audience: &str) -> Answer {
        let mut last = self.get(audience);
        until("a token", || {
            last = self.get(audience);
            last.status == 200
        });
        last
    }

    /// The codes of the warnings in the status.
    pub(crate) fn warnings(&self) -> Value {
        self.node.status()["warnings"].take()
    }
}

/// The header and the claims of a token.
pub(crate) fn parts(token: &str) -> [Value; 2] {
    let mut parts = token.split('.').map(|part| {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap_or_default()).unwrap_or_default()
    });
    [parts.next().unwrap(), parts.next().unwrap()]
}
