//! A token that came back, checked as far as those who carry it can: it is shown to others only if they can be
//! expected to take it, and for no longer than that.

use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

use node_core::time::{Instant, UnixTime};
use ring::digest::{SHA256, digest};
use zeroize::Zeroizing;

use super::error::Flaw;
use super::jwt;
use super::jwt::Seconds;

/// What services take a signature by: nothing without one, and nothing by a secret that they would share.
const ALGORITHMS: [&str; 11] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"];
/// Types of token that are not for services (Keycloak's names).
const NOT_FOR_SERVICES: [&str; 3] = ["ID", "Refresh", "Offline"];
/// How far apart the clocks of an STS and a service may be: what ARP services allow.
const SKEW: u64 = 60;

/// An access token of ours. Wiped when dropped; shows only its length.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken {
    text: Zeroizing<Box<str>>,
    fingerprint: Box<str>,
    obtained: Instant,
    expires: Instant,
    outlived: bool,
}

/// What a token must say to be of use.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Who issues it, to the letter.
    pub issuer: &'a str,
    /// Whom it is to be shown to.
    pub audience: &'a str,
    /// The clients it may have been issued to; any if there are none.
    pub azp: &'a [Box<str>],
}

/// What is known about how long a token lives, besides what it says itself.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The moment before it was asked for.
    pub sent: Instant,
    /// What its issuer said about it.
    pub expires_in: Option<Duration>,
    /// The time by the clock of its issuer or else of this board; `None` where neither is known.
    pub now: Option<UnixTime>,
    /// The time that its issuer's server says it is, proved or not: enough to tell an old token by, since a
    /// wrong one can only shorten what is left of it.
    pub date: Option<UnixTime>,
    /// When the token it was exchanged for expires, by its issuer's clock.
    pub subject_expires: Option<UnixTime>,
}

