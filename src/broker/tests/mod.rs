use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use node_core::outcome::Outcome;
use node_core::time::UnixTime;
use rustix::event::{Timespec, poll};
use tempfile::TempDir;

use super::callers::{Persons, Standing};
use super::connection::IO_TIMEOUT;
use super::handler::tests::view;
use super::rules::Rules;
use super::rules::tests::rules;
use super::*;
use crate::sts::test_token as token;

mod crowd;

const GATEWAY: &str = "GET /v1/token?audience=gateway HTTP/1.1\r\n\r\n";
const HEALTH: &str = "GET /v1/health HTTP/1.1\r\n\r\n";
/// How much is kept of unfinished requests of the user who runs this test, whether or not that is root.
const MAX_KEPT: usize = 64 * 1024;
/// How long callers wait for a token.
const WAIT: Duration = Duration::from_secs(30);

fn at(secs: u64) -> Now {
    Now { instant: Instant::from_millis(secs * 1000), wall: UnixTime(0) }
}

/// Rules that let the user who runs this test have tokens for the gateway.
fn own_rules() -> Rules {
    let mut rules = rules();
    rules.rules[0].allowed.uids.push(rustix::process::geteuid().as_raw());
    rules
}

fn plan(socket: &Path) -> Plan {
    Plan { socket: socket.into(), rules: own_rules(), persons: Persons::default(), token_timeout: WAIT }
}

/// A broker in a folder of its own.
fn broker() -> (Broker, TempDir) {
    let dir = tempfile::tempdir().expect("a folder");
    (Broker::new(plan(&dir.path().join("s")), 1, at(0).instant), dir)
}

fn caller(broker: &Broker, says: &str) -> UnixStream {
    let mut stream = UnixStream::connect(&broker.plan.socket).expect("let in");
    stream.write_all(says.as_bytes()).expect("taken");
    stream
}

const ROOT: Owner = Owner { standing: Standing::Root, person: 0 };

/// A caller that sends nothing, and the broker's end of its connection.
fn connection(broker: &mut Broker, owner: Owner) -> (UnixStream, Connection<UnixStream>) {
    let (theirs, ours) = UnixStream::pair().expect("a pair");
    connection::prepare(&ours).expect("prepared");
    broker.next_id += 1;
    let (id, caller) = (ConnectionId(broker.next_id), Caller { uid: owner.person, gid: owner.person });
    (theirs, Connection::new(id, caller, owner, ours, at(0).instant))
}

/// One turn, with whatever is ready.
fn turn(broker: &mut Broker, now: Now) {
    let mut sources = broker.sources();
    poll(&mut sources, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).expect("polled");
    let ready = sources.iter().enumerate().filter(|(_, source)| !source.revents().is_empty());
    let ready: Vec<_> = ready.map(|(place, _)| place).collect();
    broker.turn(&ready, &About { outcome: Outcome::Valid, view: &view, metrics: &|_| () }, now);
}

/// The whole answer. The connection ends at the broker's next turn.
fn heard(mut stream: UnixStream) -> String {
    stream.set_nonblocking(true).expect("set");
    let mut text = Vec::new();
    let end = stream.read_to_end(&mut text).map_err(|e| e.kind());
    assert!(matches!(end, Ok(_) | Err(ErrorKind::WouldBlock)), "{end:?}");
    String::from_utf8(text).expect("text")
}

#[test]
fn turn_serves_a_few_and_the_next_turn_the_others() {
    let (mut broker, _dir) = broker();
    let mut callers: Vec<_> = (0..40).map(|_| caller(&broker, "")).collect();
    while broker.connections.len() < callers.len() {
        let before = broker.connections.len();
        turn(&mut broker, at(0));
        assert!(broker.connections.len() - before <= TURN);
    }
    for caller in &mut callers {
        caller.write_all(b"GET ").expect("taken");
    }
    let served = |broker: &Broker| broker.connections.iter().filter(|one| one.held() > 0).count();
    let counts = [16, 32, 40].map(|_| {
        // The first ones always send more.
        for caller in &mut callers[..16] {
            caller.write_all(b"/").expect("taken");
        }
        turn(&mut broker, at(0));
        served(&broker)
    });
    assert_eq!(counts, [16, 32, 40]);
}

