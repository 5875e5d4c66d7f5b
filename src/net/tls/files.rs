//! The files that TLS needs: root certificates, and the node's own certificate with its key.

use std::fmt;
use std::path::{Path, PathBuf};

use node_core::plain;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, RootCertStore};
use thiserror::Error;
use webpki::EndEntityCert;

use super::pin::Pin;
use crate::error::{SetupError, Warning};
use crate::files::form::{Form, KEY_FILE};
use crate::files::pem::{EcForm, PemError, Section};
use crate::files::secret_file::Stamp;
use crate::files::{bounded, form, pem, secret_file};

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
            (Some(_), Some(_)) if !https => {
                Err("client_cert_file is only for an https:// address (auth_url or via)".into())
            }
            (Some(certificate), Some(key)) => Ok(Some(Self { certificate, key })),
        }
    }

    /// The certificate and those that link it to its CA, with its key, and a warning for each of the others that is of no
    /// use: a server may know that one itself.
    pub(super) fn load(&self) -> Result<(CertifiedKey, Vec<Warning>), SetupError> {
        let wrong = |path: &Path, why: String| SetupError::ClientCertificate { path: path.into(), why };
        let unusable = |why: &dyn fmt::Display| wrong(&self.certificate, why.to_string());
        let chain = certificates("client_cert_file", &self.certificate, &unusable)?;
        let (chain, warnings) = self.links(chain).map_err(|why| match why {
            CertificateError::Old(_) => SetupError::Form {
                what: "client_cert_file",
                path: self.certificate.clone(),
                why: "begins with a certificate of X.509 version 1, where version 3 is needed",
                fix: NEW_VERSION.into(),
            },
            CertificateError::Pem(_)
            | CertificateError::Malformed(_)
            | CertificateError::Trusted(_)
            | CertificateError::Bundle(_) => unusable(&format_args!("is damaged: {why}")),
        })?;
        // The file's bytes and the parsed key are wiped. ring keeps a copy for as long as it signs.
        let (pem, _) = secret_file::read_pem(KEY_FILE, &self.key)?;
        let key = pem::private_key(&pem).map_err(|why| wrong(&self.key, why.to_string()))?;
        let signing = any_supported_type(&key).map_err(|_| {
            if let Some(found) = EcForm::of(&key) {
                return form::ec_error(found, KEY_FILE, &self.key);
            }
            let why = "holds a key of a kind that cannot be used (P-256, P-384, Ed25519 and RSA from 2048 bits can)";
            wrong(&self.key, why.to_string())
        })?;
        let own = CertifiedKey::new(chain, signing);
        let fits = |place: usize| {
            let chain = own.cert.get(place..).unwrap_or_default().to_vec();
            CertifiedKey::new(chain, std::sync::Arc::clone(&own.key)).keys_match().is_ok()
        };
        match own.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok((own, warnings)),
            Err(rustls::Error::InconsistentKeys(_)) => {
                if (1..own.cert.len()).any(fits) {
                    let why = "begins with a certificate that is not the one of client_key_file; that comes later, and has to be first";
                    return Err(wrong(&self.certificate, why.to_string()));
                }
                let why =
                    format!("does not hold the key of the certificate in {}", self.certificate.display());
                Err(wrong(&self.key, why))
            }
            Err(e) => Err(wrong(&self.certificate, format!("holds an unusable certificate: {e}"))),
        }
    }
}

