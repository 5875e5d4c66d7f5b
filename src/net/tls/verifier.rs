//! Verifies a server's certificate.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use thiserror::Error;
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};

use super::chain::{Chain, Note};
use super::key_kind::RSA;
use super::pin::Pin;

/// Whether the dates of certificates are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dates {
    Checked,
    /// There only has to be a moment at which the whole chain is valid.
    Ignored,
}

/// Requires a chain to a root, the right name, a strong key, one of the pinned keys if there are any, and a
/// proof that the server has the key.
#[derive(Debug)]
pub(super) struct Verifier {
    roots: Arc<RootCertStore>,
    pins: Arc<[Pin]>,
    dates: Dates,
    note: Arc<Note>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// The errors of this verifier beyond those of rustls.
#[derive(Debug, Error)]
pub(super) enum VerifierError {
    /// The key, with this pin, is not among the pinned ones.
    #[error("the server's key is not pinned, but {0}")]
    KeyNotPinned(Pin),
    /// The certificate is only signed by its own key.
    #[error("self-signed")]
    SelfSigned,
    /// An RSA key of the server or of a CA has less than 2048 bits.
    #[error("an RSA key under 2048 bits")]
    ShortKey,
    /// There is no moment at which the whole chain is valid.
    #[error("never valid")]
    NeverValid,
    /// The handshake is not signed by the certificate's key: the certificate is somebody else's.
    #[error("the handshake is not signed with the certificate's key")]
    KeyNotProved,
}

/// The last second of the year 9999, which stands for "no end" (RFC 5280, section 4.1.2.5).
const FAR_FUTURE: UnixTime = UnixTime::since_unix_epoch(Duration::from_secs(253_402_300_799));

/// How often another moment is tried: once for each certificate of any sensible chain.
const MOMENTS: usize = 6;

impl Verifier {
    pub(super) const fn new(
        roots: Arc<RootCertStore>,
        pins: Arc<[Pin]>,
        dates: Dates,
        note: Arc<Note>,
        provider: &CryptoProvider,
    ) -> Self {
        let algorithms = provider.signature_verification_algorithms;
        Self { roots, pins, dates, note, algorithms }
    }

    fn verify_chain(
        &self,
        leaf: &ParsedCertificate<'_>,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        moment: UnixTime,
    ) -> Result<(), rustls::Error> {
        let at = |moment| {
            let algorithms = self.algorithms.all;
            verify_server_cert_signed_by_trust_anchor(leaf, &self.roots, intermediates, moment, algorithms)
        };
        match self.dates {
            Dates::Checked => at(moment),
            Dates::Ignored => self
                .with_valid_path(end_entity, intermediates, moment, &|_, _| ())
                .or_else(|moment| moment.map_or_else(|| Err(VerifierError::NeverValid.into()), at)),
        }
    }

    /// Calls `then` with the chain to a root and a moment at which the whole chain is valid: the first one that is tried,
    /// else the end or the start of one of its certificates.
    ///
    /// # Errors
    /// The moment at which the dates are right and something else is wrong; `None` if there is no such moment.
    fn with_valid_path(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        mut moment: UnixTime,
        then: &dyn Fn(&VerifiedPath<'_>, UnixTime),
    ) -> Result<(), Option<UnixTime>> {
        let leaf = EndEntityCert::try_from(end_entity).map_err(|_| Some(moment))?;
        // webpki checks dates before signatures, so this costs almost nothing.
        for _ in 0..MOMENTS {
            let (algorithms, roots) = (self.algorithms.all, &self.roots.roots);
            let usage = KeyUsage::server_auth();
            moment = match leaf.verify_for_usage(algorithms, roots, intermediates, moment, usage, None, None)
            {
                Err(webpki::Error::CertExpired { not_after, .. }) => not_after,
                Err(webpki::Error::CertNotValidYet { not_before, .. }) => not_before,
                Err(_) => return Err(Some(moment)),
                Ok(path) => {
                    then(&path, moment);
                    return Ok(());
                }
            };
        }
        Err(None)
    }

    /// Whether one of the CAs that may have signed these has such a short key that ring rejects its
    /// signatures.
    fn rests_on_short_key(&self, leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> bool {
        let sent = || {
            let all = std::iter::once(leaf).chain(intermediates);
            all.filter_map(|certificate| EndEntityCert::try_from(certificate).ok())
        };
        let is_issuer = |name: &[u8]| sent().any(|certificate| certificate.issuer() == name);
        sent().skip(1).any(|certificate| is_short_rsa(&certificate.subject_public_key_info()))
            || self
                .roots
                .roots
                .iter()
                .any(|root| is_issuer(&root.subject) && is_short_rsa(&root.subject_public_key_info))
    }
}

const BAD_SIGNATURE: rustls::Error = rustls::Error::InvalidCertificate(CertificateError::BadSignature);

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let leaf = ParsedCertificate::try_from(end_entity)?;
        self.verify_chain(&leaf, end_entity, intermediates, now).map_err(|error| {
            if error == rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)
                && is_self_signed(end_entity)
            {
                VerifierError::SelfSigned.into()
            } else if error == BAD_SIGNATURE && self.rests_on_short_key(end_entity, intermediates) {
                VerifierError::ShortKey.into()
            } else {
                error
            }
        })?;
        verify_server_name(&leaf, server_name)?;
        let public_key = leaf.subject_public_key_info();
        if is_short_rsa(&public_key) {
            return Err(VerifierError::ShortKey.into());
        }
        if !self.pins.is_empty() {
            let seen = Pin::of(&public_key);
            if !self.pins.contains(&seen) {
                return Err(VerifierError::KeyNotPinned(seen).into());
            }
        }
        if self.note.is_wanted() {
            // From the far future back, the first end of a certificate at which all others are valid.
            let keep = |path: &VerifiedPath<'_>, end| self.note.keep(Chain::of(path, end));
            // A chain that was accepted has such a moment.
            let _ = self.with_valid_path(end_entity, intermediates, FAR_FUTURE, &keep);
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms).map_err(of_handshake)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms).map_err(of_handshake)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    EndEntityCert::try_from(certificate).is_ok_and(|c| c.issuer() == c.subject())
}

/// Tells a wrong signature of the handshake from one of a certificate.
fn of_handshake(error: rustls::Error) -> rustls::Error {
    if error == BAD_SIGNATURE { VerifierError::KeyNotProved.into() } else { error }
}

/// ring rejects signatures of such keys as if they were wrong. The length decides: the modulus makes up most
/// of the key, and with 2048 bits the key has 288 to 294 bytes.
fn is_short_rsa(public_key: &[u8]) -> bool {
    let is_rsa = public_key.windows(RSA.len()).take(10).any(|window| window == RSA);
    is_rsa && public_key.len() < 280
}

impl From<VerifierError> for rustls::Error {
    fn from(error: VerifierError) -> Self {
        CertificateError::Other(OtherError(Arc::new(error))).into()
    }
}
