//! Parsers for the hosts file and resolv.conf, as far as host names need them.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};

use super::interfaces::Interfaces;

/// The addresses of `host` in the text of a hosts file (hosts(5)), each with port 0.
pub(super) fn hosts(text: &str, host: &str, interfaces: &Interfaces) -> Vec<SocketAddr> {
    text.lines()
        .filter_map(|line| {
            let mut words = without_comment(line).split_ascii_whitespace();
            let address = words.next()?;
            let named = words.any(|name| name.eq_ignore_ascii_case(host));
            named.then(|| socket_address(address, 0, interfaces))?
        })
        .collect()
}

/// The name servers and search domains of resolv.conf(5). Its options are ignored.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ResolvConf {
    pub(super) name_servers: Vec<SocketAddr>,
    pub(super) search: Vec<String>,
}

impl ResolvConf {
    /// Parses at most three name servers, each with this port, and six search domains, as libc does.
    pub(super) fn parse(text: &str, port: u16, interfaces: &Interfaces) -> Self {
        let mut found = Self { name_servers: Vec::new(), search: Vec::new() };
        for line in text.lines() {
            let mut words = without_comment(line).split_ascii_whitespace();
            match words.next() {
                Some("nameserver") => found
                    .name_servers
                    .extend(words.next().and_then(|address| socket_address(address, port, interfaces))),
                Some("search" | "domain") => {
                    found.search = words
                        .map(|domain| domain.trim_matches('.').to_owned())
                        .filter(|d| !d.is_empty())
                        .collect();
                }
                Some(_) | None => {}
            }
        }
        found.name_servers.truncate(3);
        found.search.truncate(6);
        found
    }
}

/// Parses an address in one of these files. An IPv6 address may have a zone: an interface's name or index
/// (RFC 4007, section 11). Home routers announce themselves as `fe80::1%eth0`.
fn socket_address(text: &str, port: u16, interfaces: &Interfaces) -> Option<SocketAddr> {
    let Some((address, zone)) = text.split_once('%') else {
        return Some(SocketAddr::new(text.parse().ok()?, port));
    };
    let address: Ipv6Addr = address.parse().ok()?;
    let zone = interfaces.index(zone).or_else(|| zone.parse().ok())?;
    Some(SocketAddrV6::new(address, port, 0, zone).into())
}

fn without_comment(line: &str) -> &str {
    line.split(['#', ';']).next().unwrap_or_default()
}
