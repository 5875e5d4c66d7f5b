//! Doors for the fuzz targets: see `host::fuzzing`.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use super::files::ResolvConf;
use super::interfaces::Interfaces;
use super::packet::{Kind, Question};
use super::{files, packet};

/// A question for addresses, as it goes to name servers or to neighbours; `None` for what is no name.
#[must_use]
pub fn question(id: u16, name: &str, ipv6: bool, neighbours: bool) -> Option<Vec<u8>> {
    asked(id, name, ipv6, neighbours).map(|question| question.as_bytes().into())
}

/// Whether `packet` is an answer to that question.
#[must_use]
pub fn is_answer(id: u16, name: &str, ipv6: bool, neighbours: bool, packet: &[u8]) -> bool {
    asked(id, name, ipv6, neighbours).is_some_and(|question| question.is_answered_by(packet))
}

fn asked(id: u16, name: &str, ipv6: bool, neighbours: bool) -> Option<Question> {
    let question = Question::new(id, name, if ipv6 { Kind::Aaaa } else { Kind::A })?;
    Some(if neighbours { question.for_neighbours() } else { question })
}

/// The addresses in an answer.
#[must_use]
pub fn addresses(packet: &[u8]) -> Option<Vec<IpAddr>> {
    packet::addresses(packet)
}

/// Whether the answer says that it was cut off.
#[must_use]
pub fn is_truncated(packet: &[u8]) -> bool {
    packet::is_truncated(packet)
}

/// What is connected to when `ip` came by the interface of that number.
#[must_use]
pub fn usable(ip: IpAddr, scope: u32) -> Option<SocketAddr> {
    super::usable(ip, scope)
}

/// Name servers and search domains in the text of a resolv.conf.
#[must_use]
pub fn resolv_conf(text: &str, port: u16, interfaces: &Path) -> (Vec<SocketAddr>, Vec<String>) {
    let ResolvConf { name_servers, search } = ResolvConf::parse(text, port, &Interfaces(interfaces.into()));
    (name_servers, search)
}

/// The addresses of `host` in the text of a hosts file.
#[must_use]
pub fn hosts(text: &str, host: &str, interfaces: &Path) -> Vec<SocketAddr> {
    files::hosts(text, host, &Interfaces(interfaces.into()))
}

/// The numbers of the interfaces in a folder like /sys/class/net.
#[must_use]
pub fn multicast(interfaces: &Path) -> Vec<u32> {
    Interfaces(interfaces.into()).multicast()
}

/// What is asked for in turn when `host` is looked up.
#[must_use]
pub fn candidates(host: &str, search: &[String]) -> Vec<String> {
    super::candidates(host, search)
}
