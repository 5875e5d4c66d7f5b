//! What is told of the chain of certificates by which a server has proved itself: for people, and only if it is wanted.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use node_core::time::UnixTime;
use rustls::pki_types;
use webpki::VerifiedPath;

use super::key_kind::KeyKind;

/// A chain that was accepted.
#[derive(Clone)]
pub(crate) struct Chain {
    /// The last second at which all its certificates are valid.
    pub(crate) valid_until: UnixTime,
    /// The kinds of its keys: the server's own, those of the CAs between, the root's.
    pub(crate) keys: Vec<String>,
    /// What its signatures cost, in thousands of instructions; `None` if one of that kind was not measured.
    signatures: Option<u32>,
}

/// What the signatures of a chain cost a Pi Zero, as docs/configuration.md, "The server's certificate" defines it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(test, derive(Debug))]
pub(crate) enum Cost {
    /// Less than the rest of a validation.
    Light,
    /// Less than three times the rest.
    Medium,
    /// Less than six times the rest.
    Heavy,
    /// Even more.
    VeryHeavy,
}

/// In thousands of instructions, without the signatures.
const REST_OF_A_VALIDATION: u32 = 5000;

impl Chain {
    const fn without_keys(valid_until: UnixTime) -> Self {
        Self { valid_until, keys: Vec::new(), signatures: Some(0) }
    }

    pub(super) fn of(path: &VerifiedPath<'_>, end: pki_types::UnixTime) -> Self {
        let mut chain = Self::without_keys(UnixTime(end.as_secs()));
        chain.add(KeyKind::of(&path.end_entity().subject_public_key_info()));
        for ca in path.intermediate_certificates() {
            chain.add(KeyKind::of(&ca.subject_public_key_info()));
        }
        chain.add(KeyKind::inside(&path.anchor().subject_public_key_info));
        chain
    }

    /// Each key has made one signature, the server's own that of the handshake.
    fn add(&mut self, KeyKind { name, cost }: KeyKind) {
        self.keys.push(name);
        self.signatures = self.signatures.and_then(|sum| sum.checked_add(cost?));
    }

    /// What its signatures cost; `None` if that is not known.
    pub(crate) fn cost(&self) -> Option<Cost> {
        Some(match self.signatures? / REST_OF_A_VALIDATION {
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

/// Keeps the chain that was last accepted, from when it is wanted: to find it out costs as much as to verify it.
#[derive(Default)]
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

    pub(super) fn keep(&self, chain: Chain) {
        // No code panics while this is locked, so the value is always consistent.
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(chain);
    }

    /// The chain that was last accepted.
    pub(super) fn last(&self) -> Option<Chain> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// rustls wants to be able to print its verifier, and never does.
impl fmt::Debug for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Note")
    }
}

#[cfg(test)]
mod tests {
    use super::super::key_kind::tests::keys;
    use super::*;

    #[test]
    fn cost_of_a_chain_is_that_of_all_its_signatures() {
        let known: Vec<_> = keys().map(|(_, der)| KeyKind::of(&der)).collect();
        for (names, expected) in [
            ("ed25519 ed25519", Some(Cost::Light)),
            ("rsa-2048 rsa-2048", Some(Cost::Light)),
            ("rsa-2048 rsa-2048 rsa-2048", Some(Cost::Light)),
            ("rsa-3072 rsa-3072", Some(Cost::Medium)),
            ("rsa-2048 rsa-2048 rsa-4096", Some(Cost::Medium)),
            ("rsa-4096 rsa-4096", Some(Cost::Medium)),
            ("p-256 rsa-2048", Some(Cost::Medium)),
            ("p-256 p-256", Some(Cost::Heavy)),
            ("p-256 p-256 p-256", Some(Cost::Heavy)),
            ("rsa-2048 p-384", Some(Cost::Heavy)),
            ("p-256 p-384 rsa-4096", Some(Cost::VeryHeavy)),
            ("p-384 p-384", Some(Cost::VeryHeavy)),
            ("p-256 1.3.132.0.35", None),
        ] {
            let kind = |name: &str| known.iter().find(|kind| kind.name == name).expect("a fixture").clone();
            let mut chain = Chain::without_keys(UnixTime(7));
            names.split(' ').map(kind).for_each(|kind| chain.add(kind));
            assert_eq!((chain.keys.join(" "), chain.cost()), (names.to_owned(), expected));
        }
    }
}
