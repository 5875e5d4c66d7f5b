//! The keys it signs with, one after the other.

use crate::jwt::{Algorithm, KeyError, KeySet, SigningKey};

/// What signs, and what is published.
pub(super) struct Keys {
    /// Signs.
    newest: SigningKey,
    /// The newest and older ones.
    published: KeySet,
}

impl Keys {
    pub(super) fn new(algorithm: Algorithm) -> Result<Self, KeyError> {
        let newest = SigningKey::new(algorithm)?;
        let published = KeySet::from(vec![newest.public().clone()]);
        Ok(Self { newest, published })
    }

    /// What signs now.
    pub(super) fn newest(&self) -> &SigningKey {
        &self.newest
    }

    /// What checks.
    pub(super) fn published(&self) -> &KeySet {
        &self.published
    }

    /// Signs with a new key, and publishes it beside the others. Gives its name.
    pub(super) fn rotate(&mut self) -> Result<String, KeyError> {
        self.newest = SigningKey::new(self.newest.algorithm())?;
        self.published.put_first(self.newest.public().clone());
        Ok(self.newest.kid().to_owned())
    }

    /// Publishes the newest alone.
    pub(super) fn retire(&mut self) {
        self.published = KeySet::from(vec![self.newest.public().clone()]);
    }
}
