//! The verification of a token. It is stricter than the published services: they accept tokens without `exp`
//! and ID tokens, which are refused here (docs/wire/arp.md, "Inbound validation").

use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use super::{Algorithm, Claims, PublicKey, from_base64url};

/// The longest token that a request's head could carry.
const MAX_LENGTH: usize = 64 * 1024;

/// The requirements on a token.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The exact issuer. None: any issuer whose key is known.
    pub issuer: Option<&'a str>,
    /// The accepted audiences. None: any audience.
    pub audiences: Option<&'a [&'a str]>,
    /// The accepted algorithms.
    pub algorithms: &'a [Algorithm],
    /// The accepted error of the issuer's clock.
    pub skew: Duration,
    /// The current time.
    pub now: SystemTime,
}

impl<'a> Expected<'a> {
    /// A token of one of these algorithms that is valid now, without skew, from any issuer and for any
    /// audience.
    #[must_use]
    pub fn now(algorithms: &'a [Algorithm]) -> Self {
        Self { issuer: None, audiences: None, algorithms, skew: Duration::ZERO, now: SystemTime::now() }
    }
}

/// The reason why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not three parts of Base64url, the parts are not JSON objects, or the name of its key is no string.
    #[error("it is no JSON Web Token")]
    Malformed,
    /// It is not signed, or its algorithm is not accepted. This is checked before a key is looked up.
    #[error("it is not signed by an algorithm that may sign")]
    Algorithm,
    /// Its header requires an unknown extension (`crit`, RFC 7515, section 4.1.11; `b64`, RFC 7797, section 3).
    #[error("its header demands what is not understood")]
    Critical,
    /// It does not name a key.
    #[error("it names no key")]
    NoKid,
    /// The key that it names does not exist.
    #[error("it names a key that is not known")]
    UnknownKid,
    /// The key that it names does not fit its algorithm.
    #[error("the key it names is not one for its algorithm")]
    Mismatch,
    /// The signature is wrong.
    #[error("its signature is wrong")]
    Signature,
    /// A time in it is not a number.
    #[error("a time in it is no number")]
    Time,
    /// It is not an access token, such as an ID token.
    #[error("it is not an access token")]
    Type,
    /// It never expires.
    #[error("it never expires")]
    NoExpiry,
    /// It has expired.
    #[error("it has expired")]
    Expired,
    /// It is not valid yet (`nbf`).
    #[error("it is not good yet")]
    NotYet,
    /// It was issued in the future (`iat`).
    #[error("it was issued in the future")]
    FromTheFuture,
    /// It does not name an issuer.
    #[error("it names no issuer")]
    NoIssuer,
    /// It names another issuer.
    #[error("its issuer is another")]
    Issuer,
    /// It does not name an audience.
    #[error("it names no audience")]
    NoAudience,
    /// It is for another audience.
    #[error("it is for another audience")]
    Audience,
    /// Its subject or id is not a string (`sub`, `jti`).
    #[error("a name in it is no string")]
    Name,
}

impl Refused {
    /// The published services' message (docs/wire/arp.md, "Inbound validation").
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::NoKid | Self::UnknownKid => "Unable to fetch JWKS",
            Self::Expired => "Token expired",
            Self::Issuer => "Invalid token issuer",
            Self::Audience => "Invalid token audience",
            Self::Malformed
            | Self::Algorithm
            | Self::Critical
            | Self::Mismatch
            | Self::Signature
            | Self::Time
            | Self::Type
            | Self::NoExpiry
            | Self::NotYet
            | Self::FromTheFuture
            | Self::NoIssuer
            | Self::NoAudience
            | Self::Name => "Invalid token",
        }
    }
}

/// The parts of a token; nothing is verified.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Claims,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    /// None: it is not three parts of Base64url, or the parts are not JSON objects.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        if text.len() > MAX_LENGTH || claims.contains('.') {
            return None;
        }
        let header = serde_json::from_slice(&from_base64url(header)?).ok()?;
        let claims = Claims::parse(&from_base64url(claims)?)?;
        Some(Self { header, claims, signed, signature: from_base64url(signature)? })
    }

    /// A text of the header.
    pub(crate) fn said(&self, name: &str) -> Option<&str> {
        self.header.get(name).and_then(Value::as_str)
    }

    /// Whether this key has signed it by this algorithm.
    pub(crate) fn is_signed_by(&self, key: &PublicKey, algorithm: Algorithm) -> bool {
        key.verifies(algorithm, self.signed.as_bytes(), &self.signature)
    }
}

