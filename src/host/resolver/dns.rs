//! A DNS stub resolver over UDP (RFC 1035): A and AAAA side by side, one name server after the
//! other.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use std::io;
use std::net::UdpSocket;
use std::time::Instant;

use dns_protocol::{Flags, Message, Question, ResourceRecord, ResourceType};
use ring::rand::{SecureRandom, SystemRandom};

/// How long one name server is waited for before the next is asked.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often all name servers are asked.
const ROUNDS: usize = 2;
const CLASS_IN: u16 = 1;
const NO_ERROR: u8 = 0;
const NO_SUCH_NAME: u8 = 3;
/// Ours and what comes with it; an answer over UDP without EDNS has 512 bytes (RFC 1035, 4.2.1).
const PACKET: usize = 512;

pub(super) struct Client<'a> {
    pub(super) servers: &'a [IpAddr],
    pub(super) port: u16,
    pub(super) timeout: Duration,
}

impl Client<'_> {
    /// The addresses of the first of `names` that has any.
    pub(super) fn look_up(&self, names: &[String]) -> Vec<IpAddr> {
        let end = Instant::now() + self.timeout;
        let sound = names.iter().filter(|name| is_host_name(name));
        sound.map(|name| self.ask_all(name, end)).find(|found| !found.is_empty()).unwrap_or_default()
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
    let mut open: Vec<(u16, ResourceType)> = Vec::new();
    let mut buffer = [0; PACKET];
    for kind in [ResourceType::A, ResourceType::AAAA] {
        let id = random_id()?;
        let len = write_question(&mut buffer, id, name, kind)?;
        socket.send(&buffer[..len])?;
        open.push((id, kind));
    }
    let end = Instant::now() + patience;
    let mut found = Vec::new();
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
        if let Some(answer) = read_answer(&mut buffer[..len], name, &open) {
            open.retain(|(id, _)| *id != answer.id);
            if let Some(addresses) = answer.addresses {
                settled = true;
                found.extend(addresses);
            }
        }
    }
    Ok((settled || !found.is_empty()).then_some(found))
}

fn random_id() -> io::Result<u16> {
    let mut id = [0; 2];
    SystemRandom::new().fill(&mut id).map_err(|_| io::Error::other("no random numbers"))?;
    Ok(u16::from_be_bytes(id))
}

fn write_question(buffer: &mut [u8], id: u16, name: &str, kind: ResourceType) -> io::Result<usize> {
    let mut questions = [Question::new(name, kind, CLASS_IN)];
    let mut flags = Flags::default();
    flags.set_recursive(true);
    Message::new(id, flags, &mut questions, &mut [], &mut [], &mut [])
        .write(buffer)
        .map_err(|_| io::Error::other("the name does not fit a question"))
}

pub(super) struct Answer {
    id: u16,
    /// `None` when the server could not say (SERVFAIL, REFUSED and the like).
    pub(super) addresses: Option<Vec<IpAddr>>,
}

/// Reads a packet as the answer to one of the `open` questions; anything else is `None`.
pub(super) fn read_answer(packet: &mut [u8], name: &str, open: &[(u16, ResourceType)]) -> Option<Answer> {
    if packet.len() < 12 {
        return None;
    }
    // Read by hand (RFC 1035, 4.1.1): dns-protocol panics on the codes nobody has assigned.
    let (is_response, code) = (packet[2] & 0x80 != 0, packet[3] & 0x0f);
    // Only the question and the answers are looked at. A truncated message still has addresses
    // enough, and dns-protocol would drop them.
    packet[2] &= !0x02;
    packet[8..12].fill(0);
    let mut questions = [Question::default()];
    let mut records = [ResourceRecord::default(); 24];
    let message = Message::read(packet, &mut questions, &mut records, &mut [], &mut []).ok()?;
    let kind = open.iter().find(|(id, _)| *id == message.id())?.1;
    let asked = message.questions().first()?;
    if !is_response || asked.ty() != kind || !same_name(asked, name) {
        return None;
    }
    let addresses = match code {
        NO_ERROR => Some(message.answers().iter().filter_map(address).collect()),
        NO_SUCH_NAME => Some(Vec::new()),
        // SERVFAIL, REFUSED and all else: this server does not know.
        _ => None,
    };
    Some(Answer { id: message.id(), addresses })
}

fn same_name(asked: &Question<'_>, name: &str) -> bool {
    alloc::format!("{}", asked.name()).trim_end_matches('.').eq_ignore_ascii_case(name)
}

fn address(record: &ResourceRecord<'_>) -> Option<IpAddr> {
    if record.class() != CLASS_IN {
        return None;
    }
    if record.ty() == ResourceType::A {
        <[u8; 4]>::try_from(record.data()).ok().map(|octets| Ipv4Addr::from(octets).into())
    } else if record.ty() == ResourceType::AAAA {
        <[u8; 16]>::try_from(record.data()).ok().map(|octets| Ipv6Addr::from(octets).into())
    } else {
        None
    }
}

/// What may be asked of a name server: labels of 1 to 63 bytes, 253 in all (RFC 1035, 2.3.4).
fn is_host_name(name: &str) -> bool {
    name.len() <= 253 && name.is_ascii() && name.split('.').all(|label| (1..=63).contains(&label.len()))
}
