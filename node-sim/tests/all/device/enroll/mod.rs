//! `jarvis-node enroll`: a token is good for one try, so every failure says what became of it.

mod first_boot;
mod join;

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};

use serde_json::Value;
use server_stub::{Faults, Home, Options};
use test_support::process::{feed, signal};

use test_support::rig::Rig;
use test_support::rude::{answer, rude_command_center, rude_server};

fn enroll(rig: &Rig, url: &str, more: &[&str], token: &str) -> (Option<i32>, String, String) {
    let mut command: Command = rig.command("enroll");
    feed(command.args(["--url", url, "--node-id", "attic-pi"]).args(more), token)
}

/// A rig whose node was never provisioned.
fn unprovisioned() -> Rig {
    let rig = Rig::new();
    fs::remove_file(rig.dir.path().join("credential.json")).unwrap();
    rig
}

fn stored(rig: &Rig) -> Option<Value> {
    let text = fs::read_to_string(rig.dir.path().join("credential.json")).ok()?;
    Some(serde_json::from_str(&text).unwrap())
}

#[test]
fn a_token_makes_a_valid_node() {
    let rig = unprovisioned();
    let token = rig.stub.provisioning_token();
    let (code, out, err) =
        enroll(&rig, rig.stub.command_center_url(), &["--room", "attic"], &format!("{token}\n"));
    assert_eq!(code, Some(0), "{err}");
    assert!(out.starts_with("registered and stored: this node is attic-pi"), "{out}");
    assert!(!out.contains(&token) && !err.contains(&token));
    assert_eq!(stored(&rig).unwrap()["node_id"], "attic-pi");
    let (code, view) = rig.check();
    assert_eq!((code, &view["node_id"]), (Some(0), &Value::from("attic-pi")));
}

#[test]
fn command_center_is_found_by_the_config_service() {
    for home in [Home::Python, Home::Jarvisd] {
        let rig = Rig::with(Options { home, ..Options::default() });
        let token = rig.stub.provisioning_token();
        let (code, out, err) = enroll(&rig, rig.stub.config().url(), &["--replace"], &token);
        assert_eq!(code, Some(0), "{home:?}: {err}");
        assert!(out.contains("this node is attic-pi"), "{out}");
        assert_eq!(rig.check().0, Some(0));
    }
}

#[test]
fn a_credential_in_use_is_replaced_only_on_purpose() {
    let rig = Rig::new();
    let token = rig.stub.provisioning_token();
    let (code, _, err) = enroll(&rig, rig.stub.command_center_url(), &[], &token);
    assert_eq!(code, Some(78));
    assert!(err.contains("add --replace") && err.contains("the token is still good"), "{err}");
    assert_eq!(stored(&rig).unwrap()["node_id"], "kitchen-pi");
    assert_eq!(enroll(&rig, rig.stub.command_center_url(), &["--replace"], &token).0, Some(0));
    assert_eq!(stored(&rig).unwrap()["node_id"], "attic-pi");
    // The credential of another node must not become the fallback.
    assert!(!rig.dir.path().join("credential.json.prev").exists());
}

#[test]
fn a_refusal_says_what_to_do_and_stores_nothing() {
    let rig = unprovisioned();
    let (code, _, err) = enroll(&rig, rig.stub.command_center_url(), &[], "prov_nonsense");
    assert_eq!(code, Some(77));
    assert!(err.contains("invalid, used up or too old"), "{err}");
    let token = rig.stub.provisioning_token();
    let mut command = rig.command("enroll");
    let (code, _, err) =
        feed(command.args(["--url", rig.stub.command_center_url(), "--node-id", "kitchen-pi"]), &token);
    assert_eq!(code, Some(77));
    assert!(err.contains("has a node 'kitchen-pi' already"), "{err}");
    assert_eq!(stored(&rig), None);
}

