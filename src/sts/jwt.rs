//! Parses a JSON Web Token (RFC 7519). Its signature is not checked: that is for the service that receives
//! the token.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use node_core::text::Text;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::files::json;

/// The parts of a token that matter to its bearer.
pub(super) struct Jwt {
    /// The signature algorithm.
    pub(super) alg: Text<16>,
    /// Whether it names the key that signed it.
    pub(super) has_kid: bool,
    pub(super) claims: Claims,
}

/// The claims of RFC 7519, section 4.1, and those that Keycloak adds.
#[derive(Deserialize)]
pub(super) struct Claims {
    pub(super) exp: Option<Seconds>,
    pub(super) iat: Option<Seconds>,
    pub(super) nbf: Option<Seconds>,
    pub(super) iss: Option<Text<200>>,
    #[serde(default)]
    pub(super) aud: Audiences,
    pub(super) azp: Option<Text<128>>,
    /// RFC 9068, section 2.2: what servers have that know no `azp`.
    pub(super) client_id: Option<Text<128>>,
    pub(super) typ: Option<Text<16>>,
}

/// A time or a duration in seconds. Fractions are cut off, and negative values count as zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seconds(pub(super) u64);

/// The audiences of a token; at most the first [`Audiences::KEPT`].
#[derive(Default)]
pub(super) struct Audiences(pub(super) Vec<Text<128>>);

/// Parses `text`; `None` if it is not a signed JWT in compact form.
pub(super) fn read(text: &str) -> Option<Jwt> {
    let mut parts = text.split('.');
    let (header, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok().map(Zeroizing::new);
    let (header, claims, _) = (decode(header)?, decode(claims)?, decode(signature)?);
    let header: Value = json::object(&header).ok()?;
    let text = |key: &str| header.get(key).and_then(Value::as_str);
    Some(Jwt {
        alg: Text::from(text("alg")?),
        has_kid: text("kid").is_some_and(|kid| !kid.is_empty()),
        claims: json::object(&claims).ok()?,
    })
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Seconds;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of seconds")
            }

            fn visit_u64<E: de::Error>(self, secs: u64) -> Result<Seconds, E> {
                Ok(Seconds(secs))
            }

            fn visit_i64<E: de::Error>(self, secs: i64) -> Result<Seconds, E> {
                Ok(Seconds(u64::try_from(secs).unwrap_or_default()))
            }

            fn visit_f64<E: de::Error>(self, secs: f64) -> Result<Seconds, E> {
                let beyond = if secs > 0.0 { u64::MAX } else { 0 };
                Ok(Seconds(Duration::try_from_secs_f64(secs).map_or(beyond, |secs| secs.as_secs())))
            }

            /// Some servers send numbers as strings.
            fn visit_str<E: de::Error>(self, secs: &str) -> Result<Seconds, E> {
                if secs.is_empty() || !secs.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(E::custom("not a number of seconds"));
                }
                // A number that does not fit is later than any date.
                Ok(Seconds(secs.parse().unwrap_or(u64::MAX)))
            }
        }
        deserializer.deserialize_any(Number)
    }
}

impl Audiences {
    /// No real token has more.
    const KEPT: usize = 64;
}

impl<'de> Deserialize<'de> for Audiences {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Audiences;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an audience or a list of them")
            }

            fn visit_str<E: de::Error>(self, one: &str) -> Result<Audiences, E> {
                Ok(Audiences([Text::from(one)].into()))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Audiences, E> {
                Ok(Audiences::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Audiences, A::Error> {
                let mut kept = Vec::new();
                while let Some(one) = seq.next_element()? {
                    if kept.len() < Audiences::KEPT {
                        kept.push(one);
                    }
                }
                Ok(Audiences(kept))
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

#[cfg(test)]
pub(super) mod tests {

    use super::*;

    /// A JWT with this header and these claims, and an invalid signature.
    pub(crate) fn jwt(header: &str, claims: &str) -> String {
        format!("{}.{}.c2lnbmVk", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
    }

    fn claims(claims: &str) -> Option<Claims> {
        Some(read(&jwt(r#"{"alg":"RS256","typ":"JWT","kid":"k"}"#, claims))?.claims)
    }

    #[test]
    fn audience_is_string_or_list() {
        for (json, wanted) in [
            (r#"{"aud":"a"}"#, &["a"][..]),
            (r#"{"aud":["account","a"]}"#, &["account", "a"]),
            (r#"{"aud":[]}"#, &[]),
            (r#"{"aud":null}"#, &[]),
            ("{}", &[]),
        ] {
            let aud = claims(json).expect(json).aud;
            assert!(aud.0.iter().map(Text::as_str).eq(wanted.iter().copied()), "{json}");
        }
        for odd in [r#"{"aud":1}"#, r#"{"aud":{"a":1}}"#, r#"{"aud":["a",1]}"#] {
            assert!(claims(odd).is_none(), "{odd}");
        }
    }

    #[test]
    fn seconds_are_read_in_every_spelling_without_overflow() {
        for (json, secs) in [
            ("300", 300),
            ("300.9", 300),
            ("3e2", 300),
            (r#""300""#, 300),
            ("0", 0),
            ("-5", 0),
            ("-0.5", 0),
            ("1e300", u64::MAX),
            ("99999999999999999999", u64::MAX),
            (r#""99999999999999999999""#, u64::MAX),
        ] {
            let exp = claims(&format!(r#"{{"exp":{json}}}"#)).expect(json).exp;
            assert_eq!(exp, Some(Seconds(secs)), "{json}");
        }
        assert_eq!(claims(r#"{"exp":null}"#).expect("claims").exp, None);
        for odd in ["true", "[]", "{}", r#""""#, r#""-5""#, r#""5 min""#] {
            assert!(claims(&format!(r#"{{"exp":{odd}}}"#)).is_none(), "{odd}");
        }
    }

    #[test]
    fn text_that_is_not_a_signed_jwt_is_refused() {
        let sound = jwt(r#"{"alg":"RS256","kid":"k"}"#, "{}");
        assert!(read(&sound).is_some_and(|jwt| jwt.alg.is("RS256")));
        let (header, rest) = sound.split_once('.').expect("parts");
        let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for odd in [
            String::new(),
            "opaque".into(),
            format!("{header}.{}", encoded("{}")),
            format!("{sound}.{header}.{header}"),
            format!("{header}=.{rest}"),
            format!("{header} .{rest}"),
            format!("{}.{rest}", encoded("[]")),
            format!("{}.{rest}", encoded("{}")),
            format!("{header}.{}.c2ln", encoded("[1,2]")),
            format!("{header}.{}.c2ln", encoded("\"text\"")),
            format!("{header}.{}.c2ln", encoded(r#"{"exp":1,"exp":2}"#)),
        ] {
            assert!(read(&odd).is_none(), "{odd}");
        }
    }
}
