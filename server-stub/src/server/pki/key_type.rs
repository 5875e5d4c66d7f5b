//! The kinds of keys that certificates are made of.

use core::fmt;
use core::str::FromStr;
use core::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256,
    SignatureAlgorithm,
};

use super::PkiError;

/// The kind of the authority's key and of the servers'. What a kind costs a node is in docs/configuration.md.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyType {
    /// ECDSA on P-256.
    #[default]
    P256,
    /// ECDSA on P-384.
    P384,
    /// RSA with 2048 bits. Its keys are published with the source.
    Rsa2048,
    /// RSA with 4096 bits. Its keys are published with the source.
    Rsa4096,
    /// Ed25519.
    Ed25519,
}

/// ring makes no RSA keys, so those are part of the source. The authority has the first of a size, servers the others
/// in turn.
const RSA_2048: [&str; 4] = [
    include_str!("../../jwt/test-keys/rsa-2048-1.pem"),
    include_str!("../../jwt/test-keys/rsa-2048-2.pem"),
    include_str!("../../jwt/test-keys/rsa-2048-3.pem"),
    include_str!("../../jwt/test-keys/rsa-2048-4.pem"),
];
const RSA_4096: [&str; 3] = [
    include_str!("test-keys/rsa-4096-1.pem"),
    include_str!("test-keys/rsa-4096-2.pem"),
    include_str!("test-keys/rsa-4096-3.pem"),
];
/// In bytes, of the longest encoded key with 2048 bits.
const LONGEST_RSA_2048: usize = 300;

static NEXT_RSA_KEY: AtomicUsize = AtomicUsize::new(0);

impl KeyType {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::P256, Self::P384, Self::Rsa2048, Self::Rsa4096, Self::Ed25519];

    /// A key for an authority.
    pub(super) fn authority_key(self) -> Result<KeyPair, PkiError> {
        self.key(|published| published[0])
    }

    /// A key for a server, another each time.
    pub(super) fn server_key(self) -> Result<KeyPair, PkiError> {
        self.key(|published| {
            published[1 + NEXT_RSA_KEY.fetch_add(1, Ordering::Relaxed) % (published.len() - 1)]
        })
    }

    fn key(self, choose: impl FnOnce(&'static [&'static str]) -> &'static str) -> Result<KeyPair, PkiError> {
        let generated = |algorithm: &'static SignatureAlgorithm| KeyPair::generate_for(algorithm);
        Ok(match self {
            Self::P256 => generated(&PKCS_ECDSA_P256_SHA256),
            Self::P384 => generated(&PKCS_ECDSA_P384_SHA384),
            Self::Ed25519 => generated(&PKCS_ED25519),
            Self::Rsa2048 => KeyPair::from_pem(choose(&RSA_2048)),
            Self::Rsa4096 => KeyPair::from_pem(choose(&RSA_4096)),
        }?)
    }

    /// The kind of `key`; `None` for one that is not made here.
    pub(super) fn of(key: &KeyPair) -> Option<Self> {
        let of_rsa = || {
            if key.public_key_raw().len() <= LONGEST_RSA_2048 { Self::Rsa2048 } else { Self::Rsa4096 }
        };
        [
            (&PKCS_ECDSA_P256_SHA256, Self::P256),
            (&PKCS_ECDSA_P384_SHA384, Self::P384),
            (&PKCS_ED25519, Self::Ed25519),
        ]
        .into_iter()
        .find_map(|(algorithm, kind)| (key.algorithm() == algorithm).then_some(kind))
        .or_else(|| (key.algorithm() == &PKCS_RSA_SHA256).then(of_rsa))
    }

    const fn name(self) -> &'static str {
        match self {
            Self::P256 => "p-256",
            Self::P384 => "p-384",
            Self::Rsa2048 => "rsa-2048",
            Self::Rsa4096 => "rsa-4096",
            Self::Ed25519 => "ed25519",
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// There is no kind of keys of that name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no kind of keys '{0}'; p-256, p-384, rsa-2048, rsa-4096 and ed25519 are there")]
pub struct UnknownKeyType(String);

impl FromStr for KeyType {
    type Err = UnknownKeyType;

    fn from_str(name: &str) -> Result<Self, UnknownKeyType> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| UnknownKeyType(name.to_owned()))
    }
}
