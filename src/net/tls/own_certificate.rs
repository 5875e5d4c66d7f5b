//! The node's own certificate, for servers that request one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;

/// The certificate with its key, if there is one, and whether the server has requested it: not every server
/// says so when it aborts because there is none.
#[derive(Debug)]
pub(super) struct OwnCertificate {
    key: Option<Arc<CertifiedKey>>,
    asked_for: AtomicBool,
}

impl OwnCertificate {
    pub(super) fn new(key: Option<CertifiedKey>) -> Self {
        Self { key: key.map(Arc::new), asked_for: AtomicBool::new(false) }
    }

    pub(super) const fn is_there(&self) -> bool {
        self.key.is_some()
    }

    pub(super) fn was_asked_for(&self) -> bool {
        self.asked_for.load(Ordering::Relaxed)
    }

    /// A new connection begins.
    pub(super) fn forget_asking(&self) {
        self.asked_for.store(false, Ordering::Relaxed);
    }
}

impl ResolvesClientCert for OwnCertificate {
    fn resolve(&self, _acceptable: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked_for.store(true, Ordering::Relaxed);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.is_there()
    }
}
