//! The gateway's own tokens, and its answers when it gets none.

use core::time::Duration;

use server_stub::{AuthMode, Faults, Grant};

use super::rig::{Rig, asked, refusal, run};
use crate::client::Ask;

fn faults(names: &str) -> Faults {
    names.parse().expect("faults")
}

/// Starts a run without a token, so that the gateway needs one of its own.
fn anonymous(rig: &Rig) -> crate::client::Answer {
    asked(rig.gateway.server(), &Ask::post("/v1/runs", run("r")))
}

#[test]
fn token_service_refusals_pass_without_a_challenge() {
    let rig = Rig::in_mode(AuthMode::Optional);
    rig.sts.set_secret("arp-run-gateway", "another").expect("a client");
    for (answer, code) in
        [(rig.start("r"), "token_exchange_failed"), (anonymous(&rig), "token_request_failed")]
    {
        // Keycloak's status for a wrong secret. It does not concern the caller's token.
        assert_eq!(refusal(&answer), (401, code.to_owned()));
        assert_eq!(answer.header("www-authenticate"), None);
    }
    assert_eq!(rig.coordinator.runs(), 0);
}

#[test]
fn a_token_service_in_trouble_is_told_apart_by_its_status() {
    let rig = Rig::in_mode(AuthMode::Optional);
    // Its keys are fetched before it fails.
    assert_eq!(rig.start("first").status, 200);
    for (fault, status) in [
        ("status-503", 503),
        ("status-500", 500),
        ("status-429", 429),
        ("html", 502),
        ("empty-body", 502),
        // The form has secrets, and goes nowhere else. The published gateway follows the first with a GET, and answers
        // its caller with the second.
        ("status-302", 502),
        ("status-307", 502),
    ] {
        rig.sts.server().set_faults(faults(fault)).expect("set");
        for (answer, code) in
            [(rig.start("r"), "token_exchange_failed"), (anonymous(&rig), "token_request_failed")]
        {
            assert_eq!(refusal(&answer), (status, code.to_owned()), "{fault}");
        }
    }
    rig.sts.server().go_down();
    assert_eq!(refusal(&rig.start("r")), (502, "token_exchange_failed".to_owned()));
    assert_eq!(refusal(&anonymous(&rig)), (502, "token_request_failed".to_owned()));
}

#[test]
fn a_token_service_that_hangs_is_a_502() {
    let rig = Rig::with(|settings| {
        settings.sts_within = Duration::from_millis(200);
        settings.inbound.mode = AuthMode::Disabled;
    });
    rig.sts.server().set_faults(faults("stall")).expect("set");
    assert_eq!(refusal(&anonymous(&rig)), (502, "token_request_failed".to_owned()));
    assert_eq!(refusal(&rig.start("r")), (502, "token_exchange_failed".to_owned()));
}

#[test]
fn tokens_are_asked_for_by_the_coordinators_audience() {
    let rig = Rig::with(|settings| settings.coordinator_audience = "arp-run-gateway".to_owned());
    // The coordinator refuses the gateway's token. The refusal is passed on without a challenge.
    let answer = rig.start("r");
    assert_eq!(refusal(&answer), (401, "unauthorized".to_owned()));
    assert!(answer.body.contains("Invalid token audience"), "{}", answer.body);
    assert_eq!(answer.header("www-authenticate"), None);
    let unknown = Rig::with(|settings| settings.coordinator_audience = "nobody".to_owned());
    assert_eq!(refusal(&unknown.start("r")), (400, "token_exchange_failed".to_owned()));
}

#[test]
fn each_call_takes_one_token_never_the_callers_own() {
    let rig = Rig::new();
    for call in 1..=3 {
        assert_eq!(rig.start(&format!("r-{call}")).status, 200);
        assert_eq!(rig.sts.tokens_issued(Grant::TokenExchange), call);
    }
    // The coordinator accepts only exchanged tokens.
    let direct = Ask::get("/v1/runs/r-1").header("Authorization", &format!("Bearer {}", rig.token()));
    assert_eq!(asked(rig.coordinator.server(), &direct).status, 401);
}
