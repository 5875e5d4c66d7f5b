//! Entry points for the fuzz targets: see [`crate::fuzzing`].

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use super::files::ResolvConf;
use super::interfaces::Interfaces;
use super::packet::{Kind, Question};
use super::{files, packet, query, services};

/// A query for addresses by DNS or multicast DNS; `None` if the name is invalid.
#[must_use]
pub fn question(id: u16, name: &str, ipv6: bool, neighbours: bool) -> Option<Vec<u8>> {
    asked(id, name, ipv6, neighbours).map(|question| question.as_bytes().into())
}

/// Whether `packet` answers that query.
#[must_use]
pub fn is_answer(id: u16, name: &str, ipv6: bool, neighbours: bool, packet: &[u8]) -> bool {
    asked(id, name, ipv6, neighbours).is_some_and(|question| question.is_answered_by(packet))
}

fn asked(id: u16, name: &str, ipv6: bool, neighbours: bool) -> Option<Question> {
    let question = Question::new(id, name, if ipv6 { Kind::Aaaa } else { Kind::A })?;
    Some(if neighbours { question.for_mdns() } else { question })
}

/// The addresses in an answer.
#[must_use]
pub fn addresses(packet: &[u8]) -> Option<Vec<IpAddr>> {
    packet::addresses(packet)
}

/// The addresses of each service of the type `_http._tcp.local` that a packet from a neighbour announces.
#[must_use]
pub fn announced(packet: &[u8]) -> Vec<Vec<SocketAddr>> {
    let from = SocketAddr::from(([192, 0, 2, 10], 5353));
    let found = services::announced(packet, b"\x05_http\x04_tcp\x05local", from);
    found.into_iter().map(|one| one.addresses).collect()
}

/// Whether the answer is truncated.
#[must_use]
pub fn is_truncated(packet: &[u8]) -> bool {
    packet::is_truncated(packet)
}

/// The address to connect to, if `ip` came over the interface with index `scope`.
#[must_use]
pub fn usable(ip: IpAddr, scope: u32) -> Option<SocketAddr> {
    query::usable(ip, scope)
}

/// Name servers and search domains in the text of a resolv.conf.
#[must_use]
pub fn resolv_conf(text: &str, port: u16, interfaces: &Path) -> (Vec<SocketAddr>, Vec<String>) {
    let ResolvConf { name_servers, search, .. } =
        ResolvConf::parse(text, port, "", &Interfaces(interfaces.into()));
    (name_servers, search)
}

/// The addresses of `host` in the text of a hosts file.
#[must_use]
pub fn hosts(text: &str, host: &str, interfaces: &Path) -> Vec<SocketAddr> {
    files::hosts(text, host, &Interfaces(interfaces.into()))
}

/// The indexes of the interfaces in a folder like /sys/class/net that support multicast.
#[must_use]
pub fn multicast(interfaces: &Path) -> Vec<u32> {
    Interfaces(interfaces.into()).multicast()
}

/// The names that a look-up of `host` queries in turn.
#[must_use]
pub fn candidates(host: &str, search: &[String]) -> Vec<String> {
    ResolvConf { name_servers: Vec::new(), search: search.into(), ndots: 1, unusable: None }.candidates(host)
}
