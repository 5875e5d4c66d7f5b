use std::collections::VecDeque;
use std::io;
use std::io::{Read, Write};

use super::super::callers::Standing;
use super::*;

/// The results of reads and writes, in order; after those the socket would block.
#[derive(Default)]
struct Script {
    reads: VecDeque<io::Result<Vec<u8>>>,
    /// How many bytes are taken at each attempt.
    writes: VecDeque<io::Result<usize>>,
    written: Vec<u8>,
    /// Whether the caller does not read what is written.
    leaves_unread: bool,
}

impl Read for Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut bytes = self.reads.pop_front().unwrap_or_else(|| Err(ErrorKind::WouldBlock.into()))?;
        let len = bytes.len().min(buffer.len());
        buffer[..len].copy_from_slice(&bytes[..len]);
        if len < bytes.len() {
            self.reads.push_front(Ok(bytes.split_off(len)));
        }
        Ok(len)
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.writes.pop_front().unwrap_or(Ok(usize::MAX))?.min(bytes.len());
        self.written.extend_from_slice(&bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Peer for Script {
    fn has_read(&self) -> bool {
        self.written.is_empty() || !self.leaves_unread
    }

    fn stop_input(&self) {}
}

const START: Instant = Instant::from_millis(1000);
const ROOM: usize = 64 * 1024;

fn caller_that_sends(parts: &[&str]) -> Connection<Script> {
    let reads = parts.iter().map(|part| Ok(part.as_bytes().to_vec())).collect();
    let owner = Owner { standing: Standing::Member, person: 1 };
    let stream = Script { reads, ..Script::default() };
    Connection::new(ConnectionId(1), Caller { uid: 1, gid: 1 }, owner, stream, START)
}

fn sent(connection: &Connection<Script>) -> String {
    String::from_utf8(connection.stream.written.clone()).expect("text")
}

fn health() -> Arc<Answer> {
    Arc::new(Answer::ok(&"fine"))
}

#[test]
fn request_in_pieces_gets_a_whole_answer() {
    for parts in [
        &["GET /v1/health HTTP/1.1\r\n\r\n"][..],
        &["G", "ET /v1/health HT", "TP/1.1\r", "\n\r", "\n"],
        &["GET /v1/health HTTP/1.1\r\n\r\nGET /v1/status HTTP/1.1\r\n\r\n"],
    ] {
        let mut connection = caller_that_sends(parts);
        connection.stream.writes = [Ok(3), Err(ErrorKind::Interrupted.into()), Ok(1)].into();
        assert_eq!(connection.turn(ROOM, START), Some(BrokerRequest::Health), "{parts:?}");
        connection.answer(health(), START);
        assert!(connection.is_over());
        assert_eq!(sent(&connection).as_bytes(), health().bytes());
    }
}

#[test]
fn caller_slow_to_read_is_dropped_after_the_timeout() {
    let mut connection = caller_that_sends(&["GET /v1/health HTTP/1.1\r\n\r\n"]);
    assert_eq!(connection.turn(ROOM, START), Some(BrokerRequest::Health));
    connection.stream.writes = [Ok(10), Err(ErrorKind::WouldBlock.into())].into();
    let later = START + Duration::from_secs(60);
    connection.answer(health(), later);
    assert!(!connection.is_over());
    assert_eq!(
        (connection.interest(), connection.deadline()),
        (Some(PollFlags::OUT), Some(later + IO_TIMEOUT))
    );
    connection.stream.writes = [Ok(10), Err(ErrorKind::WouldBlock.into())].into();
    assert_eq!(connection.turn(ROOM, later), None);
    assert_eq!(connection.deadline(), Some(later + IO_TIMEOUT), "no time is won by taking a little");
    connection.time_out(later + IO_TIMEOUT);
    assert!(connection.is_over());
    assert_eq!(sent(&connection).len(), 20);
}

#[test]
fn request_that_does_not_arrive_times_out() {
    let mut silent = caller_that_sends(&[]);
    assert_eq!((silent.turn(ROOM, START), silent.deadline()), (None, Some(START + IO_TIMEOUT)));
    silent.time_out(START + IO_TIMEOUT);
    assert!(silent.is_over() && sent(&silent).is_empty());

    let mut slow = caller_that_sends(&["GET /v1/he"]);
    assert_eq!(slow.turn(ROOM, START + Duration::from_secs(4)), None);
    assert_eq!(
        (slow.deadline(), slow.held()),
        (Some(START + IO_TIMEOUT), 10),
        "no time is won by sending a little"
    );
    slow.time_out(START + IO_TIMEOUT);
    assert!(slow.is_over() && sent(&slow).starts_with("HTTP/1.1 408 "), "{}", sent(&slow));
}

#[test]
fn caller_that_hangs_up_is_forgotten() {
    let mut gone = caller_that_sends(&[""]);
    assert_eq!(gone.turn(ROOM, START), None);
    assert!(gone.is_over() && sent(&gone).is_empty());

    let mut half_closed = caller_that_sends(&["GET /v1/health HTTP/1.1\r\n", ""]);
    assert_eq!(half_closed.turn(ROOM, START), None);
    assert!(half_closed.is_over());
    assert!(sent(&half_closed).starts_with("HTTP/1.1 400 "), "{}", sent(&half_closed));

    let mut broken = caller_that_sends(&["GET"]);
    broken.stream.reads.push_back(Err(ErrorKind::ConnectionReset.into()));
    assert_eq!(broken.turn(ROOM, START), None);
    assert!(broken.is_over() && sent(&broken).is_empty());

    let mut waits = caller_that_sends(&["GET /v1/token?audience=a HTTP/1.1\r\n\r\n"]);
    assert!(matches!(waits.turn(ROOM, START), Some(BrokerRequest::Token { .. })));
    waits.wait(None, START + Duration::from_secs(30));
    assert!(waits.is_waiting());
    assert_eq!(
        (waits.held(), waits.interest()),
        (0, Some(PollFlags::empty())),
        "nothing is kept of the request"
    );
    // Ready although nothing was polled for: the other end is gone.
    assert_eq!(waits.turn(ROOM, START), None);
    assert!(waits.is_over() && sent(&waits).is_empty());
}

#[test]
fn waiting_caller_is_told_that_no_token_came() {
    let mut waits = caller_that_sends(&["GET /v1/token?audience=a HTTP/1.1\r\n\r\n"]);
    assert!(waits.turn(ROOM, START).is_some());
    waits.wait(None, START + Duration::from_secs(30));
    waits.time_out(START + Duration::from_secs(30));
    assert!(sent(&waits).starts_with("HTTP/1.1 504 ") && sent(&waits).contains("sts_timeout"));
}

#[test]
fn request_beyond_its_room_is_refused_as_busy() {
    let mut connection = caller_that_sends(&["GET /v1/health HTT", "P/1.1\r\n"]);
    assert_eq!(connection.turn(25, START), None);
    assert_eq!(connection.held(), 25);
    connection.stream.reads.push_back(Ok(b"X".to_vec()));
    assert_eq!(connection.turn(25, START), None);
    assert!(connection.is_over());
    let mut too_many = caller_that_sends(&["GET /v1/health HTT"]);
    assert_eq!(too_many.turn(17, START), None);
    assert!(too_many.is_over());
    assert!(sent(&too_many).starts_with("HTTP/1.1 503 ") && sent(&too_many).contains("Retry-After: 1\r\n"));
    // A whole request needs none.
    let mut whole = caller_that_sends(&["GET /v1/health HTTP/1.1\r\n\r\n"]);
    assert_eq!(whole.turn(0, START), Some(BrokerRequest::Health));
}

#[test]
fn body_is_asked_for_once_and_endless_input_is_refused() {
    let head = "POST /v1/token/exchange HTTP/1.1\r\nContent-Length: 15\r\nExpect: 100-continue\r\n\
                Content-Type: application/x-www-form-urlencoded\r\n\r\n";
    let mut connection = caller_that_sends(&[head]);
    assert_eq!(connection.turn(ROOM, START), None);
    assert_eq!(sent(&connection).as_bytes(), go_ahead());
    connection.stream.reads.push_back(Ok(b"subject_token=a".to_vec()));
    assert!(matches!(connection.turn(ROOM, START), Some(BrokerRequest::Exchange { .. })));
    assert_eq!(sent(&connection).as_bytes(), go_ahead());

    let mut endless = caller_that_sends(&[]);
    endless.stream.reads = (0..100).map(|_| Ok(vec![b'x'; CHUNK])).collect();
    while !endless.is_over() {
        assert_eq!(endless.turn(ROOM, START), None);
    }
    assert!(sent(&endless).starts_with("HTTP/1.1 431 "), "{}", sent(&endless));
    assert!(endless.stream.reads.len() > 80, "{}", endless.stream.reads.len());
}

#[test]
fn connection_lasts_until_its_answer_is_read() {
    let mut connection = caller_that_sends(&["GET /v1/health HTTP/1.1\r\n\r\n"]);
    connection.stream.leaves_unread = true;
    assert_eq!(connection.turn(ROOM, START), Some(BrokerRequest::Health));
    connection.answer(health(), START);
    assert!(!connection.is_over());
    assert_eq!(
        (connection.interest(), connection.deadline()),
        (Some(PollFlags::OUT), None),
        "no wake-up for it"
    );
    // It has shut its end down, which would be reported again and again.
    assert_eq!(connection.turn(ROOM, START), None);
    assert_eq!((connection.interest(), connection.deadline()), (None, Some(START + UNREAD_AGAIN)));
    let later = START + UNREAD_AGAIN;
    connection.time_out(later);
    assert_eq!((connection.is_over(), connection.deadline()), (false, Some(later + UNREAD_AGAIN)));
    connection.stream.leaves_unread = false;
    connection.time_out(later + UNREAD_AGAIN);
    assert!(connection.is_over());
}

#[test]
fn nothing_that_was_written_is_forgotten_unread() {
    let expecting = "POST /v1/token/exchange HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\
                     Content-Type: application/json\r\n\r\n";
    let reset = || Err(ErrorKind::ConnectionReset.into());
    // Told to go on, it breaks off.
    let mut told = caller_that_sends(&[expecting]);
    told.stream.leaves_unread = true;
    told.stream.reads.push_back(reset());
    assert_eq!(told.turn(ROOM, START), None);
    assert!(!told.is_over() && !sent(&told).is_empty());
    // Half of an answer is sent when time is up, or when the caller takes no more.
    for after in [Err(ErrorKind::WouldBlock.into()), Err(ErrorKind::BrokenPipe.into())] {
        let mut half = caller_that_sends(&["GET /v1/health HTTP/1.1\r\n\r\n"]);
        half.stream.leaves_unread = true;
        half.stream.writes = [Ok(10), after].into();
        assert!(half.turn(ROOM, START).is_some());
        half.answer(health(), START);
        if half.deadline().is_some() {
            half.time_out(START + IO_TIMEOUT);
        }
        assert!(!half.is_over());
        half.stream.leaves_unread = false;
        half.turn(ROOM, START);
        assert!(half.is_over());
    }
}
