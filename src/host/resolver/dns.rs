//! A DNS stub resolver over UDP (RFC 1035): A and AAAA side by side, one name server after the
//! other.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use std::io;
use std::net::UdpSocket;
use std::time::Instant;

use ring::rand::{SecureRandom, SystemRandom};

use super::packet::{self, Kind, Question};

/// How long one name server is waited for before the next is asked.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often all name servers are asked.
const ROUNDS: usize = 2;

pub(super) struct Client<'a> {
    pub(super) servers: &'a [IpAddr],
    pub(super) port: u16,
    pub(super) timeout: Duration,
}

impl Client<'_> {
    /// The addresses of the first of `names` that has any.
    pub(super) fn look_up(&self, names: &[String]) -> Vec<IpAddr> {
        let end = Instant::now() + self.timeout;
        names.iter().map(|name| self.ask_all(name, end)).find(|found| !found.is_empty()).unwrap_or_default()
    }

    fn ask_all(&self, name: &str, end: Instant) -> Vec<IpAddr> {
        for _ in 0..ROUNDS {
            for server in self.servers {
                let patience = PATIENCE.min(end.saturating_duration_since(Instant::now()));
                if patience.is_zero() {
                    return Vec::new();
                }
                // A name server that refuses or stays silent is one to pass over.
                if let Ok(Some(found)) = ask(SocketAddr::new(*server, self.port), name, patience) {
                    return found;
                }
            }
        }
        Vec::new()
    }
}

/// Asks one name server for both kinds of address. `None` when it gave no answer to either that
/// settles the question; an empty list when it says that there are none.
fn ask(server: SocketAddr, name: &str, patience: Duration) -> io::Result<Option<Vec<IpAddr>>> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    // A port of its own for each question, and connected: answers from elsewhere never arrive.
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    let mut open: Vec<Question> = Vec::new();
    for kind in [Kind::A, Kind::Aaaa] {
        // What cannot be asked has no address.
        let Some(question) = Question::new(random_id()?, name, kind) else { return Ok(Some(Vec::new())) };
        socket.send(question.as_bytes())?;
        open.push(question);
    }
    let end = Instant::now() + patience;
    let mut buffer = [0; packet::MAX_LEN];
    let (mut four, mut six) = (Vec::new(), Vec::new());
    let mut settled = false;
    while !open.is_empty() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        socket.set_read_timeout(Some(left))?;
        let len = match socket.recv(&mut buffer) {
            Ok(len) => len,
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => break,
            Err(e) => return Err(e),
        };
        let answer =
            open.iter().position(|q| q.is_answered_by(&buffer[..len])).map(|at| open.swap_remove(at));
        if answer.is_some()
            && let Some(addresses) = packet::addresses(&buffer[..len])
        {
            settled = true;
            for address in addresses {
                if address.is_ipv4() { four.push(address) } else { six.push(address) }
            }
        }
    }
    Ok(settled.then(|| alternate(four, six)))
}

/// Taken in turns, so that neither family crowds the other out where only a few are tried.
fn alternate(four: Vec<IpAddr>, six: Vec<IpAddr>) -> Vec<IpAddr> {
    let longest = four.len().max(six.len());
    (0..longest).flat_map(|i| [six.get(i), four.get(i)]).flatten().copied().collect()
}

fn random_id() -> io::Result<u16> {
    let mut id = [0; 2];
    SystemRandom::new().fill(&mut id).map_err(|_| io::Error::other("no random numbers"))?;
    Ok(u16::from_be_bytes(id))
}
