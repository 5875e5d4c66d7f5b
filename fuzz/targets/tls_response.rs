//! What a server sends, byte for byte, through rustls and ureq as the node reads it.
#![no_main]

use std::sync::LazyLock;

use node_core::answer::Answer;
use node_core::outcome::Outcome;
use jarvis_node::auth::AuthClient;
use jarvis_node_fuzz::*;
use libfuzzer_sys::fuzz_target;

static CLIENT: LazyLock<AuthClient> = LazyLock::new(|| client("https://127.0.0.1:7701", BY_APP));

fuzz_target!(|input: &[u8]| {
    let reply = validate_over(&CLIENT, input);
    is_answer_fit_to_show(&reply.answer, b"");
    assert_eq!(reply.server_time, None, "nobody proved who this is");
    let Answer::Inconclusive { trouble, .. } = reply.answer else { panic!("a verdict from nobody") };
    assert!(matches!(trouble.kind.outcome(), Outcome::Tls | Outcome::Server), "{trouble:?}");
});
