//! TLS with our own rustls configuration, and the ureq connector that uses it: ureq's own allows no choice of
//! roots, pins, time or session store.
//!
//! With pinned keys the board's clock is not used. The first request of a client then needs two handshakes:
//!
//! ```text
//! 1. time exchange   checks key, name and chain, but not the dates; stores no session
//!                    GET /health, without a secret ──► Date: the trusted time
//! 2. request         checks all of it, the dates by the trusted time and the monotonic clock since
//!                    POST with the keys
//! ```

mod chain;
mod connector;
mod files;
#[cfg(fuzzing)]
pub mod fuzzing;
mod key_kind;
mod own_certificate;
mod pin;
mod presented;
mod sessions;
mod suites;
mod trouble;
mod trusted_time;
mod verifier;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use log::warn;
use node_core::time::UnixTime;
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls::version::{TLS12, TLS13};

use self::chain::Note;
pub(crate) use self::chain::{Chain, Cost};
pub(super) use self::connector::{CutOffError, HandshakeError, PlainPortError, TlsConnector};
pub use self::files::{ClientCertificate, Stamps, TlsSettings};
use self::own_certificate::OwnCertificate;
pub use self::pin::Pin;
use self::sessions::Sessions;
use self::suites::Offered;
pub(super) use self::trouble::port_speaks_tls;
use self::trusted_time::{BuildTime, TrustedTime};
use self::verifier::{Dates, Verifier};
use crate::error::{SetupError, Warning};
use crate::system::clock;

/// TLS 1.2 and 1.3 with ring. Trusts the certificates in `ca_file`, or Mozilla's roots without one, and of
/// those only the pinned keys if there are any.
#[derive(Debug)]
pub struct Tls {
    cheap: Offer,
    all: Offer,
    /// Whether a server shared none of the cheap suites.
    needs_all: AtomicBool,
    /// The time, if the board's clock does not count.
    time: Option<Arc<TrustedTime>>,
    own: Arc<OwnCertificate>,
    /// What is told of the chain that was last accepted.
    note: Arc<Note>,
    /// A warning for each certificate in the files that cannot be used.
    warnings: Vec<Warning>,
}

/// What a server is offered.
#[derive(Debug)]
struct Offer {
    /// The configuration for requests. It stores the session of one server, so that revalidations resume it.
    strict: Sessions,
    /// With pinned keys, that for time exchanges. It stores no session, so a request cannot resume one.
    timing: Option<Arc<ClientConfig>>,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    /// To transmit keys.
    Calls,
    /// To ask the server for the time, by which the dates of certificates are judged afterwards.
    Time,
}

impl Tls {
    /// Reads the files that `settings` name.
    ///
    /// # Errors
    /// When a file cannot be read or has the wrong content.
    pub fn new(settings: &TlsSettings) -> Result<Self, SetupError> {
        let own = settings.client_certificate.as_ref().map(ClientCertificate::load).transpose()?;
        let (own, warnings) = own.map(|(own, warnings)| (Some(own), warnings)).unwrap_or_default();
        let mut tls = Self::build(settings.ca_file.as_deref(), &settings.spki_pins, own)?;
        tls.warnings.extend(warnings);
        Ok(tls)
    }

    /// Makes one for another service, without pins and the node's own certificate: those are for the auth
    /// service.
    ///
    /// # Errors
    /// When `ca_file` cannot be read or has the wrong content.
    pub fn trusting(ca_file: Option<&Path>) -> Result<Self, SetupError> {
        let tls = Self::build(ca_file, &[], None)?;
        tls.warnings.iter().for_each(|warning| warn!("{}. {}", warning.message, warning.fix));
        Ok(tls)
    }

    /// A warning for each certificate in `ca_file` and `client_cert_file` that cannot be used.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// From now on notes the chain of certificates that a server is accepted by, which makes a full handshake dearer.
    pub(crate) fn note_chain(&self) {
        self.note.want();
    }

    /// The chain that was last accepted, if that is noted.
    pub(crate) fn chain(&self) -> Option<Chain> {
        self.note.last()
    }

