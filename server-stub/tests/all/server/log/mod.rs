//! `GET /__stub/log`: the last requests and their results.

mod secrets;

use core::net::SocketAddr;
use core::time::Duration;
use std::time::Instant;

use crate::client::{Ask, Connection, plain};
use serde_json::{Value, json};
use server_stub::jwt::Algorithm;
use server_stub::{
    Coordinator, CoordinatorOptions, Gateway, GatewayOptions, GatewaySettings, InboundSettings, Model,
    Options, Server, ServerOptions, Sts, StsOptions, Stub,
};

/// The time limit for anything here, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn validation(stub: &Stub, node_key: &str) -> Ask {
    let body = json!({ "node_id": stub.node().0, "node_key": node_key, "service_id": "command-center" });
    Ask::post("/internal/validate-node", body.to_string()).app(stub)
}

/// The finished requests.
fn over(log: &Value) -> &[Value] {
    log["requests"].as_array().expect("a list")
}

#[track_caller]
fn until(log: impl Fn() -> Value, is_so: impl Fn(&Value) -> bool) -> Value {
    let begin = Instant::now();
    loop {
        let now = log();
        if is_so(&now) {
            return now;
        }
        assert!(begin.elapsed() < PATIENCE, "{now:#}");
    }
}

#[test]
fn log_shows_the_sender_and_the_result() {
    let stub = plain();
    assert_eq!(stub.log(0), json!({ "requests": [], "under_way": [] }));
    let answer = validation(&stub, stub.node().1).of(&stub);
    assert_eq!(answer.status, 200);
    let log = stub.log(0);
    let [entry] = over(&log) else { panic!("one: {log}") };
    let mut entry = entry.clone();
    let fields = entry.as_object_mut().expect("an object");
    let at = fields.remove("at").expect("a time");
    assert!(at.as_str().is_some_and(|at| at.len() == "2026-11-22T02:05:55.482570Z".len()), "{at}");
    assert!(fields.remove("latency_ms").is_some_and(|ms| ms.is_u64()));
    let wanted = json!({
        "id": 1, "from": "127.0.0.1", "method": "POST", "path": "/internal/validate-node",
        "app_id": "jarvis-node-agent", "node_id": "kitchen-pi", "client_id": null,
        "secrets": { "X-Jarvis-App-Key": "*** (64)", "node_key": "*** (64)" },
        "status": 200, "ended": "answered", "faults": [], "waited_ms": null,
    });
    assert_eq!(entry, wanted);
    let heartbeat =
        Ask::post("/api/v0/admin/nodes/heartbeat?from=cron", "{}").header("X-API-Key", "attic-pi:0123");
    assert_eq!(heartbeat.at(stub.command_center()).status, 401);
    let log = stub.command_center().log(0);
    let [entry] = over(&log) else { panic!("one there: {log}") };
    assert_eq!((&entry["node_id"], &entry["status"]), (&json!("attic-pi"), &json!(401)));
    assert_eq!(entry["path"], "/api/v0/admin/nodes/heartbeat?*** (9)");
    assert_eq!(entry["secrets"], json!({ "X-API-Key": "*** (4)" }));
    // The command center has asked here.
    let log = stub.log(1);
    let [entry] = over(&log) else { panic!("one more: {log}") };
    assert_eq!((&entry["id"], &entry["app_id"]), (&json!(2), &json!("jarvis-command-center")));
    assert_eq!(stub.log(2)["requests"], json!([]));
}

#[test]
fn faults_are_named_and_so_is_how_a_request_ended_by_them() {
    let stub = Stub::start(Options::default()).expect("a stub");
    let ca = stub.ca_pem().expect("TLS").to_owned();
    let mut ids = 0;
    for (fault, status, ended) in [
        ("status-503", json!(503), "answered"),
        ("body-cut", json!(200), "answered"),
        ("close-after-request", json!(null), "closed"),
        ("reset-after-request", json!(null), "reset"),
        ("close-before-request", json!(null), "no-request"),
        ("accept-close", json!(null), "no-request"),
        ("handshake-alert", json!(null), "no-handshake"),
        ("stall", json!(null), "abandoned"),
    ] {
        stub.set_faults(fault.parse().expect("a fault")).expect("set");
        if let Ok(mut connection) = Connection::tls(stub.addr(), &ca, "localhost") {
            let patience = if fault == "stall" { Duration::from_millis(300) } else { PATIENCE };
            connection.stream.sock.set_read_timeout(Some(patience)).expect("a timeout");
            // Some connections are closed before anything can be sent.
            let _ = std::io::Write::write_all(&mut connection.stream, &validation(&stub, "key").bytes());
            let _ = connection.answer(false);
        }
        let log = until(|| stub.log(ids), |log| !over(log).is_empty());
        let entry = &over(&log)[0];
        assert_eq!((&entry["status"], &entry["ended"]), (&status, &json!(ended)), "{fault}: {log:#}");
        assert_eq!(entry["faults"], json!([fault]), "{log:#}");
        if entry["method"] == "POST" {
            assert_eq!(entry["node_id"], "kitchen-pi", "{fault}: {log:#}");
        }
        ids = entry["id"].as_u64().expect("a number");
    }
    // A client that does not trust the server is logged, too, without a fault.
    stub.set_faults("".parse().expect("none")).expect("set");
    let other = server_stub::CertificateAuthority::new().expect("an authority");
    assert!(Connection::tls(stub.addr(), other.pem(), "localhost").is_err());
    let log = until(|| stub.log(ids), |log| !over(log).is_empty());
    assert_eq!(over(&log)[0]["ended"], "no-handshake", "{log:#}");
}

