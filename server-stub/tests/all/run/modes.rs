//! The callers that each mode accepts, and the gateway's token for them.

use server_stub::{AuthMode, Grant};

use super::rig::{Rig, asked, body, refusal, run};
use crate::client::Ask;

fn nobody(rig: &Rig, header: Option<&str>) -> crate::client::Answer {
    let ask = Ask::post("/v1/runs", run("r"));
    asked(
        rig.gateway.server(),
        &header.map_or(ask, |header| Ask::post("/v1/runs", run("r")).header("Authorization", header)),
    )
}

#[test]
fn required_takes_no_anonymous_calls_and_exchanges_tokens() {
    let rig = Rig::new();
    assert_eq!(refusal(&nobody(&rig, None)), (401, "unauthorized".to_owned()));
    assert_eq!(rig.sts.token_requests(), 0);
    assert_eq!(rig.start("r").status, 200);
    assert_eq!((rig.sts.tokens_issued(Grant::TokenExchange), rig.sts.token_requests()), (1, 1));
}

#[test]
fn optional_mode_serves_anonymous_calls_by_its_own_token() {
    let rig = Rig::in_mode(AuthMode::Optional);
    assert_eq!(body(&nobody(&rig, None))["state"], "running");
    // An empty header is none, as at the published gateway.
    assert_eq!(nobody(&rig, Some("")).status, 409);
    assert_eq!(rig.sts.tokens_issued(Grant::ClientCredentials), 2);
    assert_eq!(rig.start("other").status, 200);
    assert_eq!(rig.sts.tokens_issued(Grant::TokenExchange), 1);
}

#[test]
fn optional_refuses_what_is_bad() {
    let rig = Rig::in_mode(AuthMode::Optional);
    for header in ["Basic dTpw", "Bearer garbage"] {
        let answer = nobody(&rig, Some(header));
        assert_eq!(refusal(&answer), (401, "unauthorized".to_owned()), "{header}");
        assert!(answer.header("www-authenticate").is_some());
    }
    assert_eq!(rig.sts.token_requests(), 0);
}

#[test]
fn disabled_looks_at_nothing() {
    let rig = Rig::in_mode(AuthMode::Disabled);
    assert_eq!(nobody(&rig, Some("Basic dTpw")).status, 200);
    assert_eq!(rig.sts.tokens_issued(Grant::ClientCredentials), 1);
    // The token is exchanged without a check, and the token service refuses it.
    assert_eq!(refusal(&nobody(&rig, Some("Bearer garbage"))), (400, "token_exchange_failed".to_owned()));
}
