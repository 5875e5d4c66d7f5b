//! Many connections of one user must disturb neither other users nor the LED.

use std::io::{Read, Write};

use super::*;

const PI: Owner = Owner { standing: Standing::Member, person: 1000 };
const ANN: Owner = Owner { standing: Standing::Member, person: 1001 };
const GUEST: Owner = Owner { standing: Standing::Stranger, person: 1002 };

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

fn has_room(broker: &Broker, owner: Owner) -> bool {
    limits::has_room(&broker.connections, owner, broker.max_connections)
}

fn waiting(broker: &Broker) -> usize {
    broker.connections.iter().filter(|one| one.is_waiting()).count()
}

#[test]
fn unfinished_requests_of_one_user_leave_room_for_others() {
    let (mut broker, _dir) = broker();
    let unfinished = String::from("GET /v1/health HTTP/1.1\r\nX: ") + &"x".repeat(8000);
    let mut callers = Vec::new();
    for (owner, count) in [(PI, 40), (GUEST, 40), (ANN, 1), (ROOT, 1)] {
        for _ in 0..count {
            let (mut theirs, ours) = connection(&mut broker, owner);
            theirs.write_all(unfinished.as_bytes()).expect("taken");
            broker.connections.push(ours);
            callers.push(theirs);
        }
        for _ in 0..40 {
            turn(&mut broker, at(0));
        }
    }
    let held = |of: Owner| {
        let own = broker.connections.iter().filter(|one| one.owner == of);
        own.map(Connection::held).sum::<usize>()
    };
    for (owner, most) in [(PI, 64 * 1024), (GUEST, 32 * 1024)] {
        assert!((most - unfinished.len()..=most).contains(&held(owner)), "{owner:?}: {}", held(owner));
    }
    assert_eq!((held(ANN), held(ROOT)), (unfinished.len(), unfinished.len()));
}

#[test]
fn exchanges_of_one_user_leave_room_for_those_of_others() {
    let (mut broker, _dir) = broker();
    let _waits: Vec<_> = (0..24).map(|subject| served(&mut broker, &exchange(subject))).collect();
    assert_eq!(waiting(&broker), 24);
    let refused = so_far(&served(&mut broker, &exchange(24)));
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("Retry-After: 1\r\n"), "{refused}");
    // The limit counts different exchanges, and not the node's own token.
    let more = [exchange(0), String::from(GATEWAY)].map(|says| served(&mut broker, &says));
    assert_eq!((waiting(&broker), more.each_ref().map(so_far)), (26, [String::new(), String::new()]));
    for connection in &mut broker.connections {
        connection.owner = ANN;
    }
    let _next: Vec<_> = (24..36).map(|subject| served(&mut broker, &exchange(subject))).collect();
    assert_eq!(waiting(&broker), 26 + 12, "half of the rest");
}

#[test]
fn connections_are_shared_by_person_and_root_keeps_some() {
    let (mut broker, _dir) = broker();
    broker.max_connections = 34;
    let mut callers = Vec::new();
    let mut fill = |broker: &mut Broker, owner: Owner| {
        let before = broker.connections.len();
        while has_room(broker, owner) && broker.connections.len() < 100 {
            let (theirs, ours) = connection(broker, owner);
            callers.push(theirs);
            broker.connections.push(ours);
        }
        broker.connections.len() - before
    };
    let stranger = |person| Owner { standing: Standing::Stranger, person };
    let member = |person| Owner { standing: Standing::Member, person };
    // However many they are, they take nothing from the users in the rules.
    assert_eq!([1, 2, 3, 4].map(|person| fill(&mut broker, stranger(person))), [2, 1, 1, 0]);
    assert_eq!([1, 2, 3, 4, 5, 6].map(|person| fill(&mut broker, member(person))), [14, 7, 4, 2, 1, 0]);
    assert_eq!(fill(&mut broker, ROOT), 2);
    broker.connections.retain(|one| one.owner != member(1));
    assert!(has_room(&broker, member(6)) && !has_room(&broker, stranger(4)));
}

#[test]
fn unread_answers_count_until_they_are_read() {
    let (mut broker, _dir) = broker();
    let callers: Vec<_> = (0..40).map(|_| served(&mut broker, HEALTH)).collect();
    for _ in 0..10 {
        turn(&mut broker, at(3600));
    }
    assert_eq!((broker.connections.len(), broker.deadline()), (40, None), "nothing to do for them");
    for (nth, caller) in callers.iter().enumerate() {
        match nth % 4 {
            0 => drop(so_far(caller)),
            1 => caller.shutdown(std::net::Shutdown::Both).expect("shut down"),
            2 => caller.shutdown(std::net::Shutdown::Write).expect("shut down"),
            _ => {}
        }
    }
    for _ in 0..10 {
        turn(&mut broker, at(3600));
    }
    assert_eq!(broker.connections.len(), 30);
    let parked = broker.connections.iter().filter(|one| one.interest().is_none()).count();
    assert_eq!(parked, 10, "what is shut down is not polled all the time");
    drop(callers);
    for _ in 0..10 {
        turn(&mut broker, at(7200));
    }
    assert_eq!(broker.connections.len(), 0);
}

#[test]
fn caller_that_never_reads_is_closed_beyond_its_share() {
    let (mut broker, _dir) = broker();
    broker.max_connections = 20;
    let callers: Vec<_> = (0..200).map(|_| served(&mut broker, HEALTH)).collect();
    let unread = callers.iter().filter(|one| rustix::io::ioctl_fionread(one).expect("told") > 0).count();
    assert!((5..=20).contains(&unread), "{unread}");
    assert_eq!(unread, broker.connections.len());
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
        for _ in 0..3 {
            turn(&mut broker, now);
        }
        assert_eq!((told, broker.connections.len()), (40, 0));
    }
}
