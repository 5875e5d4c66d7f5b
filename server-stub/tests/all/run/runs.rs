//! Runs through the gateway, and refusals.

use serde_json::json;
use server_stub::{Coordinator, CoordinatorOptions, Pace, Sts, StsOptions};

use super::rig::{Rig, asked, body, refusal, run};
use crate::client::Ask;

#[test]
fn health_and_version_need_no_token() {
    let rig = Rig::new();
    let open = |path| body(&asked(rig.gateway.server(), &Ask::get(path)));
    let health = open("/v1/health");
    assert_eq!(health["status"], "ok");
    assert_eq!(health["checks"], json!([{ "name": "run_coordinator", "status": "ok" }]));
    assert!(health["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{health}");
    let version = open("/v1/version");
    assert_eq!(version["service_name"], "arp-run-gateway");
    assert_eq!(version["supported_api_versions"], json!(["v1"]));
    assert_eq!(rig.sts.token_requests(), 0, "health costs no token");
}

#[test]
fn a_gateway_without_its_coordinator_is_degraded_and_says_so() {
    let rig = Rig::new();
    rig.coordinator.server().go_down();
    let answer = asked(rig.gateway.server(), &Ask::get("/v1/health"));
    let health = body(&answer);
    assert_eq!((answer.status, &health["status"]), (200, &json!("degraded")));
    assert_eq!(health["checks"][0]["status"], "down");
    assert_eq!(refusal(&rig.get("/v1/runs/r")), (502, "run_coordinator_unavailable".to_owned()));
    rig.coordinator.server().come_back().expect("back");
    rig.coordinator.server().set_faults("html".parse().expect("a fault")).expect("set");
    assert_eq!(refusal(&rig.start("r")), (502, "run_coordinator_unavailable".to_owned()));
}

#[test]
fn a_run_is_started_shown_and_cancelled() {
    let rig = Rig::new();
    let started = body(&rig.start("r-1"));
    assert_eq!((&started["run_id"], &started["state"]), (&json!("r-1"), &json!("running")));
    assert!(started["root_node_run_id"].is_string() && started["started_at"].is_string());
    assert_eq!(body(&rig.get("/v1/runs/r-1")), started);
    // Both spellings work, and repeating it has no effect.
    let cancelled = body(&rig.ask(Ask::new("POST", "/v1/runs/r-1:cancel")));
    assert_eq!((&cancelled["state"], cancelled["ended_at"].is_string()), (&json!("canceled"), true));
    assert_eq!(body(&rig.ask(Ask::new("POST", "/v1/runs/r-1%3Acancel"))), cancelled);
    assert_eq!(body(&rig.get("/v1/runs/r-1")), cancelled);
}

#[test]
fn a_run_without_an_id_is_given_one_and_odd_ids_are_kept() {
    let rig = Rig::new();
    let unnamed = json!({ "root_node_type_ref": { "node_type_id": "t", "version": "1" }, "input": {},
                          "run_context": { "tenant_id": "t" } });
    let started = body(&rig.ask(Ask::post("/v1/runs", unnamed.to_string())));
    let id = started["run_id"].as_str().expect("an id");
    assert_eq!(started["run_context"], json!({ "tenant_id": "t" }));
    assert_eq!(body(&rig.get(&format!("/v1/runs/{id}"))), started);
    let odd = body(&rig.start("a/b:c d?ü"));
    assert_eq!(body(&rig.get("/v1/runs/a%2Fb%3Ac%20d%3F%C3%BC")), odd);
    let cancelled = body(&rig.ask(Ask::new("POST", "/v1/runs/a%2Fb:c%20d%3F%C3%BC:cancel")));
    assert_eq!(cancelled["state"], "canceled");
}

#[test]
fn a_retry_by_the_same_id_starts_no_second_run() {
    let rig = Rig::new();
    // The gateway has passed the call on, but its answer is lost.
    rig.gateway.server().fault_next(1, "close-after-request".parse().expect("a fault")).expect("set");
    let bearer = format!("Bearer {}", rig.token());
    let mut lost = crate::client::Connection::plain(rig.gateway.server().addr());
    lost.send(&Ask::post("/v1/runs", run("r")).header("Authorization", &bearer).bytes());
    assert!(lost.ended());
    assert_eq!(refusal(&rig.start("r")), (409, "run_already_exists".to_owned()));
    assert_eq!(body(&rig.get("/v1/runs/r"))["state"], "running");
    assert_eq!(rig.coordinator.runs(), 1);
}

#[test]
fn a_run_that_is_not_there() {
    let rig = Rig::new();
    for ask in [Ask::get("/v1/runs/x"), Ask::get("/v1/runs/x/events"), Ask::new("POST", "/v1/runs/x:cancel")]
    {
        let answer = rig.ask(ask);
        assert_eq!(refusal(&answer), (404, "run_not_found".to_owned()));
        assert!(answer.body.contains("\"message\":\"Run 'x' not found\""), "{}", answer.body);
    }
}

#[test]
fn bad_requests_name_every_error_and_cost_no_token() {
    let rig = Rig::new();
    let extra =
        json!({ "root_node_type_ref": { "node_type_id": "t", "version": "1" }, "input": {}, "more": 1 });
    for (sent, kinds) in [
        ("{}".to_owned(), vec!["missing", "missing"]),
        (extra.to_string(), vec!["extra_forbidden"]),
        ("{".to_owned(), vec!["json_invalid"]),
        (String::new(), vec!["missing"]),
        ("[]".to_owned(), vec!["dict_type"]),
    ] {
        let answer = rig.ask(Ask::post("/v1/runs", sent.clone()));
        let body = body(&answer);
        let error = &body["error"];
        assert_eq!((answer.status, &error["code"]), (400, &json!("invalid_request")), "{sent}");
        assert_eq!(error["message"], "Request validation failed");
        let errors = error["details"]["errors"].as_array().expect("errors");
        let found: Vec<_> = errors.iter().map(|error| error["type"].as_str().expect("a type")).collect();
        assert_eq!(found, kinds, "{sent}");
    }
    let form = Ask::new("POST", "/v1/runs").header("Content-Type", "application/x-www-form-urlencoded");
    assert_eq!(rig.ask(form.body(run("r"))).status, 400);
    let long = format!("{{\"input\":{{\"x\":\"{}\"}}}}", "x".repeat(1024 * 1024));
    assert_eq!(refusal(&rig.ask(Ask::post("/v1/runs", long))), (413, "http_error".to_owned()));
    assert_eq!((rig.sts.token_requests(), rig.coordinator.runs()), (0, 0));
}

#[test]
fn paths_and_methods_that_there_are_not() {
    let rig = Rig::new();
    for (method, path, status) in [
        ("GET", "/", 404),
        ("GET", "/v1/runs/r/x", 404),
        ("GET", "/v1/runs/%FF", 404),
        ("GET", "/v1/runs", 405),
        ("DELETE", "/v1/runs/r", 405),
        ("POST", "/v1/runs/r", 405),
        ("POST", "/v1/runs/:cancel", 405),
        ("POST", "/v1/health", 405),
    ] {
        let answer = rig.ask(Ask::new(method, path));
        assert_eq!(refusal(&answer), (status, "http_error".to_owned()), "{method} {path}");
    }
}

/// With the pace of the program, and keys fetched over TLS.
#[test]
fn runs_go_on_by_themselves_where_a_pace_is_set() {
    let authority = server_stub::CertificateAuthority::new().expect("an authority");
    let server = server_stub::ServerOptions { authority: Some(authority), ..Default::default() };
    let options =
        StsOptions { algorithm: super::rig::ALGORITHM, server: server.clone(), ..StsOptions::default() };
    let sts = Sts::start(options).expect("a token service");
    let coordinator = Coordinator::start(CoordinatorOptions {
        server,
        inbound: super::rig::inbound(&sts, "arp-run-coordinator"),
        pace: Pace::Every(core::time::Duration::from_millis(1)),
        ..CoordinatorOptions::of_realm(sts.issuer())
    });
    let coordinator = coordinator.expect("a coordinator");
    let bearer = format!("Bearer {}", sts.token(&json!({ "aud": "arp-run-coordinator" })));
    let ca = coordinator.server().ca_pem().expect("TLS").to_owned();
    let ask = |ask: Ask| {
        let connection = crate::client::Connection::tls(coordinator.server().addr(), &ca, "localhost");
        connection.expect("a connection").ask(&ask.header("Authorization", &bearer))
    };
    assert_eq!(ask(Ask::post("/v1/runs", run("r"))).status, 200);
    // Cancelling ends its events.
    let mut connection =
        crate::client::Connection::tls(coordinator.server().addr(), &ca, "localhost").expect("a connection");
    connection.send(&Ask::get("/v1/runs/r/events").header("Authorization", &bearer).bytes());
    let events = super::events::read_all(&mut connection.stream);
    assert_eq!(events.lines().count(), 5, "{events}");
    assert_eq!(body(&ask(Ask::get("/v1/runs/r")))["state"], "succeeded");
}
