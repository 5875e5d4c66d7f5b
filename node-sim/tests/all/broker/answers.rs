//! The broker's answers, and who gets which.

use std::process::Command;

use serde_json::{Value, json};
use server_stub::Grant;
use test_support::process::feed;

use super::caller::{Answer, request};
use super::rig::{COORDINATOR, GATEWAY, Rig, skipped, uid};

#[test]
fn health_version_and_status_are_answered() {
    let rig = Rig::new();
    let mut daemon = rig.daemon();
    daemon.comes_to("valid");
    let health = rig.get("/v1/health");
    assert_eq!((health.status, &health.body["status"]), (200, &json!("ok")), "{health:?}");
    let time = health.body["time"].as_str().unwrap();
    assert!(time.len() == 20 && time.ends_with('Z'), "{time}");
    assert_eq!(
        rig.get("/v1/version").body,
        json!({
            "service_name": "jarvis-node", "service_version": env!("CARGO_PKG_VERSION"),
            "supported_api_versions": ["v1"],
        })
    );
    let timeless = |mut status: Value| {
        for key in ["age_secs", "next_check_secs"] {
            assert!(status[key].take().is_u64());
        }
        status
    };
    assert_eq!(timeless(rig.get("/v1/status").body), timeless(rig.node.status()));
    rig.node.stub.deactivate("kitchen-pi");
    daemon.signal("HUP");
    daemon.comes_to("node-rejected");
    assert_eq!(rig.get("/v1/health").body["status"], "down");
    assert_eq!(rig.get("/v1/status").body["outcome"], "node-rejected");
    // A rejected node still gets tokens: auth service and STS decide independently.
    assert_eq!(rig.get(GATEWAY).status, 200);
}

#[test]
fn token_fetched_once_is_served_with_its_remaining_life() {
    let rig = Rig::new();
    let _daemon = rig.daemon();
    let first = rig.get(GATEWAY);
    let token = first.token();
    assert_eq!(token.split('.').count(), 3);
    let life = first.body["expires_in"].as_u64().unwrap();
    assert!((290..=300).contains(&life), "{life}");
    let mut keys: Vec<_> = first.body.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, ["access_token", "audience", "expires_in", "fingerprint", "token_type"]);
    assert_eq!(
        (&first.body["audience"], &first.body["token_type"]),
        (&json!("arp-run-gateway"), &json!("Bearer"))
    );
    for _ in 0..5 {
        assert_eq!(rig.get(GATEWAY).token(), token);
    }
    assert_eq!(rig.sts.token_requests(), 1);
    assert_ne!(rig.get(COORDINATOR).token(), token);
    assert_eq!(rig.sts.token_requests(), 2);
}

#[test]
fn token_refused_by_a_service_is_fetched_anew_once() {
    let rig = Rig::new();
    let _daemon = rig.daemon();
    let first = rig.get(GATEWAY);
    let refused = |answer: &Answer| {
        rig.get(&format!("{GATEWAY}&refused={}", answer.body["fingerprint"].as_str().unwrap()))
    };
    let second = refused(&first);
    assert_ne!(second.token(), first.token());
    assert_eq!(refused(&first).token(), second.token(), "that one has been replaced already");
    assert_eq!(refused(&second).token(), second.token(), "not twice in half a minute");
    assert_eq!(rig.sts.token_requests(), 2);
}

#[test]
fn callers_token_is_exchanged_from_form_and_json() {
    let rig = Rig::new();
    let _daemon = rig.daemon();
    let subject = rig.sts.token(&json!({"aud": "jarvis-node"}));
    let form = format!("subject_token={subject}&audience=arp-run-coordinator");
    let first = rig.post("application/x-www-form-urlencoded", &form);
    assert_eq!(first.body["issued_token_type"], "urn:ietf:params:oauth:token-type:access_token");
    let body = json!({"subject_token": subject, "audience": "arp-run-coordinator"}).to_string();
    let second = rig.post("application/json; charset=utf-8", &body);
    assert_eq!(first.token(), second.token());
    assert_eq!(rig.sts.tokens_issued(Grant::TokenExchange), 1);
    let other = rig.sts.token(&json!({"aud": "jarvis-node", "sub": "somebody else"}));
    let body = json!({"subject_token": other, "audience": "arp-run-coordinator"}).to_string();
    assert_ne!(rig.post("application/json", &body).token(), first.token(), "theirs is theirs");
    let refused = rig.post("application/json", &body.replace(&other, "opaque"));
    assert_eq!(refused.brief(), (400, "token_exchange_failed"));
    assert!(refused.message().contains("subject token"), "{refused:?}");
}

#[test]
fn forbidden_request_is_refused_with_the_reason() {
    let rig = Rig::new();
    let me = [uid()];
    rig.rules(&json!({
        "arp-run-gateway": {"users": me, "scope": "openid email"}, "arp-run-coordinator": {"users": me}
    }));
    let _daemon = rig.daemon();
    let exchange = |body: &str| rig.post("application/x-www-form-urlencoded", body);
    for (answer, status, code, says) in [
        (rig.get("/v1/token?audience=elsewhere"), 403, "audience_not_configured", "sts.audiences"),
        (rig.get("/v1/token"), 400, "invalid_request", "audience is missing"),
        (rig.get(&format!("{GATEWAY}&scope=profile")), 403, "scope_not_allowed", "\"openid email\""),
        (rig.get(&format!("{GATEWAY}&audience=x")), 400, "invalid_request", "audience is there twice"),
        (rig.get(&format!("{GATEWAY}&audeince=x")), 400, "invalid_request", "none of audience, scope"),
        (
            exchange("subject_token=a.b.c&audience=arp-run-gateway"),
            403,
            "exchange_not_allowed",
            "\"exchange\"",
        ),
        (exchange("audience=arp-run-gateway"), 400, "invalid_request", "subject_token is missing"),
        (rig.post("text/plain", "x"), 415, "unsupported_media_type", "application/json"),
        (rig.post("application/json", "[]"), 400, "invalid_request", "not an object"),
    ] {
        assert_eq!(answer.brief(), (status, code), "{answer:?}");
        assert!(answer.message().contains(says), "{answer:?}");
    }
    assert_eq!(rig.sts.token_requests(), 0, "nothing of this is for the token service to decide");
    assert_eq!(rig.get(&format!("{GATEWAY}&scope=email")).status, 200);
}

