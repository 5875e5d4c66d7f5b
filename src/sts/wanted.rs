//! What a token is for.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use node_core::credential::Malformed;
use node_core::time::UnixTime;
use ring::digest::{SHA256, digest};
use zeroize::Zeroizing;

use super::error::Grant;
use super::jwt;

/// One token that somebody wants. Two that are equal are served by the same token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The service it is to be shown to.
    pub audience: Box<str>,
    /// What it is to allow there; `None` for what the STS gives unasked.
    pub scope: Option<Box<str>>,
    /// On whose behalf, where that is not this node (RFC 8693).
    pub subject: Option<SubjectToken>,
}

impl Wanted {
    /// How it is asked for.
    #[must_use]
    pub const fn grant(&self) -> Grant {
        match self.subject {
            Some(_) => Grant::Exchange,
            None => Grant::ClientCredentials,
        }
    }
}

/// A token that a caller has shown, to be exchanged for another. Compared by its SHA-256, wiped when the last
/// of its clones is dropped, and shows only its length.
#[derive(Clone)]
pub struct SubjectToken {
    text: Arc<Zeroizing<Box<str>>>,
    sha256: [u8; 32],
    expires: Option<UnixTime>,
}

impl SubjectToken {
    /// The longest, in bytes: what most servers take in a header.
    pub const MAX_LEN: usize = 8192;

    /// Checks `text`. It need not be a JWT: what it is worth is for the STS to say.
    ///
    /// # Errors
    /// Says what is wrong with it, without repeating any of it.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.is_empty() {
            return Err(Malformed::Placeholder);
        }
        if text.len() > Self::MAX_LEN {
            return Err(Malformed::TooLong(Self::MAX_LEN));
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Malformed::Forbidden("a character that is not visible ASCII"));
        }
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        let expires = jwt::read(text).and_then(|token| token.claims.exp).map(|exp| UnixTime(exp.0));
        Ok(Self { text: Arc::new(Zeroizing::new(text.into())), sha256, expires })
    }

    /// The token itself: only for the request that exchanges it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// When it expires by the clock of whoever issued it, as far as it says.
    #[must_use]
    pub const fn expires(&self) -> Option<UnixTime> {
        self.expires
    }
}

impl PartialEq for SubjectToken {
    fn eq(&self, other: &Self) -> bool {
        self.sha256 == other.sha256
    }
}

impl Eq for SubjectToken {}

impl Hash for SubjectToken {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.sha256.hash(state);
    }
}

impl fmt::Debug for SubjectToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubjectToken({} bytes)", self.text.len())
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::sts::jwt::tests::jwt;

    #[test]
    fn subjects_are_equal_by_what_they_hold_and_show_only_their_length() {
        let subject = |text: &str| SubjectToken::parse(text).expect(text);
        assert_eq!(subject("opaque"), subject("opaque"));
        assert_ne!(subject("opaque"), subject("0paque"));
        assert_eq!(format!("{:?}", subject("opaque")), "SubjectToken(6 bytes)");
        let wanted = Wanted { audience: "a".into(), scope: None, subject: Some(subject("s3cret")) };
        assert!(!format!("{wanted:?}").contains("s3cret"));
        assert_eq!(wanted.grant(), Grant::Exchange);
    }

    #[test]
    fn the_end_of_a_subject_is_known_where_it_says_so() {
        let subject =
            SubjectToken::parse(&jwt(r#"{"alg":"RS256"}"#, r#"{"exp":1795348800}"#)).expect("a token");
        assert_eq!(subject.expires(), Some(UnixTime(1_795_348_800)));
        for text in ["opaque", "a.b.c", jwt(r#"{"alg":"RS256"}"#, "{}").as_str()] {
            assert_eq!(SubjectToken::parse(text).expect("a token").expires(), None, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_sent_is_no_subject() {
        let long: String = std::iter::repeat_n('x', SubjectToken::MAX_LEN + 1).collect();
        for (text, why) in [
            ("", Malformed::Placeholder),
            (&long, Malformed::TooLong(8192)),
            ("a b", Malformed::Forbidden("a character that is not visible ASCII")),
            ("a\nb", Malformed::Forbidden("a character that is not visible ASCII")),
        ] {
            assert_eq!(SubjectToken::parse(text), Err(why));
        }
        assert!(SubjectToken::parse(&long[1..]).is_ok());
    }
}
