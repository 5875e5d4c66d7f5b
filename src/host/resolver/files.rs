//! The hosts file and resolv.conf, as far as looking up a host needs them.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

/// The addresses `host` has in the text of a hosts file (hosts(5)).
pub(super) fn hosts(text: &str, host: &str) -> Vec<IpAddr> {
    text.lines()
        .filter_map(|line| {
            let mut words = without_comment(line).split_ascii_whitespace();
            let address = words.next()?.parse().ok()?;
            words.any(|name| name.eq_ignore_ascii_case(host)).then_some(address)
        })
        .collect()
}

/// What resolv.conf(5) says of name servers and search domains; its options are not used.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ResolvConf {
    pub(super) name_servers: Vec<IpAddr>,
    pub(super) search: Vec<String>,
}

impl ResolvConf {
    /// As libc does: at most three name servers, and the machine itself when there is none.
    pub(super) fn parse(text: &str) -> Self {
        let mut found = Self { name_servers: Vec::new(), search: Vec::new() };
        for line in text.lines() {
            let mut words = without_comment(line).split_ascii_whitespace();
            match words.next() {
                Some("nameserver") => found.name_servers.extend(
                    // An IPv6 zone (fe80::1%eth0) names an interface, which an IpAddr cannot.
                    words.next().and_then(|address| address.parse::<IpAddr>().ok()),
                ),
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
        if found.name_servers.is_empty() {
            found.name_servers.push(Ipv4Addr::LOCALHOST.into());
        }
        found
    }
}

fn without_comment(line: &str) -> &str {
    line.split(['#', ';']).next().unwrap_or_default()
}
