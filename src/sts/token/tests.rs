use node_core::text::Text;

use super::*;
use crate::sts::jwt::tests::jwt;

/// A token that lives from `sent` for `life`. `serial` makes it unique.
pub(crate) fn token(serial: u64, sent: Instant, life: Duration) -> AccessToken {
    let claims = format!(r#"{{"exp":{},"iat":0,"iss":"i","aud":"a","jti":"{serial}"}}"#, u64::MAX);
    let bounds = Bounds { expires_in: Some(life), sent, ..BOUNDS };
    let expected = Expected { issuer: "i", audience: "a", azp: &[], opaque: false };
    AccessToken::check(
        Zeroizing::new(jwt(r#"{"alg":"RS256","kid":"k"}"#, &claims).into()),
        &expected,
        &bounds,
    )
    .expect("a token")
}

/// A token that lives as long as its subject token.
pub(crate) fn ending_with_its_subject(sent: Instant, life: Duration) -> AccessToken {
    let subject_expires = Some(UnixTime(life.as_secs()));
    let expected = Expected { issuer: "i", audience: "a", azp: &[], opaque: false };
    let claims = r#"{"exp":9999999999,"iat":0,"iss":"i","aud":"a"}"#;
    let text = Zeroizing::new(jwt(r#"{"alg":"RS256","kid":"k"}"#, claims).into());
    AccessToken::check(text, &expected, &Bounds { sent, subject_expires, ..BOUNDS }).expect("a token")
}

const SENT: Instant = Instant::from_millis(5_000_000);
const BOUNDS: Bounds =
    Bounds { sent: SENT, expires_in: None, now: Some(UnixTime(10_000)), date: None, subject_expires: None };
const ISSUER: &str = "https://sts.home/realms/arp-dev";

fn check(claims: &str, bounds: &Bounds) -> Result<AccessToken, InvalidTokenError> {
    check_with(r#"{"alg":"RS256","kid":"k"}"#, claims, &[], bounds)
}

fn check_with(
    header: &str,
    claims: &str,
    azp: &[Box<str>],
    bounds: &Bounds,
) -> Result<AccessToken, InvalidTokenError> {
    let expected = Expected { issuer: ISSUER, audience: "arp-run-gateway", azp, opaque: false };
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
    let known =
        Zeroizing::new(jwt(r#"{"alg":"RS256","kid":"k"}"#, r#"{"exp":1,"iss":"i","aud":"a"}"#).into());
    let expected = Expected { issuer: "i", audience: "a", azp: &[], opaque: false };
    let token = AccessToken::check(known, &expected, &Bounds { now: Some(UnixTime(0)), ..BOUNDS });
    assert_eq!(token.expect("sound").fingerprint(), "14c7f1daf9ce0ca7");
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
        let refused = check_with(&format!(r#"{{"alg":"{alg}","kid":"k"}}"#), &claims(&[]), &[], &BOUNDS);
        assert_eq!(refused, Err(InvalidTokenError::Algorithm(Text::from(alg))));
    }
    for alg in ALGORITHMS {
        assert!(check_with(&format!(r#"{{"alg":"{alg}","kid":"k"}}"#), &claims(&[]), &[], &BOUNDS).is_ok());
    }
}

#[test]
fn audience_is_not_looked_at_if_none_was_asked_for() {
    let expected = Expected { issuer: ISSUER, audience: "", azp: &["node".into()], opaque: false };
    for aud in [r#""account""#, r#"["a","b"]"#, ""] {
        let text = Zeroizing::new(jwt(r#"{"alg":"RS256","kid":"k"}"#, &claims(&[("aud", aud)])).into());
        assert!(AccessToken::check(text, &expected, &BOUNDS).is_ok(), "{aud}");
    }
}

#[test]
fn issuer_is_not_looked_at_if_none_is_expected() {
    let expected = Expected { issuer: "", audience: "arp-run-gateway", azp: &[], opaque: false };
    for iss in [r#""https://elsewhere""#, ""] {
        let text = Zeroizing::new(jwt(r#"{"alg":"RS256","kid":"k"}"#, &claims(&[("iss", iss)])).into());
        assert!(AccessToken::check(text, &expected, &BOUNDS).is_ok(), "{iss}");
    }
}

#[test]
fn token_without_kid_is_refused() {
    for (header, wanted) in [
        (r#"{"alg":"RS256"}"#, Err(InvalidTokenError::NoKid)),
        (r#"{"alg":"RS256","kid":null}"#, Err(InvalidTokenError::NoKid)),
        (r#"{"alg":"RS256","kid":""}"#, Err(InvalidTokenError::NoKid)),
        (r#"{"alg":"RS256","kid":1}"#, Err(InvalidTokenError::NoKid)),
        (r#"{"alg":"none"}"#, Err(InvalidTokenError::Algorithm(Text::from("none")))),
        (r#"{"alg":"RS256","kid":"k"}"#, Ok(300)),
    ] {
        let life = check_with(header, &claims(&[]), &[], &BOUNDS).map(|token| token.life().as_secs());
        assert_eq!(life, wanted, "{header}");
    }
}

#[test]
fn opaque_token_lives_by_expires_in_alone() {
    let take = |text: &str, bounds: &Bounds| {
        let expected = Expected { issuer: ISSUER, audience: "a", azp: &[], opaque: true };
        let token = AccessToken::check(Zeroizing::new(text.into()), &expected, bounds);
        token.map(|token| (token.life().as_secs(), token.ends_with_its_subject()))
    };
    let hour = Bounds { expires_in: Some(Duration::from_secs(3600)), ..BOUNDS };
    let foreign = jwt(r#"{"alg":"none"}"#, r#"{"exp":1,"iss":"x","aud":"y","typ":"ID"}"#);
    for text in ["x", "2YotnFZFEjr1zCsicMWpAA", "a+b/c==", "ory_at_x.y", foreign.as_str()] {
        assert_eq!(take(text, &hour), Ok((3600, false)), "{text}");
    }
    // No clock is needed.
    assert_eq!(take("x", &Bounds { now: None, ..hour }), Ok((3600, false)));
    let subject = |end| Bounds { subject_expires: Some(UnixTime(end)), ..hour };
    assert_eq!(take("x", &subject(10_100)), Ok((100, true)), "not longer than the subject token");
    assert_eq!(take("x", &subject(9_999)), Err(InvalidTokenError::SubjectExpired));
    let at_no_time = Bounds { now: None, ..subject(10_100) };
    assert_eq!(take("x", &at_no_time), Err(InvalidTokenError::Undated), "nobody knows what is left of it");
    assert_eq!(take("x", &BOUNDS), Err(InvalidTokenError::NoLife));
    let none = Bounds { expires_in: Some(Duration::ZERO), ..BOUNDS };
    assert_eq!(take("x", &none), Err(InvalidTokenError::Expired));
    for text in ["", "a b", "a\r\nX-Evil: 1", "\u{fc}"] {
        assert_eq!(take(text, &hour), Err(InvalidTokenError::Unsendable), "{text:?}");
    }
}

#[test]
fn holder_is_checked_against_azp_list() {
    let list: [Box<str>; 2] = ["other".into(), "node".into()];
    let check =
        |over: &[_], list: &[_]| check_with(r#"{"alg":"RS256","kid":"k"}"#, &claims(over), list, &BOUNDS);
    assert!(check(&[], &list).is_ok());
    assert_eq!(check(&[], &list[..1]), Err(InvalidTokenError::Holder(Text::from("node"))));
    assert_eq!(check(&[("azp", "")], &list), Err(InvalidTokenError::Holder(Text::default())));
    let client_id = ("client_id", r#""node""#);
    assert!(check(&[("azp", ""), client_id], &list).is_ok());
    assert!(check(&[("azp", r#""else""#), client_id], &list).is_err(), "azp counts where there is one");
}
