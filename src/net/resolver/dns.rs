//! A DNS stub resolver (RFC 1035). It queries A and AAAA in parallel, one name server after the other, over
//! UDP, and over TCP if an answer is truncated.

use std::io;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::packet;
use super::packet::Question;
use super::query::{open_socket, questions, received, usable};
use crate::net::dial::dial;
use crate::net::waiting::until_ready;

/// The time for an answer before the next name server is queried.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often all name servers are queried.
const ROUNDS: usize = 2;
/// The delay before an unanswered query is sent again, in case a packet was lost.
const REPEAT: Duration = Duration::from_millis(600);
/// The time for the other kind of address once one kind is known: some routers never answer AAAA queries (RFC
/// 8305, section 3).
const OTHER_KIND: Duration = Duration::from_millis(300);

/// The result of a query.
#[derive(Debug)]
pub(super) enum DnsAnswer {
    /// The addresses, each with port 0.
    Addresses(Vec<SocketAddr>),
    /// The name does not exist or has no addresses.
    NoSuchName,
    /// This name server has no address for it but the unspecified one.
    Blocked(IpAddr),
    /// There was no answer, or none that settles the question.
    Nothing,
    /// This name server answered that it cannot or will not look the name up, with this response code.
    Refused(IpAddr, u8),
}

/// Queries the name servers in turn, until one of them settles the question or `end` is reached.
pub(super) fn look_up(servers: &[SocketAddr], name: &str, end: Instant) -> DnsAnswer {
    let mut last = DnsAnswer::Nothing;
    for _ in 0..ROUNDS {
        for server in servers {
            let now = Instant::now();
            if now >= end {
                return last;
            }
            match ask(*server, name, end.min(now + PATIENCE)) {
                // The next name server may do better.
                Ok(refused @ DnsAnswer::Refused(..)) => last = refused,
                Ok(DnsAnswer::Nothing) | Err(_) => {}
                Ok(settled) => return settled,
            }
        }
    }
    last
}

/// Queries one name server for both kinds of address.
fn ask(server: SocketAddr, name: &str, mut end: Instant) -> io::Result<DnsAnswer> {
    // A name that cannot be encoded does not exist.
    let Some(open) = questions(name)? else { return Ok(DnsAnswer::NoSuchName) };
    let mut open = Vec::from(open);
    // A connected socket drops answers from other addresses.
    let socket = open_socket(server)?;
    socket.connect(server)?;
    let mut found = Vec::new();
    let mut all_settled = true;
    let mut refused = None;
    let mut is_blocked = false;
    let mut send = Instant::now();
    while !open.is_empty() {
        let now = Instant::now();
        if now >= end {
            all_settled = false;
            break;
        }
        if now >= send {
            for question in &open {
                socket.send(question.as_bytes())?;
            }
            send = now + REPEAT;
        }
        until_ready(&mut [PollFd::new(&socket, PollFlags::IN)], end.min(send))?;
        let mut buffer = [0; packet::MAX_LEN];
        let Some(len) = received(socket.recv(&mut buffer))? else { continue };
        let answer = &buffer[..len];
        let Some(at) = open.iter().position(|question| question.is_answered_by(answer)) else { continue };
        let question = open.swap_remove(at);
        match addresses(&question, answer, server, end) {
            Some(addresses) => {
                is_blocked |= addresses.iter().any(IpAddr::is_unspecified);
                found.extend(addresses.into_iter().filter_map(|ip| usable(ip, 0)));
            }
            None => {
                all_settled = false;
                refused = packet::response_code(answer).filter(|code| *code != 0).or(refused);
            }
        }
        if !found.is_empty() {
            end = end.min(Instant::now() + OTHER_KIND);
        }
    }
    Ok(match (found.is_empty(), all_settled) {
        (false, _) => DnsAnswer::Addresses(found),
        (true, _) if is_blocked => DnsAnswer::Blocked(server.ip()),
        (true, true) => DnsAnswer::NoSuchName,
        (true, false) => refused.map_or(DnsAnswer::Nothing, |code| DnsAnswer::Refused(server.ip(), code)),
    })
}

/// The addresses in an answer. If it is truncated before the first address, the query is repeated over TCP
/// (RFC 7766, section 5); otherwise the addresses that arrived are enough.
fn addresses(question: &Question, answer: &[u8], server: SocketAddr, end: Instant) -> Option<Vec<IpAddr>> {
    let found = packet::addresses(answer)?;
    if found.is_empty() && packet::is_truncated(answer) {
        let whole = over_tcp(question, server, end).ok()?;
        return question.is_answered_by(&whole).then(|| packet::addresses(&whole))?;
    }
    Some(found)
}

/// Queries over TCP, where each message follows its length (RFC 1035, section 4.2.2).
fn over_tcp(question: &Question, server: SocketAddr, end: Instant) -> io::Result<Vec<u8>> {
    let mut stream = dial(&[server], end)?;
    let question = question.as_bytes();
    let len = u16::try_from(question.len()).map_err(|_| ErrorKind::InvalidInput)?;
    // A query has at most 300 bytes, which fit into the empty send buffer of a new connection.
    stream.write_all(&[&len.to_be_bytes(), question].concat())?;
    let mut len = [0; 2];
    fill(&mut stream, &mut len, end)?;
    let mut answer = vec![0; u16::from_be_bytes(len).into()];
    fill(&mut stream, &mut answer, end)?;
    Ok(answer)
}

/// Fills the whole buffer.
fn fill(stream: &mut TcpStream, buffer: &mut [u8], end: Instant) -> io::Result<()> {
    let mut filled = 0;
    while filled < buffer.len() {
        if !until_ready(&mut [PollFd::new(&*stream, PollFlags::IN)], end)? {
            return Err(ErrorKind::TimedOut.into());
        }
        match received(stream.read(&mut buffer[filled..]))? {
            Some(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Some(more) => filled += more,
            None => {}
        }
    }
    Ok(())
}
