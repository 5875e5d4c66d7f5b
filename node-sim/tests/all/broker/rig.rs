//! A node whose daemon gives out tokens of the stub's token service.

use core::time::Duration;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use server_stub::{Faults, Realm, Sts, StsOptions};
use test_support::daemon::Daemon;
use test_support::rig::Rig as Node;
use test_support::waiting::until;

use super::caller::{Answer, Caller, request};
use super::described;

/// The audience that most tests ask for.
pub(super) const GATEWAY: &str = "/v1/token?audience=arp-run-gateway";
/// The audience that some tests ask for besides.
pub(super) const COORDINATOR: &str = "/v1/token?audience=arp-run-coordinator";

pub(super) struct Rig {
    pub(super) node: Node,
    pub(super) sts: Sts,
}

impl Rig {
    /// Its rules allow the user of this test tokens for both services.
    pub(super) fn new() -> Self {
        Self::with_life(Duration::from_secs(300))
    }

    /// A rig whose tokens have this life.
    pub(super) fn with_life(life: Duration) -> Self {
        let options = StsOptions { realm: Realm::dev().with_life(life), ..StsOptions::default() };
        let rig = Self { node: Node::new(), sts: Sts::start(options).unwrap() };
        rig.secret("jarvis-node-secret");
        rig.node.configure("led", "none");
        let me = json!({"users": [uid()], "exchange": true});
        rig.rules(&json!({"arp-run-gateway": me, "arp-run-coordinator": me}));
        rig.node.configure("broker", json!({"socket": "node.sock"}));
        rig
    }

    /// Puts these `audiences` into the configuration.
    pub(super) fn rules(&self, audiences: &Value) {
        let sts = json!({
            "issuer": self.sts.issuer(), "client_id": "jarvis-node", "client_secret_file": "sts.secret",
            "audiences": audiences,
        });
        self.node.configure("sts", sts);
    }

    /// Puts this secret into its file.
    pub(super) fn secret(&self, secret: &str) {
        self.node.write_secret("sts.secret", secret);
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.node.path("node.sock")
    }

    /// `jarvis-node VERB` with its configuration and none of our own variables.
    pub(super) fn command(&self, verb: &str) -> Command {
        let mut command = self.node.command(verb);
        for (name, _) in std::env::vars_os() {
            let name = name.into_string().unwrap_or_default();
            if ["ARP_", "KEYCLOAK_", "AGENT_", "JARVIS_"].iter().any(|family| name.starts_with(family)) {
                command.env_remove(name);
            }
        }
        command
    }

    /// Starts a daemon and waits until it listens.
    pub(super) fn daemon(&self) -> Daemon {
        self.daemon_by(&mut self.command("run"))
    }

    pub(super) fn daemon_by(&self, command: &mut Command) -> Daemon {
        let daemon = Daemon::start(command);
        until("it listens", || std::os::unix::net::UnixStream::connect(self.socket()).is_ok());
        daemon
    }

    pub(super) fn caller(&self) -> Caller {
        Caller::at(&self.socket())
    }

    /// A caller that has asked for this and waits for the answer.
    pub(super) fn asking(&self, target: &str) -> Caller {
        let mut caller = self.caller();
        assert!(caller.send(&request("GET", target)));
        caller
    }

    /// The answer, which is as described.
    pub(super) fn get(&self, target: &str) -> Answer {
        let answer = self.asking(target).answer();
        described::check("GET", target, &answer.to_http());
        answer
    }

    pub(super) fn send(&self, request: &[u8]) -> Answer {
        let mut caller = self.caller();
        // It may have been refused before its end.
        caller.send(request);
        let answer = caller.answer();
        let mut words = request.split(u8::is_ascii_whitespace).map(String::from_utf8_lossy);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        described::check(&method, &target, &answer.to_http());
        answer
    }

    /// The bytes of the answer to a request, as they come.
    pub(super) fn answer_to(&self, request: &[u8]) -> Vec<u8> {
        let mut caller = self.caller();
        caller.send(request);
        caller.read_all_or_reset()
    }

    pub(super) fn post(&self, kind: &str, body: &str) -> Answer {
        let len = body.len();
        self.send(
            format!(
                "POST /v1/token/exchange HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {len}\r\n\r\n{body}"
            )
            .as_bytes(),
        )
    }

    /// Gives the token service this fault, or none for "".
    pub(super) fn fault(&self, name: &str) {
        let faults = if name.is_empty() { Faults::NONE } else { name.parse().unwrap() };
        self.sts.server().set_faults(faults).unwrap();
    }

    /// Waits until the token service has had exactly `count` requests for tokens.
    pub(super) fn requests(&self, count: u64) {
        until("the token service is asked", || self.sts.token_requests() >= count);
        assert_eq!(self.sts.token_requests(), count);
    }
}

/// The user of this test.
pub(super) fn uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Reports why a test was skipped.
#[expect(clippy::print_stderr, reason = "nobody else would say it")]
pub(super) fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}
