//! `.local` names by one-shot multicast DNS (RFC 6762, section 5.1). The query goes to all neighbours from a
//! port of its own. The owner of the name answers to that port and repeats id and question as in DNS (section
//! 6.7), so the parser is shared with DNS.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::net::sockopt;

use super::packet;
use super::packet::Question;
use super::query::{open_socket, questions, received, usable};
use crate::net::waiting::until_ready;

/// The groups in which all responders listen (section 3).
pub(super) const GROUPS: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(224, 0, 0, 251)), 5353),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb)), 5353),
];

/// The times at which the query is sent, in milliseconds from the start. Wi-Fi retransmits lost unicast
/// packets, but not multicast.
const SENDINGS: [u64; 6] = [0, 250, 500, 1000, 1500, 2000];
/// The time for a first answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// The time for further answers after the first, with the other kind of address or from another device. No
/// device says that a kind does not exist.
const FURTHER: Duration = Duration::from_millis(200);
/// An upper limit, however many devices answer.
const MAX_ADDRESSES: usize = 16;

/// Queries the neighbours on `interfaces` (by index) for the addresses of `name`, each with port 0, until
/// `end`.
///
/// # Errors
/// When the system has no socket or no random numbers.
pub(super) fn look_up(
    groups: &[SocketAddr],
    interfaces: &[u32],
    name: &str,
    end: Instant,
) -> io::Result<Vec<SocketAddr>> {
    let Some(open) = questions(name)? else { return Ok(Vec::new()) };
    let open = open.map(Question::for_mdns);
    let mut end = end.min(Instant::now() + PATIENCE);
    let mut found = Vec::new();
    let mut buffer = [0; packet::MAX_LEN];
    ask(groups, interfaces, &open, &mut buffer, end, &mut |answer, from| {
        if open.iter().any(|question| question.is_answered_by(answer)) {
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
        end
    })?;
    Ok(found)
}

/// Sends `questions` to the neighbours on `interfaces`, and hands what a responder sends to `take`, with its address,
/// until `end`, or until what `take` returns in its place. Of a longer packet only what fits into `buffer` is handed on.
///
/// # Errors
/// When the system fails.
pub(super) fn ask(
    groups: &[SocketAddr],
    interfaces: &[u32],
    questions: &[Question],
    buffer: &mut [u8],
    mut end: Instant,
    take: &mut dyn FnMut(&[u8], SocketAddr) -> Instant,
) -> io::Result<()> {
    // A kernel without IPv6 has no such socket.
    let sockets: Vec<_> =
        groups.iter().filter_map(|group| Some((open_socket(*group).ok()?, *group))).collect();
    let start = Instant::now();
    let mut sendings = SENDINGS.iter().map(|after| start + Duration::from_millis(*after)).peekable();
    while Instant::now() < end {
        if sendings.next_if(|at| *at <= Instant::now()).is_some() {
            for (socket, group) in &sockets {
                for interface in interfaces {
                    for question in questions {
                        // An interface may be down or lack this address family.
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
            let Some((len, from)) = received(socket.recv_from(buffer))? else { continue };
            // A responder answers from the port on which it listens (section 6).
            if from.port() == group.port() {
                end = take(&buffer[..len], from);
            }
        }
    }
    Ok(())
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

/// The interface that a packet came over, if its source address tells.
pub(super) const fn scope_of(from: SocketAddr) -> u32 {
    match from {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(from) => from.scope_id(),
    }
}
