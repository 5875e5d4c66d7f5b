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
mod services;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Take};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use log::warn;
use node_core::plain;
use thiserror::Error;

use self::dns::DnsAnswer;
use self::files::ResolvConf;
use self::interfaces::Interfaces;
pub(crate) use self::services::Announced;
use crate::files::bounded;

/// The greatest number of addresses of one name.
const MAX_ADDRESSES: usize = 8;
/// In bytes; no real line of a hosts file is as long.
const MAX_LINE: u64 = 4096;
/// In bytes; no real resolv.conf is as long.
const MAX_RESOLV_CONF: u64 = 64 * 1024;
/// In bytes. The longest public block lists are half as long.
const MAX_HOSTS: u64 = 32 * 1024 * 1024;

/// A resolver with its sources.
#[derive(Debug)]
pub(super) struct NameResolver {
    hosts: PathBuf,
    resolv_conf: PathBuf,
    interfaces: Interfaces,
    dns_port: u16,
    mdns_groups: [SocketAddr; 2],
    /// Whether the log says already that one of the files cannot be used.
    complained: AtomicBool,
}

impl Default for NameResolver {
    fn default() -> Self {
        Self {
            hosts: "/etc/hosts".into(),
            resolv_conf: "/etc/resolv.conf".into(),
            interfaces: Interfaces("/sys/class/net".into()),
            dns_port: 53,
            mdns_groups: mdns::GROUPS,
            complained: AtomicBool::new(false),
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
    /// No name server is configured, because the file is missing, unusable or names none.
    #[error("/etc/resolv.conf gives no name server, and none answers on this board")]
    NoneConfigured,
    /// No name server is configured by its address, and what else is on this line is not asked.
    #[error(
        "/etc/resolv.conf gives no name server by a plain IP address (line {0} does not, and libc would not use it \
         either)"
    )]
    NoServerAddress(usize),
    /// A name server answers, but with an error. systemd-resolved refuses names without a domain like this, at
    /// once.
    #[error("the name server {server} does not look it up ({})", code_name(*.code))]
    Refused {
        /// The name server.
        server: IpAddr,
        /// Its response code.
        code: u8,
    },
    /// This name server gives the unspecified address, as one does for what is on its block list.
    #[error("the name server {0} gives no address but 0.0.0.0 or ::, as for names that it blocks")]
    Blocked(IpAddr),
}

