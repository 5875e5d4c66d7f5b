//! The stub's certificate authority and the certificate it serves.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, DnsName, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

use crate::server::faults::Flaw;

mod identity;
mod key_type;

pub(crate) use identity::{Identity, ServerKey};
pub use key_type::{KeyType, UnknownKeyType};

/// A certificate authority, like a household's own. Clones share the same key and certificate.
#[derive(Clone)]
pub struct CertificateAuthority(Arc<Authority>);

impl CertificateAuthority {
    /// A new authority on P-256.
    ///
    /// # Errors
    /// For example, the system gave no random bytes.
    pub fn new() -> Result<Self, PkiError> {
        Self::of(KeyType::default())
    }

    /// A new authority with a key of this kind. So are those of the servers that it signs for.
    ///
    /// # Errors
    /// For example, the system gave no random bytes.
    pub fn of(kind: KeyType) -> Result<Self, PkiError> {
        Authority::new(kind).map(Self::from)
    }

    /// The kind of its key, as far as it is one of those that are made here.
    pub(super) fn key_type(&self) -> Option<KeyType> {
        KeyType::of(&self.0.key)
    }

    /// A new key for a server that it signs for.
    pub(super) fn server_key(&self) -> Result<ServerKey, PkiError> {
        ServerKey::new(self.key_type().unwrap_or_default())
    }

    /// Its certificate in PEM, to be trusted.
    #[must_use]
    pub fn pem(&self) -> &str {
        self.0.pem()
    }

    /// Its private key in PEM.
    pub(super) fn key_pem(&self) -> String {
        self.0.key_pem()
    }
}

impl From<Authority> for CertificateAuthority {
    fn from(authority: Authority) -> Self {
        Self(Arc::new(authority))
    }
}

/// The key and certificate of a [`CertificateAuthority`].
pub(super) struct Authority {
    key: KeyPair,
    pem: String,
}

/// Why there is no certificate to serve.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// The kept key does not belong to the kept certificate, or either cannot be read.
    #[error("the kept certificate authority is unusable: {0}")]
    Unusable(String),
    /// A certificate cannot contain this name.
    #[error("{0:?} is neither a DNS name nor an IP address")]
    Name(String),
    /// The library failed unexpectedly.
    #[error("making a certificate failed: {0}")]
    Library(String),
}

impl From<rcgen::Error> for PkiError {
    fn from(error: rcgen::Error) -> Self {
        Self::Library(error.to_string())
    }
}

impl From<rustls::Error> for PkiError {
    fn from(error: rustls::Error) -> Self {
        Self::Library(error.to_string())
    }
}

impl Authority {
    /// A new authority with a key of this kind.
    pub(crate) fn new(kind: KeyType) -> Result<Self, PkiError> {
        let key = kind.authority_key()?;
        let pem = authority_params().self_signed(&key)?.pem();
        Ok(Self { key, pem })
    }

