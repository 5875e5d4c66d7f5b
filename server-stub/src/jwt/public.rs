//! Public keys and sets of them (RFC 7517).

use ring::digest;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::{Value, json};

use super::{Algorithm, KeyError, base64url, from_base64url};

/// A public key and its name (`kid`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    kid: String,
    /// None: any algorithm that fits its type.
    only: Option<Algorithm>,
    numbers: Numbers,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Numbers {
    /// Modulus and exponent, big-endian.
    Rsa(Vec<u8>, Vec<u8>),
    /// A point of P-256, uncompressed.
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl PublicKey {
    /// Reads a JWK. One without a `kid` is named by its thumbprint (RFC 7638).
    ///
    /// # Errors
    /// The key fits no [`Algorithm`], is for encryption, or is malformed.
    pub fn from_jwk(jwk: &Value) -> Result<Self, KeyError> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &'static str| {
            text(name).and_then(from_base64url).ok_or(KeyError("one of its numbers is missing or malformed"))
        };
        if text("use").is_some_and(|purpose| purpose != "sig") {
            return Err(KeyError("it is not one for signatures"));
        }
        if jwk.get("d").is_some() || jwk.get("k").is_some() {
            return Err(KeyError("it is a secret one; register the public one"));
        }
        let coordinate = |name| match bytes(name) {
            Ok(bytes) if bytes.len() == 32 => Ok(bytes),
            Ok(_) => Err(KeyError("a coordinate is not of 32 bytes")),
            Err(error) => Err(error),
        };
        let numbers = match (text("kty"), text("crv")) {
            (Some("RSA"), _) => match (bytes("n")?, bytes("e")?) {
                (n, _) if n.len() < 256 => return Err(KeyError("an RSA key needs 2048 bits at least")),
                (n, e) => Numbers::Rsa(n, e),
            },
            (Some("EC"), Some("P-256")) => {
                Numbers::P256([vec![4], coordinate("x")?, coordinate("y")?].concat())
            }
            (Some("OKP"), Some("Ed25519")) => Numbers::Ed25519(coordinate("x")?),
            _ => return Err(KeyError("its type is none of RSA, EC on P-256 and OKP on Ed25519")),
        };
        let only = text("alg").map(str::parse).transpose()?;
        let key = Self { kid: String::new(), only, numbers };
        if only.is_some_and(|algorithm| !key.is_of_type_for(algorithm)) {
            return Err(KeyError("its algorithm is not one of its type"));
        }
        let kid = text("kid").map_or_else(|| key.thumbprint(), str::to_owned);
        Ok(key.named(&kid))
    }

    /// This key under another name.
    #[must_use]
    pub fn named(self, kid: &str) -> Self {
        Self { kid: kid.to_owned(), ..self }
    }

    pub(super) fn only_for(self, algorithm: Algorithm) -> Self {
        Self { only: Some(algorithm), ..self }
    }

    /// Its name.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The key as a JWK.
    #[must_use]
    pub fn to_jwk(&self) -> Value {
        let mut jwk = self.required();
        jwk["kid"] = self.kid.clone().into();
        jwk["use"] = "sig".into();
        if let Some(algorithm) = self.only {
            jwk["alg"] = algorithm.name().into();
        }
        jwk
    }

    /// SHA-256 over the key's required members, in Base64url (RFC 7638).
    #[must_use]
    pub fn thumbprint(&self) -> String {
        // serde_json writes an object's members in the order of their names and without spaces, as RFC 7638
        // requires.
        base64url(digest::digest(&digest::SHA256, self.required().to_string().as_bytes()))
    }

    fn required(&self) -> Value {
        match &self.numbers {
            Numbers::Rsa(n, e) => json!({ "e": base64url(e), "kty": "RSA", "n": base64url(n) }),
            Numbers::P256(point) => {
                let (x, y) = (base64url(&point[1..33]), base64url(&point[33..]));
                json!({ "crv": "P-256", "kty": "EC", "x": x, "y": y })
            }
            Numbers::Ed25519(x) => json!({ "crv": "Ed25519", "kty": "OKP", "x": base64url(x) }),
        }
    }

    /// Whether it can verify tokens of this algorithm.
    pub(super) fn fits(&self, algorithm: Algorithm) -> bool {
        self.only.is_none_or(|only| only == algorithm) && self.is_of_type_for(algorithm)
    }

    fn is_of_type_for(&self, algorithm: Algorithm) -> bool {
        match (&self.numbers, algorithm) {
            (Numbers::Rsa(..), Algorithm::Rs256 | Algorithm::Ps256)
            | (Numbers::P256(_), Algorithm::Es256)
            | (Numbers::Ed25519(_), Algorithm::EdDsa) => true,
            (Numbers::Rsa(..), Algorithm::Es256 | Algorithm::EdDsa)
            | (Numbers::P256(_), Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::EdDsa)
            | (Numbers::Ed25519(_), Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256) => false,
        }
    }

    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.fits(algorithm) {
            return false;
        }
        let verified = match &self.numbers {
            Numbers::Rsa(n, e) => {
                let pss = algorithm == Algorithm::Ps256;
                let scheme = if pss { &RSA_PSS_2048_8192_SHA256 } else { &RSA_PKCS1_2048_8192_SHA256 };
                RsaPublicKeyComponents { n, e }.verify(scheme, message, signature)
            }
            Numbers::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            Numbers::Ed25519(x) => UnparsedPublicKey::new(&ED25519, x).verify(message, signature),
        };
        verified.is_ok()
    }
}

/// Public keys, looked up by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet(Vec<PublicKey>);

impl From<Vec<PublicKey>> for KeySet {
    fn from(keys: Vec<PublicKey>) -> Self {
        Self(keys)
    }
}

impl From<KeySet> for Vec<PublicKey> {
    fn from(set: KeySet) -> Self {
        set.0
    }
}

impl KeySet {
    /// Reads a JWK set. Unusable keys, for example for encryption, are skipped, as RFC 7517, section 5,
    /// requires.
    ///
    /// # Errors
    /// Not a JWK set.
    pub fn from_json(text: &[u8]) -> Result<Self, KeyError> {
        let not_a_set = KeyError("it is not a JWK set, {\"keys\":[…]}");
        let Ok(set) = serde_json::from_slice::<Value>(text) else { return Err(not_a_set) };
        let Some(keys) = set.get("keys").and_then(Value::as_array) else { return Err(not_a_set) };
        Ok(Self(keys.iter().filter_map(|jwk| PublicKey::from_jwk(jwk).ok()).collect()))
    }

    /// The set as JSON, `{"keys":[…]}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "keys": self.0.iter().map(PublicKey::to_jwk).collect::<Vec<_>>() })
    }

    /// The key of this name.
    #[must_use]
    pub fn find(&self, kid: &str) -> Option<&PublicKey> {
        self.0.iter().find(|key| key.kid == kid)
    }

    /// The first key that may sign by this algorithm.
    pub(crate) fn first_for(&self, algorithm: Algorithm) -> Option<&PublicKey> {
        self.0.iter().find(|key| key.fits(algorithm))
    }

    /// Adds a key before the others. It replaces a key of the same name.
    pub fn put_first(&mut self, key: PublicKey) {
        self.0.retain(|other| other.kid != key.kid);
        self.0.insert(0, key);
    }

    /// The keys' names.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(PublicKey::kid)
    }
}
