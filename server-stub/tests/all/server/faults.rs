//! Faults: their combination, changes while the stub runs, and the paths without faults. node-sim's tests
//! cover a node's reaction to each.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{ErrorKind, Read as _};
use std::net::TcpStream;

use crate::client::{Ask, Connection, plain};
use server_stub::{Fault, FaultError, Faults, Options, Stub};

fn faults(names: &str) -> Faults {
    names.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn with(names: &str) -> Stub {
    let stub = plain();
    stub.set_faults(faults(names)).expect("it can have them");
    stub
}

fn health(stub: &Stub) -> crate::client::Answer {
    Ask::get("/health").of(stub)
}

fn validate(stub: &Stub) -> crate::client::Answer {
    let (node_id, node_key) = stub.node();
    let body =
        serde_json::json!({ "node_id": node_id, "node_key": node_key, "service_id": "command-center" });
    Ask::post("/internal/validate-node", body.to_string()).app(stub).of(stub)
}

/// All bytes of the answer, up to the connection's end.
fn raw(stub: &Stub) -> Vec<u8> {
    let mut connection = Connection::plain(stub.addr());
    connection.send(&Ask::get("/health").bytes());
    let mut bytes = Vec::new();
    // A reset is an end, too.
    let _ = connection.stream.read_to_end(&mut bytes);
    bytes
}

#[test]
fn statuses_headers_contents_and_deliveries_combine() {
    let stub = with("status-503,retry-after-60,date-2099");
    let answer = health(&stub);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("60")));
    assert_eq!(answer.header("date"), Some("Thu, 01 Jan 2099 00:00:00 GMT"));
    stub.set_faults(faults("status-500,denial")).expect("set");
    let answer = health(&stub);
    assert_eq!(answer.status, 500);
    assert!(answer.body.starts_with("{\"valid\":false,"), "{}", answer.body);
    stub.set_faults(faults("status-429,chunked")).expect("set");
    let answer = String::from_utf8(raw(&stub)).expect("text");
    assert!(answer.starts_with("HTTP/1.1 429 ") && answer.ends_with("\r\n0\r\n\r\n"), "{answer}");
    stub.set_faults(Faults::NONE).expect("set");
    assert_eq!(health(&stub).body, "{\"status\":\"ok\"}");
}

#[test]
fn replaced_answers_skip_the_service_altered_ones_do_not() {
    let stub = with("status-503");
    assert_eq!((validate(&stub).status, stub.validations()), (503, 0));
    let body = serde_json::json!({ "node_id": "attic-pi", "provisioning_token": stub.provisioning_token() });
    let enrol = Ask::post("/api/v0/nodes/register", body.to_string());
    stub.set_faults(Faults::NONE).expect("set");
    stub.command_center().set_faults(faults("reset-after-request")).expect("set");
    let mut connection = Connection::plain(stub.command_center().addr());
    connection.send(&enrol.bytes());
    let error = connection.answer(false).expect_err("no answer");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    // The answer and its key are lost, but the node is registered.
    stub.set_faults(Faults::NONE).expect("set");
    assert_eq!(enrol.at(stub.command_center()).status, 401);
    assert_eq!(Ask::get("/admin/nodes/attic-pi").admin(&stub).of(&stub).status, 200);
}

#[test]
fn administrators_are_spared_what_is_wrong_with_answers() {
    let stub = plain();
    stub.set_faults(faults("status-500,body-cut")).expect("set");
    let rotated = Ask::post("/admin/nodes/kitchen-pi/rotate-key", "").admin(&stub).of(&stub);
    assert_eq!(rotated.status, 200);
    let body = serde_json::json!({ "household_id": stub.household_id() });
    let token = Ask::post("/api/v0/provisioning/token", body.to_string());
    let token = token.header("X-API-Key", stub.admin_api_key()).at(stub.command_center());
    assert_eq!(token.status, 201);
}

