//! Tokens and secrets appear nowhere but where they belong.

use std::fs;

use serde_json::json;
use test_support::waiting::until;

use super::caller::Answer;
use super::rig::{COORDINATOR, GATEWAY, Rig};

/// This many bytes of a secret in a row are not there by chance.
const PIECE: usize = 12;

/// Whether `bytes` hold a piece of one of `secrets`, or all of one that is shorter.
fn holds(bytes: &[u8], secrets: &[String]) -> bool {
    secrets.iter().any(|secret| {
        let len = PIECE.min(secret.len());
        secret.as_bytes().windows(len).any(|piece| bytes.windows(len).any(|window| window == piece))
    })
}

/// The part of a token that no other token has.
fn own_part(token: &str) -> String {
    token.rsplit('.').next().unwrap().to_owned()
}

#[test]
fn tokens_and_secrets_appear_in_no_log_process_or_file() {
    let rig = Rig::new();
    // The usual secret begins like the client's name, which may be logged.
    rig.sts.set_secret("jarvis-node", "the-s3cret-of-this-node").unwrap();
    rig.secret("the-s3cret-of-this-node");
    let mut daemon = rig.daemon_by(rig.command("run").env("JARVIS_NODE_LOG", "debug"));
    daemon.comes_to("valid");
    let mut secrets = vec!["the-s3cret-of-this-node".to_owned()];
    let mut note = |answer: &Answer| secrets.push(own_part(answer.token()));
    let first = rig.get(GATEWAY);
    note(&first);
    note(&rig.get(&format!("{GATEWAY}&refused={}", first.body["fingerprint"].as_str().unwrap())));
    let subject = rig.sts.token(&json!({"aud": "jarvis-node"}));
    let body = json!({"subject_token": subject, "audience": "arp-run-coordinator"}).to_string();
    note(&rig.post("application/json", &body));
    secrets.push(own_part(&subject));
    // Every error that a token can cause.
    let mut told = Vec::new();
    for (kind, body) in [
        ("application/json", body[..body.len() - 1].to_owned()),
        ("application/json", format!("{{\"{subject}\":1}}")),
        ("application/json", json!({"subject_token": [subject]}).to_string()),
        ("application/x-www-form-urlencoded", subject.clone()),
        (
            "application/x-www-form-urlencoded",
            format!("subject_token={subject}%00&audience=arp-run-coordinator"),
        ),
        (
            "application/x-www-form-urlencoded",
            format!("subject_token=x{subject}&audience=arp-run-coordinator"),
        ),
        ("application/x-www-form-urlencoded", format!("subject_token=x&audience={subject}")),
        (
            "application/x-www-form-urlencoded",
            format!("subject_token=x&audience=arp-run-gateway&scope={subject}"),
        ),
    ] {
        let refused = rig.post(kind, &body);
        assert!((400..404).contains(&refused.status), "{}", refused.status);
        told.push(refused.body.to_string());
    }
    rig.fault("token-wrong-iss");
    told.push(rig.get(COORDINATOR).body.to_string());
    rig.secret("another-s3cret");
    secrets.push("another-s3cret".into());
    daemon.signal("HUP");
    rig.fault("");
    until("the other secret is refused", || rig.get(GATEWAY).status == 502);
    told.push(rig.get(GATEWAY).body.to_string());
    for path in ["/v1/status", "/v1/health", "/v1/version"] {
        told.push(rig.get(path).body.to_string());
    }
    for answer in &told {
        assert!(!holds(answer.as_bytes(), &secrets), "an answer: {answer}");
    }
    let process = |name: &str| fs::read(format!("/proc/{}/{name}", daemon.pid()));
    assert!(!holds(&process("cmdline").unwrap(), &secrets), "the arguments");
    // Only root may look there.
    if let Ok(environ) = process("environ") {
        assert!(!holds(&environ, &secrets), "the environment");
    }
    let (status, _, log) = daemon.end();
    assert_eq!(status.code(), Some(0));
    assert!(log.len() >= 5, "nothing was logged: {log:?}");
    assert!(!holds(log.join("\n").as_bytes(), &secrets), "the log: {log:#?}");
    for file in fs::read_dir(rig.node.dir.path()).unwrap().map(|entry| entry.unwrap().path()) {
        let found = holds(&fs::read(&file).unwrap(), &secrets);
        assert_eq!(found, file.ends_with("sts.secret"), "{}", file.display());
    }
}
