//! Whether a token is good. Stricter than the published services: what they let pass without `exp`, or
//! though it is an ID token, is refused here (arp-wire.md, "Inbound validation").

use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use super::{Algorithm, Claims, PublicKey, from_base64url};

/// No token of any use is longer; a request's head could not carry it.
const MAX_LENGTH: usize = 64 * 1024;

/// What a token must be.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Who may have issued it, to the letter. None: anybody whose key is known.
    pub issuer: Option<&'a str>,
    /// Whom it must be for: one of these. None: anybody.
    pub audiences: Option<&'a [&'a str]>,
    /// How it may be signed.
    pub algorithms: &'a [Algorithm],
    /// How far the issuer's clock may be off.
    pub skew: Duration,
    /// What time it is.
    pub now: SystemTime,
}

impl<'a> Expected<'a> {
    /// A token signed by one of these algorithms that is good now, to the second, from anybody and for
    /// anybody.
    #[must_use]
    pub fn now(algorithms: &'a [Algorithm]) -> Self {
        Self { issuer: None, audiences: None, algorithms, skew: Duration::ZERO, now: SystemTime::now() }
    }
}

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is no token: not three parts of Base64url, or not of JSON objects.
    #[error("it is no JSON Web Token")]
    Malformed,
    /// It is not signed, or not by an algorithm that may sign. Found out before a key is looked for.
    #[error("it is not signed by an algorithm that may sign")]
    Algorithm,
    /// Its header demands what is not understood (`crit`, RFC 7515, section 4.1.11).
    #[error("its header demands what is not understood")]
    Critical,
    /// It does not say by which key it is signed.
    #[error("it names no key")]
    NoKid,
    /// There is no key of the name it gives.
    #[error("it names a key that is not known")]
    UnknownKid,
    /// The key of that name is not one for its algorithm.
    #[error("the key it names is not one for its algorithm")]
    Mismatch,
    /// The signature is not by that key over this token.
    #[error("its signature is wrong")]
    Signature,
    /// A time in it is no number.
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
    /// It is not good yet (`nbf`).
    #[error("it is not good yet")]
    NotYet,
    /// It is from the future (`iat`).
    #[error("it was issued in the future")]
    FromTheFuture,
    /// It does not say who issued it.
    #[error("it names no issuer")]
    NoIssuer,
    /// Somebody else issued it.
    #[error("its issuer is another")]
    Issuer,
    /// It does not say whom it is for.
    #[error("it names no audience")]
    NoAudience,
    /// It is for somebody else.
    #[error("it is for another audience")]
    Audience,
    /// Whom it is about, or its own name, is no string (`sub`, `jti`).
    #[error("a name in it is no string")]
    Name,
}

impl Refused {
    /// What the published services say of it (arp-wire.md, the table of 401s).
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

/// A token that has been read, but not checked: it says which key would check it, and nothing else in
/// it may be believed.
#[derive(Debug)]
pub struct Token<'a> {
    algorithm: Algorithm,
    kid: String,
    signed: &'a str,
    signature: Vec<u8>,
    claims: Claims,
}

impl<'a> Token<'a> {
    /// Reads a token, as far as that needs no key.
    ///
    /// # Errors
    /// What stands in the way; never [`Refused::UnknownKid`] or what is found out after it.
    pub fn read(text: &'a str, expected: &Expected<'_>) -> Result<Self, Refused> {
        let (signed, signature) = text.rsplit_once('.').ok_or(Refused::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Refused::Malformed)?;
        if text.len() > MAX_LENGTH || claims.contains('.') {
            return Err(Refused::Malformed);
        }
        let part = |text| from_base64url(text).ok_or(Refused::Malformed);
        let (header, claims, signature) = (part(header)?, part(claims)?, part(signature)?);
        let header: Map<String, Value> = serde_json::from_slice(&header).map_err(|_| Refused::Malformed)?;
        let claims = Claims::parse(&claims).ok_or(Refused::Malformed)?;
        // A list that is meant for checkers decides, never the token.
        let named = header.get("alg").and_then(Value::as_str).and_then(|name| name.parse().ok());
        let algorithm = named.filter(|algorithm| expected.algorithms.contains(algorithm));
        let algorithm = algorithm.ok_or(Refused::Algorithm)?;
        if header.contains_key("crit") {
            return Err(Refused::Critical);
        }
        let kid = header.get("kid").and_then(Value::as_str).ok_or(Refused::NoKid)?.to_owned();
        Ok(Self { algorithm, kid, signed, signature, claims })
    }

    /// The name of the key that would check it.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What it claims, which anybody can have written: only for finding out whose keys to look in.
    #[must_use]
    pub fn unproved(&self) -> &Claims {
        &self.claims
    }

    /// Checks it with the key of its [`Token::kid`]; None: there is no such key.
    ///
    /// # Errors
    /// The first reason not to take it.
    pub fn check(self, key: Option<&PublicKey>, expected: &Expected<'_>) -> Result<Claims, Refused> {
        let key = key.ok_or(Refused::UnknownKid)?;
        if !key.fits(self.algorithm) {
            return Err(Refused::Mismatch);
        }
        if !key.verifies(self.algorithm, self.signed.as_bytes(), &self.signature) {
            return Err(Refused::Signature);
        }
        judged(&self.claims, expected)?;
        Ok(self.claims)
    }
}

/// Judges the claims of a token whose signature is right, in the published services' order, so that of
/// two faults the same is told; what they do not mind comes last.
fn judged(claims: &Claims, expected: &Expected<'_>) -> Result<(), Refused> {
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
    // An access token says so, or nothing.
    match claims.get("typ").map(Value::as_str) {
        None => Ok(()),
        Some(Some(kind)) if kind.eq_ignore_ascii_case("Bearer") => Ok(()),
        Some(_) => Err(Refused::Type),
    }
}

/// Whether a claim is there and says nothing.
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
