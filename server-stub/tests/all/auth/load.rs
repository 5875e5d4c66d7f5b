//! The load of the measured service, with real clients over TLS. Exact times are tested in virtual time, in
//! `src/stub/load_tests.rs`.

use core::time::Duration;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use crate::client::{Answer, Ask, Connection};
use server_stub::{Faults, Model, Options, Stub};

/// The time limit for anything here, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn started(model: Model) -> Stub {
    Stub::start(Options { model, ..Options::default() }).expect("a stub")
}

fn validation(stub: &Stub) -> Ask {
    let (node_id, node_key) = stub.node();
    let body =
        serde_json::json!({ "node_id": node_id, "node_key": node_key, "service_id": "command-center" });
    Ask::post("/internal/validate-node", body.to_string()).app(stub)
}

/// The answers to this many simultaneous clients, and the time of each.
fn at_once(stub: &Stub, clients: usize) -> Vec<(Duration, Answer)> {
    let (ask, ca) = (validation(stub), stub.ca_pem().expect("TLS"));
    let ready = Barrier::new(clients);
    thread::scope(|scope| {
        let asking = (0..clients).map(|_| {
            scope.spawn(|| {
                let mut connection = Connection::tls(stub.addr(), ca, "localhost").expect("a connection");
                connection.stream.sock.set_read_timeout(Some(PATIENCE)).expect("a timeout");
                ready.wait();
                let begin = Instant::now();
                let answer = connection.ask(&ask);
                (begin.elapsed(), answer)
            })
        });
        let asking: Vec<_> = asking.collect();
        asking.into_iter().map(|client| client.join().expect("an answer")).collect()
    })
}

fn valid(answer: &Answer) -> bool {
    answer.status == 200 && answer.body.starts_with("{\"valid\":true,")
}

#[test]
fn one_validation_takes_half_a_second() {
    let stub = started(Model::MEASURED);
    let told = at_once(&stub, 1);
    let (took, answer) = &told[0];
    assert!(valid(answer), "{answer:?}");
    assert!((Duration::from_millis(490)..PATIENCE).contains(took), "{took:?}");
}

#[test]
fn fourteen_validations_at_once_take_turns() {
    let stub = started(Model::MEASURED.faster_by(5));
    let told = at_once(&stub, 14);
    assert!(told.iter().all(|(_, answer)| valid(answer)), "{told:?}");
    let last = told.iter().map(|(took, _)| *took).max().expect("fourteen");
    assert!((Duration::from_millis(49 * 14)..PATIENCE).contains(&last), "{last:?}");
}

#[test]
fn forty_validations_at_once_stall_then_some_fail() {
    let stub = started(Model::MEASURED.faster_by(10));
    let told = at_once(&stub, 40);
    let timeout = Duration::from_secs(3);
    // A few calls may finish before the others arrive.
    assert!(told.iter().filter(|(took, _)| *took >= timeout).count() >= 20, "{told:?}");
    let (good, bad): (Vec<_>, Vec<_>) = told.iter().partition(|(_, answer)| valid(answer));
    assert!(!good.is_empty() && !bad.is_empty(), "{told:?}");
    for (took, answer) in bad {
        assert!(*took >= timeout, "{took:?}");
        assert_eq!((answer.status, answer.body.as_str()), (500, "Internal Server Error"));
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    }
    assert_eq!(stub.validations(), 40);
}

#[test]
fn health_hangs_with_forty_inside_until_a_restart() {
    // The model is slow enough that only the restart can end the stall.
    let stub = started(Model::MEASURED);
    let (ask, ca) = (validation(&stub), stub.ca_pem().expect("TLS"));
    let connected = || Connection::tls(stub.addr(), ca, "localhost").expect("a connection");
    // More than forty, because the first may finish before the last arrives.
    let mut inside: Vec<_> = (0..60).map(|_| connected()).collect();
    for connection in &mut inside {
        connection.send(&ask.bytes());
    }
    until(&stub, |busy| busy["threads"] == 40);
    let mut health = connected();
    health.stream.sock.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    health.send(&Ask::get("/health").bytes());
    assert!(health.answer(false).is_err(), "no answer yet");
    stub.go_down();
    stub.come_back().expect("the same address");
    assert_eq!(connected().ask(&Ask::get("/health")).status, 200);
    assert_eq!(busy(&stub)["busy"]["threads"], 0);
}