impl AccessToken {
    /// Checks `text`: form, algorithm, issuer, audience, holder and dates. Signatures are for services to check.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(text: Zeroizing<Box<str>>, expected: &Expected<'_>, bounds: &Bounds) -> Result<Self, Flaw> {
        let jwt::Jwt { alg, claims } = jwt::read(&text).ok_or(Flaw::NotAJwt)?;
        if !ALGORITHMS.iter().any(|known| alg.is(known)) {
            return Err(Flaw::Algorithm(alg));
        }
        if let Some(typ) = claims.typ.filter(|typ| NOT_FOR_SERVICES.iter().any(|other| typ.is(other))) {
            return Err(Flaw::NotAnAccessToken(typ));
        }
        let iss = claims.iss.unwrap_or_default();
        if !iss.is(expected.issuer) {
            return Err(Flaw::Issuer(iss));
        }
        if !claims.aud.0.iter().any(|aud| aud.is(expected.audience)) {
            return Err(Flaw::Audience(claims.aud.0.into_iter().next().unwrap_or_default()));
        }
        let azp = claims.azp.unwrap_or_default();
        if !expected.azp.is_empty() && !expected.azp.iter().any(|one| azp.is(one)) {
            return Err(Flaw::Holder(azp));
        }
        let Seconds(exp) = claims.exp.ok_or(Flaw::NoExpiry)?;
        // The issuer's own clock where the token tells it: this board's may be anywhere.
        let issued = claims.iat.map(|Seconds(iat)| UnixTime(iat)).or(bounds.now);
        // What is handed out from a store of old ones has lived for a while by then.
        let UnixTime(issued) = issued.max(bounds.date).ok_or(Flaw::Undated)?;
        if claims.nbf.is_some_and(|Seconds(nbf)| nbf > issued.saturating_add(SKEW)) {
            return Err(Flaw::NotYetValid);
        }
        let left_until = |end: u64| Duration::from_secs(end.saturating_sub(issued));
        let own = bounds.expires_in.unwrap_or(Duration::MAX).min(left_until(exp));
        let subject = bounds.subject_expires.map_or(Duration::MAX, |UnixTime(end)| left_until(end));
        let life = own.min(subject);
        if life.is_zero() {
            return Err(if own.is_zero() { Flaw::Expired } else { Flaw::SubjectExpired });
        }
        let mut fingerprint = String::with_capacity(16);
        for byte in digest(&SHA256, text.as_bytes()).as_ref().iter().take(8) {
            // Cannot fail: a string takes what there is memory for.
            let _ = write!(fingerprint, "{byte:02x}");
        }
        Ok(Self {
            text,
            fingerprint: fingerprint.into(),
            obtained: bounds.sent,
            expires: bounds.sent + life,
            outlived: subject <= own,
        })
    }

    /// The token itself: only for the service it was issued for.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Tells it from others without showing it: the first 8 bytes of its SHA-256, in hexadecimal.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// From this moment on it is good for nothing.
    #[must_use]
    pub const fn expires(&self) -> Instant {
        self.expires
    }

    /// How long it is good for in all, from the moment before it was asked for.
    #[must_use]
    pub const fn life(&self) -> Duration {
        self.expires.since(self.obtained)
    }

    /// Whether it ends because the token it was exchanged for does: another exchange would give nothing longer.
    #[must_use]
    pub(super) const fn ends_with_its_subject(&self) -> bool {
        self.outlived
    }

    /// How many bytes it has.
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

    /// A token that lives from `sent` for `life`; another `serial` gives another one.
    pub(crate) fn token(serial: u64, sent: Instant, life: Duration) -> AccessToken {
        let claims = format!(r#"{{"exp":{},"iat":0,"iss":"i","aud":"a","jti":"{serial}"}}"#, u64::MAX);
        let bounds = Bounds { expires_in: Some(life), sent, ..BOUNDS };
        let expected = Expected { issuer: "i", audience: "a", azp: &[] };
        AccessToken::check(Zeroizing::new(jwt(r#"{"alg":"RS256"}"#, &claims).into()), &expected, &bounds)
            .expect("a token")
    }

    /// One that lives as long as the token it was exchanged for.
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

    fn check(claims: &str, bounds: &Bounds) -> Result<AccessToken, Flaw> {
        check_with(r#"{"alg":"RS256"}"#, claims, &[], bounds)
    }

    fn check_with(
        header: &str,
        claims: &str,
        azp: &[Box<str>],
        bounds: &Bounds,
    ) -> Result<AccessToken, Flaw> {
        let expected = Expected { issuer: ISSUER, audience: "arp-run-gateway", azp };
        AccessToken::check(Zeroizing::new(jwt(header, claims).into()), &expected, bounds)
    }

    /// Claims as Keycloak sends them, with these instead of or besides its own.
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
    fn a_sound_token_is_good_from_before_it_was_asked_for_until_its_end() {
        let token = check(&claims(&[]), &BOUNDS).expect("sound");
        assert_eq!(token.expires(), SENT + Duration::from_secs(300));
        assert_eq!(token.life(), Duration::from_secs(300));
        assert!(!token.ends_with_its_subject());
        assert_eq!(token.fingerprint().len(), 16);
        let shown = format!("{token:?}");
        assert!(!shown.contains(token.expose()) && shown.contains("bytes"), "{shown}");
        // As `sha256sum` has it.
        let known = Zeroizing::new(jwt(r#"{"alg":"RS256"}"#, r#"{"exp":1,"iss":"i","aud":"a"}"#).into());
        let expected = Expected { issuer: "i", audience: "a", azp: &[] };
        let token = AccessToken::check(known, &expected, &Bounds { now: Some(UnixTime(0)), ..BOUNDS });
        assert_eq!(token.expect("sound").fingerprint(), "1f5fcb5b23dd29a3");
    }

    #[test]
    fn the_earliest_of_all_ends_counts() {
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
        // By this clock where the token does not tell its issuer's.
        assert_eq!(life(&[("iat", "")], None, None), Ok((300, false)));
        assert_eq!(life(&[("iat", "10290")], None, None), Ok((10, false)));
        assert_eq!(life(&[], Some(0), None), Err(Flaw::Expired));
        assert_eq!(life(&[("exp", "10000")], None, None), Err(Flaw::Expired));
        assert_eq!(life(&[("exp", "-1")], None, None), Err(Flaw::Expired));
        assert_eq!(life(&[], None, Some(9999)), Err(Flaw::SubjectExpired));
        assert_eq!(life(&[("exp", "1e300")], None, None), Ok((u64::MAX / 1000 - 5000, false)));
    }

    #[test]
    fn what_has_aged_at_its_issuer_is_good_for_no_longer_than_what_is_left_of_it() {
        let life = |over: &[_], bounds: &Bounds| {
            check(&claims(over), bounds).map(|token| (token.life().as_secs(), token.ends_with_its_subject()))
        };
        for (date, left) in
            [(9000, Ok(300)), (10_001, Ok(299)), (10_299, Ok(1)), (10_300, Err(Flaw::Expired))]
        {
            let bounds = Bounds { date: Some(UnixTime(date)), ..BOUNDS };
            assert_eq!(life(&[], &bounds), left.map(|left| (left, false)), "{date}");
        }
        // Nor does it outlive the token it was exchanged for.
        let exchanged =
            |date| Bounds { date: Some(UnixTime(date)), subject_expires: Some(UnixTime(10_100)), ..BOUNDS };
        assert_eq!(life(&[], &exchanged(10_090)), Ok((10, true)));
        assert_eq!(life(&[], &exchanged(10_100)), Err(Flaw::SubjectExpired));
    }

    #[test]
    fn without_any_date_of_its_own_the_servers_is_taken_and_without_one_it_is_refused() {
        let life = |now: Option<u64>, date: Option<u64>| {
            let bounds = Bounds { now: now.map(UnixTime), date: date.map(UnixTime), ..BOUNDS };
            check(&claims(&[("iat", "")]), &bounds).map(|token| token.life().as_secs())
        };
        // A board whose clock starts at 1970.
        assert_eq!(life(Some(5), Some(10_250)), Ok(50));
        assert_eq!(life(None, Some(10_250)), Ok(50));
        assert_eq!(life(None, None), Err(Flaw::Undated));
    }

    #[test]
    fn what_a_service_would_refuse_is_not_passed_on() {
        let text = |text: &str| Text::from(text);
        for (over, flaw) in [
            (&[("exp", "")][..], Flaw::NoExpiry),
            (&[("exp", "null")], Flaw::NoExpiry),
            (&[("iss", "")], Flaw::Issuer(Text::default())),
            (
                &[("iss", r#""https://sts.home/realms/arp-dev/""#)],
                Flaw::Issuer(Text::from("https://sts.home/realms/arp-dev/")),
            ),
            (&[("aud", "")], Flaw::Audience(text(""))),
            (&[("aud", r#""account""#)], Flaw::Audience(text("account"))),
            (&[("aud", r#""arp-run-gateway2""#)], Flaw::Audience(text("arp-run-gateway2"))),
            (&[("typ", r#""ID""#)], Flaw::NotAnAccessToken(Text::from("ID"))),
            (&[("nbf", "10061")], Flaw::NotYetValid),
            (&[("exp", "[]")], Flaw::NotAJwt),
        ] {
            assert_eq!(check(&claims(over), &BOUNDS), Err(flaw), "{over:?}");
        }
        assert!(check(&claims(&[("nbf", "10060")]), &BOUNDS).is_ok());
        assert!(check(&claims(&[("aud", r#""arp-run-gateway""#)]), &BOUNDS).is_ok());
    }

    #[test]
    fn a_token_without_a_signature_of_its_issuers_own_is_refused() {
        for alg in ["none", "None", "HS256", "HS512", "rs256", "", "dir"] {
            let refused = check_with(&format!(r#"{{"alg":"{alg}"}}"#), &claims(&[]), &[], &BOUNDS);
            assert_eq!(refused, Err(Flaw::Algorithm(Text::from(alg))));
        }
        for alg in ALGORITHMS {
            assert!(check_with(&format!(r#"{{"alg":"{alg}"}}"#), &claims(&[]), &[], &BOUNDS).is_ok());
        }
    }

    #[test]
    fn the_holder_is_looked_at_where_there_is_a_list() {
        let list: [Box<str>; 2] = ["other".into(), "node".into()];
        let check = |over: &[_], list: &[_]| check_with(r#"{"alg":"RS256"}"#, &claims(over), list, &BOUNDS);
        assert!(check(&[], &list).is_ok());
        assert_eq!(check(&[], &list[..1]), Err(Flaw::Holder(Text::from("node"))));
        assert_eq!(check(&[("azp", "")], &list), Err(Flaw::Holder(Text::default())));
    }
}
