//! The command center's answer to a heartbeat: its 401 can mean a rejection or an outage, and an update that it hands out
//! holds nothing but words.
#![no_main]

use std::sync::LazyLock;

use jarvis_node::auth::AuthClient;
use jarvis_node::fuzzing::{Answered, conclude, hear};
use jarvis_node_fuzz::*;
use libfuzzer_sys::fuzz_target;
use node_core::answer::Answer;
use node_core::outcome::Outcome;
use node_core::wire::reasons;

static CLIENT: LazyLock<AuthClient> = LazyLock::new(|| client("https://hub.home:7703", ""));

fuzz_target!(|input: &[u8]| {
    let us = credential();
    let given = response(input);
    let reply = hear(&CLIENT, &given, &us);
    if let Some(update) = &reply.update {
        let words = [update.version.as_deref().unwrap_or("0"), &update.task_id];
        for word in words {
            let fit = word.bytes().all(|b| b.is_ascii_alphanumeric() || b".+-_".contains(&b));
            assert!(fit && word.as_bytes()[0].is_ascii_alphanumeric() && word.len() <= 64, "{word}");
        }
    }
    // Asked without effects, the same command center answers with two names and nothing else.
    if let Answer::Valid(_) = conclude(&CLIENT, &given, &us).answer {
        assert!(object(given.body).is_none_or(|body| body.get("password").is_some()), "a yes from {given:?}");
    }
    is_answer_fit_to_show(&reply.answer, given.body);
    match &reply.answer {
        Answer::Rejected(_) => {
            assert_eq!(given.status, 401, "a rejection from {given:?}");
            if let Some(body) = object(given.body) {
                let detail = body["detail"].as_str().expect("a reason");
                let known = [reasons::NOT_FOUND, reasons::INACTIVE, reasons::WRONG_KEY].contains(&detail)
                    || detail.starts_with(reasons::NOT_GRANTED);
                assert!(known, "a rejection from {given:?}");
            }
        }
        Answer::Valid(_) => {
            assert_eq!(given.status, 200, "a yes from {given:?}");
            assert!(object(given.body).is_none_or(|body| body["status"] == "ok"), "a yes from {given:?}");
        }
        Answer::Reachable => panic!("no probe was sent"),
        Answer::Inconclusive { trouble, .. } => {
            assert!(matches!(trouble.kind.outcome(), Outcome::Server), "{trouble:?}");
        }
    }
    // A message about an outage is no rejection, whatever it quotes, and shows no key.
    if let Ok(said) = std::str::from_utf8(given.body) {
        let said = serde_json::to_string(said).expect("JSON");
        let said = &said[1..said.len() - 1];
        for (key, begin) in [(KEY.to_owned(), "unavailable: "), (escaped(KEY), "error: ")] {
            let body = format!(r#"{{"detail":"Auth service {begin}{said}{key}"}}"#);
            let answered = Answered { status: 401, headers: Vec::new(), body: body.as_bytes() };
            let answer = hear(&CLIENT, &answered, &us).answer;
            assert!(matches!(answer, Answer::Inconclusive { .. }), "{answer:?}");
            is_answer_fit_to_show(&answer, KEY.as_bytes());
        }
    }
});
