//! Access control: programs of this machine that use its own name, and no web page from elsewhere.
//!
//! The board listens on loopback only, which keeps other machines out. The browser of this machine, however,
//! sends what any page tells it to. Therefore `Host` must be a name of this address, against DNS rebinding,
//! and `Origin` must be the board's own page, against commands from other pages.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Method, Request, StatusCode};

/// The board's own hosts, with the port.
#[derive(Clone)]
pub(super) struct Door {
    hosts: Vec<String>,
}

/// The answer to a request that is not allowed.
pub(super) type Refused = (StatusCode, &'static str);

impl Door {
    /// The access control of a board at `addr`, a loopback address.
    pub(super) fn at(addr: SocketAddr) -> Self {
        let port = addr.port();
        let ips = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST), addr.ip()];
        let mut hosts: Vec<_> = ips.map(|ip| SocketAddr::new(ip, port).to_string()).into();
        hosts.push(format!("localhost:{port}"));
        if port == 80 {
            // Browsers leave the default port out.
            hosts.extend(
                hosts.clone().iter().filter_map(|host| host.strip_suffix(":80").map(ToOwned::to_owned)),
            );
        }
        Self { hosts }
    }

    /// Checks that a request comes from this machine, and a command from the board's own page.
    pub(super) fn check<B>(&self, request: &Request<B>) -> Result<(), Refused> {
        let headers = request.headers();
        if !one(headers, &HOST).is_some_and(|host| self.knows(host)) {
            return Err((StatusCode::FORBIDDEN, "this host name is not the board's"));
        }
        let foreign = Err((StatusCode::FORBIDDEN, "only the board's own page may do this"));
        if headers.contains_key(ORIGIN) {
            let host = one(headers, &ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
            if !host.is_some_and(|host| self.knows(host)) {
                return foreign;
            }
        } else if request.method() != Method::GET {
            return foreign;
        }
        if request.method() != Method::GET && !is_json(headers) {
            return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "send application/json"));
        }
        Ok(())
    }

    fn knows(&self, host: &str) -> bool {
        self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
    }
}

/// The header's value, if it occurs exactly once.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn is_json(headers: &HeaderMap) -> bool {
    let essence = one(headers, &CONTENT_TYPE).and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: &str, headers: &[(&str, &str)]) -> Result<(), u16> {
        let door = Door::at(SocketAddr::from((Ipv4Addr::LOCALHOST, 7799)));
        let request = headers
            .iter()
            .fold(Request::builder().method(method), |r, (name, value)| r.header(*name, *value));
        door.check(&request.body(()).expect("a request")).map_err(|(status, _)| status.as_u16())
    }

    #[test]
    fn only_the_boards_own_hosts_are_accepted() {
        for host in ["127.0.0.1:7799", "localhost:7799", "LOCALHOST:7799", "[::1]:7799"] {
            assert_eq!(asked("GET", &[("host", host)]), Ok(()), "{host}");
        }
        for host in
            ["127.0.0.1", "127.0.0.1:80", "evil.example:7799", "localhost.evil.example:7799", "", "::1:7799"]
        {
            assert_eq!(asked("GET", &[("host", host)]), Err(403), "{host}");
        }
        assert_eq!(asked("GET", &[]), Err(403));
        assert_eq!(asked("GET", &[("host", "localhost:7799"), ("host", "evil.example")]), Err(403));
    }

    #[test]
    fn only_commands_of_the_boards_own_page_are_accepted() {
        let with = |origin: &str, content: &str| {
            asked("POST", &[("host", "127.0.0.1:7799"), ("origin", origin), ("content-type", content)])
        };
        let json = "application/json";
        for origin in ["http://127.0.0.1:7799", "http://localhost:7799", "http://[::1]:7799"] {
            assert_eq!(with(origin, json), Ok(()), "{origin}");
        }
        let foreign = [
            "http://evil.example",
            "https://127.0.0.1:7799",
            "http://127.0.0.1:80",
            "null",
            "",
            "127.0.0.1:7799",
        ];
        for origin in foreign {
            assert_eq!(with(origin, json), Err(403), "{origin}");
        }
        assert_eq!(asked("POST", &[("host", "127.0.0.1:7799"), ("content-type", json)]), Err(403));
        for content in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
            assert_eq!(with("http://localhost:7799", content), Err(415), "{content}");
        }
        assert_eq!(with("http://localhost:7799", "application/json; charset=utf-8"), Ok(()));
        // A page from elsewhere that reads the event stream or the state.
        assert_eq!(asked("GET", &[("host", "127.0.0.1:7799"), ("origin", "http://evil.example")]), Err(403));
    }
}
