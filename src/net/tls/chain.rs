//! What is told of the chain of certificates by which a server has proved itself: for people, and only if it is wanted.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use node_core::time::UnixTime;
use rustls::pki_types;
use webpki::VerifiedPath;

use super::key_kind::KeyKind;

/// A chain that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    /// The last second at which all its certificates are valid.
    pub(crate) valid_until: UnixTime,
    /// The kinds of its keys: the server's own, those of the CAs between, the root's.
    pub(crate) keys: Vec<KeyKind>,
}

/// What the signatures of a chain cost a board without 64-bit registers, as docs/configuration.md, "The server's
/// certificate" defines it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cost {
    /// No more than the rest of a validation.
    Light,
    /// Up to three times the rest.
    Medium,
    /// Up to six times the rest.
    Heavy,
    /// Even more.
    VeryHeavy,
}

/// In thousands of instructions.
const REST_OF_A_VALIDATION: u32 = 5000;

impl Chain {
    pub(super) fn of(path: &VerifiedPath<'_>, end: pki_types::UnixTime) -> Self {
        let own = KeyKind::of(&path.end_entity().subject_public_key_info());
        let between = path.intermediate_certificates().map(|ca| KeyKind::of(&ca.subject_public_key_info()));
        let root = KeyKind::inside(&path.anchor().subject_public_key_info);
        Self {
            valid_until: UnixTime(end.as_secs()),
            keys: [own].into_iter().chain(between).chain([root]).collect(),
        }
    }

    /// The cost of its signatures: each key has made one, the server's own that of the handshake. `None` if one was not
    /// measured.
    pub(crate) fn cost(&self) -> Option<Cost> {
        let sum = self.keys.iter().try_fold(0_u32, |sum, key| Some(sum.saturating_add(key.cost()?)))?;
        Some(match sum / REST_OF_A_VALIDATION {
            0 => Cost::Light,
            1..3 => Cost::Medium,
            3..6 => Cost::Heavy,
            _ => Cost::VeryHeavy,
        })
    }
}

impl Cost {
    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Medium => "medium",
            Self::Heavy => "heavy",
            Self::VeryHeavy => "very heavy",
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Keeps the chain that was last accepted, from when it is wanted: to find it out costs as much as to verify it.
#[derive(Debug, Default)]
pub(super) struct Note {
    is_wanted: AtomicBool,
    last: Mutex<Option<Chain>>,
}

impl Note {
    /// From now on it is kept.
    pub(super) fn want(&self) {
        self.is_wanted.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.is_wanted.load(Ordering::Relaxed)
    }

    pub(super) fn keep(&self, chain: Option<Chain>) {
        // No code panics while this is locked, so the value is always consistent.
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = chain;
    }

    /// The chain that was last accepted.
    pub(super) fn last(&self) -> Option<Chain> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_of_a_chain_is_that_of_all_its_signatures() {
        use KeyKind::{Ed25519, Other, P256, P384, Rsa};
        let cost = |keys: &[KeyKind]| Chain { valid_until: UnixTime(0), keys: keys.to_vec() }.cost();
        for (keys, expected) in [
            (&[Ed25519, Ed25519][..], Cost::Light),
            (&[Rsa(2048), Rsa(2048)], Cost::Light),
            (&[Rsa(2048), Rsa(2048), Rsa(2048)], Cost::Light),
            (&[Rsa(2048), Rsa(2048), Rsa(4096)], Cost::Medium),
            (&[Rsa(4096), Rsa(4096)], Cost::Medium),
            (&[P256, Rsa(2048)], Cost::Medium),
            (&[P256, P256], Cost::Heavy),
            (&[P256, P256, P256], Cost::Heavy),
            (&[Rsa(2048), P384], Cost::Heavy),
            (&[P256, P384, Rsa(4096)], Cost::VeryHeavy),
            (&[P384, P384], Cost::VeryHeavy),
            (&[Rsa(u32::MAX), Rsa(u32::MAX)], Cost::VeryHeavy),
        ] {
            assert_eq!(cost(keys), Some(expected), "{keys:?}");
        }
        assert_eq!(cost(&[P256, Other(vec![0x2b, 0x81, 0x04, 0x00, 0x23])]), None);
    }
}