#[test]
fn an_open_connection_meets_the_faults_of_its_next_request() {
    let stub = plain();
    let mut connection = Connection::plain(stub.addr());
    assert_eq!(connection.ask(&Ask::get("/health")).status, 200);
    stub.set_faults(faults("status-502")).expect("set");
    assert_eq!(connection.ask(&Ask::get("/health")).status, 502);
    stub.set_faults(faults("two-answers")).expect("set");
    assert_eq!(connection.ask(&Ask::get("/health")).body, "{\"status\":\"ok\"}");
    assert!(connection.answer(false).expect("a second answer").body.contains("Node not found"));
    assert!(connection.answer(false).is_err(), "and the end");
}

#[test]
fn a_door_is_shut_blocked_and_opened_again() {
    let stub = with("refused");
    let connect = || TcpStream::connect_timeout(&stub.addr(), Duration::from_millis(500)).err();
    let kind = || connect().map(|error| error.kind());
    assert_eq!(kind(), Some(ErrorKind::ConnectionRefused));
    stub.set_faults(faults("black-hole")).expect("set");
    for _ in 0..3 {
        assert_eq!(kind(), Some(ErrorKind::TimedOut));
    }
    // A server that is down stays down when its faults are removed.
    stub.go_down();
    assert_eq!(kind(), Some(ErrorKind::ConnectionRefused));
    stub.set_faults(Faults::NONE).expect("set");
    assert_eq!(kind(), Some(ErrorKind::ConnectionRefused));
    stub.come_back().expect("the same address");
    assert_eq!(health(&stub).status, 200);
}

#[test]
fn faults_can_be_had_for_a_number_of_times() {
    let stub = plain();
    stub.fault_next(2, faults("status-500")).expect("set");
    assert_eq!([500, 500, 200], [(); 3].map(|()| health(&stub).status));
    stub.fault_next(1, faults("accept-close")).expect("set");
    assert!(raw(&stub).is_empty());
    assert_eq!(health(&stub).status, 200);
    assert!(matches!(stub.fault_next(1, faults("refused")), Err(FaultError::Uncounted(_))));
    assert_eq!(stub.faults(), Faults::NONE);
}

#[test]
fn faults_of_tls_need_tls() {
    let stub = plain();
    let refused = stub.set_faults(faults("cert-expired")).expect_err("refused").to_string();
    assert_eq!(refused, "cert-expired is a fault of TLS; start the stub without --plain");
    let options = Options { tls: false, faults: faults("handshake-alert"), ..Options::default() };
    assert!(Stub::start(options).is_err());
}

#[test]
fn handshakes_and_certificates_go_wrong_as_they_are_told() {
    let stub = Stub::start(Options { faults: faults("cert-expired"), ..Options::default() }).expect("a stub");
    let ca = stub.ca_pem().expect("TLS").to_owned();
    let told = |names| {
        stub.set_faults(faults(names)).expect("set");
        Connection::tls(stub.addr(), &ca, "localhost").expect_err("refused").to_string()
    };
    for (names, why) in [
        ("cert-expired", "certificate expired"),
        ("cert-not-yet-valid", "not valid yet"),
        ("cert-wrong-name", "not valid for name"),
        ("cert-other-ca", "invalid peer certificate"),
        ("handshake-alert", "HandshakeFailure"),
        ("handshake-garbage", "corrupt message"),
        ("handshake-endless", "corrupt message"),
        ("handshake-close", "unexpected end of file"),
    ] {
        assert!(told(names).contains(why), "{names}: {}", told(names));
    }
    stub.set_faults(faults("cert-other-key")).expect("set");
    assert!(Connection::tls(stub.addr(), &ca, "localhost").is_ok(), "only a pin tells");
}

fn on_control(addr: SocketAddr, ask: &Ask) -> (u16, String) {
    let answer = Connection::plain(addr).ask(ask);
    (answer.status, answer.body)
}

