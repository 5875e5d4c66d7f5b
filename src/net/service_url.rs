//! The URL of a service, checked when it is configured.

use std::net::{IpAddr, Ipv6Addr};

use node_core::wire::{HEALTH_PATH, HEARTBEAT_PATH, REGISTER_PATH, VALIDATE_NODE_PATH};
use rustls::pki_types::ServerName;
use ureq::http::Uri;

/// `http://` or `https://`, a host, and optionally a port and a path, to which the paths of the service are
/// appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceUrl {
    whole: String,
    base: String,
    host: String,
    port: u16,
    https: bool,
}

impl ServiceUrl {
    /// Checks `text`, the value of `key`. Plain HTTP needs `allow_http`, unless the host is the machine
    /// itself.
    ///
    /// # Errors
    /// A sentence about the first fault.
    pub fn parse(key: &str, text: &str, allow_http: bool) -> Result<Self, String> {
        let wrong = |why: &str| format!("{key} {why}");
        if text.len() > 200 {
            return Err(wrong("is longer than 200 bytes"));
        }
        let uri: Uri = text.parse().map_err(|e| wrong(&format!("is not a URL: {e}")))?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err(wrong("must begin with https:// or http://")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("must not hold a user name or a password"));
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(wrong("must end with its path: no '?' and no '#'"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(wrong("names no host"));
        }
        if !https && !allow_http && !is_loopback(&host) {
            return Err(wrong(
                "is plain HTTP, which shows the keys to everyone on the network: use https://, or set allow_http to true",
            ));
        }
        if authority.host().starts_with('[') && host.parse::<Ipv6Addr>().is_err() {
            return Err(wrong("has something in brackets that is not an IPv6 address"));
        }
        if https && ServerName::try_from(host.as_str()).is_err() {
            return Err(wrong("names a host that no certificate can be made out for"));
        }
        // An invalid port must not count as a missing one: the keys would go to another service.
        let has_port = authority.as_str().len() > authority.host().len();
        if has_port && authority.port_u16().is_none_or(|port| port == 0) {
            return Err(wrong("has a port that is not from 1 to 65535"));
        }
        let port = authority.port_u16().unwrap_or(if https { 443 } else { 80 });
        // `Uri` gives a missing path as "/", which would make a URL of the greatest length too long.
        let path = if text.ends_with('/') { uri.path() } else { uri.path().trim_end_matches('/') };
        let whole = format!("{}://{authority}{path}", if https { "https" } else { "http" });
        Ok(Self { base: whole.trim_end_matches('/').to_owned(), whole, host, port, https })
    }

    /// The URL without a trailing `/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.base
    }

    /// The whole URL, with the trailing `/` it was written with: for requests to this very URL.
    #[must_use]
    pub fn whole(&self) -> &str {
        &self.whole
    }

