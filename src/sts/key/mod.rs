//! The node's key pair for private_key_jwt (RFC 7523). It is generated on the board and never leaves it.

use std::fmt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use node_core::time::UnixTime;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaEncoding, RsaKeyPair,
};
use rustls::pki_types::PrivateKeyDer;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::error::SetupError;
use crate::files::form::STS_KEY_FILE;
use crate::files::pem::{EcForm, PrivateKeyError};
use crate::files::{form, pem, secret_file};

/// The life of an assertion, in seconds: servers accept at most 60. It is dated back by a third of this.
const ASSERTION_LIFE: u64 = 45;

/// How an Ed25519 key in PKCS #8 begins, before its 32 bytes (RFC 8410, section 7). ring would write version 2 of PKCS #8
/// (RFC 5958), which OpenSSL 3.0, Node.js 20 and Python's cryptography do not read.
const ED25519: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// A signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519, by its older name (RFC 8037).
    EdDsa,
    /// Ed25519, by its newer name (RFC 9864).
    Ed25519,
    /// RSA, PKCS #1 v1.5, with SHA-256.
    Rs256,
    /// RSA, PSS, with SHA-256.
    Ps256,
}

/// A key pair that signs assertions.
pub(crate) struct SigningKey {
    pair: Pair,
    algorithm: Algorithm,
    kid: String,
}

enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

/// The reason why there is no key or no signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The bytes are not a private key.
    #[error(transparent)]
    NotAKey(PrivateKeyError),
    /// The key is one on an EC curve, in a form of its own.
    #[error("{}", .0.words())]
    Form(EcForm),
    /// The key has a type or format that is not supported.
    #[error(
        "holds a key of a kind that cannot be used, or a damaged one: P-256, Ed25519 and RSA from 2048 bits can"
    )]
    Kind,
    /// The key is not in PKCS #8 form.
    #[error("holds a key in the older form of OpenSSL (EC PRIVATE KEY), which is not PKCS #8")]
    Sec1,
    /// This program does not generate keys of this type.
    #[error(
        "RSA keys are not made here; make one with `openssl genpkey -algorithm RSA -pkeyopt \
         rsa_keygen_bits:2048 -out FILE`, see its public half with `jarvis-node keygen --show --out FILE`"
    )]
    Unmakable,
    /// The system has no random numbers.
    #[error("the system has no random numbers to give")]
    Random,
}

impl Algorithm {
    /// The algorithm with this name (RFC 7518, section 3.1; RFC 8037; RFC 9864).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "ES256" => Some(Self::Es256),
            "EdDSA" => Some(Self::EdDsa),
            "Ed25519" => Some(Self::Ed25519),
            "RS256" => Some(Self::Rs256),
            "PS256" => Some(Self::Ps256),
            _ => None,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
        }
    }

    /// What a key of its kind signs with unless another is asked for.
    const fn usual(self) -> Self {
        match self {
            Self::Ed25519 => Self::EdDsa,
            Self::Ps256 => Self::Rs256,
            Self::Es256 | Self::EdDsa | Self::Rs256 => self,
        }
    }
}

