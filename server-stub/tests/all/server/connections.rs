//! Connections: TLS, keep-alive and its end, and the server going down and coming back.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::Instant;

use crate::client::{Ask, Connection, plain};
use server_stub::{Options, Place, StartError, Stub};

fn tls() -> Stub {
    Stub::start(Options::default()).expect("a stub over TLS")
}

fn ca(stub: &Stub) -> &str {
    stub.ca_pem().expect("TLS has a certificate authority")
}

#[test]
fn a_node_is_validated_over_tls() {
    let stub = tls();
    let (node_id, node_key) = stub.node();
    let body =
        serde_json::json!({ "node_id": node_id, "node_key": node_key, "service_id": "command-center" });
    let ask = Ask::post("/internal/validate-node", body.to_string()).app(&stub);
    for name in ["127.0.0.1", "localhost", "::1"] {
        let mut connection = Connection::tls(stub.addr(), ca(&stub), name).expect("a trusted server");
        assert!(connection.ask(&ask).body.starts_with("{\"valid\":true,\"node_id\":\"kitchen-pi\""));
    }
    assert_eq!(stub.validations(), 3);
}

#[test]
fn certificates_hold_for_their_names_and_their_authority_only() {
    let names = vec!["auth.home.arpa".to_owned(), "192.0.2.7".to_owned()];
    let stub = Stub::start(Options { names, ..Options::default() }).expect("a stub with names");
    for name in ["auth.home.arpa", "192.0.2.7"] {
        assert!(Connection::tls(stub.addr(), ca(&stub), name).is_ok(), "{name}");
    }
    let wrong_name = Connection::tls(stub.addr(), ca(&stub), "auth.example.com");
    assert!(wrong_name.expect_err("refused").to_string().contains("not valid for name"));
    let stranger = Connection::tls(stub.addr(), ca(&tls()), "localhost");
    assert!(stranger.expect_err("refused").to_string().contains("invalid peer certificate"));
}

#[test]
fn a_name_that_cannot_be_certified_is_refused() {
    let options = Options { names: vec!["two words".to_owned()], ..Options::default() };
    assert!(matches!(Stub::start(options), Err(StartError::Name(name)) if name == "two words"));
}

#[test]
fn plain_http_to_a_tls_port_is_no_conversation() {
    let stub = tls();
    let mut connection = Connection::plain(stub.addr());
    connection.send(&Ask::get("/health").bytes());
    assert!(connection.answer(false).is_err());
}

#[test]
fn a_connection_serves_again_within_five_seconds_and_ends_then() {
    let stub = plain();
    let mut connection = Connection::plain(stub.addr());
    for _ in 0..3 {
        assert_eq!(connection.ask(&Ask::get("/health")).status, 200);
    }
    let idle = Instant::now();
    assert!(connection.ended());
    let idle = idle.elapsed();
    assert!(idle >= Duration::from_millis(4900), "{idle:?}");
    assert!(idle < Duration::from_millis(8000), "{idle:?}");
}

