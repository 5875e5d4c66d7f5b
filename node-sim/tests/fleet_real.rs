//! `node-sim fleet --real`: the program itself, with its agents on real sockets, against a stub.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use clap::Parser as _;
use node_sim::fleet;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value as Json, json};
use server_stub::{Options, Stub};

/// The household every stub starts with.
const HOUSEHOLD: &str = "11111111-2222-4333-8444-555555555555";

struct Rig {
    stub: Stub,
    dir: tempfile::TempDir,
    config: PathBuf,
}

impl Rig {
    /// A stub with TLS, and the configuration of a node that asks it each second.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let stub = Stub::start(Options { dir: Some(dir.path().into()), ..Options::default() }).unwrap();
        let config = dir.path().join("config.json");
        let mut json: Json = serde_json::from_slice(&fs::read(&config).unwrap()).unwrap();
        json["revalidate_secs"] = 1.into();
        json["start_splay_secs"] = 0.into();
        fs::write(&config, json.to_string()).unwrap();
        Self { stub, dir, config }
    }

    fn fleet(&self, url: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_node-sim"));
        command.args(["fleet", "--real", url, "--config"]).arg(&self.config).args(arguments);
        command
    }

    /// Registers nodes as an app does, and writes their credentials.
    fn nodes_file(&self, nodes: u32) -> PathBuf {
        let credentials: Vec<Json> = (0..nodes).map(|n| self.register(&format!("fleet-{n}"))).collect();
        let file = self.dir.path().join("nodes.json");
        fs::write(&file, Json::from(credentials).to_string()).unwrap();
        file
    }

    fn register(&self, node_id: &str) -> Json {
        let service: Json = serde_json::from_slice(&fs::read(&self.config).unwrap()).unwrap();
        let body = json!({
            "node_id": node_id, "household_id": HOUSEHOLD, "name": node_id,
            "services": [service["service_id"]],
        })
        .to_string();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.stub.ca_pem().unwrap().as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::from(self.stub.addr().ip());
        let tls = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = StreamOwned::new(tls, TcpStream::connect(self.stub.addr()).unwrap());
        write!(
            stream,
            "POST /internal/nodes/register HTTP/1.1\r\nhost: stub\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\
             x-jarvis-app-id: {}\r\nx-jarvis-app-key: {}\r\n\r\n{body}",
            body.len(),
            self.stub.app_id(),
            self.stub.app_key(),
        )
        .unwrap();
        let mut answer = Vec::new();
        // The close may come without a farewell of TLS.
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn fifty_agents_with_credentials_of_their_own_all_get_their_verdict() {
    let rig = Rig::new();
    let nodes = rig.nodes_file(50);
    let svg = rig.dir.path().join("real.svg");
    let arguments = ["--nodes", "50", "--nodes-file", text(&nodes), "--for", "2m", "--until-valid"];
    let output =
        rig.fleet(rig.stub.url(), &arguments).args(["--json", "--svg", text(&svg)]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let figures: Json = serde_json::from_slice(&output.stdout).unwrap();
    let figures = &figures[0];
    assert_eq!(figures["nodes"], 50, "{figures}");
    assert_eq!(figures["recovered"], 50, "{figures}");
    assert_eq!(figures["model"], "none: a real server");
    assert_eq!(figures["grace_lapsed"], 0);
    assert!(figures["last_secs"].as_f64().unwrap() < 120.0, "{figures}");
    assert!(rig.stub.validations() >= 50);
    let drawn = fs::read_to_string(svg).unwrap();
    assert!(drawn.contains(">50 nodes and a real server, for 120 s<") && !drawn.contains("NaN"));
}

#[test]
fn a_node_whose_credential_is_refused_does_not_count() {
    let rig = Rig::new();
    let nodes = rig.nodes_file(5);
    assert!(rig.stub.deactivate("fleet-3"));
    let arguments = ["--nodes", "5", "--nodes-file", text(&nodes), "--for", "10s"];
    let output = rig.fleet(rig.stub.url(), &arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let table = String::from_utf8(output.stdout).unwrap();
    let row: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[..3], ["5", "ours", "4"], "{table}");
}

#[test]
fn an_outage_is_noticed_and_outlived() {
    let rig = Rig::new();
    let mut child = rig
        .fleet(rig.stub.url(), &["--nodes", "50", "--for", "3m"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.ends_with(": 50 of 50 nodes valid")));
    rig.stub.go_down();
    assert!(lines.any(|line| line.ends_with(": 0 of 50 nodes valid")));
    rig.stub.come_back().unwrap();
    assert!(lines.any(|line| line.ends_with(": 50 of 50 nodes valid")));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn another_machine_is_left_alone_unless_it_is_meant() {
    let rig = Rig::new();
    // Nobody answers for the first two; the third is this machine by an address that says nothing of that.
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let here = format!("https://0.0.0.0:{}", listener.local_addr().unwrap().port());
    for url in ["https://192.0.2.1", "https://auth.invalid:7701", &here] {
        let output = rig.fleet(url, &["--nodes", "3", "--for", "10s"]).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{output:?}");
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(
            complaint.contains("is another machine") && complaint.contains("--yes-i-mean-it"),
            "{complaint}"
        );
    }
    assert!(listener.accept().is_err(), "nobody has called");
    let mut meant = rig.fleet(&here, &["--nodes", "3", "--for", "3m", "--yes-i-mean-it"]);
    let mut child = meant.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    listener.set_nonblocking(false).unwrap();
    listener.accept().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_cannot_be_run_is_refused_in_a_sentence() {
    let rig = Rig::new();
    let short = rig.dir.path().join("short.json");
    fs::write(&short, "[]").unwrap();
    let odd = rig.dir.path().join("odd.json");
    fs::write(&odd, r#"[{"node_id": "n", "node_key": "not shown \u0007"}]"#).unwrap();
    for (arguments, sentence) in [
        (&["--nodes", "2", "--nodes-file", text(&short)][..], "holds 0 credentials for 2 nodes"),
        (&["--nodes", "1", "--nodes-file", text(&odd)], "entry 1: node_key holds a character"),
        (&["--nodes", "1", "--nodes-file", text(&rig.config)], "is not a list of credentials"),
        (&["--nodes", "1001"], "1000 at most"),
        (&["--nodes", "1", "--nodes-file", "/nowhere/nodes.json"], "/nowhere/nodes.json: "),
    ] {
        let output = rig.fleet(rig.stub.url(), arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{output:?}");
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(complaint.contains(sentence) && !complaint.contains("not shown"), "{complaint}");
    }
    let told = |arguments: &[&str]| {
        let parsed = fleet::FleetArguments::try_parse_from([&["fleet"], arguments].concat()).unwrap();
        fleet::run(&parsed).unwrap_err()
    };
    assert!(told(&["--real", "https://127.0.0.1:1"]).contains("--real needs --config"));
    assert!(told(&["--nodes", "1", "--for", "60s"]).contains("go with --real"));
    assert_eq!(rig.stub.validations(), 0);
}
