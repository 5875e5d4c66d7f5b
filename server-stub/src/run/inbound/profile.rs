//! The two kinds of services behind the layer: how each reads the header, refuses, and keeps the issuer's keys.

use core::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::jwt::Refused;
use crate::run::arp::ArpError;
use crate::server::answer::{Detail, internal};

const INVALID_REQUEST: &str = "invalid_request";
const INVALID_TOKEN: &str = "invalid_token";

/// Whose manner it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// The published services of ARP (docs/wire/arp.md, "Inbound validation").
    Arp,
    /// SmartEM's backend (docs/wire/smartem.md, "The backend").
    SmartEm,
}

/// Why a call is refused.
#[derive(Debug, PartialEq)]
pub(super) enum Fault {
    /// There is no header; at services of ARP it may also be empty.
    Missing,
    /// The header is of another form.
    Malformed,
    /// The header has no token.
    Empty,
    Token(Refused),
    /// The token was issued to another client.
    Party,
    /// Nothing says where the issuer's keys are.
    NoSource,
}

impl Profile {
    /// The token in the header.
    pub(super) fn token(self, headers: &HeaderMap) -> Result<String, Fault> {
        let mut sent = headers.get_all(header::AUTHORIZATION).iter();
        let first = sent.next().ok_or(Fault::Missing)?;
        match self {
            // Two headers are ambiguous.
            Self::Arp if sent.next().is_some() => Err(Fault::Malformed),
            Self::Arp if first.is_empty() => Err(Fault::Missing),
            Self::Arp => first.to_str().ok().and_then(two_words).map(str::to_owned).ok_or(Fault::Malformed),
            Self::SmartEm => after_bearer(first),
        }
    }

    pub(super) fn refusal(self, fault: &Fault) -> Response {
        match self {
            Self::Arp => arp(fault).into_response(),
            Self::SmartEm => smartem(fault),
        }
    }

    /// How long fetched keys are believed.
    pub(super) const fn key_life(self) -> Duration {
        match self {
            Self::Arp => Duration::from_secs(300),
            Self::SmartEm => Duration::from_secs(600),
        }
    }

    /// The shortest time between two fetches for keys with unknown names.
    pub(super) const fn cool_down(self) -> Duration {
        match self {
            Self::Arp => Duration::from_secs(30),
            Self::SmartEm => Duration::ZERO,
        }
    }
}

fn arp(fault: &Fault) -> ArpError {
    match fault {
        Fault::Missing => ArpError::unauthorized(INVALID_REQUEST, "Missing Authorization header"),
        Fault::Malformed | Fault::Empty => {
            ArpError::unauthorized(INVALID_REQUEST, "Invalid Authorization header")
        }
        Fault::Party => ArpError::unauthorized(INVALID_TOKEN, "Invalid token"),
        Fault::Token(refused) => ArpError::unauthorized(INVALID_TOKEN, refused.message()),
        Fault::NoSource => ArpError::unauthorized(INVALID_TOKEN, Refused::UnknownKid.message()),
    }
}

fn smartem(fault: &Fault) -> Response {
    let detail = match fault {
        Fault::Missing | Fault::Malformed => "Missing or malformed Authorization header",
        Fault::Empty => "Empty bearer token",
        Fault::Token(Refused::NoKid | Refused::UnknownKid) => "Cannot resolve signing key",
        Fault::Token(Refused::Expired) => "Token expired",
        Fault::Party => "Token azp not permitted",
        Fault::Token(_) => "Invalid token",
        Fault::NoSource => return internal(),
    };
    let mut refusal = Detail::new(StatusCode::UNAUTHORIZED, detail).into_response();
    refusal.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    refusal
}

/// The token of a bearer header: two words, the first of them `bearer` in upper or lower case.
fn two_words(header: &str) -> Option<&str> {
    let mut words = header.split_ascii_whitespace();
    let (scheme, token) = (words.next()?, words.next()?);
    (scheme.eq_ignore_ascii_case("bearer") && words.next().is_none()).then_some(token)
}

/// All that follows `bearer` and a space, without white space around it. The header is Latin-1.
fn after_bearer(header: &HeaderValue) -> Result<String, Fault> {
    let text: String = header.as_bytes().iter().map(|byte| char::from(*byte)).collect();
    let (scheme, token) = text.split_once(' ').ok_or(Fault::Malformed)?;
    match token.trim() {
        _ if !scheme.eq_ignore_ascii_case("bearer") => Err(Fault::Malformed),
        "" => Err(Fault::Empty),
        token => Ok(token.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smartem_takes_what_follows_bearer() {
        let read = |header: &[u8]| after_bearer(&HeaderValue::from_bytes(header).expect("a header"));
        for (header, token) in [
            (&b"Bearer x"[..], Ok("x")),
            (b"bEARER  x y ", Ok("x y")),
            (b"Bearer \xa0", Err(Fault::Empty)),
            (b"Bearer ", Err(Fault::Empty)),
            (b"Bearer", Err(Fault::Malformed)),
            (b"Bearer\tx", Err(Fault::Malformed)),
            (b"Basic eDp5", Err(Fault::Malformed)),
            (b"", Err(Fault::Malformed)),
        ] {
            assert_eq!(read(header), token.map(str::to_owned), "{header:?}");
        }
    }
}