/// As with uvicorn and Go. A client may send head and body apart.
#[test]
fn a_body_that_nobody_reads_does_not_end_the_connection() {
    let stub = plain();
    let mut connection = Connection::plain(stub.addr());
    for _ in 0..2 {
        connection.send(b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n");
        assert_eq!(connection.answer(false).expect("answered before its body").status, 404);
        connection.send(b"{}");
        assert_eq!(connection.ask(&Ask::get("/health")).status, 200);
    }
}

#[test]
fn the_end_of_an_idle_connection_is_the_same_over_tls() {
    let stub = tls();
    let mut connection = Connection::tls(stub.addr(), ca(&stub), "localhost").expect("a trusted server");
    assert_eq!(connection.ask(&Ask::get("/health")).status, 200);
    let idle = Instant::now();
    // Without close_notify the read would be an error, and `ended` false.
    assert!(connection.ended());
    assert!(idle.elapsed() >= Duration::from_millis(4900), "{:?}", idle.elapsed());
}

#[test]
fn only_a_connection_that_was_answered_can_be_idle() {
    let stub = plain();
    let mut silent = Connection::plain(stub.addr());
    let mut slow = Connection::plain(stub.addr());
    let mut answered = Connection::plain(stub.addr());
    assert_eq!(slow.ask(&Ask::get("/health")).status, 200);
    let next = Ask::get("/health").bytes();
    slow.send(&next[..1]);
    assert_eq!(answered.ask(&Ask::get("/health")).status, 200);
    // Its end shows that five seconds have passed for the others, too.
    assert!(answered.ended());
    assert_eq!(silent.ask(&Ask::get("/health")).status, 200);
    slow.send(&next[1..]);
    assert_eq!(slow.answer(false).expect("an answer").status, 200);
}

#[test]
fn a_client_that_asks_for_the_end_gets_it() {
    let stub = plain();
    let mut connection = Connection::plain(stub.addr());
    let answer = connection.ask(&Ask::get("/health").header("Connection", "close"));
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(connection.ended());
}

#[test]
fn non_http_bytes_end_the_connection() {
    let stub = plain();
    let mut connection = Connection::plain(stub.addr());
    connection.send(b"nonsense\r\n\r\n");
    let answer = connection.answer(false).expect("an answer");
    assert_eq!((answer.status, answer.header("connection")), (400, Some("close")));
    assert!(connection.ended());
}

#[test]
fn a_server_that_is_down_refuses_and_comes_back_where_it_was() {
    let stub = tls();
    let addr = stub.addr();
    let mut open = Connection::tls(addr, ca(&stub), "localhost").expect("a trusted server");
    assert_eq!(open.ask(&Ask::get("/health")).status, 200);
    let mut half = Connection::plain(addr);
    let down = Instant::now();
    stub.go_down();
    assert!(open.answer(false).is_err(), "connections do not outlive the server");
    assert!(half.answer(false).is_err(), "nor do handshakes");
    assert!(down.elapsed() < Duration::from_secs(4), "nor do they end of idleness: {:?}", down.elapsed());
    for _ in 0..3 {
        stub.go_down();
        stub.go_down();
        let refused = TcpStream::connect(addr).err().map(|error| error.kind());
        assert_eq!(refused, Some(ErrorKind::ConnectionRefused));
        stub.come_back().expect("the same address");
        stub.come_back().expect("nothing to do");
        let mut anew = Connection::tls(addr, ca(&stub), "localhost").expect("a trusted server");
        assert_eq!(anew.ask(&Ask::get("/health")).status, 200);
    }
}

#[test]
fn a_dropped_stub_leaves_nothing_open() {
    let stub = plain();
    let mut idle = Connection::plain(stub.addr());
    assert_eq!(idle.ask(&Ask::get("/health")).status, 200);
    let dropped = Instant::now();
    drop(stub);
    // It did not end by the five seconds of an idle connection. That connecting is refused cannot be tested,
    // because another test may have the port by now.
    assert!(idle.answer(false).is_err());
    assert!(dropped.elapsed() < Duration::from_secs(4), "{:?}", dropped.elapsed());
}

/// Whichever of a home's addresses it is: those that were bound before it must not keep the start from its end.
#[test]
fn an_address_that_is_taken_is_named() {
    let first = plain();
    let at = || Place { listen: first.addr(), ..Place::default() };
    let plain = || Options { tls: false, ..Options::default() };
    for options in [
        Options { listen: first.addr(), ..plain() },
        Options { config: at(), ..plain() },
        Options { command_center: at(), ..plain() },
        Options { logs: at(), ..plain() },
    ] {
        let sentence = Stub::start(options).err().expect("refused").to_string();
        assert!(sentence.contains(&first.addr().to_string()), "{sentence}");
    }
}

#[test]
fn ipv6_is_served_where_there_is_any() {
    let listen = SocketAddr::from((IpAddr::V6(Ipv6Addr::LOCALHOST), 0));
    let stub = match Stub::start(Options { listen, ..Options::default() }) {
        Ok(stub) => stub,
        // A machine without IPv6 has nothing to test here.
        Err(StartError::Listen(..)) => return,
        Err(other) => panic!("{other}"),
    };
    assert!(stub.url().starts_with("https://[::1]:"), "{}", stub.url());
    assert!(Connection::tls(stub.addr(), ca(&stub), "::1").is_ok());
}

#[test]
fn renewal_changes_the_certificate_and_keeps_the_pin() {
    let stub = tls();
    let pin = stub.spki_pin();
    let shown = || {
        let connection = Connection::tls(stub.addr(), ca(&stub), "localhost").expect("a trusted server");
        connection.stream.conn.peer_certificates().expect("a certificate")[0].to_vec()
    };
    let first = shown();
    assert_eq!(shown(), first);
    stub.renew_certificate().expect("a certificate");
    let renewed = shown();
    assert_ne!(renewed, first);
    assert_eq!(stub.spki_pin(), pin);
    stub.replace_key().expect("a key");
    assert_ne!(shown(), renewed);
    assert_ne!(stub.spki_pin(), pin);
    assert_eq!(plain().spki_pin(), None);
}
