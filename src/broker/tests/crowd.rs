//! Many connections of one user must disturb neither other users nor the LED.

use std::io::{Read, Write};

use super::*;

/// A user other than the one that runs this test.
const OTHER: Caller = Caller { uid: 123_456, gid: 123_456 };

/// A caller that sends this, after one turn.
fn served(broker: &mut Broker, says: &str) -> UnixStream {
    let stream = caller(broker, says);
    turn(broker, at(0));
    stream
}

/// Everything that was answered so far.
fn so_far(mut stream: &UnixStream) -> String {
    stream.set_nonblocking(true).expect("set");
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    String::from_utf8(text).expect("text")
}

fn exchange(subject: usize) -> String {
    let body = format!("audience=gateway&subject_token=subject-{subject}");
    let kind = "application/x-www-form-urlencoded";
    let len = body.len();
    format!("POST /v1/token/exchange HTTP/1.1\r\nContent-Type: {kind}\r\nContent-Length: {len}\r\n\r\n{body}")
}

fn waiting(broker: &Broker) -> usize {
    broker.connections.iter().filter(|one| one.is_waiting()).count()
}

#[test]
fn unfinished_requests_of_one_user_leave_room_for_others() {
    let (mut broker, _dir) = broker();
    let unfinished = String::from("GET /v1/health HTTP/1.1\r\nX: ") + &"x".repeat(8000);
    let _callers: Vec<_> = (0..40).map(|_| served(&mut broker, &unfinished)).collect();
    for _ in 0..40 {
        turn(&mut broker, at(0));
    }
    let own: usize = broker.connections.iter().map(Connection::held).sum();
    let mut other = served(&mut broker, "");
    broker.connections.last_mut().expect("let in").caller = OTHER;
    other.write_all(unfinished.as_bytes()).expect("taken");
    turn(&mut broker, at(0));
    turn(&mut broker, at(0));
    assert_eq!(so_far(&other), "");
    let last = broker.connections.last().expect("still there");
    assert_eq!((last.caller, last.held()), (OTHER, unfinished.len()));
    assert!((MAX_HELD / 4 - unfinished.len()..=MAX_HELD / 4).contains(&own), "{own}");
}

#[test]
fn exchanges_of_one_user_leave_room_for_those_of_others() {
    let (mut broker, _dir) = broker();
    let _waits: Vec<_> = (0..16).map(|subject| served(&mut broker, &exchange(subject))).collect();
    assert_eq!(waiting(&broker), 16);
    let refused = so_far(&served(&mut broker, &exchange(16)));
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("Retry-After: 1\r\n"), "{refused}");
    // The limit counts different exchanges, and not the node's own token.
    let more = [exchange(0), String::from(GATEWAY)].map(|says| served(&mut broker, &says));
    assert_eq!((waiting(&broker), more.each_ref().map(so_far)), (18, [String::new(), String::new()]));
    for connection in &mut broker.connections {
        connection.caller = OTHER;
    }
    let _next = served(&mut broker, &exchange(16));
    assert_eq!(waiting(&broker), 19, "of another user");
}

#[test]
fn one_user_never_has_all_connections() {
    let (mut broker, _dir) = broker();
    broker.max_connections = 34;
    let _waits: Vec<_> = (0..32).map(|_| served(&mut broker, GATEWAY)).collect();
    assert_eq!(waiting(&broker), 32);
    let refused = so_far(&served(&mut broker, GATEWAY));
    assert!(refused.contains("too many connections of one user"), "{refused}");
    for connection in &mut broker.connections {
        connection.caller = OTHER;
    }
    let _next = served(&mut broker, GATEWAY);
    assert_eq!(waiting(&broker), 33);
}

#[test]
fn many_waiting_callers_are_rejected_over_several_turns() {
    for rules_change in [false, true] {
        let (mut broker, dir) = broker();
        let callers: Vec<_> = (0..40).map(|_| served(&mut broker, GATEWAY)).collect();
        assert_eq!(waiting(&broker), 40);
        let now = if rules_change { at(1) } else { at(WAIT.as_secs()) };
        if rules_change {
            let mut plan = plan(&dir.path().join("s"));
            plan.rules.rules.pop();
            broker.follow(plan, now.instant);
            assert_eq!(callers.iter().filter(|one| !so_far(one).is_empty()).count(), 0);
        }
        let mut told = 0;
        for _ in 0..3 {
            assert!(broker.deadline().is_some_and(|due| rules_change || due <= now.instant));
            turn(&mut broker, now);
            let more = callers.iter().filter(|one| !so_far(one).is_empty()).count();
            assert!((1..=TURN).contains(&more), "{more}");
            told += more;
        }
        assert_eq!((told, broker.connections.len()), (40, 0));
    }
}
