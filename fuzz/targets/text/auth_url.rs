//! The service's address. The node sends its keys to the host read from it, so two readers must agree on the
//! host.
#![no_main]

use std::net::IpAddr;

use jarvis_node::fuzzing::endpoints;
use jarvis_node::net::service_url::ServiceUrl;
use libfuzzer_sys::fuzz_target;
use ureq::http::Uri;

fuzz_target!(|text: &str| {
    let strict = ServiceUrl::parse("auth_url", text, false);
    let url = match ServiceUrl::parse("auth_url", text, true) {
        Ok(url) => url,
        Err(why) => {
            assert!(strict.is_err() && why.starts_with("auth_url ") && why.len() < 250, "{why}");
            return;
        }
    };
    let bare = url.host().strip_suffix('.').unwrap_or(url.host());
    let this_machine = bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
    assert_eq!(strict.is_ok(), url.is_https() || this_machine, "{text}");
    assert!(url.port() != 0 && !url.host().is_empty() && !url.as_str().ends_with('/'));
    assert!(url.as_str().bytes().all(|b| (0x21..0x7f).contains(&b) || b >= 0x80), "{text}");
    assert_eq!(url.whole().trim_end_matches('/'), url.as_str(), "{text}");
    let again = ServiceUrl::parse("auth_url", url.whole(), true).expect("still a URL");
    assert_eq!(again, url);
    let without = ServiceUrl::parse("auth_url", url.as_str(), true).expect("still a URL");
    assert_eq!(endpoints(&without), endpoints(&url), "{text}");
    for (endpoint, path) in endpoints(&url).iter().zip(["validate-node", "heartbeat", "register", "health"]) {
        let uri: Uri = endpoint.parse().expect("a URL");
        assert_eq!(uri.scheme_str(), Some(if url.is_https() { "https" } else { "http" }));
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        assert_eq!(host, url.host(), "{text}");
        assert_eq!(uri.port_u16().unwrap_or(if url.is_https() { 443 } else { 80 }), url.port(), "{text}");
        assert!(uri.path().ends_with(path) && uri.query().is_none(), "{endpoint}");
        assert!(!uri.authority().is_some_and(|authority| authority.as_str().contains('@')));
    }
});
