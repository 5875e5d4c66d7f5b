//! The cipher suites that servers are offered.
//!
//! A Zero's CPU has no instructions for AES and no 64-bit registers. There ChaCha20 costs a ninth of AES-GCM, and SHA-256
//! a quarter of SHA-384 (docs/evidence, "What a verdict costs"). A server that chooses by the client's order takes the first. One
//! that goes by its own, as Python's does, prefers AES-256 wherever it is offered, and ChaCha20 to AES-128. So AES-256 with
//! SHA-384 is offered only to a server that shares none of the others. Of TLS 1.3 no server may lack the second
//! (RFC 8446, section 9.1).

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::cipher_suite::{
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256,
};
use rustls::crypto::ring::default_provider;
use rustls::{AlertDescription, Error, SupportedCipherSuite};

/// All of them, the cheapest first.
const SUITES: [SupportedCipherSuite; 9] = [
    TLS13_CHACHA20_POLY1305_SHA256,
    TLS13_AES_128_GCM_SHA256,
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    TLS13_AES_256_GCM_SHA384,
    TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
];
/// How many of them are cheap.
const CHEAP: usize = 6;

/// Which suites are offered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Offered {
    /// The cheap ones.
    Cheap,
    /// All.
    All,
}

/// ring's algorithms with these suites.
pub(super) fn provider(offered: Offered) -> CryptoProvider {
    let suites = match offered {
        Offered::Cheap => &SUITES[..CHEAP],
        Offered::All => &SUITES,
    };
    CryptoProvider { cipher_suites: suites.to_vec(), ..default_provider() }
}

/// Whether the server may have refused the handshake because it shares no suite.
pub(super) const fn may_share_none(error: &Error) -> bool {
    matches!(
        error,
        Error::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_suites_are_those_that_rustls_offers() {
        let names = |suites: &[SupportedCipherSuite]| {
            let mut names: Vec<_> = suites.iter().map(|suite| format!("{:?}", suite.suite())).collect();
            names.sort();
            names
        };
        assert_eq!(names(&provider(Offered::All).cipher_suites), names(&default_provider().cipher_suites));
        let cheap = names(&provider(Offered::Cheap).cipher_suites);
        assert!(!cheap.iter().any(|name| name.contains("SHA384")), "{cheap:?}");
        assert!(cheap.contains(&"TLS13_AES_128_GCM_SHA256".into()), "{cheap:?}");
    }
}
