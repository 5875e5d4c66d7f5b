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

/// The greatest number of dots that `ndots` can ask for, as in glibc.
const MAX_NDOTS: usize = 15;
/// Far more than anybody has: glibc has no limit any more.
const MAX_SEARCH: usize = 32;

/// The name servers and search domains of resolv.conf(5). Of its options only `ndots` counts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ResolvConf {
    pub(super) name_servers: Vec<SocketAddr>,
    pub(super) search: Vec<String>,
    /// A name with fewer dots is looked up in the search domains first.
    pub(super) ndots: usize,
    /// The number of the first line with a name server that is not used, because it is no address.
    pub(super) unusable: Option<usize>,
}

impl ResolvConf {
    /// Parses at most three name servers, each with this port, and the search domains, as glibc does. Without any,
    /// names are searched in the domain of `host_name`, this machine's own.
    pub(super) fn parse(text: &str, port: u16, host_name: &str, interfaces: &Interfaces) -> Self {
        let own_domain = host_name.split_once('.').map(|(_, domain)| domain.trim_matches('.').to_owned());
        let search = own_domain.into_iter().filter(|domain| !domain.is_empty()).collect();
        let mut found = Self { name_servers: Vec::new(), search, ndots: 1, unusable: None };
        for (line, number) in text.lines().zip(1..) {
            let mut words = without_comment(line).split_ascii_whitespace();
            match words.next() {
                Some("nameserver") => match words.next().map(|word| socket_address(word, port, interfaces)) {
                    Some(Some(address)) => found.name_servers.push(address),
                    Some(None) => found.unusable = found.unusable.or(Some(number)),
                    None => {}
                },
                Some("search" | "domain") => {
                    found.search = words
                        .map(|domain| domain.trim_matches('.').to_owned())
                        .filter(|d| !d.is_empty())
                        .collect();
                }
                Some("options") => {
                    let mut ndots = words.filter_map(|option| option.strip_prefix("ndots:")?.parse().ok());
                    found.ndots = ndots.next_back().unwrap_or(found.ndots).min(MAX_NDOTS);
                }
                Some(_) | None => {}
            }
        }
        found.name_servers.truncate(3);
        found.search.truncate(MAX_SEARCH);
        found
    }

    /// The names that a look-up of `host` asks for in turn. A name with a final dot is only asked for itself, and one
    /// with `ndots` dots first for itself.
    pub(super) fn candidates(&self, host: &str) -> Vec<String> {
        let (bare, is_whole) = host.strip_suffix('.').map_or((host, false), |bare| (bare, true));
        let mut names: Vec<String> = Vec::new();
        if !is_whole {
            names.extend(self.search.iter().map(|domain| format!("{bare}.{domain}")));
        }
        let has_enough_dots = bare.matches('.').count() >= self.ndots;
        names.insert(if has_enough_dots { 0 } else { names.len() }, bare.into());
        names
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