/// Generates a private key, as the text of a PEM file (PKCS #8).
///
/// # Errors
/// For RSA, and when the system has no random numbers.
pub(crate) fn generate(algorithm: Algorithm) -> Result<Zeroizing<String>, KeyError> {
    let random = SystemRandom::new();
    let base64 = match algorithm {
        Algorithm::Es256 => {
            let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
            STANDARD.encode(made.map_err(|_| KeyError::Random)?)
        }
        Algorithm::EdDsa | Algorithm::Ed25519 => {
            let mut made = Zeroizing::new([0; ED25519.len() + 32]);
            let (start, seed) = made.split_at_mut(ED25519.len());
            start.copy_from_slice(&ED25519);
            random.fill(seed).map_err(|_| KeyError::Random)?;
            STANDARD.encode(made.as_slice())
        }
        Algorithm::Rs256 | Algorithm::Ps256 => return Err(KeyError::Unmakable),
    };
    let base64 = Zeroizing::new(base64);
    let mut pem = Zeroizing::new(String::with_capacity(400));
    pem.push_str("-----BEGIN PRIVATE KEY-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    Ok(pem)
}

impl SigningKey {
    /// Reads the key from the file at `path`, to sign by the algorithm of this name, or else by its usual one.
    ///
    /// # Errors
    /// When the file cannot be read, is accessible to others, or holds no usable key or one for another algorithm.
    pub(crate) fn load(path: &Path, algorithm: Option<&str>) -> Result<Self, SetupError> {
        let (pem, _) = secret_file::read_pem(STS_KEY_FILE, path)?;
        let mut key = Self::from_pem(&pem).map_err(|why| match why {
            KeyError::Form(form) => form::ec_error(form, STS_KEY_FILE, path),
            KeyError::NotAKey(_)
            | KeyError::Kind
            | KeyError::Sec1
            | KeyError::Unmakable
            | KeyError::Random => SetupError::StsKey { path: path.into(), why: why.to_string() },
        })?;
        if let Some(name) = algorithm {
            let named = Algorithm::from_name(name).filter(|named| named.usual() == key.algorithm);
            key.algorithm = named.ok_or_else(|| SetupError::Form {
                what: STS_KEY_FILE,
                path: path.into(),
                why: "holds a key for another algorithm",
                fix: "Leave assertion_algorithm of sts (or --algorithm) out. An Ed25519 key has EdDSA and Ed25519, one of RSA RS256 and PS256."
                    .into(),
            })?;
        }
        Ok(key)
    }

    /// Parses the bytes of a PEM file.
    ///
    /// # Errors
    /// When they are not a usable key.
    pub(crate) fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let der = pem::private_key(pem).map_err(KeyError::NotAKey)?;
        #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended")]
        let pair = match &*der {
            PrivateKeyDer::Pkcs8(der) => Pair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()).ok().map(Pair::Rsa),
            _ => None,
        };
        let pair = pair.ok_or_else(|| match EcForm::of(&der) {
            Some(form) => KeyError::Form(form),
            None if matches!(&*der, PrivateKeyDer::Sec1(_)) => KeyError::Sec1,
            None => KeyError::Kind,
        })?;
        let kid = URL_SAFE_NO_PAD.encode(digest(&SHA256, pair.thumbprint_form().as_bytes()));
        let algorithm = match pair {
            Pair::Es256(_) => Algorithm::Es256,
            Pair::EdDsa(_) => Algorithm::EdDsa,
            Pair::Rsa(_) => Algorithm::Rs256,
        };
        Ok(Self { pair, algorithm, kid })
    }

    /// The public key as a set of one JWK (RFC 7517), to be registered at the STS: Keycloak's `jwks.string` takes only a
    /// set. The key's `kid` is its thumbprint (RFC 7638).
    #[must_use]
    pub(crate) fn public_jwks(&self) -> String {
        let members = self.pair.thumbprint_form();
        let members = members.trim_end_matches('}');
        let (alg, kid) = (self.algorithm.name(), &self.kid);
        format!(r#"{{"keys":[{members},"use":"sig","alg":"{alg}","kid":"{kid}"}}]}}"#)
    }

    /// Makes a new assertion that identifies `client_id` to `audience`, dated `now`.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(super) fn assertion(
        &self,
        client_id: &str,
        audience: &str,
        now: UnixTime,
    ) -> Result<Zeroizing<String>, KeyError> {
        let random = SystemRandom::new();
        let mut id = [0; 16];
        random.fill(&mut id).map_err(|_| KeyError::Random)?;
        let (alg, kid) = (self.algorithm.name(), &self.kid);
        let header = format!(r#"{{"alg":"{alg}","typ":"JWT","kid":"{kid}"}}"#);
        let claims = format!(
            r#"{{"iss":{client},"sub":{client},"aud":{audience},"jti":"{}","iat":{},"exp":{}}}"#,
            URL_SAFE_NO_PAD.encode(id),
            now.0,
            now.0.saturating_add(ASSERTION_LIFE),
            client = serde_json::Value::from(client_id),
            audience = serde_json::Value::from(audience),
        );
        let mut token = Zeroizing::new(String::with_capacity(1024));
        URL_SAFE_NO_PAD.encode_string(header, &mut token);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.sign(token.as_bytes(), &random)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    fn sign(&self, message: &[u8], random: &SystemRandom) -> Result<Vec<u8>, KeyError> {
        match &self.pair {
            Pair::Es256(pair) => {
                pair.sign(random, message).map(|s| s.as_ref().to_vec()).map_err(|_| KeyError::Random)
            }
            Pair::EdDsa(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let encoding: &dyn RsaEncoding =
                    if self.algorithm == Algorithm::Ps256 { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                let mut signature = std::vec![0; pair.public().modulus_len()];
                pair.sign(encoding, random, message, &mut signature)
                    .map(|()| signature)
                    .map_err(|_| KeyError::Random)
            }
        }
    }
}

impl Pair {
    fn from_pkcs8(der: &[u8]) -> Option<Self> {
        let random = SystemRandom::new();
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &random) {
            return Some(Self::Es256(pair));
        }
        // OpenSSL omits the public key, so there is nothing to compare it with.
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            return Some(Self::EdDsa(pair));
        }
        RsaKeyPair::from_pkcs8(der).ok().map(Self::Rsa)
    }

    /// The members that identify a key, in the order and format from which its thumbprint is computed (RFC
    /// 7638, section 3.2).
    fn thumbprint_form(&self) -> String {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Es256(pair) => {
                // An uncompressed point: 4, then both coordinates (SEC 1, section 2.3.3).
                let point = pair.public_key().as_ref();
                let (x, y) = point.get(1..).unwrap_or_default().split_at(point.len() / 2);
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, encode(x), encode(y))
            }
            Self::EdDsa(pair) => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, encode(pair.public_key().as_ref()))
            }
            Self::Rsa(pair) => {
                let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(pair.public());
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, encode(&e), encode(&n))
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {})", self.algorithm.name(), self.kid)
    }
}

#[cfg(test)]
mod tests;
