//! A server's bytes over plain HTTP, read by the node's own client.
#![no_main]

use std::sync::LazyLock;

use jarvis_node::auth::AuthClient;
use jarvis_node_fuzz::*;
use libfuzzer_sys::fuzz_target;
use node_core::answer::Answer;

static CLIENT: LazyLock<AuthClient> = LazyLock::new(|| client("http://127.0.0.1:7701", BY_APP));

fuzz_target!(|input: &[u8]| {
    let reply = validate_over(&CLIENT, input);
    is_answer_fit_to_show(&reply.answer, b"");
    assert_eq!(reply.server_time, None, "the time of a server that proved nothing");
    let verdict = match &reply.answer {
        Answer::Rejected(_) => "false",
        Answer::Valid(_) => "true",
        Answer::Reachable | Answer::Inconclusive { .. } => return,
    };
    assert!(
        input.starts_with(b"HTTP/1.") && holds(input, b" 200"),
        "a verdict from something else than a response"
    );
    let chunked = input.to_ascii_lowercase();
    assert!(
        holds(&chunked, b"chunked") || holds(input, verdict.as_bytes()),
        "a verdict that the input does not hold"
    );
});
