//! Checks on an issued token, as far as its bearer can make them: a token is only handed out if services can
//! be expected to accept it, and only for that long.

use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

use node_core::time::{Instant, UnixTime};
use ring::digest::{SHA256, digest};
use zeroize::Zeroizing;

use super::error::InvalidTokenError;
use super::jwt;
use super::jwt::Seconds;

/// The algorithms that services accept: no unsigned tokens, and no shared secrets.
const ALGORITHMS: [&str; 11] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"];
/// Types of token that are not for services, by Keycloak's names.
const NOT_FOR_SERVICES: [&str; 3] = ["ID", "Refresh", "Offline"];
/// In seconds. Allowed difference between the clocks of an STS and a service, as in ARP services.
const SKEW: u64 = 60;

/// An access token. It is wiped when dropped and shows only its length.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken {
    text: Zeroizing<Box<str>>,
    fingerprint: Box<str>,
    obtained: Instant,
    expires: Instant,
    ends_with_subject: bool,
}

/// The claims that a usable token must have.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The issuer, compared byte by byte; any if it is empty.
    pub issuer: &'a str,
    /// The service that the token is for; any if it is empty.
    pub audience: &'a str,
    /// The clients that it may be issued to; any if the list is empty.
    pub azp: &'a [Box<str>],
    /// Whether it is taken unread, so that none of this is looked at.
    pub opaque: bool,
}

/// Limits to the life of a token besides its own claims.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// The moment before its request.
    pub(super) sent: Instant,
    /// `expires_in` in the answer.
    pub(super) expires_in: Option<Duration>,
    /// The time, by the issuer's clock or else by this board's; `None` if both are unknown.
    pub(super) now: Option<UnixTime>,
    /// The issuer's `Date`, authenticated or not. It reveals an old token, and a wrong date can only shorten
    /// the life that is left.
    pub(super) date: Option<UnixTime>,
    /// The expiry of the subject token, by its issuer's clock.
    pub(super) subject_expires: Option<UnixTime>,
}

impl AccessToken {
    /// Checks the form, algorithm, issuer, audience, holder and dates of `text`. The signature is for
    /// services to check. Of an opaque token only `expires_in` counts, which may not be missing then.
    ///
    /// # Errors
    /// The reason why it cannot be used.
    pub(super) fn check(
        text: Zeroizing<Box<str>>,
        expected: &Expected<'_>,
        bounds: &Bounds,
    ) -> Result<Self, InvalidTokenError> {
        let (exp, issued) =
            if expected.opaque { Self::take(&text, bounds)? } else { Self::read(&text, expected, bounds)? };
        let left_until = |end: u64| Duration::from_secs(end.saturating_sub(issued));
        let own = bounds.expires_in.unwrap_or(Duration::MAX).min(left_until(exp));
        let subject = bounds.subject_expires.map_or(Duration::MAX, |UnixTime(end)| left_until(end));
        let life = own.min(subject);
        if life.is_zero() {
            return Err(if own.is_zero() {
                InvalidTokenError::Expired
            } else {
                InvalidTokenError::SubjectExpired
            });
        }
        let mut fingerprint = String::with_capacity(16);
        for byte in digest(&SHA256, text.as_bytes()).as_ref().iter().take(8) {
            // Writing to a string cannot fail.
            let _ = write!(fingerprint, "{byte:02x}");
        }
        Ok(Self {
            text,
            fingerprint: fingerprint.into(),
            obtained: bounds.sent,
            expires: bounds.sent + life,
            ends_with_subject: subject <= own,
        })
    }

    /// Takes an opaque token: when it ends, which is not known, and the time of its issue.
    fn take(text: &str, bounds: &Bounds) -> Result<(u64, u64), InvalidTokenError> {
        // Callers put it into a header (RFC 6750, section 2.1).
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(InvalidTokenError::Unsendable);
        }
        bounds.expires_in.ok_or(InvalidTokenError::NoLife)?;
        let issued = bounds.now.max(bounds.date);
        if issued.is_none() && bounds.subject_expires.is_some() {
            return Err(InvalidTokenError::Undated);
        }
        Ok((u64::MAX, issued.map_or(0, |UnixTime(issued)| issued)))
    }

    /// Checks what a JWT says: when it ends, and the time of its issue or later.
    fn read(text: &str, expected: &Expected<'_>, bounds: &Bounds) -> Result<(u64, u64), InvalidTokenError> {
        let jwt::Jwt { alg, has_kid, claims } = jwt::read(text).ok_or(InvalidTokenError::NotAJwt)?;
        if !ALGORITHMS.iter().any(|known| alg.is(known)) {
            return Err(InvalidTokenError::Algorithm(alg));
        }
        // Services look up the key by it, and the published ones refuse a token without it.
        if !has_kid {
            return Err(InvalidTokenError::NoKid);
        }
        if let Some(typ) = claims.typ.filter(|typ| NOT_FOR_SERVICES.iter().any(|other| typ.is(other))) {
            return Err(InvalidTokenError::NotAnAccessToken(typ));
        }
        let iss = claims.iss.unwrap_or_default();
        if !expected.issuer.is_empty() && !iss.is(expected.issuer) {
            return Err(InvalidTokenError::Issuer(iss));
        }
        if !expected.audience.is_empty() && !claims.aud.0.iter().any(|aud| aud.is(expected.audience)) {
            return Err(InvalidTokenError::Audience(claims.aud.0.into_iter().next().unwrap_or_default()));
        }
        let azp = claims.azp.or(claims.client_id).unwrap_or_default();
        if !expected.azp.is_empty() && !expected.azp.iter().any(|one| azp.is(one)) {
            return Err(InvalidTokenError::Holder(azp));
        }
        let Seconds(exp) = claims.exp.ok_or(InvalidTokenError::NoExpiry)?;
        // The token's own issue date comes first, because this board's clock may be wrong.
        let issued = claims.iat.map(|Seconds(iat)| UnixTime(iat)).or(bounds.now);
        // An STS that hands out a cached token issued it some time ago.
        let UnixTime(issued) = issued.max(bounds.date).ok_or(InvalidTokenError::Undated)?;
        if claims.nbf.is_some_and(|Seconds(nbf)| nbf > issued.saturating_add(SKEW)) {
            return Err(InvalidTokenError::NotYetValid);
        }
        Ok((exp, issued))
    }

    /// The token itself. Send it only to the service it was issued for.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Identifies the token without revealing it: the first 8 bytes of its SHA-256, in hexadecimal.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The moment of its expiry.
    #[must_use]
    pub const fn expires(&self) -> Instant {
        self.expires
    }

    /// Its whole life, from the moment before its request.
    #[must_use]
    pub const fn life(&self) -> Duration {
        self.expires.since(self.obtained)
    }

    /// Whether its subject token limits its life: another exchange would not give a longer one.
    #[must_use]
    pub(super) const fn ends_with_its_subject(&self) -> bool {
        self.ends_with_subject
    }

    /// Its length in bytes.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessToken({} bytes, until {:?})", self.text.len(), self.expires)
    }
}

#[cfg(test)]
pub(crate) mod tests;
