//! What a client asks for: the style of the addresses, and the host to name instead of `localhost`.

use axum::extract::Request;
use axum::http::header;

use super::ConfigService;
use super::public::PublicUrl;
use crate::home::Home;
use crate::home::refusal::{Complaint, Refusal};
use crate::server::answer::quoted;
use crate::server::ends::Ends;

/// How the addresses in an answer are written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// What stands for `localhost`. None: it stays.
    pub(super) local_host: Option<String>,
    /// Whether a public URL is told where there is one.
    pub(super) public: bool,
}

impl ConfigService {
    pub(super) fn asked(&self, request: &Request) -> Result<Asked, Refusal> {
        let asked = asked(self.home, request.uri().query().unwrap_or_default())?;
        let public = asked.public || self.came_by_a_public_name(request);
        Ok(Asked { public, ..asked })
    }

    /// Whether a request came through a tunnel, for all that its headers tell: its `Host` is a public name; or
    /// a proxy on this machine, which may have changed the `Host`, says so.
    fn came_by_a_public_name(&self, request: &Request) -> bool {
        let mut public = self.rows.iter().filter_map(|row| row.public()).map(PublicUrl::host).peekable();
        if public.peek().is_none() {
            return false;
        }
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let names: Vec<&str> = public.collect();
        let known = |host: &str| names.iter().any(|name| name.eq_ignore_ascii_case(without_port(host)));
        if header(header::HOST.as_str()).is_some_and(known) {
            return true;
        }
        let near = request.extensions().get::<Ends>().is_some_and(Ends::peer_is_here);
        let forwarded = header("X-Forwarded-Host").and_then(|hosts| hosts.split(',').next());
        near && (forwarded.is_some_and(known) || header("CF-Connecting-IP").is_some_and(|ip| !ip.is_empty()))
    }
}

fn asked(home: Home, query: &str) -> Result<Asked, Refusal> {
    let given = |name: &str| {
        let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(other, _)| other == name);
        // Go takes the first value, Starlette the last.
        let value = match home {
            Home::Python => values.last(),
            Home::Jarvisd => values.next(),
        };
        value.map(|(_, value)| value.into_owned())
    };
    let remote_host = given("remote_host").filter(|host| !host.is_empty());
    let style = given("style").filter(|style| home == Home::Python || !style.is_empty());
    match style.as_deref() {
        None | Some("default") => Ok(Asked { local_host: None, public: false }),
        Some("dockerized") => {
            Ok(Asked { local_host: Some("host.docker.internal".to_owned()), public: false })
        }
        Some("remote") => Ok(Asked { local_host: remote_host, public: false }),
        Some("external") => Ok(Asked { local_host: remote_host, public: true }),
        Some(other) => Err(bad_style(home, other)),
    }
}

fn bad_style(home: Home, style: &str) -> Refusal {
    const STYLES: &str = "'default', 'dockerized', 'remote' or 'external'";
    let context = match home {
        Home::Python => Some(format!("{{\"expected\":{}}}", quoted(STYLES))),
        Home::Jarvisd => None,
    };
    Refusal::Unprocessable(vec![Complaint {
        kind: "enum",
        place: vec!["query".into(), "style".into()],
        message: format!("Input should be {STYLES}"),
        input: quoted(style),
        context,
    }])
}

/// The host of a `Host` header.
fn without_port(host: &str) -> &str {
    let host = host.trim();
    let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
    let name = if port.bytes().all(|b| b.is_ascii_digit()) { name } else { host };
    name.trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(home: Home, query: &str) -> (Option<String>, bool) {
        let Asked { local_host, public } = asked(home, query).expect("a style");
        (local_host, public)
    }

    #[test]
    fn each_style_names_its_host() {
        for home in [Home::Python, Home::Jarvisd] {
            for (query, host, public) in [
                ("", None, false),
                ("style=default&remote_host=h", None, false),
                ("remote_host=h", None, false),
                ("style=dockerized&remote_host=h", Some("host.docker.internal"), false),
                ("style=remote&remote_host=h", Some("h"), false),
                ("style=remote", None, false),
                ("style=external&remote_host=", None, true),
                ("style=external&remote_host=192.0.2.10", Some("192.0.2.10"), true),
            ] {
                assert_eq!(told(home, query), (host.map(str::to_owned), public), "{home:?} {query}");
            }
        }
    }

    #[test]
    fn repeated_style_counts_first_in_go_and_last_in_python() {
        let query = "style=remote&style=external&remote_host=a&remote_host=b";
        assert_eq!(told(Home::Jarvisd, query), (Some("a".into()), false));
        assert_eq!(told(Home::Python, query), (Some("b".into()), true));
        assert_eq!(told(Home::Jarvisd, "style="), (None, false));
        assert!(asked(Home::Python, "style=").is_err());
        assert!(asked(Home::Jarvisd, "style=Remote").is_err());
    }

    #[test]
    fn host_header_is_read_without_port_and_last_dot() {
        for (header, host) in [
            ("config.example.org", "config.example.org"),
            ("config.example.org:443", "config.example.org"),
            ("config.example.org.:443", "config.example.org"),
            ("[2001:db8::1]:7700", "[2001:db8::1]"),
            ("[2001:db8::1]", "[2001:db8::1]"),
        ] {
            assert_eq!(without_port(header), host);
        }
    }
}
