//! The program's Run Gateway and Run Coordinator: with all services, and alone with environment variables.

use core::net::SocketAddr;

use std::io::{BufRead as _, BufReader};

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::client::{Answer, Ask, Connection};

const RUN: &str = r#"{"run_id":"r","root_node_type_ref":{"node_type_id":"t","version":"1"},"input":{}}"#;
const FORM: &str = "grant_type=client_credentials&client_id=jarvis-node&client_secret=jarvis-node-secret\
                    &audience=arp-run-gateway";

fn command(dir: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_server-stub"));
    command.args(["--listen", "127.0.0.1:0", "--sts-algorithm", "ES256", "--dir"]).arg(dir).args(arguments);
    command.env_remove("SSL_CERT_FILE").env_remove("JARVIS_AUTH_ADMIN_TOKEN").envs(variables.iter().copied());
    command
}

/// The program, which is killed at the end of the test, and the line it prints.
pub(super) struct Program(Child, serde_json::Value);

impl Program {
    pub(super) fn start(dir: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = command(dir, arguments, variables);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        Self(child, serde_json::from_str(&line).expect("a line of JSON"))
    }

    pub(super) fn line(&self) -> &serde_json::Value {
        &self.1
    }

    pub(super) fn url(&self, service: &str) -> &str {
        self.1[service].as_str().unwrap_or_else(|| panic!("no {service} in {}", self.1))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has usually ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) fn asked(dir: &Path, url: &str, ask: &Ask) -> Answer {
    let addr: SocketAddr = url
        .split("//")
        .nth(1)
        .and_then(|rest| rest.split('/').next())
        .expect("a URL")
        .parse()
        .expect("an address");
    let ca = std::fs::read_to_string(dir.join("ca.pem")).expect("an authority");
    Connection::tls(addr, &ca, "localhost").expect("a trusted server").ask(ask)
}

fn token(dir: &Path, sts: &str) -> String {
    let form = Ask::new("POST", "/realms/arp-dev/protocol/openid-connect/token");
    let form = form.header("Content-Type", "application/x-www-form-urlencoded").body(FORM);
    asked(dir, sts, &form).text("access_token")
}

fn started(dir: &Path, gateway: &str, token: &str) -> Answer {
    asked(dir, gateway, &Ask::post("/v1/runs", RUN).header("Authorization", &format!("Bearer {token}")))
}

#[test]
fn a_run_goes_through_all_services_of_one_process() {
    let dir = tempfile::tempdir().expect("a folder");
    let all = Program::start(dir.path(), &["--pace", "60000"], &[]);
    assert!(all.1["url"].is_string() && all.1.get("gateway_control").is_none());
    let token = token(dir.path(), all.url("sts"));
    let answer = started(dir.path(), all.url("gateway"), &token);
    assert_eq!((answer.status, answer.text("state").as_str()), (200, "running"), "{}", answer.body);
    // The token is for the gateway, not for the coordinator.
    assert_eq!(started(dir.path(), all.url("coordinator"), &token).status, 401);
    assert_eq!(asked(dir.path(), all.url("gateway"), &Ask::post("/v1/runs", RUN)).status, 401);
}

#[test]
fn config_service_of_the_program_leads_to_its_services() {
    let dir = tempfile::tempdir().expect("a folder");
    for home in ["python", "jarvisd"] {
        let all = Program::start(dir.path(), &["--home", home, "--only", "home"], &[]);
        let config = all.url("config");
        assert_eq!(asked(dir.path(), config, &Ask::get("/info")).text("service"), "jarvis-config-service");
        for (name, service) in [
            ("auth", "url"),
            ("command-center", "command_center"),
            ("config-service", "config"),
            ("logs", "logs"),
        ] {
            let path = format!("/services/jarvis-{name}?style=external&remote_host=127.0.0.1");
            assert_eq!(asked(dir.path(), config, &Ask::get(&path)).text("url"), all.url(service), "{home}");
        }
    }
}

#[test]
fn gateway_and_coordinator_run_alone_by_their_variables() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    let sts = Program::start(dir, &["--only", "sts"], &[]);
    let ca = dir.join("ca.pem");
    let common = [
        ("ARP_AUTH_ISSUER", sts.url("sts")),
        ("ARP_AUTH_ALGORITHMS", "ES256"),
        ("SSL_CERT_FILE", ca.to_str().expect("text")),
    ];
    let audience = [("ARP_AUTH_SERVICE_ID", "arp-run-coordinator")];
    let coordinator = Program::start(dir, &["--only", "coordinator"], &[&common[..], &audience].concat());
    let needed = [
        ("JARVIS_RUN_COORDINATOR_URL", coordinator.url("coordinator")),
        ("ARP_AUTH_AUDIENCE", "arp-run-gateway"),
        ("ARP_AUTH_CLIENT_ID", "arp-run-gateway"),
        ("ARP_AUTH_CLIENT_SECRET", "arp-run-gateway-secret"),
    ];
    let alone = ["--only", "gateway", "--host", "127.0.0.1", "--port", "0", "--fault", "status-503"];
    let gateway = Program::start(dir, &alone, &[&common[..], &needed].concat());
    assert!(gateway.1["gateway_control"].is_string() && gateway.1.get("sts").is_none());
    let token = token(dir, sts.url("sts"));
    assert_eq!(started(dir, gateway.url("gateway"), &token).status, 503);
    drop(gateway);
    let gateway = Program::start(dir, &alone[..6], &[&common[..], &needed].concat());
    let answer = started(dir, gateway.url("gateway"), &token);
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[test]
fn backend_runs_alone_by_its_variables_and_beside_the_others() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    let beat = |url: &str, token: &str| {
        let ask = Ask::post("/agent/a/session/s/heartbeat", "");
        asked(dir, url, &ask.header("Authorization", &format!("Bearer {token}")))
    };
    let all = Program::start(dir, &["--sts-algorithm", "RS256"], &[]);
    assert_eq!(beat(all.url("backend"), &token(dir, all.url("sts"))).status, 200);
    drop(all);
    let sts = Program::start(dir, &["--only", "sts", "--sts-algorithm", "RS256"], &[]);
    let (url, realm) = sts.url("sts").split_once("/realms/").expect("a realm");
    let ca = dir.join("ca.pem");
    let place =
        [("KEYCLOAK_URL", url), ("KEYCLOAK_REALM", realm), ("SSL_CERT_FILE", ca.to_str().expect("text"))];
    let token = token(dir, sts.url("sts"));
    for (azp, status) in [("", 200), ("SmartEM_Agent, jarvis-node", 200), ("SmartEM_Agent", 401)] {
        let variables = [&place[..], &[("KEYCLOAK_ALLOWED_AZP", azp)]].concat();
        let alone = Program::start(dir, &["--only", "backend"], &variables);
        assert_eq!(beat(alone.url("backend"), &token).status, status, "{azp}");
        assert!(alone.line().get("sts").is_none() && alone.line().get("backend_control").is_none());
    }
    let elsewhere = Program::start(dir, &["--only", "backend"], &[place[0], place[2]]);
    let answer = beat(elsewhere.url("backend"), &token);
    assert_eq!((answer.status, answer.text("detail").as_str()), (401, "Cannot resolve signing key"));
}

