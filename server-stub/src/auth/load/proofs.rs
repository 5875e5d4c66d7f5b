//! Keys that were right lately, so that they need no check.

use core::time::Duration;
use std::collections::HashMap;

use tokio::time::Instant;

use crate::secrets::fingerprint;

/// Whose key it is: an app and a node may have the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    App,
    Node,
}

/// When the check of each began, by the fingerprint of kind, id and key.
#[derive(Default)]
pub(super) struct Proofs(HashMap<[u8; 32], Instant>);

impl Proofs {
    /// Whether this key was right within the last `life`.
    pub(super) fn hold(&self, kind: KeyKind, id: &str, key: &str, life: Duration) -> bool {
        self.0.get(&print(kind, id, key)).is_some_and(|since| since.elapsed() < life)
    }

    pub(super) fn keep(&mut self, kind: KeyKind, id: &str, key: &str, since: Instant, life: Duration) {
        self.0.retain(|_, since| since.elapsed() < life);
        self.0.insert(print(kind, id, key), since);
    }
}

fn print(kind: KeyKind, id: &str, key: &str) -> [u8; 32] {
    fingerprint(&format!("{kind:?}\0{id}:{key}"))
}
