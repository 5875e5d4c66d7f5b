//! Services that neighbours announce by multicast DNS (RFC 6763), found by one query like that for an address.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use node_core::text::Text;

use super::mdns;
use super::packet;
use super::packet::{Kind, Question, Record};
use super::query::{random_id, usable};

/// An upper limit, however many neighbours answer.
const MAX_FOUND: usize = 8;
/// The same for the addresses of each.
const MAX_ADDRESSES: usize = 8;
/// In bytes (RFC 6762, section 17).
const MAX_LEN: usize = 9000;

/// A service that a neighbour announces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Announced {
    /// What it is called, for people.
    pub(crate) name: Text<63>,
    /// Where it is, the address first from which it was announced.
    pub(crate) addresses: Vec<SocketAddr>,
}

/// Finds the services of the type `kind`, such as `_http._tcp.local`, that neighbours on `interfaces` announce within
/// `patience`. Each is named by the record with its port (SRV); the addresses have to come in the same packet.
///
/// # Errors
/// When the system has no socket or no random numbers.
pub(super) fn find(
    groups: &[SocketAddr],
    interfaces: &[u32],
    kind: &str,
    patience: Duration,
) -> io::Result<Vec<Announced>> {
    let Some(question) = Question::new(random_id()?, kind, Kind::Ptr) else { return Ok(Vec::new()) };
    let question = question.for_services();
    // Behind the header: the name as a packet has it, up to its end.
    let bytes = question.as_bytes();
    let kind = &bytes[12..bytes.len() - 5];
    let end = Instant::now() + patience;
    let mut found: Vec<Announced> = Vec::new();
    let mut buffer = vec![0; MAX_LEN];
    mdns::ask(groups, interfaces, std::slice::from_ref(&question), &mut buffer, end, &mut |answer, from| {
        for one in announced(answer, kind, from) {
            if let Some(known) = found.iter_mut().find(|known| known.name == one.name) {
                merge(&mut known.addresses, one.addresses);
            } else if found.len() < MAX_FOUND {
                found.push(one);
            }
        }
        end
    })?;
    Ok(found)
}

fn merge(known: &mut Vec<SocketAddr>, more: Vec<SocketAddr>) {
    for address in more {
        if known.len() < MAX_ADDRESSES && !known.contains(&address) {
            known.push(address);
        }
    }
}

/// The services of this type in the packet that came `from` there.
pub(super) fn announced(packet: &[u8], kind: &[u8], from: SocketAddr) -> Vec<Announced> {
    let records = packet::records(packet);
    let places = records.iter().filter_map(|record| place(packet, record, kind)).take(MAX_FOUND);
    let found = places.filter_map(|(name, host, port)| {
        let of_host = records.iter().filter(|record| record.owner.eq_ignore_ascii_case(&host));
        let scope = mdns::scope_of(from);
        let mut addresses: Vec<SocketAddr> = Vec::new();
        let usable = of_host.filter_map(address).filter(|ip| !ip.is_loopback());
        merge(&mut addresses, usable.filter_map(|ip| usable_at(ip, scope, port)).collect());
        // Of a machine with several networks, some of them its own, this one can be reached.
        addresses.sort_by_key(|address| address.ip() != from.ip());
        (!addresses.is_empty()).then_some(Announced { name, addresses })
    });
    found.collect()
}

fn usable_at(ip: IpAddr, scope: u32, port: u16) -> Option<SocketAddr> {
    let mut address = usable(ip, scope)?;
    address.set_port(port);
    Some(address)
}

/// What an instance of this type is called, the name of its host, and its port.
fn place(packet: &[u8], record: &Record<'_>, kind: &[u8]) -> Option<(Text<63>, Vec<u8>, u16)> {
    let (first, rest) = record.owner.split_at_checked(usize::from(*record.owner.first()?) + 1)?;
    if record.kind != Kind::Srv as u16 || record.is_withdrawn || !rest.eq_ignore_ascii_case(kind) {
        return None;
    }
    // Behind priority and weight (RFC 2782).
    let port = u16::from_be_bytes([*record.data.get(4)?, *record.data.get(5)?]);
    let host = packet::name(packet, record.at + 6)?;
    Some((Text::from(&*String::from_utf8_lossy(&first[1..])), host, port))
}

/// The address in a record.
fn address(record: &Record<'_>) -> Option<IpAddr> {
    if record.kind == Kind::A as u16 {
        <[u8; 4]>::try_from(record.data).ok().map(|octets| Ipv4Addr::from(octets).into())
    } else if record.kind == Kind::Aaaa as u16 {
        <[u8; 16]>::try_from(record.data).ok().map(|octets| Ipv6Addr::from(octets).into())
    } else {
        None
    }
}