/// A token that has been read and not verified. Only the name of its key may be used.
#[derive(Debug)]
pub struct Token<'a> {
    algorithm: Algorithm,
    kid: String,
    parts: Parts<'a>,
}

impl<'a> Token<'a> {
    /// Reads a token and makes the checks that need no key.
    ///
    /// # Errors
    /// The first error that is found without a key.
    pub fn read(text: &'a str, expected: &Expected<'_>) -> Result<Self, Refused> {
        let parts = Parts::read(text).ok_or(Refused::Malformed)?;
        // The verifier's list decides, never the token.
        let named = parts.said("alg").and_then(|name| name.parse().ok());
        let algorithm = named.filter(|algorithm| expected.algorithms.contains(algorithm));
        let algorithm = algorithm.ok_or(Refused::Algorithm)?;
        // What is signed is the payload without its Base64url (RFC 7797), which is not understood here.
        let is_unencoded = parts.header.get("b64") == Some(&Value::Bool(false));
        if is_unencoded || parts.header.contains_key("crit") {
            return Err(Refused::Critical);
        }
        let kid = match parts.header.get("kid") {
            None => return Err(Refused::NoKid),
            Some(Value::String(kid)) => kid.clone(),
            Some(_) => return Err(Refused::Malformed),
        };
        Ok(Self { algorithm, kid, parts })
    }

    /// The name of its key.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Verifies it with the key of its [`Token::kid`]. None: there is no such key.
    ///
    /// # Errors
    /// The first reason to refuse it.
    pub fn check(self, key: Option<&PublicKey>, expected: &Expected<'_>) -> Result<Claims, Refused> {
        let key = key.ok_or(Refused::UnknownKid)?;
        if !key.fits(self.algorithm) {
            return Err(Refused::Mismatch);
        }
        if !self.parts.is_signed_by(key, self.algorithm) {
            return Err(Refused::Signature);
        }
        check_claims(&self.parts.claims, expected)?;
        Ok(self.parts.claims)
    }
}

/// Checks the claims of a token with a valid signature, in the published services' order, so that of two
/// errors the same is reported. Errors that they accept come last.
fn check_claims(claims: &Claims, expected: &Expected<'_>) -> Result<(), Refused> {
    let since_1970 = expected.now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (now, skew) = (since_1970.as_secs_f64(), expected.skew.as_secs_f64());
    let time = |name| match claims.get(name) {
        None => Ok(None),
        Some(_) => claims.seconds(name).map(Some).ok_or(Refused::Time),
    };
    if time("iat")?.is_some_and(|iat| iat > now + skew) {
        return Err(Refused::FromTheFuture);
    }
    if time("nbf")?.is_some_and(|nbf| nbf > now + skew) {
        return Err(Refused::NotYet);
    }
    let expiry = time("exp")?;
    if expiry.is_some_and(|expiry| expiry <= now - skew) {
        return Err(Refused::Expired);
    }
    if let Some(issuer) = expected.issuer {
        claims.get("iss").ok_or(Refused::NoIssuer)?;
        if claims.text("iss") != Some(issuer) {
            return Err(Refused::Issuer);
        }
    }
    if let Some(wanted) = expected.audiences {
        let audience = claims.get("aud").filter(|audience| !is_empty(audience)).ok_or(Refused::NoAudience)?;
        let is_of_text = audience.as_array().is_none_or(|many| many.iter().all(Value::is_string));
        if !is_of_text || !claims.audiences().any(|audience| wanted.contains(&audience)) {
            return Err(Refused::Audience);
        }
    }
    if ["sub", "jti"].into_iter().filter_map(|name| claims.get(name)).any(|name| !name.is_string()) {
        return Err(Refused::Name);
    }
    if expiry.is_none() {
        return Err(Refused::NoExpiry);
    }
    // An access token has the type Bearer or none.
    match claims.get("typ").map(Value::as_str) {
        None => Ok(()),
        Some(Some(kind)) if kind.eq_ignore_ascii_case("Bearer") => Ok(()),
        Some(_) => Err(Refused::Type),
    }
}

/// Whether a claim is present and empty.
fn is_empty(claim: &Value) -> bool {
    match claim {
        Value::Null => true,
        Value::Bool(truth) => !truth,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}
