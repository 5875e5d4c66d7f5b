//! Against the Run Gateway, with the token service and the coordinator behind it.

use std::fs;

use serde_json::Value;
use server_stub::CertificateAuthority;

use super::rig::{Rig, ended, run};

#[test]
fn events_of_a_run_are_printed_as_they_come() {
    let rig = Rig::new();
    let coordinator = rig.coordinator();
    let gateway = rig.gateway(&coordinator, |_| ());
    let runs = format!("{}/v1/runs", gateway.url());
    let started = ended(&mut rig.command("POST", &runs, &["--data", "@-"]), &run("r"));
    assert_eq!((started.code, started.told.as_str()), (Some(0), "HTTP 200\n"), "{started:?}");
    let body: Value = serde_json::from_str(&started.body).unwrap();
    assert_eq!((&body["run_id"], &body["state"]), (&"r".into(), &"running".into()));

    let events = rig.begin("GET", &format!("{runs}/r/events"));
    for seq in 1..=5 {
        let line = events.line().unwrap();
        assert_eq!(coordinator.events("r"), seq, "{line}");
        let event: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(event["seq"], seq);
        for of in ["cmdline", "environ"] {
            assert!(!events.known(of).contains("eyJ"), "a token in its {of}");
        }
        assert_eq!(coordinator.step("r"), seq < 5);
    }
    assert_eq!(events.line(), None);
    assert_eq!(events.end(), (Some(0), "HTTP 200\n".into()));

    let again = rig.request("POST", &runs, &["--data", &run("r")]);
    assert_eq!((again.code, again.told.as_str()), (Some(65), "HTTP 409\n"), "{again:?}");
    assert!(again.body.contains("run_already_exists"), "{again:?}");
    let cancelled = rig.request("POST", &format!("{runs}/r:cancel"), &[]);
    assert_eq!((cancelled.code, cancelled.told.as_str()), (Some(0), "HTTP 200\n"), "{cancelled:?}");
    // The node fetched one token. The gateway exchanged it for one of its own each time it was used.
    assert_eq!(rig.sts.token_requests(), 1 + 4);
}

#[test]
fn token_refused_by_the_gateway_is_replaced_once() {
    let rig = Rig::new();
    let coordinator = rig.coordinator();
    let gateway = rig.gateway(&coordinator, |_| ());
    // The node does not check signatures, so it passes this token on.
    rig.sts.server().fault_next(1, "token-bad-signature".parse().unwrap()).unwrap();
    let file = rig.node.dir.path().join("run.json");
    fs::write(&file, run("r")).unwrap();
    let data = format!("@{}", file.display());
    let done = rig.request("POST", &format!("{}/v1/runs", gateway.url()), &["--data", &data]);
    assert_eq!((done.code, done.told.as_str()), (Some(0), "HTTP 200\n"), "{done:?}");
    assert_eq!(coordinator.runs(), 1);
    // Two for the node, and the gateway's exchange of the good one.
    assert_eq!(rig.sts.token_requests(), 3);
}

#[test]
fn lasting_token_refusal_leads_to_one_new_token() {
    for (fault, says, code) in [
        ("token-bad-signature", "Invalid token", 77),
        // The request is repeated for half a minute, and no longer.
        ("token-unknown-kid", "Unable to fetch JWKS", 75),
    ] {
        let rig = Rig::new();
        let coordinator = rig.coordinator();
        let gateway = rig.gateway(&coordinator, |_| ());
        rig.sts.server().set_faults(fault.parse().unwrap()).unwrap();
        let done = rig.request("GET", &format!("{}/v1/runs/r", gateway.url()), &[]);
        assert_eq!(done.code, Some(code), "{fault}: {done:?}");
        assert!(done.told.starts_with("HTTP 401\n") && done.body.contains(says), "{fault}: {done:?}");
        assert_eq!(done.told.contains("token may be good"), code == 75, "{fault}: {done:?}");
        assert_eq!(rig.sts.token_requests(), 2, "{fault}");
    }
}

#[test]
fn token_whose_key_is_gone_is_replaced_in_the_end() {
    let rig = Rig::new();
    let coordinator = rig.coordinator();
    let gateway = rig.gateway(&coordinator, |_| ());
    // As after the import of a realm, whose keys are new.
    rig.sts.server().fault_next(1, "token-unknown-kid".parse().unwrap()).unwrap();
    let done = rig.request("GET", &format!("{}/v1/runs/r", gateway.url()), &[]);
    assert_eq!((done.code, done.told.as_str()), (Some(65), "HTTP 404\n"), "{done:?}");
    // Two for the node, and the gateway's exchange of the good one.
    assert_eq!(rig.sts.token_requests(), 3);
}

#[test]
fn token_refused_for_audience_or_issuer_is_tried_twice() {
    let rig = Rig::new();
    let coordinator = rig.coordinator();
    let us = rig.gateway(&coordinator, |settings| settings.inbound.audience = Some("us".into()));
    let done = rig.request("GET", &format!("{}/v1/runs/r", us.url()), &[]);
    assert_eq!(done.code, Some(77), "{done:?}");
    assert!(done.body.contains("Invalid token audience"), "{done:?}");
    assert!(done.told.contains("compare audience and issuer"), "{done:?}");
    assert_eq!(rig.sts.token_requests(), 2);
    // Within 30 s a service that complains gets no third one.
    let slash = format!("{}/", rig.sts.issuer());
    let slashed = rig.gateway(&coordinator, |settings| settings.inbound.issuer = Some(slash));
    let done = rig.request("GET", &format!("{}/v1/runs/r", slashed.url()), &[]);
    assert_eq!(done.code, Some(77), "{done:?}");
    assert!(done.body.contains("Invalid token issuer") && done.told.contains("30 s ago"), "{done:?}");
    assert_eq!(rig.sts.token_requests(), 2);
}

#[test]
fn gateways_own_token_trouble_costs_no_new_token() {
    let rig = Rig::new();
    let coordinator = rig.coordinator();
    let gateway = rig.gateway(&coordinator, |settings| settings.client_secret = "wrong".into());
    let done = rig.request("GET", &format!("{}/v1/runs/r", gateway.url()), &[]);
    assert_eq!(done.code, Some(77), "{done:?}");
    assert!(done.body.contains("token_exchange_failed"), "{done:?}");
    assert!(done.told.contains("not about the token that was sent"), "{done:?}");
    // One by the node, and one attempt by the gateway.
    assert_eq!(rig.sts.token_requests(), 2);
}

#[test]
fn a_service_of_another_ca_is_called_with_ca_only() {
    let rig = Rig::new();
    let coordinator = rig.coordinator();
    let other = CertificateAuthority::new().unwrap();
    let gateway = rig.gateway_of(Some(other), &coordinator, |_| ());
    let url = format!("{}/v1/health", gateway.url());
    let done = rig.request("GET", &url, &[]);
    assert_eq!((done.code, done.body.as_str()), (Some(69), ""), "{done:?}");
    assert!(done.told.contains("--ca FILE"), "{done:?}");
    let ca = rig.node.dir.path().join("other.pem");
    fs::write(&ca, gateway.server().ca_pem().unwrap()).unwrap();
    let done = rig.request("GET", &url, &["--ca", ca.to_str().unwrap()]);
    assert_eq!((done.code, done.told.as_str()), (Some(0), "HTTP 200\n"), "{done:?}");
}
