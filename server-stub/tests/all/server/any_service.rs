//! Servers with any service behind them: several in one process, each with its own faults and a certificate
//! of the same authority.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use crate::client::{Ask, Connection};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use server_stub::{CertificateAuthority, Options, Server, ServerOptions, Stub};
use tokio::sync::mpsc;

fn greeting(text: &'static str) -> Router {
    Router::new()
        .route("/hello", get(move || async move { text }))
        .route("/echo", post(|text: String| async { text }))
}

#[test]
fn one_authority_vouches_for_all_and_each_fails_alone() {
    let stub = Stub::start(Options::default()).expect("a stub");
    let authority = stub.authority();
    let ca = stub.ca_pem().expect("TLS").to_owned();
    let start = |text| {
        let options = ServerOptions { authority: authority.clone(), ..ServerOptions::default() };
        Server::start(options, greeting(text)).expect("a server")
    };
    let (one, other) = (start("one"), start("other"));
    assert!(one.url().starts_with("https://127.0.0.1:") && one.ca_pem() == Some(&ca));
    assert_ne!(one.spki_pin(), other.spki_pin(), "each has a key of its own");
    let hello = |server: &Server| {
        Connection::tls(server.addr(), &ca, "localhost").map(|mut way| way.ask(&Ask::get("/hello")).body)
    };
    one.set_faults("status-503".parse().expect("a fault")).expect("set");
    assert!(hello(&one).expect("an answer").contains("503"));
    assert_eq!(hello(&other).expect("an answer"), "other");
    one.fault_next(1, "empty-body".parse().expect("a fault")).expect("set");
    assert_eq!(hello(&one).expect("an answer"), "");
    assert_eq!(hello(&one).expect("an answer"), "one");
    one.go_down();
    assert_eq!(hello(&one).expect_err("refused").kind(), ErrorKind::ConnectionRefused);
    assert_eq!(hello(&other).expect("an answer"), "other");
    let mut auth = Connection::tls(stub.addr(), &ca, "localhost").expect("a way");
    assert_eq!(auth.ask(&Ask::get("/health")).status, 200);
    one.come_back().expect("back");
    assert_eq!(hello(&one).expect("an answer"), "one");
}

#[test]
fn faults_over_http_need_that_servers_admin_token() {
    let options = ServerOptions { admin_token: Some("let-me".into()), ..ServerOptions::default() };
    let server = Server::start(options, greeting("hello")).expect("a server");
    let ask = |ask: Ask| Connection::plain(server.addr()).ask(&ask);
    let put = || Ask::new("PUT", "/__stub/faults").body("[\"status-502\"]");
    assert_eq!(ask(put()).status, 401);
    assert_eq!(ask(put().header("X-Jarvis-Admin-Token", "let-me")).body, "[\"status-502\"]");
    assert_eq!(ask(Ask::get("/hello")).status, 502);
    assert_eq!(server.faults().to_string(), "status-502");
    let delete = Ask::new("DELETE", "/__stub/faults").header("X-Jarvis-Admin-Token", server.admin_token());
    assert_eq!(ask(delete).status, 200);
    assert_eq!(ask(Ask::new("POST", "/echo").body("said")).body, "said");
    assert_eq!(ask(Ask::get("/elsewhere")).status, 404);
    let other = CertificateAuthority::new().expect("an authority");
    let taken = ServerOptions { listen: server.addr(), authority: Some(other), ..ServerOptions::default() };
    assert!(Server::start(taken, Router::new()).is_err(), "its address is taken");
}

/// The body is sent while it is produced, not at its end.
#[test]
fn an_answer_is_streamed_while_it_is_produced() {
    let (lines, produced) = mpsc::unbounded_channel::<&'static str>();
    let body = Arc::new(Mutex::new(Some(Body::new(Lines(produced)))));
    let service = Router::new().route(
        "/events",
        get(move || async move { body.lock().expect("no panic").take().unwrap_or_default() }),
    );
    let server = Server::start(ServerOptions::default(), service).expect("a server");
    let mut stream = TcpStream::connect(server.addr()).expect("a connection");
    stream.set_read_timeout(Some(core::time::Duration::from_secs(30))).expect("a time-out");
    stream.write_all(b"GET /events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("asked");
    let mut read_until = |end: &str| {
        let mut got = Vec::new();
        while !String::from_utf8_lossy(&got).contains(end) {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("more");
            got.push(byte[0]);
        }
    };
    lines.send("first\n").expect("somebody reads");
    read_until("first\n");
    // The second line is produced only now.
    lines.send("second\n").expect("somebody reads");
    read_until("second\n");
    drop(lines);
    read_until("0\r\n\r\n");
}

/// A body of lines that arrive one by one.
struct Lines(mpsc::UnboundedReceiver<&'static str>);

impl axum::body::HttpBody for Lines {
    type Data = Bytes;
    type Error = core::convert::Infallible;

    fn poll_frame(
        mut self: core::pin::Pin<&mut Self>,
        cx: &mut core::task::Context<'_>,
    ) -> core::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        let line = self.0.poll_recv(cx);
        line.map(|line| line.map(|line| Ok(hyper::body::Frame::data(Bytes::from(line)))))
    }
}