#[test]
fn a_gateway_does_not_start_without_what_it_needs() {
    let dir = tempfile::tempdir().expect("a folder");
    let coordinator = ("JARVIS_RUN_COORDINATOR_URL", "http://127.0.0.1:1");
    let issuer = ("ARP_AUTH_ISSUER", "http://127.0.0.1:1/realms/arp-dev");
    let id = ("ARP_AUTH_CLIENT_ID", "arp-run-gateway");
    for (set, missing) in [
        (&[][..], "JARVIS_RUN_COORDINATOR_URL"),
        (&[("JARVIS_RUN_COORDINATOR_URL", " ")], "JARVIS_RUN_COORDINATOR_URL"),
        (&[coordinator], "ARP_AUTH_ISSUER"),
        (&[coordinator, issuer], "ARP_AUTH_CLIENT_ID"),
        (&[coordinator, issuer, id], "ARP_AUTH_CLIENT_SECRET"),
        (&[coordinator, issuer, ("ARP_AUTH_PROFILE", "who-knows")], "ARP_AUTH_PROFILE"),
    ] {
        let output = command(dir.path(), &["--only", "gateway"], set).output().expect("the program runs");
        let why = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{why}");
        assert!(why.starts_with(&format!("server-stub: {missing} must be ")), "{why}");
        assert!(output.stdout.is_empty(), "it never listened");
    }
}