#[test]
fn abandoned_requests_are_worked_off() {
    let stub = started(Model::MEASURED);
    let (ask, ca) = (validation(&stub), stub.ca_pem().expect("TLS"));
    for before in 0..3 {
        let mut connection = Connection::tls(stub.addr(), ca, "localhost").expect("a connection");
        connection.send(&ask.bytes());
        // It is in progress for half a second. A busy machine may miss that and see it finished.
        until(&stub, |busy| busy["threads"] == 1 || stub.validations() > before);
        drop(connection);
        // The client has left, and the call goes on.
        until(&stub, |busy| busy["threads"] == 0);
    }
    assert_eq!(stub.validations(), 3);
}

#[test]
fn replaced_answers_cost_nothing_altered_ones_do() {
    let stub = started(Model::MEASURED.faster_by(5));
    let check = Duration::from_millis(49);
    let faults = |names: &str| stub.set_faults(names.parse().expect("faults")).expect("it can have them");
    faults("status-503");
    assert_eq!(at_once(&stub, 20).iter().filter(|(_, answer)| answer.status == 503).count(), 20);
    assert_eq!(stub.validations(), 0);
    faults("status-201,date-2099");
    let (took, answer) = &at_once(&stub, 1)[0];
    assert!(*took >= 2 * check && answer.status == 201, "{took:?}: {answer:?}");
    stub.set_faults(Faults::NONE).expect("none");
    assert!(valid(&at_once(&stub, 1)[0].1));
}

#[test]
fn it_is_switched_over_http() {
    let control = Some("127.0.0.1:0".parse().expect("an address"));
    let stub = Stub::start(Options { control, ..Options::default() }).expect("a stub");
    let url = stub.control_url().expect("a control");
    let addr = url.strip_prefix("http://").and_then(|url| url.strip_suffix("/__stub/faults"));
    let addr = addr.expect("a URL").parse().expect("an address");
    let path = "/__stub/model";
    let asked = |ask: Ask| {
        let answer = Connection::plain(addr).ask(&ask);
        (answer.status, answer.body)
    };
    assert_eq!(asked(Ask::get(path)).0, 401);
    assert_eq!(asked(Ask::get(path).admin(&stub)), (200, "{\"model\":\"instant\"}".into()));
    let put = |body: &str| asked(Ask::new("PUT", path).admin(&stub).body(body));
    assert_eq!(put("\"measured\"").0, 200);
    assert_eq!(stub.model(), Model::MEASURED);
    assert_eq!(put("\"slow\"").0, 400);
    assert_eq!(put("measured").0, 400);
    assert_eq!(stub.model(), Model::MEASURED, "what is not there changes nothing");
    let told = at_once(&stub, 1);
    assert!(told[0].0 >= Duration::from_millis(490), "{told:?}");
    stub.set_model(Model::INSTANT);
    assert!(valid(&at_once(&stub, 1)[0].1));
}

fn busy(stub: &Stub) -> serde_json::Value {
    let ca = stub.ca_pem().expect("TLS");
    let mut connection = Connection::tls(stub.addr(), ca, "localhost").expect("a connection");
    let answer = connection.ask(&Ask::get("/__stub/model").admin(stub));
    serde_json::from_str(&answer.body).expect("JSON")
}

#[track_caller]
fn until(stub: &Stub, is_so: impl Fn(&serde_json::Value) -> bool) {
    let begin = Instant::now();
    while !is_so(&busy(stub)["busy"]) {
        assert!(begin.elapsed() < PATIENCE, "{}", busy(stub));
    }
}
