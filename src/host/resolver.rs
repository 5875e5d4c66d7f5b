//! Names to addresses without libc's getaddrinfo, which in a static glibc program loads the
//! system's NSS plugins at run time: literal addresses, the hosts file, then DNS by the name
//! servers in resolv.conf. The same on every target.

mod dns;
mod files;
mod packet;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use std::path::PathBuf;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// How many addresses of a name are tried at most.
const MAX_ADDRESSES: usize = 8;
/// The longest a whole look-up takes, however slow the name servers are.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(10);

/// Looks names up.
#[derive(Debug)]
pub struct Names {
    hosts: PathBuf,
    resolv_conf: PathBuf,
    dns_port: u16,
}

impl Default for Names {
    fn default() -> Self {
        Self { hosts: "/etc/hosts".into(), resolv_conf: "/etc/resolv.conf".into(), dns_port: 53 }
    }
}

impl Names {
    /// All addresses of `host`, at most eight, within `timeout`; none when it has none or no
    /// name server answers.
    #[must_use]
    pub fn look_up(&self, host: &str, timeout: Duration) -> Vec<IpAddr> {
        if let Ok(address) = host.parse() {
            return Vec::from([address]);
        }
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let in_hosts = files::hosts(&read(&self.hosts), &host);
        if !in_hosts.is_empty() {
            return in_hosts;
        }
        if host == "localhost" || host.ends_with(".localhost") {
            // RFC 6761, section 6.3: never asked of a name server.
            return Vec::from([Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let servers = files::ResolvConf::parse(&read(&self.resolv_conf));
        dns::Client { servers: &servers.name_servers, port: self.dns_port, timeout }
            .look_up(&candidates(&host, &servers.search))
    }
}

/// A missing or unreadable file counts as an empty one, as it does for libc.
fn read(path: &PathBuf) -> String {
    std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// A name without a dot is tried in the search domains first (resolv.conf(5), ndots:1).
fn candidates(host: &str, search: &[String]) -> Vec<String> {
    let searched = search.iter().map(|domain| format!("{host}.{domain}"));
    let bare = core::iter::once(host.into());
    if host.contains('.') { bare.collect() } else { searched.chain(bare).collect() }
}

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        _config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().ok_or(ureq::Error::HostNotFound)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let timeout = timeout.not_zero().map_or(LOOK_UP_TIMEOUT, |left| LOOK_UP_TIMEOUT.min(*left));
        let mut found = self.empty();
        for address in self.look_up(host, timeout).into_iter().take(MAX_ADDRESSES) {
            found.push(SocketAddr::new(address, port));
        }
        if found.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(found) }
    }
}

#[cfg(test)]
mod tests;
