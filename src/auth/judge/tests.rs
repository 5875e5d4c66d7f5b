use std::time::UNIX_EPOCH;

use ureq::http::{HeaderMap, HeaderValue};

use super::*;

fn node_id(text: &str) -> NodeId {
    NodeId::parse(text).expect("a node id")
}

fn response(status: u16, body: &str) -> HttpResponse {
    HttpResponse { status, headers: HeaderMap::new(), body: Vec::from(body).into() }
}

fn asked(response: &HttpResponse) -> Asked<'_> {
    Asked { response, keys: &[], now: UNIX_EPOCH }
}

fn judged(status: u16, body: &str) -> Answer {
    judge(&asked(&response(status, body)), &node_id("kitchen-pi"), "jarvis-node-agent")
}

fn judged_by_heartbeat(status: u16, body: &str) -> Answer {
    judge_heartbeat(&asked(&response(status, body)), Service::COMMAND_CENTER)
}

fn kind(answer: &Answer) -> Option<TroubleKind> {
    match answer {
        Answer::Inconclusive { trouble, .. } => Some(trouble.kind),
        Answer::Valid(_) | Answer::Rejected(_) | Answer::Reachable => None,
    }
}

#[test]
fn answer_with_control_characters_is_not_understood() {
    let body = r#"{"valid":true,"node_id":"kitchen\tpi"}"#;
    let answer = judge(&asked(&response(200, body)), &node_id("kitchen pi"), "a");
    assert_eq!(kind(&answer), Some(TroubleKind::OtherNode));
    let answer = judged_by_heartbeat(401, r#"{"detail":"Node\u0000not found"}"#);
    assert_eq!(kind(&answer), Some(TroubleKind::NotUnderstood));
}

#[test]
fn key_in_the_place_of_the_app_id_is_not_shown() {
    for (app_id, key) in [
        ("kitchen-app-secret", "kitchen-app-secret"),
        ("5f4dcc3b5aa765d61d8327deb882cf995f4dcc3b5aa765d61d8327deb882cf99", "jarvis-node-agent"),
    ] {
        let response = response(401, r#"{"detail":"Invalid app credentials"}"#);
        let asked = Asked { keys: &[key.as_bytes()], ..asked(&response) };
        let told = format!("{:?}", judge(&asked, &node_id("kitchen-pi"), app_id));
        assert!(told.contains("(not repeated: it may be a secret)") && !told.contains(app_id), "{told}");
    }
}

#[test]
fn verdict_is_taken_whatever_its_label() {
    let label = HeaderValue::from_static("text/html; charset=utf-8");
    let labelled = |status, body| HttpResponse {
        headers: [(ureq::http::header::CONTENT_TYPE, label.clone())].into_iter().collect(),
        ..response(status, body)
    };
    let valid = labelled(200, r#"{"valid":true,"node_id":"kitchen-pi"}"#);
    assert!(matches!(judge(&asked(&valid), &node_id("kitchen-pi"), "a"), Answer::Valid(_)));
    let rejected = labelled(401, r#"{"detail":"Node not found"}"#);
    assert!(matches!(judge_heartbeat(&asked(&rejected), Service::COMMAND_CENTER), Answer::Rejected(_)));
    let page = judge(&asked(&labelled(200, "Sign in")), &node_id("kitchen-pi"), "a");
    assert_eq!(kind(&page), Some(TroubleKind::InBetween));
}

#[test]
fn json_list_is_not_an_answer() {
    for body in
        [r#"[true,"kitchen-pi",null,null,null]"#, r#" [false,null,null,null,"x"]"#, "[false]", r#"["ok"]"#]
    {
        assert_eq!(kind(&judged(200, body)), Some(TroubleKind::NotUnderstood), "{body}");
        assert_eq!(kind(&judged_by_heartbeat(200, body)), Some(TroubleKind::NotUnderstood), "{body}");
    }
    let body = r#"["Node not found"]"#;
    assert_eq!(kind(&judged_by_heartbeat(401, body)), Some(TroubleKind::InBetween));
}

#[test]
fn recorded_acceptance_is_valid() {
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
fn recorded_rejections_keep_their_reason() {
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
fn rejection_needs_boolean_false_and_acceptance_our_node_id() {
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
        ("<html>Log in to Free WiFi</html>", Some(TroubleKind::InBetween)),
        (r#"{"valid":false"#, Some(TroubleKind::NotUnderstood)),
        (r#"{"valid":false}x"#, Some(TroubleKind::NotUnderstood)),
        ("", Some(TroubleKind::NotUnderstood)),
        ("[]", Some(TroubleKind::NotUnderstood)),
    ] {
        assert_eq!(kind(&judged(200, body)), expected, "{body}");
    }
}

#[test]
fn probe_tells_by_the_status_whether_the_service_is_away() {
    let probed_by = |response: &HttpResponse| judge_probe(&asked(response), Service::AUTH);
    let probed = |status| probed_by(&response(status, ""));
    for (status, expected) in [
        (500, TroubleKind::Busy),
        (502, TroubleKind::Unserved),
        (503, TroubleKind::Busy),
        (504, TroubleKind::Unserved),
        (530, TroubleKind::Unserved),
    ] {
        assert_eq!(kind(&probed(status)), Some(expected), "{status}");
    }
    for status in [200, 204, 301, 401, 403, 404, 405, 407, 429, 511] {
        assert_eq!(probed(status), Answer::Reachable, "{status}: a call tells what it means");
    }
    let mut later = response(503, "");
    later.headers.insert(ureq::http::header::RETRY_AFTER, HeaderValue::from_static("60"));
    let Answer::Inconclusive { retry_after, .. } = probed_by(&later) else { panic!("away") };
    assert_eq!(retry_after, Some(std::time::Duration::from_secs(60)));
}

#[test]
fn other_status_with_verdict_body_is_inconclusive() {
    let no = r#"{"valid":false,"reason":"Node not found"}"#;
    for (status, expected) in [
        (401, TroubleKind::InBetween),
        (408, TroubleKind::Throttled),
        (429, TroubleKind::Throttled),
        (500, TroubleKind::Busy),
        (502, TroubleKind::Unserved),
        (504, TroubleKind::Unserved),
        (530, TroubleKind::Unserved),
        (503, TroubleKind::Busy),
        (301, TroubleKind::Redirected),
        (307, TroubleKind::Redirected),
        (400, TroubleKind::RequestRefused),
        (421, TroubleKind::InBetween),
        (525, TroubleKind::Unserved),
        (527, TroubleKind::Unserved),
        (413, TroubleKind::RequestRefused),
        (431, TroubleKind::RequestRefused),
        (422, TroubleKind::RequestRefused),
        (201, TroubleKind::NotTheService),
        (204, TroubleKind::NotTheService),
        (403, TroubleKind::InBetween),
        (404, TroubleKind::NotTheService),
        (405, TroubleKind::NotTheService),
        (407, TroubleKind::InBetween),
        (511, TroubleKind::InBetween),
        (304, TroubleKind::NotTheService),
        (418, TroubleKind::NotTheService),
    ] {
        assert_eq!(kind(&judged(status, no)), Some(expected), "{status}");
    }
}

#[test]
fn proxy_without_its_server_is_known_by_its_words() {
    for (body, expected) in [
        ("no available server\n", TroubleKind::Unserved),
        ("no healthy upstream", TroubleKind::Unserved),
        ("<h1>503</h1>\nNo server is available to handle this request.", TroubleKind::Unserved),
        ("Service Unavailable", TroubleKind::Busy),
    ] {
        assert_eq!(kind(&judged(503, body)), Some(expected), "{body}");
    }
}

#[test]
fn app_is_rejected_only_in_the_words_of_the_service() {
    let basic = |body: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("www-authenticate", HeaderValue::from_static("Basic realm=\"home\""));
        let response = HttpResponse { status: 401, headers, body: Vec::from(body).into() };
        judge(&asked(&response), &node_id("kitchen-pi"), "a")
    };
    let invalid = r#"{"detail":"Invalid app credentials"}"#;
    for (answer, expected) in [
        (judged(401, invalid), TroubleKind::AppRejected),
        (judged(401, r#"{"detail":"Missing app credentials"}"#), TroubleKind::InBetween),
        (judged(401, r#"{"detail":"Not authenticated"}"#), TroubleKind::NotTheService),
        (judged(401, r#"{"message":"No API key found in request"}"#), TroubleKind::InBetween),
        (judged(401, r#"{"detail":["Invalid app credentials"]}"#), TroubleKind::InBetween),
        (judged(401, "Unauthorized"), TroubleKind::InBetween),
        (judged(401, ""), TroubleKind::InBetween),
        (judged(403, invalid), TroubleKind::NotTheService),
        (judged(401, "<html><h1>401 Authorization Required</h1></html>"), TroubleKind::InBetween),
        (basic(""), TroubleKind::InBetween),
        (basic(invalid), TroubleKind::InBetween),
    ] {
        assert_eq!(kind(&answer), Some(expected), "{answer:?}");
    }
}

#[test]
fn verdict_with_long_member_list_is_read() {
    let ids: Vec<_> = (0..1000).map(|id: i64| format!("{id}")).collect();
    let body =
        format!(r#"{{"valid":true,"node_id":"kitchen-pi","household_member_ids":[{}]}}"#, ids.join(","));
    let Answer::Valid(household) = judged(200, &body) else { panic!("not valid") };
    assert_eq!(household.member_ids.expect("ids").as_slice(), (0..32).collect::<Vec<i64>>());
}

#[test]
fn server_reason_is_bounded_and_printable() {
    let body = format!(r#"{{"valid":false,"reason":"a\nb{}"}}"#, "x".repeat(1000));
    let Answer::Rejected(reason) = judged(200, &body) else { panic!("not rejected") };
    assert!(reason.as_str().starts_with("a bx") && reason.as_str().len() <= 200, "{reason}");
}

#[test]
fn heartbeat_401_is_rejection_only_with_known_reason() {
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
        (401, r#"{"detail":"Auth service unavailable: timed out"}"#, TroubleKind::AuthAway),
        (401, r#"{"detail":"Auth service error: 500"}"#, TroubleKind::AuthAway),
        (401, r#"{"detail":"Auth not configured"}"#, TroubleKind::AuthAway),
        (401, r#"{"detail":"Node not configured locally"}"#, TroubleKind::NotEnrolled),
        (401, r#"{"detail":"Invalid API Key"}"#, TroubleKind::InBetween),
        (400, r#"{"details":["header -\u003e x-api-key: Field required"]}"#, TroubleKind::InBetween),
        (400, r#"{"details":["body -> thread_status: x"]}"#, TroubleKind::RequestRefused),
        (401, r#"{"detail":"Not authenticated"}"#, TroubleKind::NotUnderstood),
        (401, r#"{"detail":"Invalid node credentials, or so"}"#, TroubleKind::NotUnderstood),
        (401, r#"{"detail":[{"msg":"Node not found"}]}"#, TroubleKind::InBetween),
        (401, "Node not found", TroubleKind::InBetween),
        (401, "", TroubleKind::InBetween),
        (200, r#"{"status":"degraded"}"#, TroubleKind::NotUnderstood),
        (200, r#"{"status":true}"#, TroubleKind::NotUnderstood),
        (200, "<html>Log in to Free WiFi</html>", TroubleKind::InBetween),
        (401, "<html>Log in</html>", TroubleKind::InBetween),
        (204, "", TroubleKind::NotTheService),
        (500, r#"{"detail":"Node not found"}"#, TroubleKind::Busy),
    ] {
        assert_eq!(kind(&judged_by_heartbeat(status, body)), Some(expected), "{status} {body}");
    }
}

#[test]
fn outage_told_by_the_command_center_is_asked_about_later() {
    let mut response = response(401, r#"{"detail":"Auth service unavailable: timed out"}"#);
    for (header, expected) in [(None, 60), (Some("5"), 60), (Some("90"), 90)] {
        if let Some(secs) = header {
            response.headers.insert("retry-after", HeaderValue::from_static(secs));
        }
        let Answer::Inconclusive { retry_after, .. } =
            judge_heartbeat(&asked(&response), Service::COMMAND_CENTER)
        else {
            panic!()
        };
        assert_eq!(retry_after, Some(Duration::from_secs(expected)), "{header:?}");
    }
}
