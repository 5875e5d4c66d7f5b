//! Where an answer points to. Redirects are not followed, but a person should know where they lead.

use node_core::wire::{HEARTBEAT_PATH, REGISTER_PATH, VALIDATE_NODE_PATH};
use ureq::http::header::LOCATION;
use ureq::http::{HeaderMap, HeaderValue, Uri};

use super::{HttpResponse, repeats};

/// In bytes. A longer address is not shown.
const MAX_SHOWN: usize = 100;

/// Where a redirect leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// To another scheme, host or port: that, with what stands before the service's own path, as a setting has it. Any
    /// other path is left out.
    Elsewhere(String),
    /// To another path of the server that was asked.
    OtherPath,
    /// It does not say, or says what cannot be shown: no URL of HTTP, one with a user, or one that repeats a secret.
    Untold,
}

/// Where a redirect leads, as [`relative`] has left it.
pub(crate) fn target(response: &HttpResponse, secrets: &[&[u8]]) -> Target {
    let location =
        response.headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
    if let Some(uri) = absolute(location) {
        let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        let path = uri.path().trim_end_matches('/');
        let base =
            [VALIDATE_NODE_PATH, HEARTBEAT_PATH, REGISTER_PATH].iter().find_map(|own| path.strip_suffix(own));
        let shown =
            format!("{}://{authority}{}", uri.scheme_str().unwrap_or_default(), base.unwrap_or_default());
        let is_shown =
            shown.len() <= MAX_SHOWN && !authority.contains('@') && !repeats(shown.as_bytes(), secrets);
        return if is_shown { Target::Elsewhere(shown) } else { Target::Untold };
    }
    // A colon before the first slash ends a scheme, such as `javascript`.
    let first = location.split(['/', '?', '#']).next().unwrap_or_default();
    if location.is_empty()
        || location.starts_with("//")
        || first.contains(':')
        || location.contains(char::is_whitespace)
    {
        Target::Untold
    } else {
        Target::OtherPath
    }
}

/// A URL of HTTP with its host.
fn absolute(location: &str) -> Option<Uri> {
    let uri: Uri = location.parse().ok()?;
    matches!(uri.scheme_str(), Some("http" | "https")).then_some(uri)
}

/// Makes the target of a redirect relative if it is on the server that was asked, at the URL `asked`, and absolute if only
/// its scheme is left out (RFC 3986, section 4.2): servers write it in either way.
pub(super) fn relative(headers: &mut HeaderMap, asked: &str) {
    let Some(here) = absolute(asked) else { return };
    let Some(location) = headers.get(LOCATION).and_then(|value| value.to_str().ok()) else { return };
    let whole = match (location.strip_prefix("//"), here.scheme_str()) {
        (Some(rest), Some(scheme)) => format!("{scheme}://{rest}"),
        _ => location.to_owned(),
    };
    let Some(there) = absolute(&whole) else { return };
    let is_same = origin(&here) == origin(&there);
    let path = there.path_and_query().map_or("/", |path| path.as_str());
    if let Ok(value) = HeaderValue::from_str(if is_same { path } else { &whole }) {
        headers.insert(LOCATION, value);
    }
}

/// The scheme, the host and the port.
fn origin(uri: &Uri) -> (Option<&str>, Option<String>, u16) {
    let port = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    (uri.scheme_str(), uri.host().map(str::to_ascii_lowercase), uri.port_u16().unwrap_or(port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_is_shown_without_path_and_user() {
        let elsewhere = |shown: &str| Target::Elsewhere(shown.into());
        for (location, expected) in [
            (Some("https://portal.hotel:8443/login?from=x"), elsewhere("https://portal.hotel:8443")),
            (Some("http://[2001:db8::1]/"), elsewhere("http://[2001:db8::1]")),
            (Some("//portal.hotel/"), elsewhere("https://portal.hotel")),
            (Some("https://proxy.home/api/internal/validate-node"), elsewhere("https://proxy.home/api")),
            (Some("https://proxy.home/api/v0/nodes/register/"), elsewhere("https://proxy.home")),
            (Some("https://proxy.home/s3cret-key/internal/validate-node"), Target::Untold),
            (Some("http://auth.home/"), elsewhere("http://auth.home")),
            (Some("https://auth.home:7701/"), elsewhere("https://auth.home:7701")),
            (Some("https://key@elsewhere.example/"), Target::Untold),
            (Some("https://s3cret-key.elsewhere.example/"), Target::Untold),
            (Some("https://S3CRETKEY.example/"), Target::Untold),
            (Some("javascript:alert(1)"), Target::Untold),
            (Some("not a URL"), Target::Untold),
            (Some(""), Target::Untold),
            (None, Target::Untold),
            (Some("/internal/validate-node"), Target::OtherPath),
            (Some("login.html"), Target::OtherPath),
            (Some("https://AUTH.home:443/api/internal/validate-node"), Target::OtherPath),
            (Some("//auth.home/"), Target::OtherPath),
        ] {
            let mut headers = HeaderMap::new();
            headers.extend(location.map(|text| (Some(LOCATION), HeaderValue::from_static(text))));
            relative(&mut headers, "https://auth.home/internal/validate-node");
            let response = HttpResponse { status: 302, headers, body: Vec::new().into() };
            assert_eq!(target(&response, &[b"s3cret-key"]), expected, "{location:?}");
        }
    }
}
