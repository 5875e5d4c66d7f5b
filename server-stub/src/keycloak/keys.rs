//! The keys it signs with, one after the other.

use crate::jwt::{Algorithm, KeyError, KeySet, SigningKey};

/// What signs, and what is published.
pub(super) struct SigningKeys {
    /// Signs.
    newest: SigningKey,
    /// The newest and older ones.
    published: KeySet,
}

impl SigningKeys {
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
        self.newest = self.unpublished()?;
        self.published.put_first(self.newest.public().clone());
        Ok(self.newest.kid().to_owned())
    }

    /// A key that is not published; of RSA keys, which are few, one that was published longest ago if all are.
    pub(super) fn unpublished(&self) -> Result<SigningKey, KeyError> {
        let mut key = SigningKey::new(self.newest.algorithm())?;
        for _ in self.published.kids() {
            if self.published.find(key.kid()).is_none() {
                break;
            }
            key = SigningKey::new(self.newest.algorithm())?;
        }
        Ok(key)
    }

    /// Publishes the newest alone.
    pub(super) fn retire(&mut self) {
        self.published = KeySet::from(vec![self.newest.public().clone()]);
    }
}
