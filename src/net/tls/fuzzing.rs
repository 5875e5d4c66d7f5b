//! Doors for the fuzz targets: see `host::fuzzing`.

use std::io;
use std::io::ErrorKind;
use std::sync::Arc;

use node_core::trouble::Trouble;
use rustls::RootCertStore;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::verifier::{Dates, Verifier};
use super::{Pin, Tls};

/// What a server has to prove.
#[derive(Debug)]
pub struct Rules {
    /// Whom it has to be signed by.
    pub roots: Arc<RootCertStore>,
    /// Which keys it may have; any if there are none.
    pub pins: Arc<[Pin]>,
    /// Whether it has to be valid now, or only at some moment.
    pub dates_count: bool,
    /// How signatures are checked.
    pub provider: CryptoProvider,
}

impl Rules {
    /// Judges a server's certificates at `now`.
    ///
    /// # Errors
    /// What `tls` would tell a person; `None` if it has no words for it.
    pub fn judge(
        &self,
        tls: &Tls,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Option<Trouble>> {
        let dates = if self.dates_count { Dates::Checked } else { Dates::Ignored };
        let verifier = Verifier::new(Arc::clone(&self.roots), Arc::clone(&self.pins), dates, &self.provider);
        verifier
            .verify_server_cert(leaf, others, name, &[], now)
            .map(|_| ())
            .map_err(|error| tls.trouble(&io::Error::new(ErrorKind::InvalidData, error)))
    }
}