impl ClientCertificate {
    /// The certificates that can be shown, in order, and a warning for each that is left out or certifies none before it.
    ///
    /// # Errors
    /// When the first one cannot be read.
    fn links(
        &self,
        found: Vec<Result<Located, CertificateError>>,
    ) -> Result<(Vec<CertificateDer<'static>>, Vec<Warning>), CertificateError> {
        let (mut chain, mut warnings) = (Vec::new(), Vec::new());
        let mut warn = |message: String, fix| {
            let message = format!("the client_cert_file {}: {message}", self.certificate.display());
            warnings.push(Warning::new("client_cert_file", message, fix));
        };
        for (found, number) in found.into_iter().zip(1..) {
            let checked = found.and_then(|(der, line)| match EndEntityCert::try_from(&der) {
                Ok(_) => Ok(der),
                Err(webpki::Error::UnsupportedCertVersion) => Err(CertificateError::Old(line)),
                Err(_) if number == 1 => Ok(der),
                Err(_) => Err(CertificateError::Malformed(line)),
            });
            match checked {
                Ok(der) => chain.push(der),
                Err(why) if number == 1 => return Err(why),
                Err(why) => warn(format!("certificate {number} cannot be used: {why}"), PUT_AGAIN),
            }
        }
        for (number, pair) in (2..).zip(chain.windows(2)) {
            if let (Ok(of), Ok(by)) = (EndEntityCert::try_from(&pair[0]), EndEntityCert::try_from(&pair[1]))
                && of.issuer() != by.subject()
            {
                warn(
                    format!(
                        "certificate {number} of those that can be used is not that of the CA that issued the one before it"
                    ),
                    PUT_IN_ORDER,
                );
            }
        }
        Ok((chain, warnings))
    }
}

const NEW_VERSION: &str = "Have it issued again as version 3: `openssl x509 -req` makes one of version 1 unless it has -extfile, with a line such as \
     extendedKeyUsage=clientAuth in that file.";
const PUT_AGAIN: &str = "Put that certificate there again as its CA publishes it: a server that does not have it itself refuses the node's.";
const PUT_IN_ORDER: &str = "Put the node's certificate first, then that of the CA that issued it, and so on; a server that does not have those itself \
     refuses the node's.";

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

/// The certificates in `ca_file`, or Mozilla's roots without one, and a warning for each that cannot be used: the others
/// may be all that is needed, since public bundles have hundreds.
pub(super) fn roots(ca_file: Option<&Path>) -> Result<(RootCertStore, Vec<Warning>), SetupError> {
    let Some(path) = ca_file else {
        return Ok((RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }, Vec::new()));
    };
    let unusable = |why: &dyn fmt::Display| ca_error(path, why);
    let (mut roots, mut refused) = (RootCertStore::empty(), Vec::new());
    for (found, number) in certificates("ca_file", path, &unusable)?.into_iter().zip(1..) {
        let added =
            found.and_then(|(der, line)| roots.add(der).map_err(|_| CertificateError::Malformed(line)));
        if let Err(why) = added {
            refused.push(format!("certificate {number} cannot be used: {why}"));
        }
    }
    if let Some(first) = refused.first().filter(|_| roots.is_empty()) {
        return Err(ca_error(path, format!("is of no use: {first}")));
    }
    let fix = "Take that certificate out of ca_file, or put it there again as its CA publishes it.";
    let warning = |why| Warning::new("ca_file", format!("the ca_file {}: {why}", path.display()), fix);
    Ok((roots, refused.iter().map(warning).collect()))
}

/// Why a certificate in a file is not used.
#[derive(Debug, Error)]
enum CertificateError {
    #[error(transparent)]
    Pem(PemError),
    #[error("what follows the BEGIN on line {0} is no X.509 certificate")]
    Malformed(usize),
    #[error("the one on line {0} is of X.509 version 1, where version 3 is needed")]
    Old(usize),
    #[error("the one on line {0} is in OpenSSL's own form; `openssl x509 -in FILE` writes the common one")]
    Trusted(usize),
    #[error(
        "line {0} begins a PKCS #7 bundle; `openssl pkcs7 -print_certs -in FILE` writes its certificates"
    )]
    Bundle(usize),
}

