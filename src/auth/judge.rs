//! The meaning of an answer for the node (docs/wire/jarvis-auth.md, "What follows from it").

use std::fmt;
use std::time::SystemTime;

use node_core::answer::Answer;
use node_core::credential::NodeId;
use node_core::household::Household;
use node_core::text::Text;
use node_core::trouble::{Trouble, TroubleKind};
use node_core::wire::{HeartbeatRefusal, HeartbeatResponse, ValidateResponse};

use crate::files::json;
use crate::net::http::{HttpResponse, retry_after};

const NOT_SHOWN: &str = "not shown: the answer repeats a key";

/// Removes the text that the server put into the answer.
pub(super) fn withheld(answer: Answer) -> Answer {
    match answer {
        Answer::Rejected(_) => Answer::Rejected(Text::format(format_args!("({NOT_SHOWN})"))),
        Answer::Valid(household) => Answer::Valid(Household { id: None, ..household }),
        told_nothing @ (Answer::Reachable | Answer::Inconclusive { .. }) => told_nothing,
    }
}

/// Judges an answer of the auth service (docs/wire/jarvis-auth.md, "What follows from it"). Only a 200 with
/// `valid:false` is a rejection. A 401 is about the app key. Every other answer says nothing about the node.
pub(super) fn judge(response: &HttpResponse, node_id: &NodeId, app_id: &str, now: SystemTime) -> Answer {
    match response.status {
        200 => match json::object::<ValidateResponse>(&response.body) {
            Ok(verdict) => verdict.into_answer(node_id),
            Err(_) => not_understood(response, now),
        },
        401 => inconclusive(
            response,
            now,
            TroubleKind::AppRejected,
            format_args!("the auth service refused the app key of '{app_id}' (401)"),
        ),
        _ => no_verdict(response, now),
    }
}

/// Judges an answer of the command center (docs/wire/jarvis-auth.md, "How nodes are used around it"). Its 401
/// carries either the auth service's reason for a rejection, or the news that the auth service could not be
/// asked.
pub(super) fn judge_heartbeat(response: &HttpResponse, repeats_a_key: bool, now: SystemTime) -> Answer {
    match response.status {
        200 => match json::object::<HeartbeatResponse>(&response.body) {
            Ok(beat) if beat.is_ok() => Answer::Valid(Household::default()),
            Ok(_) | Err(_) => not_understood(response, now),
        },
        401 => match json::object::<HeartbeatRefusal>(&response.body) {
            Ok(refusal) if refusal.is_rejection() => Answer::Rejected(refusal.detail),
            Ok(refusal) if refusal.is_outage() => inconclusive(
                response,
                now,
                TroubleKind::Busy,
                format_args!(
                    "the command center cannot ask the auth service ({})",
                    if repeats_a_key { NOT_SHOWN } else { refusal.detail.as_str() }
                ),
            ),
            Ok(_) | Err(_) => inconclusive(
                response,
                now,
                TroubleKind::NotUnderstood,
                format_args!("the command center answered 401, but with none of the auth service's reasons"),
            ),
        },
        _ => no_verdict(response, now),
    }
}

fn not_understood(response: &HttpResponse, now: SystemTime) -> Answer {
    let reason = format_args!("the answer is not the JSON of a Jarvis service");
    inconclusive(response, now, TroubleKind::NotUnderstood, reason)
}

/// Explains a status that is no verdict, from either service.
fn no_verdict(response: &HttpResponse, now: SystemTime) -> Answer {
    let status = response.status;
    let because = |kind, reason: fmt::Arguments<'_>| inconclusive(response, now, kind, reason);
    match status {
        429 => because(
            TroubleKind::Busy,
            format_args!("the auth service is asked too often and wants to be left alone (429)"),
        ),
        500..=599 => because(
            TroubleKind::Busy,
            format_args!("the auth service, or a proxy before it, failed ({status})"),
        ),
        300..=399 => because(
            TroubleKind::Redirected,
            format_args!("the auth service points elsewhere ({status}), and keys are not sent after it"),
        ),
        400 | 413 | 422 => because(
            TroubleKind::RequestRefused,
            format_args!("the auth service did not understand the request ({status})"),
        ),
        _ => because(
            TroubleKind::NotTheService,
            format_args!("status {status}, which the auth service never gives here"),
        ),
    }
}

fn inconclusive(
    response: &HttpResponse,
    now: SystemTime,
    kind: TroubleKind,
    reason: fmt::Arguments<'_>,
) -> Answer {
    let trouble = Trouble::new(kind, reason);
    Answer::Inconclusive { trouble, retry_after: retry_after(&response.headers, now) }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use ureq::http::HeaderMap;

    use super::*;

    fn node_id(text: &str) -> NodeId {
        NodeId::parse(text).expect("a node id")
    }

    fn response(status: u16, body: &str) -> HttpResponse {
        HttpResponse { status, headers: HeaderMap::new(), body: body.into() }
    }

    fn judged(status: u16, body: &str) -> Answer {
        judge(&response(status, body), &node_id("kitchen-pi"), "jarvis-node-agent", UNIX_EPOCH)
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
    fn answer_with_control_characters_is_not_understood() {
        let body = r#"{"valid":true,"node_id":"kitchen\tpi"}"#;
        let answer = judge(&response(200, body), &node_id("kitchen pi"), "a", UNIX_EPOCH);
        assert_eq!(kind(&answer), Some(TroubleKind::OtherNode));
        let answer = judged_by_heartbeat(401, r#"{"detail":"Node\u0000not found"}"#);
        assert_eq!(kind(&answer), Some(TroubleKind::NotUnderstood));
    }

    #[test]
    fn json_list_is_not_an_answer() {
        for body in [
            r#"[true,"kitchen-pi",null,null,null]"#,
            r#" [false,null,null,null,"x"]"#,
            "[false]",
            r#"["ok"]"#,
        ] {
            assert_eq!(kind(&judged(200, body)), Some(TroubleKind::NotUnderstood), "{body}");
            assert_eq!(kind(&judged_by_heartbeat(200, body)), Some(TroubleKind::NotUnderstood), "{body}");
        }
        let body = r#"["Node not found"]"#;
        assert_eq!(kind(&judged_by_heartbeat(401, body)), Some(TroubleKind::NotUnderstood));
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
    fn other_status_with_verdict_body_is_inconclusive() {
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
}
