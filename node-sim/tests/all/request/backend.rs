//! SmartEM's backend, and a node with the file of its agent.

use server_stub::Backend;

use super::rig::{Ended, Rig, ended};

/// An agent's heartbeat, as `request` sends it.
fn beat(rig: &Rig, backend: &Backend) -> Ended {
    let url = format!("{}/agent/epu-1/session/s-2/heartbeat", backend.url());
    ended(rig.node.command("request").args(["POST", &url]), "")
}

#[test]
fn heartbeat_reaches_the_backend_with_a_token_without_audience() {
    let rig = Rig::smartem();
    let backend = rig.backend(|inbound| inbound.azp = vec!["jarvis-node".into()]);
    for _ in 0..2 {
        let done = beat(&rig, &backend);
        assert_eq!((done.code, done.told.as_str()), (Some(0), "HTTP 200\n"), "{done:?}");
        let answer: serde_json::Value = serde_json::from_str(&done.body).unwrap();
        assert_eq!((&answer["status"], &answer["session_id"]), (&"success".into(), &"s-2".into()));
    }
    assert_eq!((rig.sts.token_requests(), rig.sts.jwks_requests()), (1, 1));
}

#[test]
fn token_that_the_backend_refuses_is_replaced_once() {
    let rig = Rig::smartem();
    let backend = rig.backend(|inbound| inbound.azp = vec!["SmartEM_Agent".into()]);
    let done = beat(&rig, &backend);
    assert_eq!(done.code, Some(77), "{done:?}");
    assert_eq!(done.body, "{\"detail\":\"Token azp not permitted\"}");
    assert!(done.told.starts_with("HTTP 401\n") && done.told.contains("fetched a moment ago"), "{done:?}");
    assert_eq!(rig.sts.token_requests(), 2);
}

#[test]
fn outage_of_the_keys_is_waited_for_with_the_token() {
    let rig = Rig::smartem();
    assert_eq!(beat(&rig, &rig.backend(|_| ())).code, Some(0));
    // This backend has no keys yet, and meets an STS that is away.
    let backend = rig.backend(|_| ());
    rig.sts.server().fault_next(1, "status-503".parse().unwrap()).unwrap();
    let done = beat(&rig, &backend);
    assert_eq!((done.code, done.told.as_str()), (Some(0), "HTTP 200\n"), "{done:?}");
    assert_eq!(rig.sts.token_requests(), 1, "the token was good");
}
