//! The files that TLS needs: root certificates, and the node's own certificate with its key.

use std::path::{Path, PathBuf};

use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, RootCertStore};
use zeroize::Zeroizing;

use super::pin::Pin;
use crate::error::SetupError;
use crate::files::secret_file;
use crate::files::secret_file::Stamp;

/// The files that `client_cert_file` and `client_key_file` name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl ClientCertificate {
    /// Takes both keys or neither.
    ///
    /// # Errors
    /// A sentence that names the missing key, or says that both need `https`.
    pub fn parse(
        certificate: Option<PathBuf>,
        key: Option<PathBuf>,
        https: bool,
    ) -> Result<Option<Self>, String> {
        match (certificate, key) {
            (None, None) => Ok(None),
            (Some(_), None) => Err("client_cert_file needs a client_key_file beside it".into()),
            (None, Some(_)) => Err("client_key_file needs a client_cert_file beside it".into()),
            (Some(_), Some(_)) if !https => Err("client_cert_file is only for an https:// auth_url".into()),
            (Some(certificate), Some(key)) => Ok(Some(Self { certificate, key })),
        }
    }

    pub(super) fn load(&self) -> Result<CertifiedKey, SetupError> {
        let wrong = |path: &Path, why: String| SetupError::ClientCertificate { path: path.into(), why };
        let pem = std::fs::read(&self.certificate)
            .map_err(|why| SetupError::reading("client_cert_file", &self.certificate, why))?;
        let chain = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| wrong(&self.certificate, format!("is damaged: {}", damage(&e))))?;
        if chain.is_empty() {
            return Err(wrong(&self.certificate, "holds no PEM certificate".to_string()));
        }
        // The file's bytes and the parsed key are wiped. ring keeps a copy for as long as it signs.
        let (pem, _) = secret_file::read("client_key_file", &self.key)?;
        let key = PrivateKeyDer::from_pem_slice(&pem).map(Zeroizing::new).map_err(|_| {
            wrong(&self.key, "holds no private key in PEM form that is not encrypted".to_string())
        })?;
        let signing = any_supported_type(&key).map_err(|_| {
            let why = "holds a key of a kind that cannot be used (P-256, P-384, Ed25519 and RSA from 2048 bits can)";
            wrong(&self.key, why.to_string())
        })?;
        let own = CertifiedKey::new(chain, signing);
        match own.keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(own),
            Err(Error::InconsistentKeys(_)) => {
                let why =
                    format!("does not hold the key of the certificate in {}", self.certificate.display());
                Err(wrong(&self.key, why))
            }
            Err(e) => Err(wrong(&self.certificate, format!("holds an unusable certificate: {e}"))),
        }
    }
}

/// The settings for TLS to the auth service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// CA certificates to trust instead of Mozilla's.
    pub ca_file: Option<PathBuf>,
    /// The allowed keys of the server; any if there are none.
    pub spki_pins: Vec<Pin>,
    /// The node's own certificate, for servers that request one.
    pub client_certificate: Option<ClientCertificate>,
}

/// Shows whether one of the files was replaced.
#[derive(Debug, PartialEq, Eq)]
pub struct Stamps {
    roots: Option<Stamp>,
    client: Option<(Stamp, Stamp)>,
}

impl Stamps {
    /// The stamps of the files that `settings` name.
    ///
    /// # Errors
    /// When one is missing.
    pub fn of(settings: &TlsSettings) -> Result<Self, SetupError> {
        let client = |files: &ClientCertificate| {
            let certificate = Stamp::of_file("client_cert_file", &files.certificate)?;
            Ok((certificate, Stamp::of_file("client_key_file", &files.key)?))
        };
        Ok(Self {
            roots: settings.ca_file.as_deref().map(|path| Stamp::of_file("ca_file", path)).transpose()?,
            client: settings.client_certificate.as_ref().map(client).transpose()?,
        })
    }
}

/// The certificates in `ca_file`, or Mozilla's roots without one.
pub(super) fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, SetupError> {
    let Some(path) = ca_file else {
        return Ok(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() });
    };
    let pem = std::fs::read(path).map_err(|why| SetupError::reading("ca_file", path, why))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|e| ca_error(path, format!("is damaged: {}", damage(&e))))?;
        roots.add(certificate).map_err(|e| ca_error(path, format!("holds an unusable certificate: {e}")))?;
    }
    if roots.is_empty() {
        return Err(ca_error(path, "holds no PEM certificate"));
    }
    Ok(roots)
}

/// The fault in our own words, because the error would quote the line: if the line ends were lost, that line
/// contains the key.
fn damage(error: &pem::Error) -> &'static str {
    #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended")]
    match error {
        pem::Error::IllegalSectionStart { .. } => {
            "a BEGIN line goes on where it should end (were line ends lost?)"
        }
        pem::Error::MissingSectionEnd { .. } => "a BEGIN line has no END line",
        pem::Error::Base64Decode(_) => "something between BEGIN and END is not base64",
        _ => "it is not PEM",
    }
}

pub(super) fn ca_error(path: &Path, why: impl ToString) -> SetupError {
    SetupError::CaFile { path: path.into(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pem_error_is_reported_without_quoting_the_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("ca.pem");
        for (text, says) in [
            ("-----BEGIN PRIVATE KEY-----s3cret-----END PRIVATE KEY-----x", "were line ends lost?"),
            ("-----BEGIN CERTIFICATE-----\ns3cret\n", "has no END line"),
            ("-----BEGIN CERTIFICATE-----\n%%s3cret\n-----END CERTIFICATE-----\n", "is not base64"),
            ("s3cret", "holds no PEM certificate"),
        ] {
            std::fs::write(&path, text).expect("written");
            let error = roots(Some(&path)).expect_err(text);
            assert!(error.to_string().contains(says), "{error}");
            let told = format!("{error} {error:?}");
            // "s3c" as text, and as the numbers of a list of bytes.
            assert!(!told.contains("s3c") && !told.contains("115, 51, 99"), "{told}");
        }
    }
}
