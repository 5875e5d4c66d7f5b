//! What a server sends, byte for byte, through ureq as the node reads it.
#![no_main]

use std::sync::LazyLock;

use node_core::answer::Answer;
use jarvis_node::auth::AuthClient;
use jarvis_node_fuzz::*;
use libfuzzer_sys::fuzz_target;

static CLIENT: LazyLock<AuthClient> = LazyLock::new(|| client("http://127.0.0.1:7701", BY_APP));

fuzz_target!(|input: &[u8]| {
    let reply = validate_over(&CLIENT, input);
    is_answer_fit_to_show(&reply.answer, b"");
    assert_eq!(reply.server_time, None, "nobody proved who this is");
    let verdict = match &reply.answer {
        Answer::Rejected(_) => "false",
        Answer::Valid(_) => "true",
        Answer::Reachable | Answer::Inconclusive { .. } => return,
    };
    assert!(input.starts_with(b"HTTP/1.") && holds(input, b" 200"), "a verdict from what is no answer");
    let chunked = input.to_ascii_lowercase();
    assert!(holds(&chunked, b"chunked") || holds(input, verdict.as_bytes()), "a verdict out of nothing");
});
