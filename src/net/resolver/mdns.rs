//! `.local` names by one-shot multicast DNS (RFC 6762, section 5.1): the question goes to all
//! neighbours from a port of its own, and whoever has the name answers there, repeating id and
//! question as in DNS (section 6.7), so that one reader serves both.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::net::sockopt;

use super::dns::received;
use super::packet::Question;
use super::{packet, questions, usable};
use crate::net::waiting::until_ready;

/// Where every responder listens (section 3).
pub(super) const GROUPS: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(224, 0, 0, 251)), 5353),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb)), 5353),
];

/// When the question is sent, from the beginning, in milliseconds: radio repeats a lost packet to
/// one receiver by itself, but not one to all.
const SENDINGS: [u64; 6] = [0, 250, 500, 1000, 1500, 2000];
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long further answers are waited for after the first: about the other kind of address, or
/// by another device. Nobody says that there is none.
const FURTHER: Duration = Duration::from_millis(200);
/// No name has more addresses than this, however many answer.
const MAX_ADDRESSES: usize = 16;

/// The addresses, each with port 0, that neighbours on `interfaces` (by their numbers) give for
/// `name` before `end`.
///
/// # Errors
/// When the system has no socket to give, or no random numbers.
pub(super) fn look_up(
    groups: &[SocketAddr],
    interfaces: &[u32],
    name: &str,
    end: Instant,
) -> io::Result<Vec<SocketAddr>> {
    let Some(open) = questions(name)? else { return Ok(Vec::new()) };
    let open = open.map(Question::for_neighbours);
    // A kernel without IPv6 has no socket for it.
    let sockets: Vec<_> =
        groups.iter().filter_map(|group| Some((open_socket(*group).ok()?, *group))).collect();
    let start = Instant::now();
    let mut end = end.min(start + PATIENCE);
    let mut sendings = SENDINGS.iter().map(|after| start + Duration::from_millis(*after)).peekable();
    let mut found = Vec::new();
    while Instant::now() < end {
        if sendings.next_if(|at| *at <= Instant::now()).is_some() {
            for (socket, group) in &sockets {
                for interface in interfaces {
                    for question in &open {
                        // An interface may be down, or without this family of addresses.
                        let _ = send(socket, question, *group, *interface);
                    }
                }
            }
        }
        let mut watched: Vec<_> =
            sockets.iter().map(|(socket, _)| PollFd::new(socket, PollFlags::IN)).collect();
        let wake = sendings.peek().map_or(end, |at| end.min(*at));
        if !until_ready(&mut watched, wake)? {
            continue;
        }
        for (socket, group) in &sockets {
            let mut buffer = [0; packet::MAX_LEN];
            let Some((len, from)) = received(socket.recv_from(&mut buffer))? else { continue };
            let answer = &buffer[..len];
            // Section 6: a responder answers from the port it listens at.
            if from.port() != group.port() || !open.iter().any(|question| question.is_answered_by(answer)) {
                continue;
            }
            for ip in packet::addresses(answer).unwrap_or_default() {
                if let Some(address) = usable(ip, scope_of(from))
                    && !found.contains(&address)
                    && found.len() < MAX_ADDRESSES
                {
                    found.push(address);
                    end = end.min(Instant::now() + FURTHER);
                }
            }
        }
    }
    Ok(found)
}

fn open_socket(group: SocketAddr) -> io::Result<UdpSocket> {
    let any = if group.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn send(socket: &UdpSocket, question: &Question, mut group: SocketAddr, interface: u32) -> io::Result<usize> {
    match &mut group {
        SocketAddr::V4(_) => {
            let any = Ipv4Addr::UNSPECIFIED;
            sockopt::set_ip_multicast_if_with_ifindex(socket, &any, &any, interface)?;
        }
        SocketAddr::V6(group) => group.set_scope_id(interface),
    }
    socket.send_to(question.as_bytes(), group)
}

/// The interface a packet came by, where its sender's address tells.
const fn scope_of(from: SocketAddr) -> u32 {
    match from {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(from) => from.scope_id(),
    }
}
