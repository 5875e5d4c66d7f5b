//! Certificate authorities and what they issue.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData as _, SanType, SignatureAlgorithm, date_time_ymd,
};
use ring::digest::{SHA256, digest};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// A certificate authority.
pub(super) struct Ca {
    params: CertificateParams,
    key: KeyPair,
    certificate: CertificateDer<'static>,
    pub(super) pem: String,
}

/// A chain, the server's own certificate first, and its key.
pub(super) struct Identity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    /// Of the key, if rcgen made it.
    pub(super) pin: String,
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key(), pin: self.pin.clone() }
    }
}

impl Ca {
    pub(super) fn root() -> Self {
        Self::root_with(|_| {})
    }

    pub(super) fn root_with(change: impl FnOnce(&mut CertificateParams)) -> Self {
        Self::root_for(KeyPair::generate().unwrap(), change)
    }

    /// A root with another kind of key, and the same name.
    pub(super) fn root_by(algorithm: &'static SignatureAlgorithm) -> Self {
        Self::root_for(KeyPair::generate_for(algorithm).unwrap(), |_| {})
    }

    fn root_for(key: KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = ca_params("jarvis test root");
        change(&mut params);
        let made = params.self_signed(&key).unwrap();
        Self { certificate: made.der().clone(), pem: made.pem(), params, key }
    }

    pub(super) fn intermediate(&self, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = ca_params("jarvis test intermediate");
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let made = params.signed_by(&key, &self.issuer()).unwrap();
        Self { certificate: made.der().clone(), pem: made.pem(), params, key }
    }

    /// A certificate as a server should have it.
    pub(super) fn sound(&self) -> Identity {
        self.issue(|_| {})
    }

    pub(super) fn issue(&self, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        self.issue_for(&KeyPair::generate().unwrap(), change)
    }

    pub(super) fn issue_with(&self, algorithm: &'static SignatureAlgorithm) -> Identity {
        self.issue_for(&KeyPair::generate_for(algorithm).unwrap(), |_| {})
    }

    pub(super) fn issue_for(&self, key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params = leaf_params();
        change(&mut params);
        let made = params.signed_by(key, &self.issuer()).unwrap();
        identity(vec![made.der().clone()], key)
    }

    /// The CA's own certificate and key, for a server that shows them as its own.
    pub(super) fn itself(&self) -> Identity {
        identity(vec![self.certificate.clone()], &self.key)
    }

    fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.params, &self.key)
    }
}

impl Identity {
    /// Sends this CA's certificate too.
    pub(super) fn and(mut self, ca: &Ca) -> Self {
        self.chain.push(ca.certificate.clone());
        self
    }

    /// One of the fixtures that openssl made.
    pub(super) fn fixture(certificate: &str, key: &str) -> Self {
        Self {
            chain: vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
            key: PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
            pin: String::new(),
        }
    }

    pub(super) fn pem(&self) -> String {
        self.chain.iter().map(|der| pem("CERTIFICATE", der)).collect()
    }

    pub(super) fn key_pem(&self) -> String {
        pem("PRIVATE KEY", self.key.secret_der())
    }
}

/// A certificate signed by its own key, and no CA's.
pub(super) fn self_signed() -> Identity {
    let key = KeyPair::generate().unwrap();
    identity(vec![leaf_params().self_signed(&key).unwrap().der().clone()], &key)
}

pub(super) fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

fn ca_params(name: &str) -> CertificateParams {
    let mut params = dated(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn leaf_params() -> CertificateParams {
    let mut params = dated("jarvis test server");
    params.subject_alt_names = vec![dns("localhost"), SanType::IpAddress([127, 0, 0, 1].into())];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn dated(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
    params
}

fn identity(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Identity {
    let pin = format!("sha256//{}", base64(digest(&SHA256, &key.subject_public_key_info()).as_ref()));
    Identity { chain, key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(), pin }
}

fn pem(what: &str, der: &[u8]) -> String {
    format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", base64(der))
}

fn base64(bytes: &[u8]) -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let mut three = [0; 3];
        three[..group.len()].copy_from_slice(group);
        let [a, b, c] = three.map(usize::from);
        let sextets = [a >> 2, (a & 3) << 4 | b >> 4, (b & 15) << 2 | c >> 6, c & 63];
        for (i, sextet) in sextets.into_iter().enumerate() {
            text.push(if i > group.len() { '=' } else { letters[sextet].into() });
        }
    }
    text
}