    /// Whether it is reached over TLS.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.https
    }

    /// The host's name or address, an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Whether the host is the machine itself.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// Whether both URLs lead to the same host and port, in whatever scheme and spelling.
    #[must_use]
    pub fn is_server_of(&self, other: &Self) -> bool {
        self.port == other.port && self.place() == other.place()
    }

    /// The host in a spelling that all names of the machine itself share, and all forms of one address.
    fn place(&self) -> String {
        // The final dot of a fully qualified name makes no difference.
        let host = self.host.trim_end_matches('.').to_ascii_lowercase();
        match host.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
            Ok(ip) if ip.is_loopback() || ip.is_unspecified() => "localhost".into(),
            Ok(ip) => ip.to_string(),
            // RFC 6761, section 6.3.
            Err(_) if host.ends_with(".localhost") => "localhost".into(),
            Err(_) => host,
        }
    }

    pub(crate) fn validate_node(&self) -> String {
        format!("{}{VALIDATE_NODE_PATH}", self.base)
    }

    pub(crate) fn heartbeat(&self) -> String {
        format!("{}{HEARTBEAT_PATH}", self.base)
    }

    pub(crate) fn register(&self) -> String {
        format!("{}{REGISTER_PATH}", self.base)
    }

    pub(crate) fn health(&self) -> String {
        format!("{}{HEALTH_PATH}", self.base)
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_url_is_taken_apart() {
        for (text, host, port, endpoint) in [
            ("https://auth.home", "auth.home", 443, "https://auth.home/internal/validate-node"),
            ("https://auth.home:7701/", "auth.home", 7701, "https://auth.home:7701/internal/validate-node"),
            ("https://[::1]:7701/jarvis/", "::1", 7701, "https://[::1]:7701/jarvis/internal/validate-node"),
            ("http://127.0.0.1:7701", "127.0.0.1", 7701, "http://127.0.0.1:7701/internal/validate-node"),
            ("http://localhost", "localhost", 80, "http://localhost/internal/validate-node"),
        ] {
            let url = ServiceUrl::parse("auth_url", text, false).expect(text);
            assert_eq!((url.host(), url.port(), url.validate_node().as_str()), (host, port, endpoint));
        }
    }

    #[test]
    fn whole_url_keeps_trailing_slash_and_base_drops_it() {
        for (text, base) in [
            ("https://sts.home/token/", "https://sts.home/token"),
            ("https://sts.home/token", "https://sts.home/token"),
            ("https://sts.home/a//", "https://sts.home/a"),
        ] {
            let url = ServiceUrl::parse("url", text, false).expect(text);
            assert_eq!((url.whole(), url.as_str()), (text, base));
        }
    }

    #[test]
    fn url_of_greatest_length_reads_back_as_itself() {
        for (start, fill) in [("http://127.0.0.1:7701/", "p"), ("http://", "h"), ("HTTPS://a.home/", "/")] {
            let longest = format!("{start}{}", fill.repeat(200 - start.len()));
            let url = ServiceUrl::parse("url", &longest, true).expect(&longest);
            assert_eq!(url.whole().len(), 200);
            assert_eq!(ServiceUrl::parse("url", url.whole(), true).as_ref(), Ok(&url));
            let too_long = ServiceUrl::parse("url", &format!("{longest}{fill}"), true).expect_err(&longest);
            assert_eq!(too_long, "url is longer than 200 bytes");
        }
    }

    #[test]
    fn server_is_host_and_port_in_any_spelling() {
        let url = |text: &str| ServiceUrl::parse("url", text, true).expect(text);
        let origin = url("https://a.home/x");
        for (text, same) in [
            ("https://a.home", true),
            ("https://A.HOME:443/y", true),
            ("https://a.home.", true),
            ("https://a.home:444", false),
            ("http://a.home:443", true),
            ("http://a.home", false),
            ("https://b.home", false),
        ] {
            assert_eq!(url(text).is_server_of(&origin), same, "{text}");
        }
        let spellings =
            ["localhost", "LOCALHOST.", "127.0.0.1", "127.0.0.2", "[::1]", "[::ffff:127.0.0.1]", "[::]"];
        for (one, other) in spellings.iter().flat_map(|one| spellings.map(|other| (one, other))) {
            let [one, other] = [("http", one), ("https", &other)]
                .map(|(scheme, host)| url(&format!("{scheme}://{host}:7701")));
            assert!(one.is_server_of(&other), "{one:?} {other:?}");
        }
        assert!(url("https://[fd00::1]").is_server_of(&url("https://[fd00:0:0::1]")));
        assert!(!url("https://127.0.0.1").is_server_of(&url("https://192.0.2.1")));
    }

    #[test]
    fn plain_http_to_other_host_needs_allow_http() {
        for text in ["http://auth.home", "http://192.0.2.1:7701", "http://127.0.0.1.evil.example"] {
            let refused = ServiceUrl::parse("auth_url", text, false).expect_err(text);
            assert!(refused.contains("allow_http"), "{refused}");
            assert!(!ServiceUrl::parse("auth_url", text, true).expect(text).is_https());
        }
    }

    #[test]
    fn malformed_urls_are_refused() {
        for text in [
            "",
            "auth.home",
            "/path",
            "ftp://auth.home",
            "https://",
            "https://user:pw@auth.home",
            "https://auth.home:99999",
            "https://auth.home:0",
            "https://auth.home:",
            "https://-x.home",
            "https://[v1.x]",
            "https://auth.home/?x=1",
            "https://auth.home/#x",
            "https://auth home",
        ] {
            assert!(ServiceUrl::parse("auth_url", text, true).is_err(), "{text:?}");
        }
    }
}
