//! Access control: programs of this machine that use its own name, and no web page from elsewhere.
//!
//! The board listens on loopback only, which keeps other machines out. The browser of this machine, however,
//! sends what any page tells it to. Therefore `Host` must be a name of loopback, against DNS rebinding: no page
//! from elsewhere has such a name. The port may be any, as a tunnel (`ssh -L`) has a port of its own. And
//! `Origin` must be just this host and port, against commands from other pages, those of other programs on
//! this machine included.

use core::net::{IpAddr, SocketAddr};

use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Method, Request, StatusCode};

/// The board's own hosts.
#[derive(Clone)]
pub(super) struct Door {
    addr: SocketAddr,
}

/// The answer to a request that is not allowed.
pub(super) type Refused = (StatusCode, String);

impl Door {
    /// The access control of a board at `addr`, a loopback address.
    pub(super) fn at(addr: SocketAddr) -> Self {
        Self { addr }
    }

    /// Checks that a request comes from this machine, and a command from the board's own page.
    pub(super) fn check<B>(&self, request: &Request<B>) -> Result<(), Refused> {
        let headers = request.headers();
        let Some(host) = one(headers, &HOST).filter(|host| self.knows(host)) else {
            let port = self.addr.port();
            let why = format!(
                "this host name is not the board's. Open it as http://localhost:{port}; from another machine make a \
                 tunnel with `ssh -L {port}:localhost:{port}` and open http://localhost:{port} there. Any port will \
                 do, but no other name: a web page elsewhere could give itself one"
            );
            return Err((StatusCode::FORBIDDEN, why));
        };
        let foreign = || Err((StatusCode::FORBIDDEN, "only the board's own page may do this".into()));
        if headers.contains_key(ORIGIN) {
            let origin = one(headers, &ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
            if !origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host)) {
                return foreign();
            }
        } else if request.method() != Method::GET {
            return foreign();
        }
        if request.method() != Method::GET && !is_json(headers) {
            return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "send application/json".into()));
        }
        Ok(())
    }

    /// Whether `host` is a name of loopback, or the address itself, with any port.
    fn knows(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.parse::<u16>().is_ok() => name,
            Some(_) | None => host,
        };
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        let address = match bare {
            Some(bare) => bare.parse().map(IpAddr::V6),
            None => name.parse().map(IpAddr::V4),
        };
        name.eq_ignore_ascii_case("localhost")
            || address.is_ok_and(|address| address.is_loopback() || address == self.addr.ip())
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
    use core::net::Ipv4Addr;

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
        for host in
            ["127.0.0.1:7799", "localhost:7799", "LOCALHOST:7799", "[::1]:7799", "localhost", "127.0.0.1"]
        {
            assert_eq!(asked("GET", &[("host", host)]), Ok(()), "{host}");
        }
        for host in [
            "evil.example:7799",
            "localhost.evil.example:7799",
            "evil.example",
            "",
            "::1:7799",
            "10.0.0.1:7799",
            "localhost:7799:80",
            "localhost:",
            "127.0.0.1.evil.example",
            "[::1",
            "[127.0.0.1]:7799",
            "0.0.0.0:7799",
        ] {
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
        assert_eq!(with("http://127.0.0.1:7799", json), Ok(()));
        let foreign = [
            "http://evil.example",
            // Pages of other programs on this machine.
            "http://127.0.0.1:3000",
            "http://localhost:7799",
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
            assert_eq!(with("http://127.0.0.1:7799", content), Err(415), "{content}");
        }
        assert_eq!(with("http://127.0.0.1:7799", "application/json; charset=utf-8"), Ok(()));
        // A page from elsewhere that reads the event stream or the state.
        assert_eq!(asked("GET", &[("host", "127.0.0.1:7799"), ("origin", "http://evil.example")]), Err(403));
    }

    #[test]
    fn page_behind_a_tunnel_works_and_other_names_are_told_how() {
        for host in ["localhost:9000", "127.0.0.1:9000", "[::1]:9000"] {
            let origin = format!("http://{host}");
            let headers = [("host", host), ("origin", &origin), ("content-type", "application/json")];
            assert_eq!(asked("POST", &headers), Ok(()), "{host}");
        }
        let crossed = [
            ("host", "localhost:7799"),
            ("origin", "http://localhost:9000"),
            ("content-type", "application/json"),
        ];
        assert_eq!(asked("POST", &crossed), Err(403));
        let door = Door::at(SocketAddr::from((Ipv4Addr::LOCALHOST, 7799)));
        let request = Request::builder().header("host", "laptop.home:9000").body(()).expect("a request");
        let (_, why) = door.check(&request).expect_err("no name of loopback");
        assert!(why.contains("ssh -L 7799:localhost:7799") && why.contains("http://localhost:7799"), "{why}");
    }
}