#[test]
fn control_port_works_while_the_server_is_unreachable() {
    let control = Some("127.0.0.1:0".parse().expect("an address"));
    let options = Options { faults: faults("black-hole"), control, ..Options::default() };
    let stub = Stub::start(options).expect("a stub");
    let url = stub.control_url().expect("a control");
    let addr = url.strip_prefix("http://").and_then(|url| url.strip_suffix("/__stub/faults"));
    let addr = addr.expect("a url").parse().expect("an address");
    let path = "/__stub/faults";

    assert_eq!(on_control(addr, &Ask::get(path)).0, 401);
    assert_eq!(on_control(addr, &Ask::get(path).admin(&stub)), (200, "[\"black-hole\"]".into()));
    let put = |body: &str| on_control(addr, &Ask::new("PUT", path).admin(&stub).body(body));
    assert_eq!(put("[\"refused\"]"), (200, "[\"refused\"]".into()));
    let refused = TcpStream::connect(stub.addr()).err().map(|error| error.kind());
    assert_eq!(refused, Some(ErrorKind::ConnectionRefused));
    assert_eq!(put("[\"stall\",\"late\"]").0, 400);
    assert!(put("[\"stal\"]").1.contains("near it: stall, stall-then-500"), "{}", put("[\"stal\"]").1);
    assert_eq!(put("stall").0, 400);
    assert_eq!(stub.faults(), faults("refused"), "what cannot be had changes nothing");
    assert_eq!(on_control(addr, &Ask::new("DELETE", path).admin(&stub)), (200, "[]".into()));
    assert!(Connection::tls(stub.addr(), stub.ca_pem().expect("TLS"), "localhost").is_ok());
    // The service itself is not available there.
    assert_eq!(on_control(addr, &Ask::get("/health")).0, 404);
    assert_eq!(on_control(addr, &Ask::get("/admin/nodes").admin(&stub)).0, 404);
}

#[test]
fn own_port_switches_faults_while_answers_are_faulty() {
    let stub = with("status-500,header-endless");
    let path = "/__stub/faults";
    let shown = Ask::get(path).admin(&stub).of(&stub);
    assert_eq!(shown.body, "[\"status-500\",\"header-endless\"]");
    assert_eq!(Ask::new("PUT", path).admin(&stub).body("[\"status-404\"]").of(&stub).status, 200);
    assert_eq!(health(&stub).status, 404);
    assert_eq!(Ask::new("DELETE", path).admin(&stub).of(&stub).body, "[]");
    assert_eq!(health(&stub).status, 200);
    assert_eq!(Ask::get(path).of(&stub).status, 401);
}

#[test]
fn redirects_point_where_they_are_told() {
    let redirect_to = "http://192.0.2.9:81/".to_owned();
    let options = Options { tls: false, faults: faults("status-307"), redirect_to, ..Options::default() };
    let stub = Stub::start(options).expect("a stub");
    let answer = Ask::get("/health?x=1").of(&stub);
    assert_eq!(answer.status, 307);
    assert_eq!(answer.header("location"), Some("http://192.0.2.9:81/health?x=1"));
}

#[test]
fn auth_outage_at_command_center_is_a_401() {
    let stub = plain();
    stub.set_faults(faults("auth-unavailable")).expect("set");
    let (id, key) = stub.node();
    let heartbeat =
        Ask::post("/api/v0/admin/nodes/heartbeat", "{}").header("X-API-Key", &format!("{id}:{key}"));
    let answer = heartbeat.at(stub.command_center());
    assert_eq!(answer.status, 401);
    assert!(answer.text("detail").starts_with("Auth service unavailable: "), "{}", answer.body);
    // The auth service itself never answers like this.
    assert_eq!(validate(&stub).status, 200);
    stub.set_faults(faults("auth-error-500")).expect("set");
    assert_eq!(heartbeat.at(stub.command_center()).text("detail"), "Auth service error: 500");
}

/// After each fault that a request can meet, the stub still works.
#[test]
fn no_fault_is_for_good() {
    let stub = Stub::start(Options::default()).expect("a stub");
    let ca = stub.ca_pem().expect("TLS").to_owned();
    for fault in Fault::all().filter(|fault| !fault.is_of_tokens()) {
        stub.set_faults(Faults::of(&[fault]).expect("one")).expect("set");
        if let Ok(socket) = TcpStream::connect_timeout(&stub.addr(), Duration::from_millis(100)) {
            // The client closes at once, in the middle of the fault.
            drop(socket);
        }
        stub.set_faults(Faults::NONE).expect("set");
        let mut connection = Connection::tls(stub.addr(), &ca, "localhost")
            .unwrap_or_else(|error| panic!("after {fault}: {error}"));
        assert_eq!(connection.ask(&Ask::get("/health")).status, 200, "after {fault}");
    }
}