#[test]
fn wrong_path_method_or_any_origin_is_refused() {
    let rig = Rig::new();
    let _daemon = rig.daemon();
    for path in
        ["/", "/v1", "/v1/tokens", "/v1/token/", "/V1/token", "//v1/health", "/v1/health/../token", "*"]
    {
        assert_eq!(rig.get(path).brief(), (404, "not_found"), "{path}");
    }
    for (method, path) in [
        ("POST", "/v1/health"),
        ("HEAD", "/v1/version"),
        ("DELETE", "/v1/token?audience=arp-run-gateway"),
        ("OPTIONS", "/v1/status"),
        ("get", "/v1/health"),
        ("GET", "/v1/token/exchange"),
    ] {
        let answer = rig.send(&request(method, path));
        assert_eq!(answer.brief(), (405, "method_not_allowed"), "{method} {path}");
        assert_eq!(answer.field("allow"), Some("GET, POST"));
    }
    for origin in ["https://evil.example", "null", ""] {
        let answer = rig.send(format!("GET {GATEWAY} HTTP/1.1\r\nOrigin: {origin}\r\n\r\n").as_bytes());
        assert_eq!(answer.brief(), (403, "origin_refused"), "{origin}");
    }
    assert_eq!(rig.sts.token_requests(), 0);
}

#[test]
fn token_command_prints_token_or_header_or_reason() {
    let rig = Rig::new();
    rig.rules(&json!({"arp-run-gateway": {"users": [uid()]}}));
    let daemon = rig.daemon();
    let token = rig.get(GATEWAY).token().to_owned();
    let run = |arguments: &[&str]| feed(rig.command("token").args(arguments), "");
    let (code, out, _) = run(&["--audience", "arp-run-gateway"]);
    assert_eq!((code, out), (Some(0), format!("{token}\n")));
    let (code, out, _) = run(&["--audience", "arp-run-gateway", "--header"]);
    assert_eq!((code, out), (Some(0), format!("Authorization: Bearer {token}\n")));
    let (code, out, err) = run(&["--audience", "elsewhere"]);
    assert_eq!((code, out.as_str()), (Some(77), ""));
    assert!(err.contains("sts.audiences"), "{err}");
    daemon.stop();
    let (code, _, err) = run(&["--audience", "arp-run-gateway"]);
    assert_eq!(code, Some(69));
    assert!(err.contains("does the daemon run"), "{err}");
}

#[test]
#[ignore = "needs root"]
fn other_users_get_what_rules_allow_and_are_told_the_rule() {
    assert_eq!(uid(), 0, "only root can be somebody else");
    let rig = Rig::new();
    rig.rules(&json!({
        "arp-run-gateway": {"users": [4321]}, "arp-run-coordinator": {"groups": [8765]}
    }));
    // The other users must be able to reach the socket.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(rig.node.dir.path(), open).unwrap();
    let _daemon = rig.daemon();
    let socket = rig.socket();
    let by = |uid: &str, gid: &str, audience: &str| {
        let ids = [format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".to_owned()];
        let output = Command::new("setpriv")
            .args(ids)
            .args(["curl", "--silent", "--include", "--unix-socket"])
            .arg(&socket)
            .arg(format!("http://localhost/v1/token?audience={audience}"))
            .output()
            .unwrap();
        Answer::read(&output.stdout)
    };
    assert_eq!(by("4321", "1", "arp-run-gateway").status, 200);
    assert_eq!(by("4322", "8765", "arp-run-coordinator").status, 200);
    for (uid, gid, audience, who) in [
        ("4322", "4321", "arp-run-gateway", "user 4321; you are uid 4322, gid 4321"),
        ("8765", "1", "arp-run-coordinator", "group 8765; you are uid 8765, gid 1"),
    ] {
        let refused = by(uid, gid, audience);
        assert_eq!(refused.brief(), (403, "not_allowed"));
        assert!(refused.message().contains(who), "{refused:?}");
    }
    assert_eq!(by("0", "0", "arp-run-gateway").status, 200, "root could take it anyway");
}

#[test]
fn user_in_no_rule_is_refused() {
    if uid() == 0 {
        return skipped("root always may; what other users get is another test's, which needs root");
    }
    let rig = Rig::new();
    rig.rules(&json!({"arp-run-gateway": {"users": [uid() + 1]}, "arp-run-coordinator": {}}));
    let _daemon = rig.daemon();
    for target in [GATEWAY, COORDINATOR] {
        let refused = rig.get(target);
        assert_eq!(refused.brief(), (403, "not_allowed"));
        assert!(refused.message().contains(&format!("you are uid {}", uid())), "{refused:?}");
    }
    assert_eq!(rig.sts.token_requests(), 0);
}
