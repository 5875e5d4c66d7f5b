//! The answer to a validation with its headers: when the node is valid, when it is rejected, and what is
//! shown.
#![no_main]

use std::sync::LazyLock;

use jarvis_node::auth::AuthClient;
use jarvis_node::fuzzing::{Answered, conclude};
use jarvis_node_fuzz::*;
use libfuzzer_sys::fuzz_target;
use node_core::agent::exponential;
use node_core::answer::Answer;
use node_core::jitter::{Jitter, RETRY_CAP};
use node_core::text::Text;
use serde_json::Value;

static CLIENT: LazyLock<AuthClient> = LazyLock::new(|| client("https://auth.home", BY_APP));

fuzz_target!(|input: &[u8]| {
    let us = credential();
    let given = response(input);
    let reply = conclude(&CLIENT, &given, &us);
    is_answer_fit_to_show(&reply.answer, given.body);
    match &reply.answer {
        Answer::Rejected(_) => {
            assert_eq!(given.status, 200, "a rejection from {given:?}");
            if let Some(body) = object(given.body) {
                assert_eq!(body["valid"], false, "a rejection from {given:?}");
            }
        }
        Answer::Valid(household) => {
            assert_eq!(given.status, 200, "a yes from {given:?}");
            if let Some(body) = object(given.body) {
                assert_eq!(body["valid"], true, "a yes from {given:?}");
                assert_eq!(body["node_id"], us.node_id.as_str(), "a yes to another node");
                assert!(household.id.is_none() || body["household_id"].is_string());
            }
        }
        Answer::Reachable => panic!("no probe was sent"),
        Answer::Inconclusive { retry_after, .. } => {
            let delay = Jitter::new(input.len() as u64).retry(exponential(3), *retry_after);
            assert!(delay <= RETRY_CAP + RETRY_CAP / 10, "{delay:?}");
            let plainly_no = r#"{"valid":false,"reason":null}"#;
            assert!(given.status != 200 || given.body != plainly_no.as_bytes());
        }
    }
    // Only `true` and `false` are verdicts.
    if let Ok(value) = serde_json::from_slice::<Value>(given.body)
        && !value.is_boolean()
    {
        let body = format!(r#"{{"valid":{value},"node_id":"kitchen pi","reason":null}}"#);
        let said = Answered { status: 200, headers: Vec::new(), body: body.as_bytes() };
        let answer = conclude(&CLIENT, &said, &us).answer;
        assert!(matches!(answer, Answer::Inconclusive { .. }), "a verdict from {body}");
    }
    // A rejection stays one whatever its reason says, and a reason may repeat a key in any spelling.
    if let Ok(reason) = std::str::from_utf8(given.body) {
        let text = serde_json::to_string(reason).expect("JSON");
        let body = format!(r#"{{"valid":false,"node_id":null,"household_id":null,"reason":{text}}}"#);
        let said = Answered { status: 200, headers: Vec::new(), body: body.as_bytes() };
        let Answer::Rejected(shown) = conclude(&CLIENT, &said, &us).answer else {
            panic!("no rejection: {body}")
        };
        assert!(shown == Text::from(reason) || shown.as_str().starts_with("(not shown"), "{shown}");
        let body = format!(r#"{{"valid":false,"reason":"{}{}"}}"#, &text[1..text.len() - 1], escaped(KEY));
        let said = Answered { status: 200, headers: Vec::new(), body: body.as_bytes() };
        is_answer_fit_to_show(&conclude(&CLIENT, &said, &us).answer, KEY.as_bytes());
    }
});
