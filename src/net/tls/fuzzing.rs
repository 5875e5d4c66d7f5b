//! Entry points for the fuzz targets: see [`crate::fuzzing`].

use std::io;
use std::io::ErrorKind;
use std::sync::Arc;

use node_core::service::Service;
use node_core::trouble::Trouble;
use rustls::RootCertStore;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::chain::Note;
use super::key_kind::KeyKind;
use super::verifier::{Dates, Verifier};
use super::{Pin, Tls};
use crate::net::peer::Peer;

/// The requirements for a server's certificate.
#[derive(Debug)]
pub struct Rules {
    /// The roots that it must be signed by.
    pub roots: Arc<RootCertStore>,
    /// The allowed keys; any if the list is empty.
    pub pins: Arc<[Pin]>,
    /// Whether the dates are checked, or there only has to be a moment at which the whole chain is valid.
    pub dates_count: bool,
    /// The signature algorithms.
    pub provider: CryptoProvider,
}

impl Rules {
    /// Verifies a server's certificates at `now`.
    ///
    /// # Errors
    /// The trouble that `tls` makes of the error; `None` if there is none.
    pub fn judge(
        &self,
        tls: &Tls,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Option<Trouble>> {
        let dates = if self.dates_count { Dates::Checked } else { Dates::Ignored };
        let peer = Peer { service: Service::AUTH, host: "fuzzed".into(), port: 443 };
        let note = Arc::<Note>::default();
        note.want();
        // Of any bytes, since few of them make a chain that is accepted.
        let _ = KeyKind::of(leaf);
        let (roots, pins) = (Arc::clone(&self.roots), Arc::clone(&self.pins));
        let verifier = Verifier::new(roots, pins, dates, Arc::clone(&note), &self.provider);
        verifier
            .verify_server_cert(leaf, others, name, &[], now)
            .map(|_| ())
            .map_err(|error| tls.trouble(&peer, &io::Error::new(ErrorKind::InvalidData, error)))
    }
}