#[test]
fn log_shows_the_waits_of_a_request_under_way() {
    let stub =
        Stub::start(Options { tls: false, model: Model::MEASURED, ..Options::default() }).expect("a stub");
    let key = stub.node().1;
    let answer = validation(&stub, key).of(&stub);
    assert_eq!(answer.status, 200);
    let waited = &over(&stub.log(0))[0]["waited_ms"].clone();
    assert!(waited["check"].as_u64().is_some_and(|ms| ms >= 490), "{waited}");
    assert_eq!(waited["last"], Value::Null);
    let mut inside: Vec<_> = (0..60).map(|_| Connection::plain(stub.addr())).collect();
    for connection in &mut inside {
        connection.send(&validation(&stub, key).bytes());
    }
    let waiting_for = |log: &Value, thing| {
        let under_way = log["under_way"].as_array().expect("a list");
        under_way.iter().filter(|entry| entry["waited_ms"]["last"] == thing).count()
    };
    let log = until(|| stub.log(1), |log| waiting_for(log, "connection") == 40);
    assert!(waiting_for(&log, "thread") > 0, "{log:#}");
    let entry = &log["under_way"][0];
    assert_eq!((&entry["id"], &entry["ended"]), (&Value::Null, &json!("under-way")));
    assert_eq!((&entry["node_id"], &entry["status"]), (&json!("kitchen-pi"), &Value::Null));
    drop(inside);
    let log = until(|| stub.log(1), |log| over(log).len() == 60);
    assert_eq!(log["under_way"], json!([]));
    let left = over(&log).iter().filter(|entry| entry["ended"] == "abandoned").count();
    assert!(left >= 40, "{log:#}");
}

#[test]
fn the_last_five_hundred_are_remembered() {
    let stub = plain();
    let mut connection = Connection::plain(stub.addr());
    for _ in 0..510 {
        assert_eq!(connection.ask(&Ask::get("/health")).status, 200);
    }
    let log = stub.log(0);
    assert_eq!(over(&log).len(), 500);
    assert_eq!((&over(&log)[0]["id"], &over(&log)[499]["id"]), (&json!(11), &json!(510)));
    assert_eq!(over(&stub.log(505)).len(), 5);
}

fn shown(server: &Server, at: SocketAddr, path: &str) -> (u16, String) {
    let ask = Ask::get(path).header("X-Jarvis-Admin-Token", server.admin_token());
    let answer = Connection::plain(at).ask(&ask);
    (answer.status, answer.body)
}

/// Services that call each other: each has its own log, at its own port and its control, for the
/// administrator only.
#[test]
fn every_service_has_its_own() {
    let server = || ServerOptions { control: Some(([127, 0, 0, 1], 0).into()), ..ServerOptions::default() };
    let sts = StsOptions { server: server(), algorithm: Algorithm::Es256, ..StsOptions::default() };
    let sts = Sts::start(sts).expect("a token service");
    let inbound = |audience| InboundSettings {
        algorithms: vec![Algorithm::Es256],
        ..InboundSettings::required(sts.issuer(), audience)
    };
    let options = CoordinatorOptions {
        server: server(),
        inbound: inbound("arp-run-coordinator"),
        ..CoordinatorOptions::of_realm(sts.issuer())
    };
    let coordinator = Coordinator::start(options).expect("a coordinator");
    let settings = GatewaySettings {
        inbound: inbound("arp-run-gateway"),
        ..GatewaySettings::of_realm(sts.issuer(), coordinator.url())
    };
    let options = GatewayOptions { server: server(), settings, authorities: Vec::new() };
    let gateway = Gateway::start(options).expect("a gateway");
    let token = sts.token(&json!({ "aud": "arp-run-gateway", "azp": "jarvis-node" }));
    let ask = Ask::get("/v1/runs/some-run").header("Authorization", &format!("Bearer {token}"));
    assert_eq!(Connection::plain(gateway.server().addr()).ask(&ask).status, 404);

    for (server, path, client) in [
        (gateway.server(), "/v1/runs/some-run", "jarvis-node"),
        (coordinator.server(), "/v1/runs/some-run", "arp-run-gateway"),
        (sts.server(), "/realms/arp-dev/protocol/openid-connect/token", "arp-run-gateway"),
    ] {
        let at = server.control_url().expect("a control");
        let at = at.strip_prefix("http://").and_then(|url| url.strip_suffix("/__stub/faults"));
        let at = at.expect("a URL").parse().expect("an address");
        let (status, body) = shown(server, at, "/__stub/log");
        let log: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(status, 200);
        let entry = over(&log).iter().find(|entry| entry["path"] == path);
        let entry = entry.unwrap_or_else(|| panic!("{path}: {log:#}"));
        assert_eq!(entry["client_id"], client, "{entry:#}");
        assert_eq!(
            shown(server, server.addr(), "/__stub/log?since=0").1,
            body,
            "and its own port says the same"
        );
        assert_eq!(shown(server, at, "/__stub/log?since=yesterday").0, 400);
        assert_eq!(Connection::plain(at).ask(&Ask::get("/__stub/log")).status, 401);
        assert_eq!(shown(server, at, "/__stub/model").0, 404, "only the auth service has one");
        for part in token.split('.') {
            assert!(!body.contains(part), "{body}");
        }
    }
}
