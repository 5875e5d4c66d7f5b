//! New secrets, and secrets stored so that they can be checked but not read.

use core::fmt::Write as _;

use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac};

/// Real node and app keys: 48 random bytes in URL-safe Base64.
const KEY_LENGTH: usize = 64;
/// bcrypt ignores bytes after these (docs/wire/jarvis-auth.md).
const BCRYPT_BYTES: usize = 72;
/// The service's password library raises an exception above this length, which is a 500. 5000 bytes were
/// measured; the limit itself is *documented* by passlib.
const MAX_SECRET_BYTES: usize = 4096;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A new key of 64 characters of `[A-Za-z0-9_-]`; it may begin with `-`, as the real ones do.
pub(crate) fn new_key() -> String {
    random::<KEY_LENGTH>().iter().map(|byte| char::from(ALPHABET[usize::from(byte & 63)])).collect()
}

/// A new random (version 4) UUID.
pub(crate) fn new_uuid() -> String {
    let mut bytes = random::<16>();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut uuid = String::with_capacity(36);
    for (n, byte) in bytes.iter().enumerate() {
        if matches!(n, 4 | 6 | 8 | 10) {
            uuid.push('-');
        }
        // Writing to a String cannot fail.
        let _ = write!(uuid, "{byte:02x}");
    }
    uuid
}

pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// The key under which a secret of high entropy is stored (refresh tokens).
pub(crate) fn fingerprint(secret: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref());
    bytes
}

/// A secret that can be checked in constant time, but not read. It replaces a bcrypt hash, which would be
/// slow.
pub(crate) struct Sealed {
    salt: hmac::Key,
    tag: hmac::Tag,
}

/// The real password library raises an exception: the secret contains a NUL or is too long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unhashable;

impl Sealed {
    pub(crate) fn new(secret: &str) -> Self {
        let salt = hmac::Key::new(hmac::HMAC_SHA256, &random::<32>());
        let tag = hmac::sign(&salt, seen_by_bcrypt(secret));
        Self { salt, tag }
    }

    /// Whether the offered secret is this one, for Python's library.
    pub(crate) fn matches(&self, offered: &str) -> Result<bool, Unhashable> {
        if offered.contains('\0') || offered.len() > MAX_SECRET_BYTES {
            return Err(Unhashable);
        }
        Ok(self.matches_any(offered))
    }

    /// Whether the offered secret is this one, for a library that takes any.
    pub(crate) fn matches_any(&self, offered: &str) -> bool {
        hmac::verify(&self.salt, seen_by_bcrypt(offered), self.tag.as_ref()).is_ok()
    }
}

/// Whether two strings are equal, in a time that does not depend on where they differ.
pub(crate) fn equal(offered: &str, wanted: &str) -> bool {
    let salt = hmac::Key::new(hmac::HMAC_SHA256, &random::<32>());
    hmac::verify(&salt, offered.as_bytes(), hmac::sign(&salt, wanted.as_bytes()).as_ref()).is_ok()
}

fn seen_by_bcrypt(secret: &str) -> &[u8] {
    &secret.as_bytes()[..secret.len().min(BCRYPT_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_look_like_the_real_ones() {
        let key = new_key();
        assert_eq!(key.len(), 64);
        assert!(key.bytes().all(|byte| ALPHABET.contains(&byte)));
        assert_ne!(key, new_key());
    }

    #[test]
    fn uuids_are_version_4() {
        let uuid = new_uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(&uuid[14..15], "4");
        assert!(matches!(&uuid[19..20], "8" | "9" | "a" | "b"), "{uuid}");
    }

    #[test]
    fn only_72_bytes_are_looked_at() {
        let sealed = Sealed::new(&format!("{}tail", "x".repeat(72)));
        assert_eq!(sealed.matches(&format!("{}other", "x".repeat(72))), Ok(true));
        assert_eq!(sealed.matches(&"x".repeat(71)), Ok(false));
    }

    #[test]
    fn unhashable_secrets_are_not_a_mismatch() {
        let sealed = Sealed::new("key");
        assert_eq!(sealed.matches("k\0ey"), Err(Unhashable));
        assert_eq!(sealed.matches(&"x".repeat(5000)), Err(Unhashable));
        assert_eq!(sealed.matches(&"x".repeat(4096)), Ok(false));
    }

    #[test]
    fn equality_is_of_the_whole() {
        assert!(equal("token", "token"));
        assert!(!equal("token", "tokens"));
        assert!(!equal(&"x".repeat(73), &"x".repeat(72)));
    }
}