#[test]
fn waiting_caller_is_answered_and_one_that_left_is_forgotten() {
    let (mut broker, _dir) = broker();
    let (stays, leaves) = (caller(&broker, GATEWAY), caller(&broker, GATEWAY));
    turn(&mut broker, at(0));
    assert_eq!(broker.connections.iter().filter(|one| one.is_waiting()).count(), 2);
    drop(leaves);
    turn(&mut broker, at(0));
    assert_eq!(broker.connections.len(), 1);
    let wanted = broker.next_request(at(0).instant).expect("one is left");
    broker.fetched(&wanted, Ok(token(1, at(0).instant, WAIT)), at(1).instant);
    turn(&mut broker, at(1));
    assert!(heard(stays).starts_with("HTTP/1.1 200 OK\r\n"));
    turn(&mut broker, at(1));
    assert!(broker.connections.is_empty());

    let (mut broker, _dir) = self::broker();
    let leaves = caller(&broker, GATEWAY);
    turn(&mut broker, at(0));
    drop(leaves);
    turn(&mut broker, at(0));
    assert_eq!((broker.next_request(at(0).instant), broker.deadline()), (None, None));
}

#[test]
fn deadline_is_only_for_what_takes_too_long() {
    let (mut broker, _dir) = broker();
    assert_eq!(broker.deadline(), None);
    let (silent, waits) = (caller(&broker, ""), caller(&broker, GATEWAY));
    turn(&mut broker, at(10));
    let wanted = broker.next_request(at(10).instant).expect("to be fetched");
    assert_eq!(broker.deadline(), Some(at(10).instant + IO_TIMEOUT));
    turn(&mut broker, at(15));
    assert_eq!(heard(silent), "");
    assert_eq!(broker.deadline(), Some(at(10).instant + WAIT));
    turn(&mut broker, at(40));
    assert!(heard(waits).starts_with("HTTP/1.1 504 "));
    turn(&mut broker, at(40));
    assert_eq!(broker.deadline(), None);
    // A token that comes too late is kept for the next caller.
    broker.fetched(&wanted, Ok(token(1, at(39).instant, WAIT)), at(41).instant);
    let next = caller(&broker, GATEWAY);
    turn(&mut broker, at(41));
    assert!(heard(next).starts_with("HTTP/1.1 200 "));
}

#[test]
fn connection_beyond_the_limit_is_closed_without_answer() {
    let (mut broker, _dir) = broker();
    broker.max_connections = 3;
    let (_waits, waiting): (Vec<_>, Vec<_>) = (0..3).map(|_| connection(&mut broker, ROOT)).unzip();
    broker.connections = waiting;
    let mut one_more = caller(&broker, HEALTH);
    turn(&mut broker, at(0));
    let end = one_more.read(&mut [0]).map_err(|e| e.kind());
    assert_eq!(end, Err(ErrorKind::ConnectionReset), "its request was not read");
    assert_eq!(broker.connections.len(), 3);
    broker.connections.clear();
    let next = caller(&broker, HEALTH);
    turn(&mut broker, at(0));
    assert!(heard(next).starts_with("HTTP/1.1 200 "));
}

#[test]
fn unfinished_requests_are_refused_beyond_their_memory() {
    let (mut broker, _dir) = broker();
    let long = String::from("GET /v1/health HTTP/1.1\r\nX: ") + &"x".repeat(8000);
    let count = MAX_KEPT / long.len() + 10;
    let callers: Vec<_> = (0..count).map(|_| caller(&broker, &long)).collect();
    for _ in 0..count {
        turn(&mut broker, at(0));
    }
    let held: usize = broker.connections.iter().map(Connection::held).sum();
    assert!((MAX_KEPT - long.len()..=MAX_KEPT).contains(&held), "{held}");
    let refused = broker.connections.iter().filter(|one| one.held() == 0).count();
    assert!(refused >= 10, "{refused}");
    assert!(heard(callers.into_iter().next_back().expect("one")).starts_with("HTTP/1.1 503 "));
    let short = caller(&broker, HEALTH);
    turn(&mut broker, at(0));
    assert!(heard(short).starts_with("HTTP/1.1 200 "), "what is whole at once needs no memory");
}

#[test]
fn new_rules_reject_waiting_callers() {
    let (mut broker, dir) = broker();
    let waits = caller(&broker, GATEWAY);
    turn(&mut broker, at(0));
    let same = plan(&dir.path().join("s"));
    broker.follow(same.clone(), at(1).instant);
    assert!(broker.connections[0].is_waiting());
    broker.follow(Plan { rules: rules(), ..same }, at(1).instant);
    turn(&mut broker, at(1));
    assert!(heard(waits).starts_with("HTTP/1.1 503 "));
    assert_eq!(broker.next_request(at(1).instant), None);
}

