//! The signing keys.

use crate::jwt::{Algorithm, KeyError, KeySet, SigningKey};

/// The newest key, which signs, and the published keys.
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

    /// The key that signs.
    pub(super) fn newest(&self) -> &SigningKey {
        &self.newest
    }

    /// The published keys.
    pub(super) fn published(&self) -> &KeySet {
        &self.published
    }

    /// Replaces the signing key, publishes it beside the others, and returns its name.
    pub(super) fn rotate(&mut self) -> Result<String, KeyError> {
        self.newest = self.unpublished()?;
        self.published.put_first(self.newest.public().clone());
        Ok(self.newest.kid().to_owned())
    }

    /// A key that is not published. If all RSA keys are published, one of them.
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

    /// Publishes the newest key only.
    pub(super) fn retire(&mut self) {
        self.published = KeySet::from(vec![self.newest.public().clone()]);
    }
}