#[test]
fn failure_before_sending_leaves_the_token_good() {
    let rig = unprovisioned();
    let token = rig.stub.provisioning_token();
    for (url, code, says) in [
        ("https://127.0.0.1:1", 69, "no connection"),
        ("http://192.0.2.1", 65, "--url is plain HTTP"),
        ("nonsense", 65, "--url"),
    ] {
        let (exit, _, err) = enroll(&rig, url, &[], &token);
        assert_eq!(exit, Some(code), "{err}");
        assert!(err.contains(says) && err.contains("Nothing was sent"), "{err}");
    }
    for other in ["two words", "another-secret"] {
        let (code, _, err) = enroll(&rig, rig.stub.command_center_url(), &[], other);
        assert_eq!(code, Some(65), "{err}");
        assert!(err.contains("the token is still good") && !err.contains(other), "{err}");
    }
    rig.configure("credential_file", "/proc/nowhere/credential.json");
    let (code, _, err) = enroll(&rig, rig.stub.command_center_url(), &[], &token);
    assert_eq!(code, Some(73), "{err}");
    assert!(err.contains("the token is still good"), "{err}");
    rig.configure("credential_file", rig.dir.path().join("credential.json").to_str().unwrap());
    assert_eq!(enroll(&rig, rig.stub.command_center_url(), &[], &token).0, Some(0));
}

/// The pins are those of one server, however its address is written.
#[test]
fn pins_hold_for_each_spelling_of_their_server() {
    let rig = unprovisioned();
    let token = rig.stub.provisioning_token();
    let center = rig.stub.command_center_url().replace("127.0.0.1", "localhost");
    rig.configure("auth_url", &*center);
    rig.configure("spki_pins", serde_json::json!([format!("sha256//{}=", "A".repeat(43))]));
    for spelling in ["localhost", "LOCALHOST", "localhost."] {
        let (code, _, err) = enroll(&rig, &center.replace("localhost", spelling), &[], &token);
        assert_eq!(code, Some(76), "{spelling}: {err}");
        assert!(err.contains("none of those in spki_pins"), "{spelling}: {err}");
    }
    rig.forget("spki_pins");
    assert_eq!(
        enroll(&rig, rig.stub.command_center_url(), &[], &token).0,
        Some(0),
        "the token is still good"
    );
}

