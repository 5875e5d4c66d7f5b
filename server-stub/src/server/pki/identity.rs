//! A server's identity: its key, and a certificate for it that can be renewed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{KeyPair, PublicKeyData as _};
use ring::digest;
use tokio_rustls::rustls::ServerConfig;

use super::{Authority, CertificateAuthority, KeyType, PkiError, SubjectName};
use crate::server::faults::Flaw;

/// The key of a server's certificate.
pub(crate) struct ServerKey(pub(super) KeyPair);

impl ServerKey {
    /// A new key of this kind.
    pub(super) fn new(kind: KeyType) -> Result<Self, PkiError> {
        kind.server_key().map(Self)
    }

    /// Reads the key of an earlier start.
    pub(crate) fn from_pem(pem: &str) -> Result<Self, PkiError> {
        // The library's message could quote the key.
        KeyPair::from_pem(pem)
            .map(Self)
            .map_err(|_| PkiError::Unusable("the server's key cannot be read".into()))
    }

    fn pin(&self) -> String {
        let info = self.0.subject_public_key_info();
        format!("sha256//{}", STANDARD.encode(digest::digest(&digest::SHA256, &info)))
    }
}

/// A server's identity: the authority that signs its certificate, its names, and the key and certificate in
/// use.
pub(crate) struct Identity {
    authority: CertificateAuthority,
    names: Vec<SubjectName>,
    shown: Mutex<Shown>,
}

struct Shown {
    key: ServerKey,
    config: Arc<ServerConfig>,
}

impl Identity {
    pub(crate) fn new(
        authority: CertificateAuthority,
        key: ServerKey,
        names: Vec<SubjectName>,
    ) -> Result<Self, PkiError> {
        let config = authority.0.server_config(&key, &names, None)?;
        Ok(Self { authority, names, shown: Mutex::new(Shown { key, config }) })
    }

    pub(crate) fn authority(&self) -> &CertificateAuthority {
        &self.authority
    }

    /// The server's private key.
    pub(crate) fn key_pem(&self) -> String {
        self.shown().key.0.serialize_pem()
    }

    /// The pin of the server's key, in curl's notation (`--pinnedpubkey`): SHA-256 over the DER of the
    /// SubjectPublicKeyInfo (RFC 5280, section 4.1).
    pub(crate) fn pin(&self) -> String {
        self.shown().key.pin()
    }

    /// TLS settings for the next connection.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.shown().config)
    }

    /// TLS settings with a certificate that has this flaw.
    pub(crate) fn flawed(&self, flaw: Flaw) -> Result<Arc<ServerConfig>, PkiError> {
        match flaw {
            Flaw::OtherKey => {
                self.authority.0.server_config(&self.authority.server_key()?, &self.names, None)
            }
            // Of a kind whose keys are new: published ones would make the same authority.
            Flaw::OtherAuthority => {
                Authority::new(KeyType::P256)?.server_config(&self.shown().key, &self.names, None)
            }
            Flaw::WrongName => {
                let elsewhere = [SubjectName::parse("elsewhere.invalid")?];
                self.authority.0.server_config(&self.shown().key, &elsewhere, None)
            }
            Flaw::Expired | Flaw::NotYetValid => {
                self.authority.0.server_config(&self.shown().key, &self.names, Some(flaw))
            }
        }
    }

    /// A new certificate over the same key, as a renewal gives.
    pub(crate) fn renew(&self) -> Result<(), PkiError> {
        let mut shown = self.shown();
        shown.config = self.authority.0.server_config(&shown.key, &self.names, None)?;
        Ok(())
    }

    /// A new certificate over a new key.
    pub(crate) fn replace_key(&self) -> Result<(), PkiError> {
        let key = self.authority.server_key()?;
        let config = self.authority.0.server_config(&key, &self.names, None)?;
        *self.shown() = Shown { key, config };
        Ok(())
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
