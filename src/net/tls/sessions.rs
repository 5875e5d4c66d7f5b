//! Limits how long TLS sessions are resumed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use node_core::time::Instant;
use rustls::ClientConfig;
use rustls::client::Resumption;

/// A resumed session skips the server's certificate and yields the next session. Without a limit, a daemon
/// would never notice that a certificate has expired (RFC 8446, section 4.6.1).
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);

/// A configuration that stores the session of one server, and drops it once a day.
#[derive(Debug)]
pub(super) struct Sessions {
    clock: fn() -> Instant,
    current: Mutex<(Arc<ClientConfig>, Instant)>,
}

impl Sessions {
    pub(super) fn new(config: ClientConfig, clock: fn() -> Instant) -> Self {
        Self { clock, current: Mutex::new((Arc::new(with_no_session(config)), clock())) }
    }

    /// The configuration for the next connection.
    pub(super) fn config(&self) -> Arc<ClientConfig> {
        let now = (self.clock)();
        // The value is consistent even if another thread panicked.
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if now.since(current.1) >= KEPT_FOR {
            *current = (Arc::new(with_no_session(ClientConfig::clone(&current.0))), now);
        }
        Arc::clone(&current.0)
    }
}

fn with_no_session(mut config: ClientConfig) -> ClientConfig {
    config.resumption = Resumption::in_memory_sessions(1);
    config
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustls::RootCertStore;
    use rustls::crypto::ring;

    use super::*;

    #[test]
    fn tls_session_is_forgotten_after_a_day() {
        static UPTIME: AtomicU64 = AtomicU64::new(1_000);
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let sessions = Sessions::new(config, || Instant::from_millis(UPTIME.load(Ordering::Relaxed)));
        let first = sessions.config();
        UPTIME.fetch_add(86_399_999, Ordering::Relaxed);
        assert!(Arc::ptr_eq(&first, &sessions.config()));
        UPTIME.fetch_add(1, Ordering::Relaxed);
        let second = sessions.config();
        assert!(!Arc::ptr_eq(&first, &second));
        assert!(Arc::ptr_eq(&second, &sessions.config()));
    }
}
