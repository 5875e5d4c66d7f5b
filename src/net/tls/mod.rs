//! TLS to the auth service: our own rustls configuration, and a ureq connector that uses it.
//! ureq builds its own configuration otherwise, with no say about roots, pins, time or session store.
//!
//! With pinned keys the board's clock is never asked. A client's first call then has two handshakes:
//!
//! ```text
//! 1. the time exchange   key, name and chain are checked, dates are not; no session is kept
//!                        GET /health, without a secret ──► Date: the trusted time
//! 2. the call            all of it checked, dates by the trusted time and the monotonic clock since
//!                        POST with the keys
//! ```

mod connector;
mod files;
#[cfg(fuzzing)]
pub mod fuzzing;
mod own_certificate;
mod pin;
mod sessions;
mod trouble;
mod trusted_time;
mod verifier;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use node_core::time::UnixTime;
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::{CryptoProvider, ring};
use rustls::sign::CertifiedKey;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls::version::{TLS12, TLS13};

pub(super) use self::connector::{CutOff, HandshakeFailed, PortSpeaksTls, TlsConnector};
pub use self::files::{ClientCertificate, Stamps};
use self::own_certificate::OwnCertificate;
pub use self::pin::Pin;
use self::sessions::Sessions;
pub(super) use self::trouble::port_speaks_tls;
use self::trusted_time::{BuildTime, TrustedTime};
use self::verifier::{Dates, Verifier};
use crate::clock;
use crate::config::Config;
use crate::error::SetupError;

/// How the auth service is spoken to over TLS: 1.2 and 1.3 with ring, trusting the certificates in
/// `ca_file` or else Mozilla's roots, and then only the pinned keys if there are any.
#[derive(Debug)]
pub struct Tls {
    /// For calls. Keeps the session of one server, so that revalidations resume it.
    strict: Sessions,
    pinned: Option<Pinned>,
    own: Arc<OwnCertificate>,
}

/// What pinned keys make possible.
#[derive(Debug)]
struct Pinned {
    /// For time exchanges. Nothing of one is left that a call could resume: no session is stored.
    timing: Arc<ClientConfig>,
    time: Arc<TrustedTime>,
}

impl Tls {
    /// Reads the files that `config` names.
    ///
    /// # Errors
    /// When one cannot be read or does not hold what it should.
    pub fn new(config: &Config) -> Result<Self, SetupError> {
        let own = config.client_certificate.as_ref().map(ClientCertificate::load).transpose()?;
        Self::build(config.ca_file.as_deref(), &config.spki_pins, own)
    }

    /// The same for any other service: pins and the node's own certificate are for the auth service.
    ///
    /// # Errors
    /// When `ca_file` cannot be read or does not hold what it should.
    pub fn trusting(ca_file: Option<&Path>) -> Result<Self, SetupError> {
        Self::build(ca_file, &[], None)
    }

    fn build(ca_file: Option<&Path>, pins: &[Pin], own: Option<CertifiedKey>) -> Result<Self, SetupError> {
        let provider = Arc::new(ring::default_provider());
        let own = Arc::new(OwnCertificate::new(own));
        let roots = Arc::new(files::roots(ca_file)?);
        let pins: Arc<[Pin]> = pins.into();
        let build = |dates, time: Arc<dyn TimeProvider>| {
            let verifier = Verifier::new(Arc::clone(&roots), Arc::clone(&pins), dates, &provider);
            client_config(&provider, time, verifier, Arc::clone(&own))
                .map_err(|why| files::ca_error(ca_file.unwrap_or(Path::new("")), why))
        };
        let (time, pinned): (Arc<dyn TimeProvider>, _) = if pins.is_empty() {
            (Arc::new(DefaultTimeProvider), None)
        } else {
            let time = Arc::new(TrustedTime::new(clock::instant));
            let timing = Arc::new(build(Dates::Ignored, Arc::new(BuildTime))?);
            (Arc::clone(&time) as _, Some(Pinned { timing, time }))
        };
        let strict = Sessions::new(build(Dates::Checked, time)?, clock::instant);
        Ok(Self { strict, pinned, own })
    }

    /// For a connection over which keys may go.
    pub(crate) fn for_calls(&self) -> Arc<ClientConfig> {
        self.own.forget_asking();
        self.strict.config()
    }

    /// For a connection over which the server is asked the time; `None` when the board's clock counts.
    pub(crate) fn for_time(&self) -> Option<Arc<ClientConfig>> {
        self.own.forget_asking();
        Some(Arc::clone(&self.pinned.as_ref()?.timing))
    }

    /// Whether a call can be made: not before the time is known, where it has to be asked for.
    pub(crate) fn knows_time(&self) -> bool {
        self.pinned.as_ref().is_none_or(|pinned| pinned.time.now().is_some())
    }

    /// It is `time` now: a server whose key is pinned has just said so.
    pub(crate) fn trust_time(&self, time: UnixTime) {
        if let Some(pinned) = &self.pinned {
            pinned.time.set(time);
        }
    }

    /// The time that certificates are judged by, as far as it is known.
    pub(crate) fn now(&self) -> SystemTime {
        match &self.pinned {
            Some(pinned) => UNIX_EPOCH + Duration::from_secs(pinned.time.now().unwrap_or_default().0),
            None => SystemTime::now(),
        }
    }
}

fn client_config(
    provider: &Arc<CryptoProvider>,
    time: Arc<dyn TimeProvider>,
    verifier: Verifier,
    own: Arc<OwnCertificate>,
) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_details(Arc::clone(provider), time)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        // Dangerous only if it checked less than rustls's own, which can neither pin a key nor wait for
        // the time.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(own);
    config.resumption = Resumption::disabled();
    Ok(config)
}