    /// Reads the authority of an earlier start.
    pub(crate) fn from_pem(pem: String, key_pem: &str) -> Result<Self, PkiError> {
        let unreadable = |what: &str| PkiError::Unusable(format!("{what} cannot be read"));
        let key = KeyPair::from_pem(key_pem).map_err(|_| unreadable("its key"))?;
        let certificate =
            CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| unreadable("its certificate"))?;
        let public = key.public_key_raw();
        if !certificate.windows(public.len()).any(|window| window == public) {
            return Err(PkiError::Unusable("key and certificate do not belong together".into()));
        }
        Ok(Self { key, pem })
    }

    /// The authority's certificate.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// The authority's private key.
    pub(super) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// A server's TLS settings with a new certificate for `key` and `names`. Only the flaws in dates are made
    /// here.
    fn server_config(
        &self,
        key: &ServerKey,
        names: &[SubjectName],
        flaw: Option<Flaw>,
    ) -> Result<Arc<ServerConfig>, PkiError> {
        let key = &key.0;
        let mut params = dated(CertificateParams::default());
        match flaw {
            Some(Flaw::Expired) => params.not_after = date_time_ymd(2021, 1, 1),
            Some(Flaw::NotYetValid) => params.not_before = date_time_ymd(2049, 1, 1),
            Some(Flaw::WrongName | Flaw::OtherAuthority | Flaw::OtherKey) | None => {}
        }
        params.subject_alt_names = names.iter().map(|name| name.0.clone()).collect();
        params.distinguished_name.push(DnType::CommonName, "jarvis-auth stub");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(key, &Issuer::new(authority_params(), &self.key))?;
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_no_client_auth()
                .with_single_cert(
                    vec![certificate.der().clone()],
                    PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
                )?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// A name that a certificate can contain.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SubjectName(SanType);

impl SubjectName {
    /// Reads a DNS name or an IP address.
    pub(crate) fn parse(name: &str) -> Result<Self, PkiError> {
        if let Ok(address) = name.parse::<IpAddr>() {
            return Ok(Self::from(address));
        }
        let refused = || PkiError::Name(name.to_owned());
        DnsName::try_from(name).map_err(|_| refused())?;
        Ok(Self(SanType::DnsName(name.try_into().map_err(|_| refused())?)))
    }

    /// The names of a server that listens on `listen` and is also called `further`, each once.
    pub(crate) fn of_server(listen: IpAddr, further: &[String]) -> Result<Vec<Self>, PkiError> {
        let mut all = vec![
            Self::parse("localhost")?,
            Self::from(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            Self::from(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        ];
        if !listen.is_unspecified() {
            all.push(Self::from(listen));
        }
        for name in further {
            all.push(Self::parse(name)?);
        }
        let mut distinct: Vec<Self> = Vec::new();
        for name in all {
            if !distinct.contains(&name) {
                distinct.push(name);
            }
        }
        Ok(distinct)
    }
}

impl From<IpAddr> for SubjectName {
    fn from(address: IpAddr) -> Self {
        Self(SanType::IpAddress(address))
    }
}

/// Every authority has the same parameters. With the key they determine the issuer's name and key identifier,
/// so a kept key is enough to sign further certificates.
fn authority_params() -> CertificateParams {
    let mut params = dated(CertificateParams::default());
    params.distinguished_name.push(DnType::CommonName, "jarvis-auth stub CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// The validity begins before this program was written, because a board without a clock battery starts at the
/// build time of its image or of jarvis-node. It ends in the last year that the certificate's older time
/// format can hold.
fn dated(mut params: CertificateParams) -> CertificateParams {
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
    params
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_comes_back_from_its_pem() {
        let made = Authority::new(KeyType::default()).expect("an authority");
        let kept = Authority::from_pem(made.pem().to_owned(), &made.key_pem()).expect("the same authority");
        assert_eq!(kept.pem(), made.pem());
        let names = vec![SubjectName::parse("localhost").expect("a name")];
        assert!(
            Identity::new(kept.into(), ServerKey::new(KeyType::default()).expect("a key"), names).is_ok()
        );
    }

    #[test]
    fn an_authority_of_every_kind_signs_for_its_servers() {
        for kind in KeyType::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            let authority = CertificateAuthority::of(kind).expect("an authority");
            assert_eq!(authority.key_type(), Some(kind));
            let key = authority.server_key().expect("a key");
            assert_eq!(KeyType::of(&key.0), Some(kind));
            let identity = Identity::new(authority, key, Vec::new()).expect("an identity");
            let pin = identity.pin();
            identity.replace_key().expect("a new key");
            assert_ne!(identity.pin(), pin, "{kind}");
        }
        let unknown = "dsa".parse::<KeyType>().expect_err("no such kind").to_string();
        assert!(KeyType::ALL.iter().all(|kind| unknown.contains(&kind.to_string())), "{unknown}");
    }

    #[test]
    fn anothers_key_is_refused() {
        let one = Authority::new(KeyType::default()).expect("an authority");
        let other = Authority::new(KeyType::default()).expect("an authority");
        assert!(matches!(
            Authority::from_pem(one.pem().to_owned(), &other.key_pem()),
            Err(PkiError::Unusable(_))
        ));
        assert!(matches!(Authority::from_pem(String::new(), &one.key_pem()), Err(PkiError::Unusable(_))));
    }

    #[test]
    fn a_pin_is_of_the_key_and_not_of_the_certificate() {
        let key = ServerKey::new(KeyType::default()).expect("a key");
        let kept = ServerKey::from_pem(&key.0.serialize_pem()).expect("the same key");
        let authority = Authority::new(KeyType::default()).expect("an authority").into();
        let identity = Identity::new(authority, key, Vec::new()).expect("an identity");
        let pin = identity.pin();
        assert!(pin.starts_with("sha256//") && pin.len() == 8 + 44, "{pin}");
        identity.renew().expect("a new certificate");
        assert_eq!(identity.pin(), pin);
        let again =
            Identity::new(Authority::new(KeyType::default()).expect("another").into(), kept, Vec::new())
                .expect("an identity");
        assert_eq!(again.pin(), pin);
        identity.replace_key().expect("a new key");
        assert_ne!(identity.pin(), pin);
    }

    #[test]
    fn names_are_checked_before_they_are_signed() {
        for good in ["auth.home.arpa", "192.168.1.5", "fd00::1", "jarvis.local"] {
            assert!(SubjectName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "two words", "https://auth", "a..b", "ä"] {
            assert!(matches!(SubjectName::parse(bad), Err(PkiError::Name(_))), "{bad}");
        }
    }
}