#[test]
fn socket_follows_the_plan_and_is_recreated_when_gone() {
    let (mut broker, dir) = broker();
    let (old, new) = (dir.path().join("s"), dir.path().join("t"));
    broker.follow(plan(&new), at(1).instant);
    assert!(!old.exists() && new.exists());
    fs::remove_file(&new).expect("removed by another program");
    broker.follow(plan(&new), at(2).instant);
    let answered = caller(&broker, HEALTH);
    turn(&mut broker, at(2));
    assert!(heard(answered).starts_with("HTTP/1.1 200 "));
    drop(broker);
    assert!(!new.exists());
}

#[test]
fn removed_socket_comes_back_without_a_wake_up_for_it() {
    let (mut broker, dir) = broker();
    let path = dir.path().join("s");
    turn(&mut broker, at(1));
    fs::remove_file(&path).expect("removed by another program");
    assert_eq!(broker.deadline(), None);
    turn(&mut broker, at(31));
    let answered = caller(&broker, HEALTH);
    turn(&mut broker, at(31));
    assert!(heard(answered).starts_with("HTTP/1.1 200 "));
    // Another program's socket is left alone, and ours comes back after it.
    fs::remove_file(&path).expect("removed by another program");
    let other = std::os::unix::net::UnixListener::bind(&path).expect("bound by another program");
    turn(&mut broker, at(61));
    assert!(UnixStream::connect(&path).is_ok() && broker.listening.is_none());
    drop(other);
    turn(&mut broker, at(91));
    assert!(broker.is_there());
}

#[test]
fn socket_closed_to_callers_is_made_again() {
    let (mut broker, dir) = broker();
    let path = dir.path().join("s");
    turn(&mut broker, at(1));
    for mode in [0o000, 0o600, 0o660] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("mode set");
        broker.look(at(2).instant);
        let there = fs::metadata(&path).expect("there").permissions().mode() & 0o777;
        assert_eq!(there, 0o666, "{mode:o}");
    }
    let answered = caller(&broker, HEALTH);
    turn(&mut broker, at(3));
    assert!(heard(answered).starts_with("HTTP/1.1 200 "));
}

#[test]
fn warning_of_an_open_folder_comes_and_goes() {
    let (mut broker, dir) = broker();
    let has_it = |broker: &Broker| broker.warnings().iter().any(|one| one.code == "broker_folder");
    let set = |mode| fs::set_permissions(&dir, fs::Permissions::from_mode(mode)).expect("mode set");
    for (mode, open) in [(0o777, true), (0o755, false), (0o777, true), (0o700, false)] {
        set(mode);
        broker.look(at(1).instant);
        assert_eq!(has_it(&broker), open, "{mode:o}");
    }
}

#[test]
fn low_limit_of_descriptors_is_warned_of() {
    let (mut broker, _dir) = broker();
    for (allowed, served) in [(10, 2), (40, 10), (100, 36), (1024, 960), (1152, 1088), (20_000, 1088)] {
        broker.max_connections = limits::max_connections(allowed);
        assert_eq!(broker.max_connections, served);
        let told = broker.warnings().into_iter().find(|one| one.code == "broker_limit");
        assert_eq!(told.is_some(), served < MAX_CONNECTIONS, "{allowed}");
        if let Some(told) = told {
            assert!(
                told.message.contains(&served.to_string()) && told.fix.contains("LimitNOFILE="),
                "{told:?}"
            );
        }
        let stream = caller(&broker, HEALTH);
        turn(&mut broker, at(1));
        assert!(heard(stream).starts_with("HTTP/1.1 200 "), "{allowed}");
        turn(&mut broker, at(1));
    }
}

#[test]
fn socket_that_cannot_be_created_is_tried_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().join("run");
    let mut broker = Broker::new(plan(&folder.join("s")), 1, at(0).instant);
    assert_eq!(broker.deadline(), Some(at(0).instant + LISTEN_RETRY));
    assert!(broker.sources().is_empty());
    turn(&mut broker, at(30));
    assert_eq!(broker.deadline(), Some(at(30).instant + LISTEN_RETRY));
    fs::create_dir(&folder).expect("made");
    turn(&mut broker, at(60));
    assert_eq!(broker.deadline(), None);
    let answered = caller(&broker, HEALTH);
    turn(&mut broker, at(60));
    assert!(heard(answered).starts_with("HTTP/1.1 200 "));
}
