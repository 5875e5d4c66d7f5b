//! Who may come in: programs of this machine, by this machine's name, and no web page from elsewhere.
//!
//! Listening on loopback keeps other machines out, but not the browser of this one, which carries out what any
//! page tells it. So a name that somebody else gave this address (DNS rebinding) is refused by `Host`, and a
//! page from elsewhere that sends commands is refused by `Origin`.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Method, Request, StatusCode};

/// The names the board answers by: hosts with the port.
#[derive(Clone)]
pub(super) struct Door {
    hosts: Vec<String>,
}

/// Why somebody may not come in.
pub(super) type Refused = (StatusCode, &'static str);

impl Door {
    /// The door at `addr`, which is one of loopback.
    pub(super) fn at(addr: SocketAddr) -> Self {
        let port = addr.port();
        let ips = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST), addr.ip()];
        let mut hosts: Vec<_> = ips.map(|ip| SocketAddr::new(ip, port).to_string()).into();
        hosts.push(format!("localhost:{port}"));
        if port == 80 {
            // Which browsers leave out.
            hosts.extend(
                hosts.clone().iter().filter_map(|host| host.strip_suffix(":80").map(ToOwned::to_owned)),
            );
        }
        Self { hosts }
    }

    /// Whether a request comes from here, and a command from the board's own page.
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

/// The header's value, if there is one and no more.
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
    fn the_board_is_known_by_its_own_names_only() {
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
    fn commands_come_from_its_own_page_only() {
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
        // An event stream or the state, read by a page from elsewhere.
        assert_eq!(asked("GET", &[("host", "127.0.0.1:7799"), ("origin", "http://evil.example")]), Err(403));
    }
}
