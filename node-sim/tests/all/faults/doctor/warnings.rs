//! What does not fail the node: no warning is lost, and the gravest comes first.

use std::fs;

use serde_json::{Value, json};
use server_stub::{CertificateAuthority, Faults, KeyType, Options, ServerOptions, Sts, StsOptions};
use test_support::daemon::Daemon;
use test_support::rig::Rig;

use super::{failing, told, unit, with_verdict};

/// What `doctor` says of this rig, whose unit starts the daemon with `config`.
fn examined(rig: &Rig, config: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    unit::stand_in(folder.path(), &rig.path(config));
    let mut command = rig.command("doctor");
    unit::before(folder.path(), &mut command);
    told(&mut command)
}

/// What the checks of this name say.
fn said<'a>(told: &'a Value, check: &str) -> Vec<&'a str> {
    let checks = told["checks"].as_array().unwrap().iter().filter(|found| found["check"] == *check);
    checks.map(|found| found["says"].as_str().unwrap()).collect()
}

#[test]
fn warning_that_no_check_is_for_is_told_last() {
    let rig = Rig::new();
    rig.configure("led", "none");
    assert_eq!(said(&examined(&rig, "config.json"), "warnings"), ["there are no others"]);
    rig.configure("logs", "https://home:7702");
    let told = examined(&rig, "config.json");
    let said = said(&told, "warnings");
    assert!(said.len() == 1 && said[0].starts_with("logs must be"), "{told}");
    assert!(with_verdict(&told, "warn").any(|check| check == "warnings"), "{told}");
}

#[test]
fn tokens_that_cannot_be_had_come_before_other_settings() {
    let rig = Rig::new();
    rig.configure("led", "none");
    rig.configure("sts", json!({"issuer": 7}));
    let told = examined(&rig, "another.json");
    assert!(with_verdict(&told, "fail").any(|check| check == "settings"), "{told}");
    assert!(said(&told, "settings")[0].contains("sts"), "{told}");
    let rest = said(&told, "warnings");
    assert!(rest.iter().any(|says| says.contains("another configuration")), "{told}");
}

/// What `doctor` says beside a daemon that has met this fault, after the fault has ended, but before the daemon asks again.
fn beside_daemon(rig: &Rig, fault: &str, outcome: &str) -> (Daemon, Value) {
    rig.configure("led", "none");
    rig.stub.set_faults(fault.parse().unwrap()).unwrap();
    let mut daemon = Daemon::start(&mut rig.command("run"));
    // It leaves its status before it says so.
    daemon.comes_to(outcome);
    daemon.signal("STOP");
    rig.stub.set_faults(Faults::NONE).unwrap();
    let told = examined(rig, "config.json");
    daemon.signal("CONT");
    (daemon, told)
}

#[test]
fn daemon_that_will_ask_again_is_a_warning() {
    let rig = Rig::new();
    let (daemon, told) = beside_daemon(&rig, "status-503", "server");
    assert_eq!(failing(&told), [""; 0], "{told}");
    assert!(with_verdict(&told, "warn").any(|check| check == "daemon"), "{told}");
    assert!(said(&told, "daemon")[0].contains("asks again"), "{told}");
    daemon.stop();
}

#[test]
fn daemon_that_was_rejected_fails_until_it_is_reloaded() {
    let rig = Rig::new();
    let (mut daemon, told) = beside_daemon(&rig, "status-401", "app-rejected");
    assert_eq!(failing(&told), ["daemon"], "{told}");
    daemon.signal("HUP");
    daemon.comes_to("valid");
    assert_eq!(failing(&examined(&rig, "config.json")), [""; 0]);
    daemon.stop();
}

#[test]
fn chain_that_is_heavy_is_a_warning_with_advice() {
    for (kind, says, is_heavy) in [
        (KeyType::P384, "very heavy: p-384, p-384", true),
        (KeyType::P256, "are heavy: p-256, p-256", true),
        (KeyType::Rsa2048, "are light: rsa-2048, rsa-2048", false),
    ] {
        let told =
            examined(&Rig::with(Options { key_type: Some(kind), ..Options::default() }), "config.json");
        assert!(said(&told, "chain")[0].contains(says), "{told}");
        assert_eq!(with_verdict(&told, "warn").any(|check| check == "chain"), is_heavy, "{told}");
        assert_eq!(failing(&told), [""; 0], "{told}");
        let fix = told["checks"].as_array().unwrap().iter().find(|found| found["check"] == "chain").unwrap();
        assert!(!is_heavy || fix["fix"].as_str().unwrap().contains("docs/configuration.md"), "{fix}");
    }
    let told = examined(&Rig::with(Options { tls: false, ..Options::default() }), "config.json");
    assert_eq!(said(&told, "chain"), ["none was shown"], "{told}");
}

#[test]
fn token_service_with_a_heavy_chain_is_a_warning_too() {
    for (kind, says, is_heavy) in [
        (KeyType::P256, "are heavy: p-256, p-256", true),
        (KeyType::Ed25519, "are light: ed25519, ed25519", false),
    ] {
        let rig = Rig::new();
        let authority = CertificateAuthority::of(kind).unwrap();
        fs::write(rig.path("sts.pem"), authority.pem()).unwrap();
        let server = ServerOptions { authority: Some(authority), ..ServerOptions::default() };
        let sts = Sts::start(StsOptions { server, ..StsOptions::default() }).unwrap();
        rig.write_secret("sts.secret", "jarvis-node-secret");
        rig.configure("broker", json!({"socket": "node.sock"}));
        let client = json!({
            "issuer": sts.issuer(), "client_id": "jarvis-node", "client_secret_file": "sts.secret", "ca_file": "sts.pem",
            "audiences": {"arp-run-gateway": {"users": [0]}},
        });
        rig.configure("sts", client);
        let told = examined(&rig, "config.json");
        let found = &said(&told, "sts")[0];
        assert!(found.contains(says) && found.contains("valid for"), "{told}");
        assert_eq!(with_verdict(&told, "warn").any(|check| check == "sts"), is_heavy, "{told}");
    }
}