/// A certificate and the line it begins on.
type Located = (CertificateDer<'static>, usize);

/// The certificates in the file at `path`, which is the `what`, in order, each with its line. `unusable` makes an error
/// for a file that is no PEM.
fn certificates(
    what: &'static str,
    path: &Path,
    unusable: &dyn Fn(&dyn fmt::Display) -> SetupError,
) -> Result<Vec<Result<Located, CertificateError>>, SetupError> {
    let file =
        bounded::read(path, bounded::MAX_CERTIFICATES).map_err(|why| SetupError::reading(what, path, why))?;
    if let Some(form) = Form::of_binary(&file) {
        return Err(form.error(what, path));
    }
    let text = plain::bytes(&file).map_err(|why| SetupError::Text { what, path: path.into(), why })?;
    let found: Vec<_> =
        pem::sections(text).filter_map(|section| read_certificate(section).transpose()).collect();
    match Form::of_sections(text) {
        _ if !found.is_empty() => Ok(found),
        Some(form) => Err(form.error(what, path)),
        None => Err(unusable(&"holds no PEM certificate")),
    }
}

/// The certificate in a section, with its line; `None` if it holds something else.
fn read_certificate(section: Result<Section<'_>, PemError>) -> Result<Option<Located>, CertificateError> {
    let section = section.map_err(CertificateError::Pem)?;
    match section.label {
        b"CERTIFICATE" | b"X509 CERTIFICATE" => {
            let der = section.der().map_err(CertificateError::Pem)?;
            Ok(Some((CertificateDer::from(der.to_vec()), section.line)))
        }
        b"TRUSTED CERTIFICATE" => Err(CertificateError::Trusted(section.line)),
        b"PKCS7" | b"CMS" => Err(CertificateError::Bundle(section.line)),
        _ => Ok(None),
    }
}

pub(super) fn ca_error(path: &Path, why: impl ToString) -> SetupError {
    SetupError::CaFile { path: path.into(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The built-in roots' names are no secret: a real certificate of a CA, P-256.
    const CA: &str = include_str!("fixtures/ca.pem");

    fn read(text: impl AsRef<[u8]>) -> Result<usize, SetupError> {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("ca.pem");
        std::fs::write(&path, text).expect("written");
        roots(Some(&path)).map(|(roots, refused)| {
            assert!(refused.iter().all(|why| {
                why.message.contains("certificate 2 cannot be used: what follows the BEGIN on line 11")
            }));
            roots.len()
        })
    }

    #[test]
    fn pem_error_is_reported_without_quoting_the_file() {
        for (text, says) in [
            ("-----BEGIN PRIVATE KEY-----s3cret-----END PRIVATE KEY-----x", "holds a private key"),
            ("-----BEGIN CERTIFICATE-----\ns3cret\n", "the BEGIN on line 1 has no END"),
            (
                "\n-----BEGIN CERTIFICATE-----\n%%s3cret\n-----END CERTIFICATE-----\n",
                "on line 2 is not base64",
            ),
            ("-----BEGIN CERTIFICATE-----\ns3cr\n-----END CERTIFICATE-----\n", "no X.509 certificate"),
            (
                "-----BEGIN TRUSTED CERTIFICATE-----\ns3cr\n-----END TRUSTED CERTIFICATE-----\n",
                "OpenSSL's own",
            ),
            ("-----BEGIN PKCS7-----\ns3cr\n-----END PKCS7-----\n", "PKCS #7"),
            ("0\u{2}", "holds no PEM certificate"),
            ("s3cret", "holds no PEM certificate"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.to_string().contains(says), "{error}");
            let told = format!("{error} {error:?}");
            // "s3c" as text, and as the numbers of a list of bytes.
            assert!(!told.contains("s3c") && !told.contains("115, 51, 99"), "{told}");
        }
    }

    #[test]
    fn every_certificate_of_a_bundle_is_read() {
        let (ca, line) = (CA.trim_end(), CA.replace('\n', ""));
        for (bundle, count) in [
            (CA.to_owned(), 1),
            (format!("\u{feff}{CA}{CA}"), 2),
            (format!("{ca}{ca}{ca}"), 3),
            (format!("{CA}{CA}").replace('\n', "\r\n"), 2),
            (format!("{line}{line}"), 2),
            (CA.replace("CERTIFICATE", "X509 CERTIFICATE"), 1),
            (format!("caf\u{e9}\n  {}", CA.replace('\n', "\n  ")), 1),
        ] {
            assert_eq!(read(&bundle).expect("read"), count, "{bundle}");
        }
    }

    #[test]
    fn bad_certificate_does_not_cost_the_others() {
        let bad = "-----BEGIN CERTIFICATE-----\ns3cr\n-----END CERTIFICATE-----\n";
        assert_eq!(read(format!("{CA}{bad}{CA}")).expect("read"), 2);
        let error = read(format!("{bad}{bad}")).expect_err("none").to_string();
        assert!(error.contains("certificate 1 cannot be used"), "{error}");
    }
}