    fn build(ca_file: Option<&Path>, pins: &[Pin], own: Option<CertifiedKey>) -> Result<Self, SetupError> {
        let note = Arc::<Note>::default();
        let own = Arc::new(OwnCertificate::new(own));
        let (roots, warnings) = files::roots(ca_file)?;
        let roots = Arc::new(roots);
        let pins: Arc<[Pin]> = pins.into();
        let time = (!pins.is_empty()).then(|| Arc::new(TrustedTime::new(clock::instant)));
        let offer = |offered| {
            let provider = Arc::new(suites::provider(offered));
            let build = |dates, time: Arc<dyn TimeProvider>| {
                let verifier =
                    Verifier::new(Arc::clone(&roots), Arc::clone(&pins), dates, Arc::clone(&note), &provider);
                client_config(&provider, time, verifier, Arc::clone(&own))
                    .map_err(|why| files::ca_error(ca_file.unwrap_or(Path::new("")), why))
            };
            let (clock, timing): (Arc<dyn TimeProvider>, _) = match &time {
                Some(time) => {
                    (Arc::clone(time) as _, Some(Arc::new(build(Dates::Ignored, Arc::new(BuildTime))?)))
                }
                None => (Arc::new(DefaultTimeProvider), None),
            };
            Ok(Offer { strict: Sessions::new(build(Dates::Checked, clock)?, clock::instant), timing })
        };
        let (cheap, all) = (offer(Offered::Cheap)?, offer(Offered::All)?);
        Ok(Self { cheap, all, needs_all: AtomicBool::default(), time, own, note, warnings })
    }

    /// The configuration for a connection.
    pub(super) fn config(&self, purpose: Purpose) -> Arc<ClientConfig> {
        self.own.forget_asking();
        let offer = if self.needs_all.load(Ordering::Relaxed) { &self.all } else { &self.cheap };
        match (purpose, &offer.timing) {
            (Purpose::Time, Some(timing)) => Arc::clone(timing),
            (Purpose::Calls | Purpose::Time, _) => offer.strict.config(),
        }
    }

    /// Whether a connection that ended with `error` may succeed now, as all suites are offered from now on.
    pub(super) fn offers_more_after(&self, error: &ureq::Error) -> bool {
        let refused = handshake_fault(error).is_some_and(suites::may_share_none);
        // OpenSSL says the same of a client without a certificate.
        refused && !self.own.was_asked_for() && !self.needs_all.swap(true, Ordering::Relaxed)
    }

    /// Whether the server has to be asked the time, because the board's clock does not count.
    pub(super) const fn asks_time(&self) -> bool {
        self.time.is_some()
    }

    /// Whether a request can be made. With pinned keys, the time has to be known first.
    pub(super) fn knows_time(&self) -> bool {
        self.time.as_ref().is_none_or(|time| time.now().is_some())
    }

    /// Sets the time, which a server with a pinned key has just told.
    pub(super) fn trust_time(&self, time: UnixTime) {
        if let Some(trusted) = &self.time {
            trusted.set(time);
        }
    }

    /// The time by which certificates are judged, as far as it is known.
    pub(super) fn now(&self) -> SystemTime {
        match &self.time {
            Some(time) => UNIX_EPOCH + Duration::from_secs(time.now().unwrap_or_default().0),
            None => SystemTime::now(),
        }
    }
}

/// Why the handshake failed, if TLS itself is the reason.
fn handshake_fault(error: &ureq::Error) -> Option<&rustls::Error> {
    let ureq::Error::Other(why) = error else { return None };
    why.downcast_ref::<HandshakeError>()?.0.get_ref()?.downcast_ref()
}

fn client_config(
    provider: &Arc<CryptoProvider>,
    time: Arc<dyn TimeProvider>,
    verifier: Verifier,
    own: Arc<OwnCertificate>,
) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_details(Arc::clone(provider), time)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        // This verifier checks more than rustls's own, which can neither pin keys nor wait for the time.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(own);
    config.resumption = Resumption::disabled();
    Ok(config)
}
