//! A DNS stub resolver (RFC 1035): A and AAAA side by side, one name server after the other, over
//! UDP, and over TCP where an answer does not fit.

use std::io;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::packet::Question;
use super::{packet, questions, usable};
use crate::net::dial::dial;
use crate::net::waiting::until_ready;

/// How long one name server is waited for before the next is asked.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often all name servers are asked.
const ROUNDS: usize = 2;
/// After how long a question without an answer is sent again: a packet gets lost.
const REPEAT: Duration = Duration::from_millis(600);
/// With addresses of one kind in hand, how long the answer about the other is waited for: some
/// routers never give it (RFC 8305, section 3).
const OTHER_KIND: Duration = Duration::from_millis(300);

/// What the name servers said of a name.
#[derive(Debug)]
pub(super) enum Said {
    /// It has these addresses, each with port 0.
    Addresses(Vec<SocketAddr>),
    /// It has none.
    NoSuchName,
    /// Nothing that settles the question.
    Nothing,
}

/// Asks the name servers in turn until one of them settles the question or it is `end`.
pub(super) fn look_up(servers: &[SocketAddr], name: &str, end: Instant) -> Said {
    for _ in 0..ROUNDS {
        for server in servers {
            let now = Instant::now();
            if now >= end {
                return Said::Nothing;
            }
            match ask(*server, name, end.min(now + PATIENCE)) {
                // A name server that refuses or stays silent is one to pass over.
                Ok(Said::Nothing) | Err(_) => {}
                Ok(settled) => return settled,
            }
        }
    }
    Said::Nothing
}

/// Asks one name server for both kinds of address.
fn ask(server: SocketAddr, name: &str, mut end: Instant) -> io::Result<Said> {
    // What cannot be asked has no address.
    let Some(open) = questions(name)? else { return Ok(Said::NoSuchName) };
    let mut open = Vec::from(open);
    let socket = open_socket(server)?;
    let mut found = Vec::new();
    let mut all_settled = true;
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
            Some(addresses) => found.extend(addresses),
            None => all_settled = false,
        }
        if !found.is_empty() {
            end = end.min(Instant::now() + OTHER_KIND);
        }
    }
    Ok(match (found.is_empty(), all_settled) {
        (false, _) => Said::Addresses(found),
        (true, true) => Said::NoSuchName,
        (true, false) => Said::Nothing,
    })
}

/// A port of its own for each look-up, and connected: answers from elsewhere never arrive.
fn open_socket(server: SocketAddr) -> io::Result<UdpSocket> {
    let any = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.set_nonblocking(true)?;
    socket.connect(server)?;
    Ok(socket)
}

/// `None` when there was nothing to receive after all.
pub(super) fn received<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(received) => Ok(Some(received)),
        Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(e) => Err(e),
    }
}

/// The addresses in an answer. One that was cut off before its first is asked for again over TCP
/// (RFC 7766, section 5); any that did arrive are as good as all.
fn addresses(
    question: &Question,
    answer: &[u8],
    server: SocketAddr,
    end: Instant,
) -> Option<Vec<SocketAddr>> {
    let in_packet = |packet: &[u8]| -> Option<Vec<_>> {
        Some(packet::addresses(packet)?.into_iter().filter_map(|ip| usable(ip, 0)).collect())
    };
    let found = in_packet(answer)?;
    if found.is_empty() && packet::is_truncated(answer) {
        let whole = over_tcp(question, server, end).ok()?;
        return question.is_answered_by(&whole).then(|| in_packet(&whole))?;
    }
    Some(found)
}

/// The answer to `question`, each message with its length before it (RFC 1035, 4.2.2).
fn over_tcp(question: &Question, server: SocketAddr, end: Instant) -> io::Result<Vec<u8>> {
    let mut stream = dial(&[server], end)?;
    let question = question.as_bytes();
    let len = u16::try_from(question.len()).map_err(|_| ErrorKind::InvalidInput)?;
    // Some 300 bytes fit into the buffer of any new connection.
    stream.write_all(&[&len.to_be_bytes(), question].concat())?;
    let mut len = [0; 2];
    fill(&mut stream, &mut len, end)?;
    let mut answer = vec![0; u16::from_be_bytes(len).into()];
    fill(&mut stream, &mut answer, end)?;
    Ok(answer)
}

/// Reads until `buffer` is full.
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