/// The name of a DNS response code (RFC 1035, section 4.1.1).
const fn code_name(code: u8) -> &'static str {
    match code {
        1 => "FORMERR",
        2 => "SERVFAIL",
        4 => "NOTIMP",
        5 => "REFUSED",
        _ => "another error",
    }
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
        let host = host.to_ascii_lowercase();
        let bare = host.strip_suffix('.').unwrap_or(&host);
        let mut found = self.in_hosts_file(bare);
        if found.is_empty() && is_below(bare, "localhost") {
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

    /// Finds the services of the type `kind`, such as `_http._tcp.local`, that neighbours announce within `patience`.
    ///
    /// # Errors
    /// When the system has no socket or no random numbers.
    pub(super) fn announced(&self, kind: &str, patience: Duration) -> io::Result<Vec<Announced>> {
        services::find(&self.mdns_groups, &self.interfaces.multicast(), kind, patience)
    }

    /// Where `host` has its address from, for a person who looks for a wrong one.
    pub(super) fn source(&self, host: &str) -> String {
        let host = host.to_ascii_lowercase();
        let bare = host.strip_suffix('.').unwrap_or(&host);
        if !self.in_hosts_file(bare).is_empty() {
            self.hosts.display().to_string()
        } else if is_below(bare, "local") {
            "mDNS or the name server".into()
        } else {
            "the name server".into()
        }
    }

    /// Which of the files cannot be used now, and why. A missing one counts as empty.
    pub(super) fn unusable_file(&self) -> Option<(&Path, io::Error)> {
        let (hosts, conf) = (self.open_hosts().map(drop), self.resolv_conf_text().map(drop));
        [(&self.hosts, hosts), (&self.resolv_conf, conf)].into_iter().find_map(|(path, read)| {
            read.err().filter(|e| e.kind() != io::ErrorKind::NotFound).map(|e| (path.as_path(), e))
        })
    }

    /// The hosts file from its first line on.
    fn open_hosts(&self) -> io::Result<BufReader<Take<File>>> {
        let (file, _) = bounded::open(&self.hosts)?;
        let mut file = BufReader::new(file.take(MAX_HOSTS));
        // Later lines are judged one by one.
        let first = file.fill_buf()?.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let mark = plain::mark_len(first).map_err(|fault| io::Error::other(fault.to_string()))?;
        file.consume(mark);
        Ok(file)
    }

    /// Reads line by line: a hosts file that blocks many names has megabytes. A missing file counts as empty, as in
    /// libc.
    fn in_hosts_file(&self, host: &str) -> Vec<SocketAddr> {
        let mut file = match self.open_hosts() {
            Ok(file) => file,
            Err(e) => {
                self.complain(&self.hosts, &e);
                return Vec::new();
            }
        };
        let (mut found, mut line) = (Vec::new(), Vec::new());
        while found.len() < MAX_ADDRESSES
            && Read::by_ref(&mut file).take(MAX_LINE).read_until(b'\n', &mut line).is_ok_and(|len| len > 0)
        {
            found.extend(files::hosts(&String::from_utf8_lossy(&line), host, &self.interfaces));
            line.clear();
        }
        found
    }

    /// The text of resolv.conf. A missing or unusable file counts as empty, as in libc.
    fn read_resolv_conf(&self) -> String {
        self.resolv_conf_text().unwrap_or_else(|e| {
            self.complain(&self.resolv_conf, &e);
            String::new()
        })
    }

    fn resolv_conf_text(&self) -> io::Result<String> {
        let mut bytes = bounded::read(&self.resolv_conf, MAX_RESOLV_CONF)?;
        let mark = plain::mark_len(&bytes).map_err(|fault| io::Error::other(fault.to_string()))?;
        bytes.drain(..mark);
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Logs once that a file is not used. The names may be found without it.
    fn complain(&self, path: &Path, why: &io::Error) {
        if why.kind() != io::ErrorKind::NotFound && !self.complained.swap(true, Ordering::Relaxed) {
            warn!("names are looked up without {}: {why}", path.display());
        }
    }

    fn conf(&self) -> ResolvConf {
        let system = rustix::system::uname();
        let host_name = system.nodename().to_string_lossy();
        ResolvConf::parse(&self.read_resolv_conf(), self.dns_port, &host_name, &self.interfaces)
    }

    fn ways(&self, host: &str, patience: Duration) -> Ways {
        if let Ok(address) = host.parse() {
            return vec![("the address itself", vec![SocketAddr::new(address, 0)])];
        }
        let host = host.to_ascii_lowercase();
        let bare = host.strip_suffix('.').unwrap_or(&host);
        let (conf, end) = (self.conf(), || Instant::now() + patience);
        let mut ways = vec![("/etc/hosts", self.in_hosts_file(bare))];
        if is_below(bare, "local") {
            let interfaces = self.interfaces.multicast();
            ways.push((
                "mDNS",
                mdns::look_up(&self.mdns_groups, &interfaces, bare, end()).unwrap_or_default(),
            ));
        }
        let end = end();
        let by_dns = conf.candidates(&host).into_iter().find_map(|name| {
            match dns::look_up(&conf.name_servers, &name, end) {
                DnsAnswer::Addresses(found) => Some(found),
                DnsAnswer::NoSuchName
                | DnsAnswer::Blocked(_)
                | DnsAnswer::Nothing
                | DnsAnswer::Refused(..) => None,
            }
        });
        ways.push(("DNS", by_dns.unwrap_or_default()));
        ways
    }

    fn ask(&self, host: &str, end: Instant) -> Result<Vec<SocketAddr>, NameError> {
        let conf = self.conf();
        if let Some(line) = conf.unusable.filter(|_| !self.complained.swap(true, Ordering::Relaxed)) {
            let path = self.resolv_conf.display();
            warn!(
                "{path}: the name server on line {line} is not asked, because it is not given by an address"
            );
        }
        let own = [SocketAddr::new(Ipv4Addr::LOCALHOST.into(), self.dns_port)];
        let mut why = NameError::Unknown;
        for name in conf.candidates(host) {
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
                DnsAnswer::Blocked(server) => NameError::Blocked(server),
                DnsAnswer::NoSuchName | DnsAnswer::Nothing | DnsAnswer::Refused(..) if local => {
                    NameError::NoNeighbour
                }
                DnsAnswer::Refused(server, code) => NameError::Refused { server, code },
                DnsAnswer::NoSuchName => NameError::Unknown,
                DnsAnswer::Nothing if conf.name_servers.is_empty() => NameError::NoneConfigured,
                DnsAnswer::Nothing => NameError::NoNameServer,
            });
        }
        let unusable = conf.unusable.filter(|_| conf.name_servers.is_empty());
        Err(unusable.map_or(why, |line| why.max(NameError::NoServerAddress(line))))
    }
}

/// Finds the services of the type `kind`, such as `_http._tcp.local`, that neighbours announce within `patience`.
///
/// # Errors
/// When the system has no socket or no random numbers.
pub(crate) fn announced(kind: &str, patience: Duration) -> io::Result<Vec<Announced>> {
    NameResolver::default().announced(kind, patience)
}

/// The ways by which the addresses of a host are found, and those that each of them finds.
pub(crate) type Ways = Vec<(&'static str, Vec<SocketAddr>)>;

/// The addresses of `host` by each way on its own, in the order in which they count. Each way has this patience.
pub(crate) fn ways(host: &str, patience: Duration) -> Ways {
    NameResolver::default().ways(host, patience)
}

/// The name servers that are asked, and the first line of resolv.conf with one that is none.
pub(crate) fn name_servers() -> (Vec<SocketAddr>, Option<usize>) {
    let ResolvConf { name_servers, unusable, .. } = NameResolver::default().conf();
    (name_servers, unusable)
}

fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Alternates the families, so that both are among the few addresses that are tried.
fn in_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let (six, four): (Vec<_>, Vec<_>) = addresses.into_iter().partition(SocketAddr::is_ipv6);
    let longest = four.len().max(six.len());
    (0..longest).flat_map(|i| [six.get(i), four.get(i)]).flatten().copied().collect()
}

#[cfg(test)]
mod tests;
