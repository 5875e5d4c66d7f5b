//! `node-sim fleet --real`: the program itself, with its agents on real sockets, against a stub.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Parser as _;
use node_sim::fleet::{FleetArguments, run};
use serde_json::{Value as Json, json};
use test_support::http::{Ask, Connection};
use test_support::rig::Rig;
use test_support::waiting::undisturbed;

use crate::node_sim;

/// The household every stub starts with.
const HOUSEHOLD: &str = "11111111-2222-4333-8444-555555555555";

/// A stub, and nodes that ask it each second.
struct Fleet(Rig);

impl Fleet {
    fn new() -> Self {
        let rig = Rig::new();
        rig.configure("revalidate_secs", 1);
        Self(rig)
    }

    fn run(&self, url: &str, arguments: &[&str]) -> Command {
        let mut command = node_sim(&["fleet", "--real", url, "--config"]);
        command.arg(self.0.config()).args(arguments);
        command
    }

    /// Registers nodes as an app does, and writes their credentials.
    fn nodes_file(&self, nodes: u32) -> PathBuf {
        let credentials: Vec<Json> = (0..nodes).map(|n| self.register(&format!("fleet-{n}"))).collect();
        let file = self.0.path("nodes.json");
        fs::write(&file, Json::from(credentials).to_string()).unwrap();
        file
    }

    fn register(&self, node_id: &str) -> Json {
        let service: Json = serde_json::from_slice(&fs::read(self.0.config()).unwrap()).unwrap();
        let body = json!({
            "node_id": node_id, "household_id": HOUSEHOLD, "name": node_id,
            "services": [service["service_id"]],
        })
        .to_string();
        let register = Ask::post("/internal/nodes/register", body).app(&self.0.stub);
        let (addr, ca) = (self.0.stub.addr(), self.0.stub.ca_pem().unwrap());
        let answer = Connection::tls(addr, ca, "localhost").unwrap().ask(&register);
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn fifty_agents_with_own_credentials_all_get_a_verdict() {
    let _undisturbed = undisturbed();
    let fleet = Fleet::new();
    let nodes = fleet.nodes_file(50);
    let arguments = ["--nodes", "50", "--nodes-file", text(&nodes), "--for", "2m", "--until-valid"];
    let output = fleet.run(fleet.0.stub.url(), &arguments).arg("--json").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let figures: Json = serde_json::from_slice(&output.stdout).unwrap();
    let figures = &figures[0];
    assert_eq!(figures["nodes"], 50, "{figures}");
    assert_eq!(figures["recovered"], 50, "{figures}");
    assert_eq!(figures["model"], "none: a real server");
    assert_eq!(figures["grace_lapsed"], 0);
    assert!(figures["last_secs"].as_f64().unwrap() < 120.0, "{figures}");
    assert!(fleet.0.stub.validations() >= 50);
}

#[test]
fn a_node_whose_credential_is_refused_does_not_count() {
    let fleet = Fleet::new();
    let nodes = fleet.nodes_file(5);
    assert!(fleet.0.stub.deactivate("fleet-3"));
    let arguments = ["--nodes", "5", "--nodes-file", text(&nodes), "--for", "10s"];
    let output = fleet.run(fleet.0.stub.url(), &arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let table = String::from_utf8(output.stdout).unwrap();
    let row: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[..3], ["5", "ours", "4"], "{table}");
}

#[test]
fn outage_is_noticed_and_recovered_from() {
    let _undisturbed = undisturbed();
    let fleet = Fleet::new();
    let mut child = fleet
        .run(fleet.0.stub.url(), &["--nodes", "50", "--for", "3m"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.ends_with(": 50 of 50 nodes valid")));
    fleet.0.stub.go_down();
    assert!(lines.any(|line| line.ends_with(": 0 of 50 nodes valid")));
    fleet.0.stub.come_back().unwrap();
    assert!(lines.any(|line| line.ends_with(": 50 of 50 nodes valid")));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn other_machine_is_refused_without_confirmation() {
    let fleet = Fleet::new();
    // No host answers at the first two. The third is this machine, under an address that does not show it.
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let here = format!("https://0.0.0.0:{}", listener.local_addr().unwrap().port());
    for url in ["https://192.0.2.1", "https://auth.invalid:7701", &here] {
        let output = fleet.run(url, &["--nodes", "3", "--for", "10s"]).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{output:?}");
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(
            complaint.contains("is another machine") && complaint.contains("--yes-i-mean-it"),
            "{complaint}"
        );
    }
    assert!(listener.accept().is_err(), "nobody has called");
    let mut meant = fleet.run(&here, &["--nodes", "3", "--for", "3m", "--yes-i-mean-it"]);
    let mut child = meant.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    listener.set_nonblocking(false).unwrap();
    listener.accept().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_cannot_be_run_is_refused_in_a_sentence() {
    let fleet = Fleet::new();
    let short = fleet.0.path("short.json");
    fs::write(&short, "[]").unwrap();
    let odd = fleet.0.path("odd.json");
    fs::write(&odd, r#"[{"node_id": "n", "node_key": "not shown \u0007"}]"#).unwrap();
    for (arguments, sentence) in [
        (&["--nodes", "2", "--nodes-file", text(&short)][..], "holds 0 credentials for 2 nodes"),
        (&["--nodes", "1", "--nodes-file", text(&odd)], "entry 1: node_key holds a character"),
        (&["--nodes", "1", "--nodes-file", text(&fleet.0.config())], "is not a list of credentials"),
        (&["--nodes", "1001"], "1000 at most"),
        (&["--nodes", "1", "--nodes-file", "/nowhere/nodes.json"], "/nowhere/nodes.json: "),
    ] {
        let output = fleet.run(fleet.0.stub.url(), arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{output:?}");
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(complaint.contains(sentence) && !complaint.contains("not shown"), "{complaint}");
    }
    let told = |arguments: &[&str]| {
        let parsed = FleetArguments::try_parse_from([&["fleet"], arguments].concat()).unwrap();
        run(&parsed).unwrap_err()
    };
    assert!(told(&["--real", "https://127.0.0.1:1"]).contains("--real needs --config"));
    assert!(told(&["--nodes", "1", "--for", "60s"]).contains("go with --real"));
    assert_eq!(fleet.0.stub.validations(), 0);
}
