//! `jarvis-node pair`, with the calls of the home's app in their order (docs/wire/jarvis-home.md, "What a node serves the
//! phone").

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::{Value, json};
use server_stub::{Home, Options};
use test_support::daemon::Daemon;
use test_support::http::{Answer, Ask, Connection};
use test_support::process::{run_to_end, signal};
use test_support::rig::Rig;

const PASSWORD: &str = "c4nary-wifi-password";
const K2: &str = "c4nary-key-k2";

/// `jarvis-node pair` that waits for a phone.
struct Pairing {
    child: Child,
    stderr: BufReader<ChildStderr>,
    port: u16,
    said: String,
}

impl Pairing {
    /// Somebody has put the file in place.
    fn start(rig: &Rig, more: &[&str]) -> Self {
        fs::write(rig.path("jarvis-pair"), "").unwrap();
        let mut command = pair(rig, more);
        let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut pairing = Self { child, stderr, port: 0, said: String::new() };
        let line = pairing.line("for a phone, at ");
        pairing.port = line.trim_end().rsplit_once("port ").unwrap().1.parse().unwrap();
        pairing
    }

    fn line(&mut self, words: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.stderr.read_line(&mut line).unwrap() > 0, "no {words}: {}", self.said);
            self.said += &line;
            if line.contains(words) {
                return line;
            }
        }
    }

    fn ask(&self, ask: &Ask) -> Answer {
        Connection::plain(SocketAddr::from(([127, 0, 0, 1], self.port))).ask(ask)
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.ask(&Ask::post(&format!("/api/v1/{path}"), body.to_string())).json()
    }

    fn get(&self, path: &str) -> Value {
        self.ask(&Ask::get(&format!("/api/v1/{path}"))).json()
    }

    /// Its exit code, and all it has said.
    fn end(mut self) -> (Option<i32>, String) {
        self.stderr.read_to_string(&mut self.said).unwrap();
        self.child.stdout.take().unwrap().read_to_string(&mut self.said).unwrap();
        (self.child.wait().unwrap().code(), self.said)
    }
}

/// Without a terminal, at a free port.
fn pair(rig: &Rig, more: &[&str]) -> Command {
    let mut command = rig.command("pair");
    command.args(["--listen", "127.0.0.1:0", "--if-file"]).arg(rig.path("jarvis-pair")).args(more);
    command
}

fn provision(rig: &Rig, token: &str) -> Value {
    json!({
        "wifi_ssid": "home", "wifi_password": PASSWORD, "room": "attic",
        "command_center_url": rig.stub.command_center_url(), "household_id": rig.stub.household_id(),
        "node_id": "attic-pi", "provisioning_token": token,
    })
}

/// A rig whose node was never provisioned.
fn unprovisioned(home: Home) -> Rig {
    let rig = Rig::with(Options { home, ..Options::default() });
    fs::remove_file(rig.path("credential.json")).unwrap();
    rig.configure("led", "none");
    rig
}

#[test]
fn calls_of_the_app_enrol_the_node_in_both_homes() {
    for home in [Home::Python, Home::Jarvisd] {
        let rig = unprovisioned(home);
        let token = rig.stub.provisioning_token_for("attic-pi");
        let pairing = Pairing::start(&rig, &[]);
        assert_eq!(pairing.get("info")["state"], "AP_MODE");
        assert_eq!(pairing.get("scan-networks")["networks"].as_array().unwrap().len(), 1);
        let k2 = json!({ "node_id": "attic-pi", "kid": "k2-2026-11", "k2": K2, "created_at": "2026-11-27T19:00:00Z" });
        assert_eq!(pairing.post("provision/k2", &k2)["success"], true);
        assert_eq!(pairing.post("provision", &provision(&rig, &token))["success"], true);
        let status = loop {
            let status = pairing.get("status");
            if status["state"] != "REGISTERING" {
                break status;
            }
        };
        assert_eq!((&status["state"], &status["error"]), (&json!("PROVISIONED"), &Value::Null), "{status}");
        let (code, said) = pairing.end();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("the phone at 127.0.0.1") && said.contains("this node is attic-pi"), "{said}");
        assert_eq!(rig.check().0, Some(0));
        for secret in [PASSWORD, K2, &token] {
            assert!(!said.contains(secret), "{said}");
            for entry in fs::read_dir(rig.dir.path())
                .unwrap()
                .map(Result::unwrap)
                .filter(|entry| entry.path().is_file())
            {
                let bytes = fs::read(entry.path()).unwrap();
                assert!(
                    !String::from_utf8_lossy(&bytes).contains(secret),
                    "{secret} is in {:?}",
                    entry.path()
                );
            }
        }
    }
}

