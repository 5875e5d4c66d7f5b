//! The hosts for which a certificate is made out.

use std::net::IpAddr;

/// The hosts as people write them: rustls has DnsName("auth.home") and IpAddress(192.0.2.1), and for all that is no host
/// Unsupported(0x01). An address among the DNS names is marked as what it is taken for.
pub(super) fn bare(presented: &[String]) -> Vec<String> {
    let bare = |name: &String| {
        let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
        let inner = inner.trim_matches('"');
        let is_taken_for_name = name.starts_with("Dns") && inner.parse::<IpAddr>().is_ok();
        format!("{}{inner}", if is_taken_for_name { "DNS:" } else { "" })
    };
    presented.iter().filter(|name| !name.starts_with("Unsupported")).map(bare).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_names_are_shown_without_rustls_notation() {
        let presented = ["DnsName(\"auth.home\")".to_string(), "IpAddress(192.0.2.1)".to_string()];
        assert_eq!(bare(&presented), ["auth.home", "192.0.2.1"]);
        let others = ["Unsupported(0x01)".to_string(), "DnsName(\"127.0.0.1\")".to_string()];
        assert_eq!(bare(&others), ["DNS:127.0.0.1"]);
    }
}
