//! Keys that sign.

use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{KeyPair, PublicKeyData as _};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaKeyPair,
};
use serde::Serialize;
use serde_json::{Value, json};
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use super::{Algorithm, KeyError, PublicKey, base64url};

/// RSA keys of 2048 bits, like Keycloak's. ring cannot generate them and generation takes seconds, so they
/// are part of the source. Everybody can know them, which is acceptable for a test server.
const RSA_TEST_KEYS: [&[u8]; 6] = [
    include_bytes!("test-keys/rsa-2048-1.pem"),
    include_bytes!("test-keys/rsa-2048-2.pem"),
    include_bytes!("test-keys/rsa-2048-3.pem"),
    include_bytes!("test-keys/rsa-2048-4.pem"),
    include_bytes!("test-keys/rsa-2048-5.pem"),
    include_bytes!("test-keys/rsa-2048-6.pem"),
];

/// The index of the next RSA key.
static NEXT_RSA_KEY: AtomicUsize = AtomicUsize::new(0);

/// A private key with its algorithm and its name (`kid`).
pub struct SigningKey {
    algorithm: Algorithm,
    signer: Signer,
    public: PublicKey,
    pkcs8: Vec<u8>,
}

enum Signer {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, {})", self.algorithm, self.kid())
    }
}

impl SigningKey {
    /// A key, named by its thumbprint (RFC 7638). It is new, except for RSA keys: six of them are used in
    /// turn.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn new(algorithm: Algorithm) -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let failed = |_| KeyError("the system gave no random bytes to make one");
        let pkcs8 = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => {
                let next = NEXT_RSA_KEY.fetch_add(1, Ordering::Relaxed) % RSA_TEST_KEYS.len();
                let key = PrivatePkcs8KeyDer::from_pem_slice(RSA_TEST_KEYS[next]);
                key.map_err(|_| KeyError("it is not PEM"))?.secret_pkcs8_der().to_vec()
            }
            Algorithm::Es256 => {
                let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
                key.map_err(failed)?.as_ref().to_vec()
            }
            Algorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(&random).map_err(failed)?.as_ref().to_vec(),
        };
        Self::from_pkcs8(algorithm, pkcs8)
    }

    fn from_pkcs8(algorithm: Algorithm, pkcs8: Vec<u8>) -> Result<Self, KeyError> {
        let unusable = |_| KeyError("it is not one for its algorithm");
        let (signer, jwk) = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => {
                let key = RsaKeyPair::from_pkcs8(&pkcs8).map_err(unusable)?;
                let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(key.public());
                let jwk = json!({ "kty": "RSA", "n": base64url(n), "e": base64url(e) });
                (Signer::Rsa(key), jwk)
            }
            Algorithm::Es256 => {
                let random = SystemRandom::new();
                let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8, &random);
                let key = key.map_err(unusable)?;
                // Uncompressed: 4, and the two coordinates (SEC 1, section 2.3.3).
                let point = key.public_key().as_ref();
                let (x, y) = (base64url(&point[1..33]), base64url(&point[33..]));
                let jwk = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y });
                (Signer::Ecdsa(key), jwk)
            }
            Algorithm::EdDsa => {
                let key = Ed25519KeyPair::from_pkcs8(&pkcs8).map_err(unusable)?;
                let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(key.public_key()) });
                (Signer::Ed25519(key), jwk)
            }
        };
        let public = PublicKey::from_jwk(&jwk)?.only_for(algorithm);
        Ok(Self { algorithm, signer, public, pkcs8 })
    }

    /// This key under another name.
    #[must_use]
    pub fn named(mut self, kid: &str) -> Self {
        self.public = self.public.named(kid);
        self
    }

    /// Its name.
    #[must_use]
    pub fn kid(&self) -> &str {
        self.public.kid()
    }

    /// Its algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public key that verifies its signatures.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The private key in PEM (PKCS #8).
    #[must_use]
    pub fn pem(&self) -> String {
        pem("PRIVATE KEY", &self.pkcs8)
    }

    /// The public key in PEM (SubjectPublicKeyInfo). A careless verifier treats it as a shared secret.
    #[must_use]
    pub fn public_pem(&self) -> String {
        let info = KeyPair::try_from(self.pkcs8.as_slice()).map(|pair| pair.subject_public_key_info());
        pem("PUBLIC KEY", &info.unwrap_or_default())
    }

    /// A token with these claims and a header of algorithm, type and name.
    #[must_use]
    pub fn token(&self, claims: &impl Serialize) -> String {
        self.token_under(&json!({ "alg": self.algorithm.name(), "typ": "JWT", "kid": self.kid() }), claims)
    }

    /// A token with these claims and any header, correct or not.
    #[must_use]
    pub fn token_under(&self, header: &Value, claims: &impl Serialize) -> String {
        let signed = signing_input(header, claims);
        let signature = base64url(self.signature(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let made = match &self.signer {
            Signer::Rsa(key) => {
                let padding: &dyn ring::signature::RsaEncoding =
                    if self.algorithm == Algorithm::Ps256 { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(padding, &random, message, &mut signature).map(|()| signature)
            }
            Signer::Ecdsa(key) => key.sign(&random, message).map(|signature| signature.as_ref().to_vec()),
            Signer::Ed25519(key) => Ok(key.sign(message).as_ref().to_vec()),
        };
        // Without random bytes the key could not have been made either.
        made.unwrap_or_default()
    }
}

/// The signing input: header and claims (RFC 7515, section 5.1).
pub(crate) fn signing_input(header: &Value, claims: &impl Serialize) -> String {
    // Claims that cannot be written as JSON become an empty part, which no verifier accepts.
    let claims = serde_json::to_vec(claims).unwrap_or_default();
    format!("{}.{}", base64url(header.to_string()), base64url(claims))
}

fn pem(what: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {what}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = more;
    }
    pem + &format!("-----END {what}-----\n")
}
