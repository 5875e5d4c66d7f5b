//! Answers that cannot have come from the service that was meant: a proxy's log-in, a portal's page, a refusal in another
//! form than all services have.

use serde::de::IgnoredAny;
use ureq::http::HeaderMap;
use ureq::http::header::{CONTENT_ENCODING, CONTENT_TYPE, WWW_AUTHENTICATE};

use super::HttpResponse;
use crate::files::json;

/// What shows that something between the board and the service has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Between {
    /// It wants a log-in of a kind that no Jarvis service has.
    LogIn,
    /// It is a proxy that wants a log-in for itself: 407.
    ProxyLogIn,
    /// The network wants a log-in: 511 (RFC 6585, section 6).
    NetworkLogIn,
    /// It serves other host names than the one it was asked under: 421 (RFC 9110, section 15.5.20), or what frameworks
    /// say of a name that is not in their list (Starlette, aiohttp, webpack).
    OtherHost,
    /// It sent a page for people. Services answer programs.
    Page,
    /// It calls the request malformed, but not in JSON, as all services do.
    OtherForm,
}

impl Between {
    /// Judges an answer by its status, its content type and its body together.
    pub(crate) fn of(response: &HttpResponse) -> Option<Self> {
        match response.status {
            407 => Some(Self::ProxyLogIn),
            511 => Some(Self::NetworkLogIn),
            401 | 403 if wants_log_in(&response.headers) => Some(Self::LogIn),
            421 => Some(Self::OtherHost),
            400 | 403 if says(response, b"invalid host") => Some(Self::OtherHost),
            // Most servers send a page with a redirect; its target says more.
            301..=303 | 307 | 308 => None,
            // Proxies say in HTML, too, that they have no such path.
            404 | 405 => None,
            _ if is_page(response) => Some(Self::Page),
            400 | 422 if json::object::<IgnoredAny>(&response.body).is_err() => Some(Self::OtherForm),
            _ => None,
        }
    }

    /// What it does, to follow its subject.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::LogIn => "wants a log-in of its own",
            Self::ProxyLogIn => "is a proxy that wants a log-in",
            Self::NetworkLogIn => "is the network's log-in",
            Self::OtherHost => "takes no requests under this host name",
            Self::Page => "sent a page for people",
            Self::OtherForm => "calls the request malformed, but not in JSON",
        }
    }
}

/// Whether the answer asks for a scheme by which people and browsers log in (RFC 9110, section 11.6.1).
fn wants_log_in(headers: &HeaderMap) -> bool {
    let schemes = ["basic", "digest", "ntlm", "negotiate"];
    headers.get_all(WWW_AUTHENTICATE).iter().any(|challenge| {
        let scheme = challenge.to_str().unwrap_or_default().split([' ', ',']).next().unwrap_or_default();
        schemes.iter().any(|known| scheme.eq_ignore_ascii_case(known))
    })
}

/// Whether the body holds `words`, which are in lower case.
pub(crate) fn says(response: &HttpResponse, words: &[u8]) -> bool {
    response.body.windows(words.len()).any(|window| window.eq_ignore_ascii_case(words))
}

/// Whether the body is compressed, which no request asks for (RFC 9110, section 8.4).
pub(crate) fn is_compressed(response: &HttpResponse) -> bool {
    response.headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity")
}

/// Whether it is HTML or XML, by how it begins or by its media type. An object of JSON is none, whatever its label says:
/// proxies and home-made servers label answers wrongly, and that must not cost a verdict or a key.
fn is_page(response: &HttpResponse) -> bool {
    let media_type = response.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let is_named =
        ["text/html", "application/xhtml+xml"].iter().any(|page| media_type.eq_ignore_ascii_case(page));
    let text = response.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&response.body);
    text.trim_ascii_start().starts_with(b"<")
        || (is_named && json::object::<IgnoredAny>(&response.body).is_err())
}

#[cfg(test)]
mod tests {
    use ureq::http::HeaderValue;

    use super::*;

    fn of(status: u16, header: Option<(&'static str, &'static str)>, body: &str) -> Option<Between> {
        let mut headers = HeaderMap::new();
        headers.extend(
            header.map(|(name, value)| {
                (name.parse().map(Some).expect("a name"), HeaderValue::from_static(value))
            }),
        );
        Between::of(&HttpResponse { status, headers, body: Vec::from(body).into() })
    }

    #[test]
    fn answer_that_no_service_gives_is_told_by_its_form() {
        let asks = |value| Some(("www-authenticate", value));
        for (status, header, body, expected) in [
            (401, asks("Basic realm=\"home\""), "", Some(Between::LogIn)),
            (401, asks("basic"), r#"{"detail":"Invalid app credentials"}"#, Some(Between::LogIn)),
            (401, asks("Negotiate"), "", Some(Between::LogIn)),
            (403, asks("Digest nonce=\"x\""), "", Some(Between::LogIn)),
            (401, asks("Bearer"), "{}", None),
            (401, asks("BasicToken"), "{}", None),
            (407, None, "", Some(Between::ProxyLogIn)),
            (511, None, "{}", Some(Between::NetworkLogIn)),
            (200, Some(("content-type", "text/html; charset=utf-8")), "", Some(Between::Page)),
            (200, Some(("content-type", "Application/XHTML+xml")), "x", Some(Between::Page)),
            (
                200,
                Some(("content-type", "application/json")),
                "\u{feff}\r\n <!DOCTYPE html>",
                Some(Between::Page),
            ),
            (403, None, "<?xml version=\"1.0\"?>", Some(Between::Page)),
            (400, None, "Invalid host header", Some(Between::OtherHost)),
            (403, None, "Invalid Host: node.home", Some(Between::OtherHost)),
            (421, Some(("content-type", "text/html")), "<html>", Some(Between::OtherHost)),
            (400, None, "400: Bad Request", Some(Between::OtherForm)),
            (400, None, "", Some(Between::OtherForm)),
            (422, None, "[]", Some(Between::OtherForm)),
            (400, None, r#"{"detail":"There was an error parsing the body"}"#, None),
            (422, None, r#"{"detail":[]}"#, None),
            (301, Some(("content-type", "text/html")), "<html>", None),
            (404, Some(("content-type", "text/html")), "<html><center>nginx</center>", None),
            (405, None, "<html>", None),
            (200, Some(("content-type", "application/json")), "{}", None),
            (200, Some(("content-type", "text/html")), r#"{"valid":true}"#, None),
            (200, Some(("content-type", "text/html")), "[true]", Some(Between::Page)),
            (404, Some(("content-type", "text/plain")), "404 page not found\n", None),
            (200, None, "", None),
        ] {
            assert_eq!(of(status, header, body), expected, "{status} {header:?} {body}");
        }
    }
}
