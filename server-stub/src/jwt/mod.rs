//! JSON Web Tokens: signing keys, sets of public keys, and the only verification of signed tokens. The token
//! service verifies subject tokens and clients' assertions with it, and the inbound layer verifies bearer
//! tokens.
//!
//! ```
//! use server_stub::jwt::{Algorithm, Expected, KeySet, SigningKey, Token};
//! let key = SigningKey::new(Algorithm::Es256)?;
//! let text = key.token(&serde_json::json!({ "exp": 4_000_000_000_u64, "aud": "arp-run-gateway" }));
//! let keys = KeySet::from(vec![key.public().clone()]);
//! let expected = Expected { audiences: Some(&["arp-run-gateway"]), ..Expected::now(&[Algorithm::Es256]) };
//! let claims = Token::read(&text, &expected)?.check(keys.find(key.kid()), &expected)?;
//! assert_eq!(claims.audiences().collect::<Vec<_>>(), ["arp-run-gateway"]);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

use core::fmt;
use core::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

mod check;
mod claims;
mod public;
mod signing;

pub(crate) use check::Parts;
pub use check::{Expected, Refused, Token};
pub use claims::Claims;
pub use public::{KeySet, PublicKey};
pub use signing::SigningKey;
pub(crate) use signing::signing_input;

/// A signature algorithm (RFC 7518, section 3.1; RFC 8037, section 3.1). `none` and HMAC are missing on
/// purpose: a verifier never holds a key that could sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// EdDSA on Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Rs256, Self::Ps256, Self::Es256, Self::EdDsa];

    /// Its name in a token's header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = KeyError;

    fn from_str(name: &str) -> Result<Self, KeyError> {
        let found = Self::ALL.into_iter().find(|algorithm| algorithm.name() == name);
        found.ok_or(KeyError("its algorithm is none of RS256, PS256, ES256 and EdDSA"))
    }
}

/// The reason why a key cannot be used. It does not contain any part of the key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key is unusable: {0}")]
pub struct KeyError(&'static str);

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes Base64url without padding and without stray bits (RFC 7515, section 2), so each value has one
/// text.
fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests;
