//! The server that is asked, as reasons name it.

use std::fmt;

use node_core::service::Service;
use node_core::text::Brief;
use node_core::trouble::{Trouble, TroubleKind};

use super::service_url::ServiceUrl;

/// A server and the service that it is to be.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) service: Service,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Peer {
    pub(crate) fn new(service: Service, url: &ServiceUrl) -> Self {
        Self { service, host: url.host().into(), port: url.port() }
    }

    /// Trouble with it, with the fix of that kind.
    pub(crate) fn trouble(&self, kind: TroubleKind, reason: fmt::Arguments<'_>) -> Trouble {
        self.service.trouble(kind, reason)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        let host = Brief(host);
        if self.host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}
