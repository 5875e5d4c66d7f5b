//! What a server has to prove.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};
use webpki::EndEntityCert;

use super::pin::Pin;

/// Whether the dates in certificates count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dates {
    Checked,
    /// There only has to be a moment at which the whole chain is valid.
    Ignored,
}

/// Wants a chain to a root, the right name, a key that is strong enough, one of the pinned keys where there
/// are any, and the proof that the server has it.
#[derive(Debug)]
pub(super) struct Verifier {
    roots: Arc<RootCertStore>,
    pins: Arc<[Pin]>,
    dates: Dates,
    algorithms: WebPkiSupportedAlgorithms,
}

/// What this verifier refuses beside what rustls does.
#[derive(Debug)]
pub(super) enum Refusal {
    /// None of the pinned keys, but this one.
    KeyNotPinned(Pin),
    /// Signed by nobody but its own key.
    SelfSigned,
    /// An RSA key of less than 2048 bits, the server's or a CA's.
    ShortKey,
    /// There is no moment at which all of the chain is valid.
    NeverValid,
    /// The certificate of somebody else: the key that is in it did not sign this handshake.
    KeyNotProved,
}

/// How often the moment is moved at which a chain might be valid: once for each certificate of any sensible
/// chain.
const MOMENTS: usize = 6;

impl Verifier {
    pub(super) const fn new(
        roots: Arc<RootCertStore>,
        pins: Arc<[Pin]>,
        dates: Dates,
        provider: &CryptoProvider,
    ) -> Self {
        Self { roots, pins, dates, algorithms: provider.signature_verification_algorithms }
    }

    fn verify_chain(
        &self,
        leaf: &ParsedCertificate<'_>,
        intermediates: &[CertificateDer<'_>],
        mut moment: UnixTime,
    ) -> Result<(), Error> {
        let at = |moment| {
            let algorithms = self.algorithms.all;
            verify_server_cert_signed_by_trust_anchor(leaf, &self.roots, intermediates, moment, algorithms)
        };
        if self.dates == Dates::Checked {
            return at(moment);
        }
        // Dates are looked at before signatures, so that this costs nearly nothing.
        for _ in 0..MOMENTS {
            moment = match at(moment) {
                Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
                    not_after
                }
                Err(Error::InvalidCertificate(CertificateError::NotValidYetContext {
                    not_before, ..
                })) => not_before,
                result => return result,
            };
        }
        Err(Refusal::NeverValid.into())
    }

    /// Whether a CA that may have signed one of these has a key so short that ring takes no signature of it.
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

const BAD_SIGNATURE: Error = Error::InvalidCertificate(CertificateError::BadSignature);

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let leaf = ParsedCertificate::try_from(end_entity)?;
        self.verify_chain(&leaf, intermediates, now).map_err(|error| {
            if error == Error::InvalidCertificate(CertificateError::UnknownIssuer)
                && is_self_signed(end_entity)
            {
                Refusal::SelfSigned.into()
            } else if error == BAD_SIGNATURE && self.rests_on_short_key(end_entity, intermediates) {
                Refusal::ShortKey.into()
            } else {
                error
            }
        })?;
        verify_server_name(&leaf, server_name)?;
        let public_key = leaf.subject_public_key_info();
        if is_short_rsa(&public_key) {
            return Err(Refusal::ShortKey.into());
        }
        if !self.pins.is_empty() {
            let seen = Pin::of(&public_key);
            if !self.pins.contains(&seen) {
                return Err(Refusal::KeyNotPinned(seen).into());
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms).map_err(of_handshake)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms).map_err(of_handshake)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    EndEntityCert::try_from(certificate).is_ok_and(|c| c.issuer() == c.subject())
}

/// A signature that does not fit, not of a certificate but of the handshake.
fn of_handshake(error: Error) -> Error {
    if error == BAD_SIGNATURE { Refusal::KeyNotProved.into() } else { error }
}

/// Ring would refuse such a key's signature, which looks as if the signature were wrong. By length: nothing but
/// the modulus makes much of it, and one of 2048 bits makes it 288 to 294 bytes.
fn is_short_rsa(public_key: &[u8]) -> bool {
    // The tail of rsaEncryption's object identifier, 1.2.840.113549.1.1.1 (RFC 8017, appendix C).
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    let is_rsa = public_key.windows(RSA.len()).take(10).any(|window| window == RSA);
    is_rsa && public_key.len() < 280
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        CertificateError::Other(OtherError(Arc::new(refusal))).into()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyNotPinned(seen) => write!(f, "the server's key is not pinned, but {seen}"),
            Self::SelfSigned => f.write_str("self-signed"),
            Self::ShortKey => f.write_str("an RSA key under 2048 bits"),
            Self::NeverValid => f.write_str("never valid"),
            Self::KeyNotProved => f.write_str("the handshake is not signed with the certificate's key"),
        }
    }
}

impl std::error::Error for Refusal {}
