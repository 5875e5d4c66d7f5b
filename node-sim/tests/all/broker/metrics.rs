//! Metrics at the socket and in a file.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use test_support::waiting::until;

use super::rig::{GATEWAY, Rig, skipped};

/// The text that the socket gives.
fn metrics(rig: &Rig) -> String {
    let answer = String::from_utf8(rig.asking("/v1/metrics").read_all()).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{head}");
    body.to_owned()
}

/// The value of a sample.
fn value(text: &str, sample: &str) -> Option<f64> {
    let of = |line: &str| line.strip_prefix("jarvis_node_")?.strip_prefix(sample)?.trim().parse().ok();
    text.lines().find_map(of)
}

#[test]
fn socket_tells_what_the_node_and_the_broker_did() {
    let rig = Rig::new();
    let mut daemon = rig.daemon();
    daemon.comes_to("valid");
    assert_eq!(rig.get(GATEWAY).status, 200);
    assert_eq!(rig.get(GATEWAY).status, 200);
    assert_eq!(rig.get("/v1/token?audience=nowhere").status, 403);
    let text = metrics(&rig);
    for (sample, expected) in [
        (r#"outcome{outcome="valid"}"#, 1.0),
        (r#"outcome{outcome="network"}"#, 0.0),
        (r#"validations_total{result="valid"}"#, 1.0),
        ("validation_duration_seconds_count", 1.0),
        (r#"token_answers_total{result="ok"}"#, 2.0),
        (r#"token_answers_total{result="audience_not_configured"}"#, 1.0),
        (r#"sts_requests_total{result="ok"}"#, 1.0),
        ("sts_request_duration_seconds_count", 1.0),
        (r#"broker_connections_total{result="accepted"}"#, 4.0),
        ("failures_in_a_row", 0.0),
    ] {
        let told = value(&text, sample);
        // Others connect, too, to see whether it listens.
        let is_so =
            if sample.starts_with("broker") { told >= Some(expected) } else { told == Some(expected) };
        assert!(is_so, "{sample}: {told:?}\n{text}");
    }
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(value(&text, &format!(r#"build_info{{version="{version}",commit=""}}"#)), Some(1.0), "{text}");
    assert!(value(&text, "verdict_age_seconds").is_some_and(|age| (0.0..60.0).contains(&age)), "{text}");
    for secret in ["jarvis-node-secret", rig.node.stub.node().1] {
        assert!(!text.contains(secret));
    }
    rig.node.stub.deactivate("kitchen-pi");
    daemon.signal("HUP");
    daemon.comes_to("node-rejected");
    until("the metrics tell so, which are a second old at most", || {
        value(&metrics(&rig), r#"outcome{outcome="node-rejected"}"#) == Some(1.0)
    });
    assert!(value(&metrics(&rig), "good_verdict_age_seconds").is_some());
}

#[test]
fn metrics_file_follows_the_status_and_goes_with_the_daemon() {
    let rig = Rig::new();
    let file = rig.node.path("metrics.prom");
    rig.node.configure("metrics_file", "metrics.prom");
    let mut daemon = rig.daemon();
    daemon.comes_to("valid");
    let tells = |outcome: &str| {
        let text = fs::read_to_string(&file).unwrap_or_default();
        value(&text, &format!(r#"outcome{{outcome="{outcome}"}}"#)) == Some(1.0)
    };
    until("it is there", || tells("valid"));
    rig.node.stub.deactivate("kitchen-pi");
    daemon.signal("HUP");
    daemon.comes_to("node-rejected");
    until("it follows", || tells("node-rejected"));
    rig.node.forget("metrics_file");
    daemon.signal("HUP");
    until("nobody keeps it up", || !file.exists());
    rig.node.configure("metrics_file", "metrics.prom");
    daemon.signal("HUP");
    until("it is there again", || tells("node-rejected"));
    daemon.stop();
    assert!(!file.exists(), "nobody keeps it up");
}

#[test]
fn metrics_file_of_another_program_is_left_alone() {
    let rig = Rig::new();
    fs::write(rig.node.path("metrics.prom"), "# HELP node_load1 Load.\n").unwrap();
    rig.node.configure("metrics_file", "metrics.prom");
    let mut daemon = rig.daemon();
    daemon.comes_to("valid");
    until("the status says so", || rig.node.status()["warnings"][0]["code"] == "metrics_file");
    daemon.stop();
    assert_eq!(fs::read_to_string(rig.node.path("metrics.prom")).unwrap(), "# HELP node_load1 Load.\n");
}

#[test]
#[ignore = "needs promtool"]
fn metrics_are_as_promtool_wants_them() {
    let rig = Rig::new();
    let mut daemon = rig.daemon();
    daemon.comes_to("valid");
    rig.get(GATEWAY);
    rig.node.stub.go_down();
    daemon.signal("HUP");
    daemon.comes_to("valid-cached");
    let child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else { return skipped("there is no promtool") };
    child.stdin.take().unwrap().write_all(metrics(&rig).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    assert!(output.status.success() && told.trim().is_empty(), "{told}");
}
