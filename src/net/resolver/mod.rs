//! Resolves host names without libc's getaddrinfo, which in a static glibc program loads the system's NSS
//! plugins at run time. In order: literal addresses, the hosts file, multicast DNS for `.local`, then the
//! name servers in resolv.conf. It works in the same way on every target.

mod dns;
mod files;
#[cfg(fuzzing)]
pub mod fuzzing;
mod interfaces;
mod mdns;
mod packet;
mod query;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use thiserror::Error;

use self::dns::DnsAnswer;
use self::files::ResolvConf;
use self::interfaces::Interfaces;

/// The greatest number of addresses of one name.
const MAX_ADDRESSES: usize = 8;
/// In bytes; no real line of a hosts file is as long.
const MAX_LINE: u64 = 4096;
/// In bytes; no real resolv.conf is as long.
const MAX_RESOLV_CONF: u64 = 64 * 1024;

/// A resolver with its sources.
#[derive(Debug)]
pub(super) struct NameResolver {
    hosts: PathBuf,
    resolv_conf: PathBuf,
    interfaces: Interfaces,
    dns_port: u16,
    mdns_groups: [SocketAddr; 2],
}

impl Default for NameResolver {
    fn default() -> Self {
        Self {
            hosts: "/etc/hosts".into(),
            resolv_conf: "/etc/resolv.conf".into(),
            interfaces: Interfaces("/sys/class/net".into()),
            dns_port: 53,
            mdns_groups: mdns::GROUPS,
        }
    }
}

/// The reason why a name has no address. Later variants are more useful to the person who has to fix it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
pub(super) enum NameError {
    /// The name server has no address for it.
    #[error("the name server knows of none")]
    Unknown,
    /// It is a `.local` name, and neither a neighbour nor a name server has an address for it.
    #[error("no device on this network answers to that name")]
    NoNeighbour,
    /// No name server answers.
    #[error("no name server answers")]
    NoNameServer,
}

impl NameResolver {
    /// Finds at least one and at most eight addresses of `host` within `timeout`, with `port`. The families
    /// alternate, IPv6 first (RFC 8305, section 4).
    ///
    /// # Errors
    /// When the name has no address, or no server answers.
    pub(super) fn look_up(
        &self,
        host: &str,
        port: u16,
        timeout: Duration,
    ) -> Result<Vec<SocketAddr>, NameError> {
        if let Ok(address) = host.parse() {
            return Ok(Vec::from([SocketAddr::new(address, port)]));
        }
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let mut found = self.in_hosts_file(&host);
        if found.is_empty() && is_below(&host, "localhost") {
            // Name servers are never queried for it (RFC 6761, section 6.3).
            found = Vec::from([Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()])
                .into_iter()
                .map(|ip| SocketAddr::new(ip, 0))
                .collect();
        }
        if found.is_empty() {
            found = self.ask(&host, Instant::now() + timeout)?;
        }
        let mut found = in_turns(found);
        found.truncate(MAX_ADDRESSES);
        for address in &mut found {
            address.set_port(port);
        }
        Ok(found)
    }

    /// Reads line by line: a hosts file that blocks many names has megabytes.
    fn in_hosts_file(&self, host: &str) -> Vec<SocketAddr> {
        let Ok(file) = File::open(&self.hosts) else { return Vec::new() };
        let mut file = BufReader::new(file);
        let (mut found, mut line) = (Vec::new(), Vec::new());
        while found.len() < MAX_ADDRESSES
            && Read::by_ref(&mut file).take(MAX_LINE).read_until(b'\n', &mut line).is_ok_and(|len| len > 0)
        {
            found.extend(files::hosts(&String::from_utf8_lossy(&line), host, &self.interfaces));
            line.clear();
        }
        found
    }

    fn ask(&self, host: &str, end: Instant) -> Result<Vec<SocketAddr>, NameError> {
        let conf = ResolvConf::parse(&read(&self.resolv_conf), self.dns_port, &self.interfaces);
        let own = [SocketAddr::new(Ipv4Addr::LOCALHOST.into(), self.dns_port)];
        let mut why = NameError::Unknown;
        for name in candidates(host, &conf.search) {
            let local = is_below(&name, "local");
            if local {
                let interfaces = self.interfaces.multicast();
                let found = mdns::look_up(&self.mdns_groups, &interfaces, &name, end).unwrap_or_default();
                if !found.is_empty() {
                    return Ok(found);
                }
            }
            // Without a name server in resolv.conf, there may be one on this machine (resolv.conf(5)), but it
            // does not know neighbours. Some homes do have `.local` names in their name server.
            let servers =
                if conf.name_servers.is_empty() && !local { &own[..] } else { &conf.name_servers[..] };
            why = why.max(match dns::look_up(servers, &name, end) {
                DnsAnswer::Addresses(found) => return Ok(found),
                DnsAnswer::NoSuchName | DnsAnswer::Nothing if local => NameError::NoNeighbour,
                DnsAnswer::NoSuchName => NameError::Unknown,
                DnsAnswer::Nothing => NameError::NoNameServer,
            });
        }
        Err(why)
    }
}

/// A missing or unreadable file counts as empty, as in libc. A file that is too long is cut off.
fn read(path: &PathBuf) -> String {
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(path) {
        // The part that was read before an error counts as a shorter file.
        let _ = file.take(MAX_RESOLV_CONF).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// A name without a dot is tried in the search domains first (resolv.conf(5), ndots:1).
fn candidates(host: &str, search: &[String]) -> Vec<String> {
    let searched = search.iter().map(|domain| format!("{host}.{domain}"));
    let bare = std::iter::once(host.into());
    if host.contains('.') { bare.collect() } else { searched.chain(bare).collect() }
}

/// Alternates the families, so that both are among the few addresses that are tried.
fn in_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let (six, four): (Vec<_>, Vec<_>) = addresses.into_iter().partition(SocketAddr::is_ipv6);
    let longest = four.len().max(six.len());
    (0..longest).flat_map(|i| [six.get(i), four.get(i)]).flatten().copied().collect()
}

#[cfg(test)]
mod tests;
