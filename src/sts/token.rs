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
    /// The issuer, compared byte by byte.
    pub issuer: &'a str,
    /// The service that the token is for; any if it is empty.
    pub audience: &'a str,
    /// The clients that it may be issued to; any if the list is empty.
    pub azp: &'a [Box<str>],
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
    /// services to check.
    ///
    /// # Errors
    /// The reason why it cannot be used.
    pub(super) fn check(
        text: Zeroizing<Box<str>>,
        expected: &Expected<'_>,
        bounds: &Bounds,
    ) -> Result<Self, InvalidTokenError> {
        let jwt::Jwt { alg, claims } = jwt::read(&text).ok_or(InvalidTokenError::NotAJwt)?;
        if !ALGORITHMS.iter().any(|known| alg.is(known)) {
            return Err(InvalidTokenError::Algorithm(alg));
        }
        if let Some(typ) = claims.typ.filter(|typ| NOT_FOR_SERVICES.iter().any(|other| typ.is(other))) {
            return Err(InvalidTokenError::NotAnAccessToken(typ));
        }
        let iss = claims.iss.unwrap_or_default();
        if !iss.is(expected.issuer) {
            return Err(InvalidTokenError::Issuer(iss));
        }
        if !expected.audience.is_empty() && !claims.aud.0.iter().any(|aud| aud.is(expected.audience)) {
            return Err(InvalidTokenError::Audience(claims.aud.0.into_iter().next().unwrap_or_default()));
        }
        let azp = claims.azp.unwrap_or_default();
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
pub(crate) mod tests {

    use node_core::text::Text;

    use super::*;
    use crate::sts::jwt::tests::jwt;

    /// A token that lives from `sent` for `life`. `serial` makes it unique.
    pub(crate) fn token(serial: u64, sent: Instant, life: Duration) -> AccessToken {
        let claims = format!(r#"{{"exp":{},"iat":0,"iss":"i","aud":"a","jti":"{serial}"}}"#, u64::MAX);
        let bounds = Bounds { expires_in: Some(life), sent, ..BOUNDS };
        let expected = Expected { issuer: "i", audience: "a", azp: &[] };
        AccessToken::check(Zeroizing::new(jwt(r#"{"alg":"RS256"}"#, &claims).into()), &expected, &bounds)
            .expect("a token")
    }

    /// A token that lives as long as its subject token.
    pub(crate) fn ending_with_its_subject(sent: Instant, life: Duration) -> AccessToken {
        let subject_expires = Some(UnixTime(life.as_secs()));
        let expected = Expected { issuer: "i", audience: "a", azp: &[] };
        let claims = r#"{"exp":9999999999,"iat":0,"iss":"i","aud":"a"}"#;
        let text = Zeroizing::new(jwt(r#"{"alg":"RS256"}"#, claims).into());
        AccessToken::check(text, &expected, &Bounds { sent, subject_expires, ..BOUNDS }).expect("a token")
    }

    const SENT: Instant = Instant::from_millis(5_000_000);
    const BOUNDS: Bounds = Bounds {
        sent: SENT,
        expires_in: None,
        now: Some(UnixTime(10_000)),
        date: None,
        subject_expires: None,
    };
    const ISSUER: &str = "https://sts.home/realms/arp-dev";

    fn check(claims: &str, bounds: &Bounds) -> Result<AccessToken, InvalidTokenError> {
        check_with(r#"{"alg":"RS256"}"#, claims, &[], bounds)
    }

    fn check_with(
        header: &str,
        claims: &str,
        azp: &[Box<str>],
        bounds: &Bounds,
    ) -> Result<AccessToken, InvalidTokenError> {
        let expected = Expected { issuer: ISSUER, audience: "arp-run-gateway", azp };
        AccessToken::check(Zeroizing::new(jwt(header, claims).into()), &expected, bounds)
    }

    /// Keycloak's claims, with these changes. An empty value removes a claim.
    fn claims(over: &[(&str, &str)]) -> String {
        let mut all: std::vec::Vec<_> = [
            ("exp", "10300"),
            ("iat", "10000"),
            ("jti", r#""x""#),
            ("iss", r#""https://sts.home/realms/arp-dev""#),
            ("aud", r#"["account","arp-run-gateway"]"#),
            ("typ", r#""Bearer""#),
            ("azp", r#""node""#),
        ]
        .into();
        for (key, value) in over {
            all.retain(|(name, _)| name != key);
            if !value.is_empty() {
                all.push((key, value));
            }
        }
        let all: std::vec::Vec<_> = all.iter().map(|(k, v)| format!(r#""{k}":{v}"#)).collect();
        format!("{{{}}}", all.join(","))
    }

    #[test]
    fn sound_token_lives_from_its_request_to_its_expiry() {
        let token = check(&claims(&[]), &BOUNDS).expect("sound");
        assert_eq!(token.expires(), SENT + Duration::from_secs(300));
        assert_eq!(token.life(), Duration::from_secs(300));
        assert!(!token.ends_with_its_subject());
        assert_eq!(token.fingerprint().len(), 16);
        let shown = format!("{token:?}");
        assert!(!shown.contains(token.expose()) && shown.contains("bytes"), "{shown}");
        // Computed by `sha256sum`.
        let known = Zeroizing::new(jwt(r#"{"alg":"RS256"}"#, r#"{"exp":1,"iss":"i","aud":"a"}"#).into());
        let expected = Expected { issuer: "i", audience: "a", azp: &[] };
        let token = AccessToken::check(known, &expected, &Bounds { now: Some(UnixTime(0)), ..BOUNDS });
        assert_eq!(token.expect("sound").fingerprint(), "1f5fcb5b23dd29a3");
    }

    #[test]
    fn earliest_expiry_limits_the_life() {
        let life = |over: &[_], expires_in: Option<u64>, subject: Option<u64>| {
            let bounds = Bounds {
                expires_in: expires_in.map(Duration::from_secs),
                subject_expires: subject.map(UnixTime),
                ..BOUNDS
            };
            check(&claims(over), &bounds).map(|token| (token.life().as_secs(), token.ends_with_its_subject()))
        };
        assert_eq!(life(&[], Some(60), None), Ok((60, false)));
        assert_eq!(life(&[], Some(9999), None), Ok((300, false)));
        assert_eq!(life(&[], None, Some(10_100)), Ok((100, true)));
        assert_eq!(life(&[], None, Some(20_000)), Ok((300, false)));
        assert_eq!(life(&[], Some(50), Some(10_100)), Ok((50, false)));
        // Without an issue date, this board's clock counts.
        assert_eq!(life(&[("iat", "")], None, None), Ok((300, false)));
        assert_eq!(life(&[("iat", "10290")], None, None), Ok((10, false)));
        assert_eq!(life(&[], Some(0), None), Err(InvalidTokenError::Expired));
        assert_eq!(life(&[("exp", "10000")], None, None), Err(InvalidTokenError::Expired));
        assert_eq!(life(&[("exp", "-1")], None, None), Err(InvalidTokenError::Expired));
        assert_eq!(life(&[], None, Some(9999)), Err(InvalidTokenError::SubjectExpired));
        assert_eq!(life(&[("exp", "1e300")], None, None), Ok((u64::MAX / 1000 - 5000, false)));
    }

    #[test]
    fn token_aged_at_its_issuer_lives_only_the_rest() {
        let life = |over: &[_], bounds: &Bounds| {
            check(&claims(over), bounds).map(|token| (token.life().as_secs(), token.ends_with_its_subject()))
        };
        for (date, left) in
            [(9000, Ok(300)), (10_001, Ok(299)), (10_299, Ok(1)), (10_300, Err(InvalidTokenError::Expired))]
        {
            let bounds = Bounds { date: Some(UnixTime(date)), ..BOUNDS };
            assert_eq!(life(&[], &bounds), left.map(|left| (left, false)), "{date}");
        }
        // The subject token limits the life, too.
        let exchanged =
            |date| Bounds { date: Some(UnixTime(date)), subject_expires: Some(UnixTime(10_100)), ..BOUNDS };
        assert_eq!(life(&[], &exchanged(10_090)), Ok((10, true)));
        assert_eq!(life(&[], &exchanged(10_100)), Err(InvalidTokenError::SubjectExpired));
    }

    #[test]
    fn undated_token_takes_server_date_or_is_refused() {
        let life = |now: Option<u64>, date: Option<u64>| {
            let bounds = Bounds { now: now.map(UnixTime), date: date.map(UnixTime), ..BOUNDS };
            check(&claims(&[("iat", "")]), &bounds).map(|token| token.life().as_secs())
        };
        // The clock of this board starts at 1970.
        assert_eq!(life(Some(5), Some(10_250)), Ok(50));
        assert_eq!(life(None, Some(10_250)), Ok(50));
        assert_eq!(life(None, None), Err(InvalidTokenError::Undated));
    }

    #[test]
    fn token_that_services_would_refuse_is_invalid() {
        let text = |text: &str| Text::from(text);
        for (over, flaw) in [
            (&[("exp", "")][..], InvalidTokenError::NoExpiry),
            (&[("exp", "null")], InvalidTokenError::NoExpiry),
            (&[("iss", "")], InvalidTokenError::Issuer(Text::default())),
            (
                &[("iss", r#""https://sts.home/realms/arp-dev/""#)],
                InvalidTokenError::Issuer(Text::from("https://sts.home/realms/arp-dev/")),
            ),
            (&[("aud", "")], InvalidTokenError::Audience(text(""))),
            (&[("aud", r#""account""#)], InvalidTokenError::Audience(text("account"))),
            (&[("aud", r#""arp-run-gateway2""#)], InvalidTokenError::Audience(text("arp-run-gateway2"))),
            (&[("typ", r#""ID""#)], InvalidTokenError::NotAnAccessToken(Text::from("ID"))),
            (&[("nbf", "10061")], InvalidTokenError::NotYetValid),
            (&[("exp", "[]")], InvalidTokenError::NotAJwt),
        ] {
            assert_eq!(check(&claims(over), &BOUNDS), Err(flaw), "{over:?}");
        }
        assert!(check(&claims(&[("nbf", "10060")]), &BOUNDS).is_ok());
        assert!(check(&claims(&[("aud", r#""arp-run-gateway""#)]), &BOUNDS).is_ok());
    }

    #[test]
    fn unsigned_or_symmetric_token_is_refused() {
        for alg in ["none", "None", "HS256", "HS512", "rs256", "", "dir"] {
            let refused = check_with(&format!(r#"{{"alg":"{alg}"}}"#), &claims(&[]), &[], &BOUNDS);
            assert_eq!(refused, Err(InvalidTokenError::Algorithm(Text::from(alg))));
        }
        for alg in ALGORITHMS {
            assert!(check_with(&format!(r#"{{"alg":"{alg}"}}"#), &claims(&[]), &[], &BOUNDS).is_ok());
        }
    }

    #[test]
    fn audience_is_not_looked_at_if_none_was_asked_for() {
        let expected = Expected { issuer: ISSUER, audience: "", azp: &["node".into()] };
        for aud in [r#""account""#, r#"["a","b"]"#, ""] {
            let text = Zeroizing::new(jwt(r#"{"alg":"RS256"}"#, &claims(&[("aud", aud)])).into());
            assert!(AccessToken::check(text, &expected, &BOUNDS).is_ok(), "{aud}");
        }
    }

    #[test]
    fn holder_is_checked_against_azp_list() {
        let list: [Box<str>; 2] = ["other".into(), "node".into()];
        let check = |over: &[_], list: &[_]| check_with(r#"{"alg":"RS256"}"#, &claims(over), list, &BOUNDS);
        assert!(check(&[], &list).is_ok());
        assert_eq!(check(&[], &list[..1]), Err(InvalidTokenError::Holder(Text::from("node"))));
        assert_eq!(check(&[("azp", "")], &list), Err(InvalidTokenError::Holder(Text::default())));
    }
}