#[test]
fn lost_answer_is_reported() {
    let rig = unprovisioned();
    let cut = rude_command_center(drop);
    let says =
        |answer: &'static [u8]| rude_command_center(move |mut stream| stream.write_all(answer).unwrap());
    let garbage = says(b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}");
    let failed = says(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n");
    let says_https = rude_server(|stream| {
        answer(
            stream,
            b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\nplain HTTP request sent to HTTPS port",
        );
    });
    let speaks_tls = rude_server(|stream| answer(stream, &[21, 3, 3, 0, 2, 2, 70]));
    for server in [says_https, speaks_tls] {
        let (code, _, err) = enroll(&rig, &format!("http://{server}"), &[], "prov_s3cret");
        assert_eq!(code, Some(76), "{err}");
        assert!(err.contains("https:// instead of http:// in --url"), "{err}");
        assert!(err.contains("the token is still good") && !err.contains("s3cret"), "{err}");
    }
    for server in [cut, garbage, failed] {
        let (code, _, err) = enroll(&rig, &format!("http://{server}"), &[], "prov_s3cret");
        assert_eq!(code, Some(74), "{err}");
        assert!(err.contains("the answer was lost") && err.contains("get a new token"), "{err}");
        assert!(!err.contains("s3cret"), "{err}");
        assert_eq!(stored(&rig), None);
    }
}

#[test]
fn stall_in_the_handshake_leaves_the_token_good() {
    let rig = unprovisioned();
    rig.edit(|config| drop(config.insert("request_timeout_secs".into(), 2.into())));
    let silent = rude_server(|stream| drop(io::copy(&mut &stream, &mut io::sink())));
    let (code, _, err) = enroll(&rig, &format!("https://{silent}"), &[], "prov_s3cret");
    assert_eq!(code, Some(75), "{err}");
    assert!(err.contains("did not answer in TLS in time") && err.contains("(MTU)"), "{err}");
    assert!(err.contains("Nothing was sent: the token is still good"), "{err}");
}

#[test]
fn signal_does_not_cost_the_key_of_a_registered_node() {
    for name in ["INT", "TERM", "HUP", "TSTP"] {
        let rig = unprovisioned();
        let (asked, is_asked) = mpsc::channel();
        let (release, is_released) = mpsc::channel();
        let is_released = Arc::new(Mutex::new(is_released));
        let slow = rude_command_center(move |mut stream| {
            asked.send(()).unwrap();
            is_released.lock().unwrap().recv().unwrap();
            let body = r#"{"node_id":"attic-pi","node_key":"k-1"}"#;
            write!(stream, "HTTP/1.1 201 Created\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        });
        let mut command = rig.command("enroll");
        command.args(["--url", &format!("http://{slow}"), "--node-id", "attic-pi"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"prov_s3cret\n").unwrap();
        is_asked.recv().unwrap();
        signal(child.id(), name);
        let mut told = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        assert!(told.any(|line| line.contains("this goes on until the answer is stored")), "{name}");
        release.send(()).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{name}");
        assert_eq!(stored(&rig).unwrap()["node_key"], "k-1", "{name}");
    }
}

#[test]
fn full_standard_output_is_no_failure() {
    let rig = unprovisioned();
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = rig.command("enroll");
    command.args(["--url", rig.stub.command_center_url(), "--node-id", "attic-pi"]);
    let (code, err) = feed_into(&mut command, &rig.stub.provisioning_token(), full());
    assert_eq!(code, Some(0), "{err}");
    assert!(
        err.contains("registered and stored") && err.contains("standard output cannot be written"),
        "{err}"
    );
    let credential = stored(&rig).unwrap().to_string();
    let (code, err) = feed_into(&mut rig.command("install-credential"), &credential, full());
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("this is the credential in use"), "{err}");
}

/// The command's exit code and standard error, with this input and standard output.
fn feed_into(command: &mut Command, input: &str, out: File) -> (Option<i32>, String) {
    let mut child = command.stdin(Stdio::piped()).stdout(out).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn log_in_of_a_proxy_leaves_the_token_good() {
    let rig = unprovisioned();
    let token = rig.stub.provisioning_token();
    rig.stub.set_faults("proxy-log-in".parse().unwrap()).unwrap();
    let (code, _, err) = enroll(&rig, rig.stub.command_center_url(), &[], &token);
    assert_eq!(code, Some(75), "{err}");
    assert!(
        err.contains("wants a log-in of its own (401)") && err.contains("The token is still good"),
        "{err}"
    );
    rig.stub.set_faults(Faults::NONE).unwrap();
    assert_eq!(enroll(&rig, rig.stub.command_center_url(), &[], &token).0, Some(0));
}

#[test]
fn first_failure_of_a_restarted_database_is_repeated() {
    let rig = unprovisioned();
    let token = rig.stub.provisioning_token();
    // The first request asks what is there.
    rig.stub.command_center().fault_next(2, "status-500".parse().unwrap()).unwrap();
    let (code, _, err) = enroll(&rig, rig.stub.command_center_url(), &[], &token);
    assert_eq!(code, Some(0), "{err}");
    rig.stub.command_center().fault_next(3, "status-500".parse().unwrap()).unwrap();
    let token = rig.stub.provisioning_token();
    let (code, _, err) = enroll(&rig, rig.stub.command_center_url(), &["--replace"], &token);
    assert_eq!(code, Some(74), "one repeat only: {err}");
}

#[test]
fn token_on_the_command_line_is_refused_and_not_shown() {
    let rig = unprovisioned();
    let (code, _, err) = enroll(&rig, rig.stub.command_center_url(), &["prov_s3cret"], "");
    assert_eq!(code, Some(64));
    assert!(err.contains("standard input") && !err.contains("s3cret"), "{err}");
}
