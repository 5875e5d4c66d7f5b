//! A daemon that gives out tokens, the token service they come from, and the command that uses them.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;

use serde_json::{Value, json};
use server_stub::jwt::Algorithm;
use server_stub::{
    Backend, BackendOptions, CertificateAuthority, Coordinator, CoordinatorOptions, Gateway, GatewayOptions,
    GatewaySettings, InboundSettings, Pace, ServerOptions, Sts, StsOptions,
};
use test_support::daemon::Daemon;
use test_support::process::feed;
use test_support::rig::Rig as Node;
use test_support::waiting::PATIENCE;

/// Keys of this kind are quick to make.
const ALGORITHM: Algorithm = Algorithm::Es256;

/// How the command ended, and what it printed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) body: String,
    pub(super) told: String,
}

/// A node with its daemon. All services have certificates of one authority, which the node trusts.
pub(super) struct Rig {
    pub(super) node: Node,
    pub(super) sts: Sts,
    _daemon: Daemon,
}

impl Rig {
    pub(super) fn new() -> Self {
        Self::with(ALGORITHM, |node, issuer| {
            node.write_secret("sts.secret", "jarvis-node-secret\n");
            json!({
                "issuer": issuer, "client_id": "jarvis-node", "client_secret_file": "sts.secret",
                "audiences": {"arp-run-gateway": {"users": [user(node)]}},
            })
        })
    }

    /// A node with the file of SmartEM's agent, which asks for no audience.
    pub(super) fn smartem() -> Self {
        Self::with(Algorithm::Rs256, |node, issuer| {
            let (url, realm) = issuer.split_once("/realms/").unwrap();
            let lines = format!(
                "KEYCLOAK_URL={url}\nKEYCLOAK_REALM={realm}\nKEYCLOAK_CLIENT_ID=jarvis-node\n\
                 KEYCLOAK_CLIENT_SECRET=jarvis-node-secret\n"
            );
            node.write_secret("agent.env", &lines);
            json!({"env_file": "agent.env", "audiences": {"": {"users": [user(node)]}}})
        })
    }

    /// A node whose configuration has what `about` says as `sts`.
    fn with(algorithm: Algorithm, about: impl FnOnce(&Node, &str) -> Value) -> Self {
        let node = Node::new();
        let server = ServerOptions { authority: node.stub.authority(), ..ServerOptions::default() };
        let options = StsOptions { server, algorithm, ..StsOptions::default() };
        let sts = Sts::start(options).unwrap();
        node.configure("sts", about(&node, sts.issuer()));
        node.configure("broker", json!({"socket": "node.sock"}));
        let mut daemon = Daemon::start(&mut node.command("run"));
        daemon.comes_to("valid");
        Self { node, sts, _daemon: daemon }
    }

    /// A coordinator whose runs the test steps one event at a time.
    pub(super) fn coordinator(&self) -> Coordinator {
        let inbound = self.inbound("arp-run-coordinator");
        let options = CoordinatorOptions::of_realm(self.sts.issuer());
        let server = self.server();
        let authorities = options.authorities.clone();
        let pace = Pace::ByHand;
        Coordinator::start(CoordinatorOptions { server, inbound, authorities, pace }).unwrap()
    }

    /// A gateway in front of the coordinator, with its settings changed by `change`.
    pub(super) fn gateway(
        &self,
        coordinator: &Coordinator,
        change: impl FnOnce(&mut GatewaySettings),
    ) -> Gateway {
        self.gateway_of(self.node.stub.authority(), coordinator, change)
    }

    /// A gateway in front of the coordinator, with a certificate of this authority.
    pub(super) fn gateway_of(
        &self,
        authority: Option<CertificateAuthority>,
        coordinator: &Coordinator,
        change: impl FnOnce(&mut GatewaySettings),
    ) -> Gateway {
        let mut settings = GatewaySettings {
            inbound: self.inbound("arp-run-gateway"),
            ..GatewaySettings::of_realm(self.sts.issuer(), coordinator.url())
        };
        change(&mut settings);
        let server = ServerOptions { authority, ..ServerOptions::default() };
        let authorities = vec![self.node.stub.ca_pem().unwrap().to_owned()];
        Gateway::start(GatewayOptions { server, settings, authorities }).unwrap()
    }

    fn inbound(&self, audience: &str) -> InboundSettings {
        InboundSettings {
            algorithms: vec![ALGORITHM],
            ..InboundSettings::required(self.sts.issuer(), audience)
        }
    }

    /// SmartEM's backend, with its settings changed by `change`.
    pub(super) fn backend(&self, change: impl FnOnce(&mut InboundSettings)) -> Backend {
        let mut inbound = InboundSettings::smartem(self.sts.issuer());
        change(&mut inbound);
        Backend::start(BackendOptions { server: self.server(), inbound, authorities: Vec::new() }).unwrap()
    }

    fn server(&self) -> ServerOptions {
        ServerOptions { authority: self.node.stub.authority(), ..ServerOptions::default() }
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.node.path("node.sock")
    }

    /// `request METHOD URL …` for the gateway's audience.
    pub(super) fn command(&self, method: &str, url: &str, others: &[&str]) -> Command {
        let mut command = self.node.command("request");
        command.args([method, url, "--audience", "arp-run-gateway"]).args(others);
        command
    }

    pub(super) fn request(&self, method: &str, url: &str, others: &[&str]) -> Ended {
        ended(&mut self.command(method, url, others), "")
    }

    /// Starts the request; the test reads its answer line by line.
    pub(super) fn begin(&self, method: &str, url: &str) -> Running {
        let mut command = self.command(method, url, &[]);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (tell, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Running { child, lines }
    }
}

/// The user of this test.
fn user(node: &Node) -> u32 {
    fs::metadata(node.dir.path()).unwrap().uid()
}

/// A command that runs. Killed when dropped.
pub(super) struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    /// The next line that it prints. None: there are no more.
    pub(super) fn line(&self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no line, though there should be one"),
        }
    }

    /// A file of the process in `/proc`; empty if only root may read it.
    pub(super) fn known(&self, of: &str) -> String {
        let known = fs::read(format!("/proc/{}/{of}", self.child.id()));
        String::from_utf8_lossy(&known.unwrap_or_default()).into_owned()
    }

    /// Waits for its end; returns its exit code and what it wrote to standard error.
    pub(super) fn end(mut self) -> (Option<i32>, String) {
        let mut told = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        (self.child.wait().unwrap().code(), told)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `command` with `input` and checks that it shows no token.
pub(super) fn ended(command: &mut Command, input: &str) -> Ended {
    let (code, body, told) = feed(command, input);
    assert!(!told.contains("eyJ"), "a token in {told}");
    Ended { code, body, told }
}

/// A request to start this run.
pub(super) fn run(run_id: &str) -> String {
    let reference = json!({ "node_type_id": "say", "version": "1" });
    json!({ "run_id": run_id, "root_node_type_ref": reference, "input": { "say": "hello" } }).to_string()
}
