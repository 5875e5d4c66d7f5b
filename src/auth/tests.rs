use node_core::credential::NodeId;
use node_core::household::Household;
use node_core::text::Text;

use super::*;
use crate::files::credential::NodeKey;

fn kitchen() -> Credential {
    Credential {
        node_id: NodeId::parse("kitchen-pi").expect("a node id"),
        node_key: NodeKey::parse("s3cret").expect("a key"),
    }
}

fn response(status: u16, body: &str) -> Response {
    Response { status, headers: HeaderMap::new(), body: body.into() }
}

/// A client by a configuration with this in it.
fn client(whom: &str) -> AuthClient {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("config.json");
    std::fs::write(&path, format!(r#"{{{whom},"credential_file":"c.json"}}"#)).expect("written");
    let config = Config::load(&path).expect("sound");
    AuthClient::new(&config, Tls::new(&config).expect("TLS"), Zeroizing::new(b"app/k\"y".to_vec()))
}

fn judged(status: u16, body: &str) -> Answer {
    judge(&response(status, body), &kitchen().node_id, "jarvis-node-agent", UNIX_EPOCH)
}

fn judged_by_heartbeat(status: u16, body: &str) -> Answer {
    judge_heartbeat(&response(status, body), false, UNIX_EPOCH)
}

fn kind(answer: &Answer) -> Option<TroubleKind> {
    match answer {
        Answer::Inconclusive { trouble, .. } => Some(trouble.kind),
        Answer::Valid(_) | Answer::Rejected(_) | Answer::Reachable => None,
    }
}

#[test]
fn what_only_looks_like_an_answer_once_it_is_shown_is_none() {
    let mut us = kitchen();
    us.node_id = NodeId::parse("kitchen pi").expect("a node id");
    let body = r#"{"valid":true,"node_id":"kitchen\tpi"}"#;
    let answer = judge(&response(200, body), &us.node_id, "a", UNIX_EPOCH);
    assert_eq!(kind(&answer), Some(TroubleKind::OtherNode));
    let answer = judged_by_heartbeat(401, r#"{"detail":"Node\u0000not found"}"#);
    assert_eq!(kind(&answer), Some(TroubleKind::NotUnderstood));
}

#[test]
fn a_list_is_no_answer() {
    for body in
        [r#"[true,"kitchen-pi",null,null,null]"#, r#" [false,null,null,null,"x"]"#, "[false]", r#"["ok"]"#]
    {
        assert_eq!(kind(&judged(200, body)), Some(TroubleKind::NotUnderstood), "{body}");
        assert_eq!(kind(&judged_by_heartbeat(200, body)), Some(TroubleKind::NotUnderstood), "{body}");
    }
    let body = r#"["Node not found"]"#;
    assert_eq!(kind(&judged_by_heartbeat(401, body)), Some(TroubleKind::NotUnderstood));
}

#[test]
fn the_recorded_yes_is_valid() {
    let answer = judged(
        200,
        r#"{"valid":true,"node_id":"kitchen-pi","household_id":"11111111-2222-4333-8444-555555555555","household_member_ids":[1],"reason":null}"#,
    );
    let household = Household {
        id: Some(Text::from("11111111-2222-4333-8444-555555555555")),
        member_ids: Some([1].into_iter().collect()),
    };
    assert_eq!(answer, Answer::Valid(household));
}

#[test]
fn the_recorded_denials_are_denials_with_their_reason() {
    for reason in [
        "Node not found",
        "Node is inactive",
        "Invalid node credentials",
        "Node is not authorized to access service 'command-center'",
    ] {
        let body = format!(
            r#"{{"valid":false,"node_id":null,"household_id":null,"household_member_ids":null,"reason":"{reason}"}}"#
        );
        assert_eq!(judged(200, &body), Answer::Rejected(Text::from(reason)));
    }
}

#[test]
fn a_denial_needs_a_boolean_false_and_a_yes_our_own_name() {
    for (body, expected) in [
        (r#"{"valid":false}"#, None),
        (r#"{"valid":true,"node_id":"attic-pi"}"#, Some(TroubleKind::OtherNode)),
        (r#"{"valid":true,"node_id":"Kitchen-pi"}"#, Some(TroubleKind::OtherNode)),
        (r#"{"valid":true,"node_id":null}"#, Some(TroubleKind::OtherNode)),
        (r#"{"valid":true}"#, Some(TroubleKind::OtherNode)),
        (r#"{"valid":"true","node_id":"kitchen-pi"}"#, Some(TroubleKind::NotUnderstood)),
        (r#"{"valid":"false"}"#, Some(TroubleKind::NotUnderstood)),
        (r#"{"valid":1,"node_id":"kitchen-pi"}"#, Some(TroubleKind::NotUnderstood)),
        (r#"{"valid":null}"#, Some(TroubleKind::NotUnderstood)),
        (r#"{"valid":false,"valid":true}"#, Some(TroubleKind::NotUnderstood)),
        (r#"{"detail":"Not Found"}"#, Some(TroubleKind::NotUnderstood)),
        ("<html>Log in to Free WiFi</html>", Some(TroubleKind::NotUnderstood)),
        (r#"{"valid":false"#, Some(TroubleKind::NotUnderstood)),
        (r#"{"valid":false}x"#, Some(TroubleKind::NotUnderstood)),
        ("", Some(TroubleKind::NotUnderstood)),
        ("[]", Some(TroubleKind::NotUnderstood)),
    ] {
        assert_eq!(kind(&judged(200, body)), expected, "{body}");
    }
}

#[test]
fn no_other_status_is_a_verdict_even_with_a_verdicts_body() {
    let no = r#"{"valid":false,"reason":"Node not found"}"#;
    for (status, expected) in [
        (401, TroubleKind::AppRejected),
        (429, TroubleKind::Busy),
        (500, TroubleKind::Busy),
        (502, TroubleKind::Busy),
        (503, TroubleKind::Busy),
        (301, TroubleKind::Redirected),
        (307, TroubleKind::Redirected),
        (400, TroubleKind::RequestRefused),
        (413, TroubleKind::RequestRefused),
        (422, TroubleKind::RequestRefused),
        (201, TroubleKind::NotTheService),
        (204, TroubleKind::NotTheService),
        (403, TroubleKind::NotTheService),
        (404, TroubleKind::NotTheService),
        (405, TroubleKind::NotTheService),
        (418, TroubleKind::NotTheService),
    ] {
        assert_eq!(kind(&judged(status, no)), Some(expected), "{status}");
    }
}

#[test]
fn a_long_list_of_members_makes_no_verdict_unreadable() {
    let ids: Vec<_> = (0..1000).map(|id: i64| format!("{id}")).collect();
    let body =
        format!(r#"{{"valid":true,"node_id":"kitchen-pi","household_member_ids":[{}]}}"#, ids.join(","));
    let Answer::Valid(household) = judged(200, &body) else { panic!("not valid") };
    assert_eq!(household.member_ids.expect("ids").as_slice(), (0..32).collect::<Vec<i64>>());
}

#[test]
fn a_reason_from_the_server_is_bounded_and_printable() {
    let body = format!(r#"{{"valid":false,"reason":"a\nb{}"}}"#, "x".repeat(1000));
    let Answer::Rejected(reason) = judged(200, &body) else { panic!("not denied") };
    assert!(reason.as_str().starts_with("a bx") && reason.as_str().len() <= 200, "{reason}");
}

#[test]
fn retry_after_is_read_in_both_its_forms() {
    let read = |retry: &'static str, date: Option<&'static str>| {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(retry));
        if let Some(date) = date {
            headers.insert(DATE, HeaderValue::from_static(date));
        }
        retry_after(&headers, UNIX_EPOCH)
    };
    let noon = "Sun, 22 Nov 2026 12:00:00 GMT";
    assert_eq!(read("60", None), Some(Duration::from_secs(60)));
    assert_eq!(read(" 900 ", None), Some(Duration::from_secs(900)));
    assert_eq!(read("Sun, 22 Nov 2026 12:01:30 GMT", Some(noon)), Some(Duration::from_secs(90)));
    assert_eq!(read("Sun, 22 Nov 2026 11:00:00 GMT", Some(noon)), Some(Duration::ZERO));
    assert_eq!(read("soon", Some(noon)), None);
    assert_eq!(read("-5", None), None);
    assert_eq!(retry_after(&HeaderMap::new(), UNIX_EPOCH), None);
}

#[test]
fn at_the_command_center_a_401_is_a_denial_only_with_the_auth_services_reason() {
    assert_eq!(judged_by_heartbeat(200, r#"{"status":"ok"}"#), Answer::Valid(Household::default()));
    for reason in [
        "Node not found",
        "Node is inactive",
        "Invalid node credentials",
        "Node is not authorized to access service 'command-center'",
    ] {
        let body = format!(r#"{{"detail":"{reason}"}}"#);
        assert_eq!(judged_by_heartbeat(401, &body), Answer::Rejected(Text::from(reason)));
        assert_eq!(kind(&judged_by_heartbeat(403, &body)), Some(TroubleKind::NotTheService));
    }
    for (status, body, expected) in [
        (401, r#"{"detail":"Auth service unavailable: timed out"}"#, TroubleKind::Busy),
        (401, r#"{"detail":"Auth service error: 500"}"#, TroubleKind::Busy),
        (401, r#"{"detail":"Not authenticated"}"#, TroubleKind::NotUnderstood),
        (401, r#"{"detail":"Invalid node credentials, or so"}"#, TroubleKind::NotUnderstood),
        (401, r#"{"detail":[{"msg":"Node not found"}]}"#, TroubleKind::NotUnderstood),
        (401, "Node not found", TroubleKind::NotUnderstood),
        (401, "", TroubleKind::NotUnderstood),
        (200, r#"{"status":"degraded"}"#, TroubleKind::NotUnderstood),
        (200, r#"{"status":true}"#, TroubleKind::NotUnderstood),
        (200, "<html>Log in to Free WiFi</html>", TroubleKind::NotUnderstood),
        (204, "", TroubleKind::NotTheService),
        (500, r#"{"detail":"Node not found"}"#, TroubleKind::Busy),
    ] {
        assert_eq!(kind(&judged_by_heartbeat(status, body)), Some(expected), "{status} {body}");
    }
}

#[test]
fn a_key_is_not_shown_in_whatever_spelling_it_is_repeated() {
    let clients = [
        client(r#""auth_url":"http://127.0.0.1","service_id":"s","app_id":"a","app_key_file":"k""#),
        client(r#""via":{"command_center":"http://127.0.0.1"}"#),
    ];
    for key in ["s3cret", "\\u00733cret", "\\u0073\\u0033\\u0063\\u0072\\u0065\\u0074", "s3c\\ret"] {
        for (status, body) in [
            (200, format!(r#"{{"valid":false,"reason":"no such key: {key}"}}"#)),
            (401, format!(r#"{{"detail":"Auth service unavailable: {key} {key}"}}"#)),
            (401, format!(r#"{{"detail":"Node is not authorized to access service {key}"}}"#)),
        ] {
            for client in &clients {
                let shown = format!("{:?}", client.conclude(&response(status, &body), &kitchen()));
                assert!(!shown.contains("s3cret"), "{shown}");
            }
        }
    }
    let body = r#"{"valid":false,"reason":"app\/k\"y"}"#;
    let shown = format!("{:?}", clients[0].conclude(&response(200, body), &kitchen()));
    assert!(shown.contains("not shown"), "{shown}");
}
