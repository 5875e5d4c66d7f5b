//! Names to addresses without libc's getaddrinfo, which in a static glibc program loads the
//! system's NSS plugins at run time: literal addresses, the hosts file, multicast DNS for `.local`,
//! then DNS by the name servers in resolv.conf. The same on every target.

mod dns;
mod files;
#[cfg(fuzzing)]
pub mod fuzzing;
mod interfaces;
mod mdns;
mod packet;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{fmt, io};

use ring::rand::{SecureRandom, SystemRandom};

use self::dns::Said;
use self::files::ResolvConf;
use self::interfaces::Interfaces;
use self::packet::{Kind, Question};

/// How many addresses of a name are tried at most.
const MAX_ADDRESSES: usize = 8;
/// Far longer than any line of a hosts file, in bytes.
const MAX_LINE: u64 = 4096;
/// Far longer than any resolv.conf, in bytes.
const MAX_RESOLV_CONF: u64 = 64 * 1024;

/// Looks names up.
#[derive(Debug)]
pub struct Names {
    hosts: PathBuf,
    resolv_conf: PathBuf,
    interfaces: Interfaces,
    dns_port: u16,
    mdns_groups: [SocketAddr; 2],
}

impl Default for Names {
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

/// Why a name has no address. The later ones say more of what is to be mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NotFound {
    /// A name server knows of none.
    NoSuchName,
    /// A `.local` name, which nobody on the network claims, nor does a name server know it.
    NoNeighbour,
    /// No name server has anything to say.
    NoNameServer,
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchName => "the name server knows of none",
            Self::NoNeighbour => "no device on this network answers to that name",
            Self::NoNameServer => "no name server answers",
        })
    }
}

impl std::error::Error for NotFound {}

impl Names {
    /// The addresses of `host`, at least one and at most eight, found within `timeout`, for `port`.
    /// Both families in turns, IPv6 first (RFC 8305, section 4).
    ///
    /// # Errors
    /// When it has none, or nobody knows.
    pub fn look_up(&self, host: &str, port: u16, timeout: Duration) -> Result<Vec<SocketAddr>, NotFound> {
        if let Ok(address) = host.parse() {
            return Ok(Vec::from([SocketAddr::new(address, port)]));
        }
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let mut found = self.in_hosts_file(&host);
        if found.is_empty() && is_below(&host, "localhost") {
            // RFC 6761, section 6.3: never asked of a name server.
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

    /// Line by line: with a list of blocked names the file has megabytes.
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

    fn ask(&self, host: &str, end: Instant) -> Result<Vec<SocketAddr>, NotFound> {
        let conf = ResolvConf::parse(&read(&self.resolv_conf), self.dns_port, &self.interfaces);
        let own = [SocketAddr::new(Ipv4Addr::LOCALHOST.into(), self.dns_port)];
        let mut why = NotFound::NoSuchName;
        for name in candidates(host, &conf.search) {
            let local = is_below(&name, "local");
            if local {
                let interfaces = self.interfaces.multicast();
                let found = mdns::look_up(&self.mdns_groups, &interfaces, &name, end).unwrap_or_default();
                if !found.is_empty() {
                    return Ok(found);
                }
            }
            // Without a name server it may run on the machine itself (resolv.conf(5)), which is no
            // place to look for a neighbour. Some homes do have .local names in their name server.
            let servers =
                if conf.name_servers.is_empty() && !local { &own[..] } else { &conf.name_servers[..] };
            why = why.max(match dns::look_up(servers, &name, end) {
                Said::Addresses(found) => return Ok(found),
                Said::NoSuchName | Said::Nothing if local => NotFound::NoNeighbour,
                Said::NoSuchName => NotFound::NoSuchName,
                Said::Nothing => NotFound::NoNameServer,
            });
        }
        Err(why)
    }
}

/// A missing or unreadable file counts as an empty one, as it does for libc; one that is too long, up to
/// what is too long.
fn read(path: &PathBuf) -> String {
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(path) {
        // What was read before a failure is as good as a shorter file.
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

/// The questions for both kinds of address; `None` for what cannot be a host's name.
fn questions(name: &str) -> io::Result<Option<[Question; 2]>> {
    let [a, aaaa] =
        [Question::new(random_id()?, name, Kind::A), Question::new(random_id()?, name, Kind::Aaaa)];
    Ok(a.zip(aaaa).map(Into::into))
}

fn random_id() -> io::Result<u16> {
    let mut id = [0; 2];
    SystemRandom::new().fill(&mut id).map_err(|_| io::Error::other("no random numbers"))?;
    Ok(u16::from_be_bytes(id))
}

/// What can be connected to. "Nowhere" is how some name servers say that they block a name, and
/// a link-local address means nothing without `scope`, the interface it was heard of by (0: none).
fn usable(ip: IpAddr, scope: u32) -> Option<SocketAddr> {
    match ip {
        _ if ip.is_unspecified() || ip.is_multicast() => None,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => {
            (scope != 0).then(|| SocketAddrV6::new(ip, 0, 0, scope).into())
        }
        IpAddr::V4(_) | IpAddr::V6(_) => Some(SocketAddr::new(ip, 0)),
    }
}

/// Neither family crowds the other out where only a few are tried.
fn in_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let (six, four): (Vec<_>, Vec<_>) = addresses.into_iter().partition(SocketAddr::is_ipv6);
    let longest = four.len().max(six.len());
    (0..longest).flat_map(|i| [six.get(i), four.get(i)]).flatten().copied().collect()
}

#[cfg(test)]
mod tests;
