//! A server's bytes over TLS, read by the node's own client.
#![no_main]

use std::sync::LazyLock;

use jarvis_node::auth::AuthClient;
use jarvis_node_fuzz::*;
use libfuzzer_sys::fuzz_target;
use node_core::answer::Answer;
use node_core::outcome::Outcome;

static CLIENT: LazyLock<AuthClient> = LazyLock::new(|| client("https://127.0.0.1:7701", BY_APP));

fuzz_target!(|input: &[u8]| {
    let reply = validate_over(&CLIENT, input);
    is_answer_fit_to_show(&reply.answer, b"");
    assert_eq!(reply.server_time, None, "the time of a server that proved nothing");
    let Answer::Inconclusive { trouble, .. } = reply.answer else {
        panic!("a verdict from a server that proved nothing")
    };
    assert!(matches!(trouble.kind.outcome(), Outcome::Tls | Outcome::Server), "{trouble:?}");
});
