//! The URL of a service, checked when it is configured.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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
        // RFC 3986, appendix A.
        let is_foreign = |c: char| !c.is_ascii_graphic() || r#""<>\^`{|}"#.contains(c);
        if let Some((before, c)) = text.chars().enumerate().find(|(_, c)| is_foreign(*c)) {
            let xn =
                if c.is_ascii() { "" } else { ": write an international host name in its form with xn--" };
            let code = u32::from(c);
            return Err(wrong(&format!(
                "has {c:?} (U+{code:04X}) as character {}, which no URL can have{xn}",
                before + 1
            )));
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
        if authority.host().starts_with('[') {
            let (address, zone) = host.split_once('%').unwrap_or((&host, ""));
            let Ok(address) = address.parse::<Ipv6Addr>() else {
                return Err(wrong("has something in brackets that is not an IPv6 address"));
            };
            if address.is_unicast_link_local() || !zone.is_empty() {
                return Err(wrong(
                    "has an IPv6 address of one interface alone (fe80…, or with a zone after %): use a name, or another address",
                ));
            }
        } else if host.parse::<Ipv4Addr>().is_err() && !is_name(&host) {
            return Err(wrong(
                "names a host that is neither an IP address nor a name: a name's parts have 1 to 63 characters, and the last \
                 is no number",
            ));
        }
        if !https && !allow_http && !is_loopback(&host) {
            return Err(wrong(
                "is plain HTTP, which shows the keys to everyone on the network: use https://, or set allow_http to true",
            ));
        }
        if https && ServerName::try_from(host.as_str()).is_err() {
            return Err(wrong("names a host that no certificate can be made out for"));
        }
        // An invalid port must not count as a missing one: the keys would go to another service.
        // `Uri` takes the last one of several, and one with a sign.
        let port = match authority.as_str().strip_prefix(authority.host()) {
            None | Some("") => Some(if https { 443 } else { 80 }),
            Some(rest) => rest
                .strip_prefix(':')
                .filter(|digits| !digits.starts_with('+'))
                .and_then(|digits| digits.parse().ok())
                .filter(|port| *port > 0),
        };
        let port = port.ok_or_else(|| wrong("has a port that is not from 1 to 65535"))?;
        // `Uri` gives a missing path as "/", which would make a URL of the greatest length too long.
        let path = if text.ends_with('/') { uri.path() } else { uri.path().trim_end_matches('/') };
        let whole = format!("{}://{authority}{path}", if https { "https" } else { "http" });
        Ok(Self { base: whole.trim_end_matches('/').to_owned(), whole, host, port, https })
    }

    /// A stand-in where an address is not known yet.
    pub(crate) fn here() -> Self {
        let whole = String::from("https://localhost");
        Self { base: whole.clone(), whole, host: "localhost".into(), port: 443, https: true }
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

    /// Whether the host is the machine itself, in any spelling, or the address of none in particular, which a client takes
    /// for the same.
    pub(crate) fn is_this_machine(&self) -> bool {
        self.place() == "localhost"
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

    /// The URL of `path` at this service.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(crate) fn validate_node(&self) -> String {
        self.at(VALIDATE_NODE_PATH)
    }

    pub(crate) fn heartbeat(&self) -> String {
        self.at(HEARTBEAT_PATH)
    }

    pub(crate) fn register(&self) -> String {
        self.at(REGISTER_PATH)
    }

    pub(crate) fn health(&self) -> String {
        self.at(HEALTH_PATH)
    }
}

/// Whether `host` can be looked up (RFC 1035, section 2.3.4). What ends with a number is meant as an address, as in the
/// URL Standard, section 3.5.
fn is_name(host: &str) -> bool {
    let mut parts = host.strip_suffix('.').unwrap_or(host).split('.');
    parts.clone().all(|part| (1..=63).contains(&part.len()))
        && parts.next_back().is_some_and(|last| !last.bytes().all(|b| b.is_ascii_digit()))
}

fn is_loopback(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
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
            ("http://localhost.", "localhost.", 80, "http://localhost./internal/validate-node"),
            (
                "http://[::ffff:127.0.0.1]:7701",
                "::ffff:127.0.0.1",
                7701,
                "http://[::ffff:127.0.0.1]:7701/internal/validate-node",
            ),
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
        for (start, fill) in [("http://127.0.0.1:7701/", "p"), ("http://h/", "h"), ("HTTPS://a.home/", "/")] {
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
        ] {
            assert!(ServiceUrl::parse("auth_url", text, true).is_err(), "{text:?}");
        }
    }

    #[test]
    fn foreign_character_is_named_with_its_place() {
        for (text, told) in [
            ("https://auth home", "has ' ' (U+0020) as character 13, which no URL can have"),
            ("https://auth.home ", "has ' ' (U+0020) as character 18, which no URL can have"),
            ("https://kc.home/{realm}", "has '{' (U+007B) as character 17, which no URL can have"),
            ("https://a\u{200b}.home", r"has '\u{200b}' (U+200B) as character 10, which no URL can have"),
            ("https://bücher.home", "has 'ü' (U+00FC) as character 10, which no URL can have"),
        ] {
            let refused = ServiceUrl::parse("auth_url", text, true).expect_err(text);
            let rest = refused.strip_prefix("auth_url ").and_then(|rest| rest.strip_prefix(told));
            assert_eq!(rest.map(|rest| rest.contains("xn--")), Some(!text.is_ascii()), "{refused}");
        }
    }

    #[test]
    fn host_that_cannot_be_reached_is_refused_with_its_reason() {
        let long = format!("{}.home", "h".repeat(64));
        for (host, told) in [
            ("[fe80::1]", "one interface"),
            ("[fe80::1%25eth0]", "one interface"),
            ("256.1.1.1", "the last is no number"),
            ("127.0.0.1.", "the last is no number"),
            ("a..home", "1 to 63 characters"),
            (".localhost", "1 to 63 characters"),
            (&long, "1 to 63 characters"),
            ("[::1]x:18090", "a port"),
            ("a.home:+18090", "a port"),
        ] {
            for scheme in ["http", "https"] {
                let refused = ServiceUrl::parse("url", &format!("{scheme}://{host}"), true).expect_err(host);
                assert!(refused.contains(told), "{host}: {refused}");
            }
        }
    }
}