/// As the installer leaves a board without a configuration: with the example, and the home's CA beside it.
#[test]
fn phone_gives_an_installed_board_its_configuration() {
    let rig = unprovisioned(Home::Jarvisd);
    let file = |name: &str| rig.path(name).to_str().unwrap().to_owned();
    let example = json!({
        "auth_url": "https://jarvis.home.arpa:7701", "app_id": "a", "app_key_file": "/etc/jarvis-node-agent/app.key",
        "credential_file": file("credential.json"), "state_file": file("state.json"), "led": "none",
        "status_file": file("status.json"),
    });
    fs::write(rig.config(), example.to_string()).unwrap();
    let token = rig.stub.provisioning_token_for("attic-pi");
    let pairing = Pairing::start(&rig, &[]);
    assert_eq!(pairing.post("provision", &provision(&rig, &token))["success"], true);
    let (code, said) = pairing.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("its configuration is written to") && said.contains("it is accepted"), "{said}");
    let written: Value = serde_json::from_slice(&fs::read(rig.config()).unwrap()).unwrap();
    assert_eq!(written["via"], json!({ "command_center": rig.stub.command_center_url() }));
    assert_eq!(rig.check().0, Some(0));
}

#[test]
fn refused_token_is_told_and_another_one_taken() {
    let rig = unprovisioned(Home::Jarvisd);
    let mut pairing = Pairing::start(&rig, &[]);
    assert_eq!(pairing.post("provision", &provision(&rig, "prov_used-up"))["success"], true);
    pairing.line("invalid, used up or too old");
    let status = pairing.get("status");
    assert!(status["error"].as_str().unwrap().contains("invalid, used up or too old"), "{status}");
    assert_eq!(status["state"], "ERROR");
    let token = rig.stub.provisioning_token_for("attic-pi");
    assert_eq!(pairing.post("provision", &provision(&rig, &token))["success"], true);
    let (code, said) = pairing.end();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(rig.check().0, Some(0));
}

#[test]
fn pairing_starts_once_for_somebody_at_the_board() {
    let rig = unprovisioned(Home::Python);
    let (code, _, err) = run_to_end(&mut pair(&rig, &[]));
    assert_eq!(code, Some(77), "{err}");
    assert!(err.contains("somebody at the board"), "{err}");
    let pairing = Pairing::start(&rig, &["--minutes", "1"]);
    assert!(!rig.path("jarvis-pair").exists());
    let port = pairing.port.to_string();
    let (code, _, err) = run_to_end(&mut pair(&rig, &[]));
    assert_eq!(code, Some(77), "{err}");
    fs::write(rig.path("jarvis-pair"), "").unwrap();
    let mut second = rig.command("pair");
    second.args(["--listen", &format!("127.0.0.1:{port}"), "--if-file"]).arg(rig.path("jarvis-pair"));
    let (code, _, err) = run_to_end(&mut second);
    assert_eq!(code, Some(69), "{err}");
    assert!(err.contains("--listen"), "{err}");
    signal(pairing.child.id(), "TERM");
    let (code, said) = pairing.end();
    assert_eq!(code, Some(75), "{said}");
    assert!(said.contains("stopped before a phone has paired this node"), "{said}");
}

#[test]
fn node_in_use_is_paired_only_on_purpose() {
    let rig = Rig::new();
    rig.configure("led", "none");
    fs::write(rig.path("jarvis-pair"), "").unwrap();
    let (code, _, err) = run_to_end(&mut pair(&rig, &[]));
    assert_eq!(code, Some(78), "{err}");
    assert!(err.contains("add --replace") && rig.path("jarvis-pair").exists(), "{err}");
    let pairing = Pairing::start(&rig, &["--replace"]);
    let info = pairing.get("info");
    assert_eq!((&info["node_id"], &info["previously_provisioned"]), (&json!("kitchen-pi"), &json!(true)));
    assert_eq!(pairing.post("factory-reset", &json!({}))["success"], false);
    let token = rig.stub.provisioning_token_for("attic-pi");
    assert_eq!(pairing.post("provision", &provision(&rig, &token))["success"], true);
    assert_eq!(pairing.end().0, Some(0));
    assert_eq!(rig.check().1["node_id"], "attic-pi");
}

#[test]
fn pairing_leaves_the_led_to_a_daemon_that_runs() {
    let rig = Rig::new();
    rig.configure("led", "none");
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    let (code, _, err) = run_to_end(&mut pair(&rig, &["--replace"]));
    assert_eq!(code, Some(69), "{err}");
    assert!(err.contains("sudo systemctl stop jarvis-node-agent"), "{err}");
}
