//! Where an answer points to. Redirects are not followed, but a person should know where they lead.

use ureq::http::Uri;
use ureq::http::header::LOCATION;

use super::{HttpResponse, repeats};

/// The scheme and host that a redirect points to, to be shown; `None` if it names no host, or one that repeats a secret.
/// The path is left out, because it can repeat what was sent.
pub(crate) fn elsewhere(response: &HttpResponse, secrets: &[&[u8]]) -> Option<String> {
    let target: Uri = response.headers.get(LOCATION)?.to_str().ok()?.parse().ok()?;
    let authority = target.authority().filter(|authority| authority.as_str().len() <= 80)?;
    (!authority.as_str().contains('@') && !repeats(authority.as_str().as_bytes(), secrets))
        .then(|| format!("{}://{authority}", target.scheme_str().unwrap_or("http")))
}

#[cfg(test)]
mod tests {
    use ureq::http::{HeaderMap, HeaderValue};

    use super::*;

    #[test]
    fn target_is_shown_without_path_and_user() {
        for (location, shown) in [
            (Some("https://portal.hotel:8443/login?from=x"), Some("https://portal.hotel:8443")),
            (Some("http://[2001:db8::1]/"), Some("http://[2001:db8::1]")),
            (Some("https://key@elsewhere.example/"), None),
            (Some("https://s3cret-key.elsewhere.example/"), None),
            (Some("https://S3CRETKEY.example/"), None),
            (Some("/internal/validate-node"), None),
            (Some("not a URL"), None),
            (None, None),
        ] {
            let mut headers = HeaderMap::new();
            headers.extend(location.map(|text| (Some(LOCATION), HeaderValue::from_static(text))));
            let response = HttpResponse { status: 302, headers, body: Vec::new() };
            assert_eq!(elsewhere(&response, &[b"s3cret-key"]).as_deref(), shown, "{location:?}");
        }
    }
}
