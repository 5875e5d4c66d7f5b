//! The description of a wanted token.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use node_core::credential::ValueError;
use node_core::text::Quoted;
use node_core::time::UnixTime;
use ring::digest::{SHA256, digest};
use zeroize::Zeroizing;

use super::error::Grant;
use super::jwt;

/// A token that a caller wants. Equal values share one token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The service that the token is for; empty for none, as a parameter without a value is one that is left out (RFC
    /// 6749, section 3.2).
    pub audience: Box<str>,
    /// The requested scope; `None` for the STS's default.
    pub scope: Option<Box<str>>,
    /// The token of the user or program on whose behalf it is requested, if that is not this node (RFC 8693).
    pub subject: Option<SubjectToken>,
}

impl Wanted {
    /// The grant to use.
    #[must_use]
    pub const fn grant(&self) -> Grant {
        match self.subject {
            Some(_) => Grant::Exchange,
            None => Grant::ClientCredentials,
        }
    }
}

/// `for NAME`, or `without an audience`, as sentences say it.
pub(crate) fn for_audience(audience: &str) -> String {
    match audience {
        "" => "without an audience".into(),
        name => format!("for {}", Quoted(name).bare()),
    }
}

/// A token from a caller, to be exchanged for another. It is compared by its SHA-256, wiped when its last
/// clone is dropped, and shows only its length.
#[derive(Clone)]
pub struct SubjectToken {
    text: Arc<Zeroizing<Box<str>>>,
    sha256: [u8; 32],
    expires: Option<UnixTime>,
}

impl SubjectToken {
    /// The greatest length in bytes: most servers accept a header of this size.
    pub const MAX_LEN: usize = 8192;

    /// Checks `text`. It need not be a JWT, since the STS judges it.
    ///
    /// # Errors
    /// Names the fault without repeating any of the text.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        if text.is_empty() {
            return Err(ValueError::Placeholder);
        }
        if text.len() > Self::MAX_LEN {
            return Err(ValueError::TooLong(Self::MAX_LEN));
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ValueError::Forbidden("a character that is not visible ASCII"));
        }
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        let expires = jwt::read(text).and_then(|token| token.claims.exp).map(|exp| UnixTime(exp.0));
        Ok(Self { text: Arc::new(Zeroizing::new(text.into())), sha256, expires })
    }

    /// The token itself. Use it only in the request that exchanges it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Its expiry by its issuer's clock, if it contains one.
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
    fn subject_compares_by_content_and_shows_only_its_length() {
        let subject = |text: &str| SubjectToken::parse(text).expect(text);
        assert_eq!(subject("opaque"), subject("opaque"));
        assert_ne!(subject("opaque"), subject("0paque"));
        assert_eq!(format!("{:?}", subject("opaque")), "SubjectToken(6 bytes)");
        let wanted = Wanted { audience: "a".into(), scope: None, subject: Some(subject("s3cret")) };
        assert!(!format!("{wanted:?}").contains("s3cret"));
        assert_eq!(wanted.grant(), Grant::Exchange);
    }

    #[test]
    fn subject_expiry_is_read_from_jwt() {
        let subject = SubjectToken::parse(&jwt(r#"{"alg":"RS256","kid":"k"}"#, r#"{"exp":1795348800}"#))
            .expect("a token");
        assert_eq!(subject.expires(), Some(UnixTime(1_795_348_800)));
        for text in ["opaque", "a.b.c", jwt(r#"{"alg":"RS256","kid":"k"}"#, "{}").as_str()] {
            assert_eq!(SubjectToken::parse(text).expect("a token").expires(), None, "{text}");
        }
    }

    #[test]
    fn unsendable_text_is_no_subject() {
        let long: String = std::iter::repeat_n('x', SubjectToken::MAX_LEN + 1).collect();
        for (text, why) in [
            ("", ValueError::Placeholder),
            (&long, ValueError::TooLong(8192)),
            ("a b", ValueError::Forbidden("a character that is not visible ASCII")),
            ("a\nb", ValueError::Forbidden("a character that is not visible ASCII")),
        ] {
            assert_eq!(SubjectToken::parse(text), Err(why));
        }
        assert!(SubjectToken::parse(&long[1..]).is_ok());
    }
}
