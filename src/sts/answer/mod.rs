//! The answer of a token endpoint (RFC 6749, sections 5.1 and 5.2; RFC 8693, section 2.2; for Keycloak see
//! docs/wire/arp.md, "Token answers").

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use node_core::text::Text;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::error::{Grant, InvalidTokenError, TokenError};
use super::form;
use super::jwt::Seconds;
use super::token::{AccessToken, Bounds, Expected};
use crate::files::json;

/// An answer, with everything that is needed to judge it.
pub(super) struct Answer<'a> {
    pub(super) grant: Grant,
    pub(super) status: u16,
    pub(super) body: &'a [u8],
    pub(super) retry_after: Option<Duration>,
    /// Texts that must not be shown, even if the server repeats them.
    pub(super) secrets: &'a [&'a str],
}

/// A successful answer (RFC 6749, section 5.1).
#[derive(Deserialize)]
struct Granted<'a> {
    #[serde(borrow)]
    access_token: Cow<'a, str>,
    #[serde(borrow)]
    token_type: Option<Cow<'a, str>>,
    expires_in: Option<Seconds>,
    #[serde(borrow)]
    issued_token_type: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Refusal<'a> {
    #[serde(borrow)]
    error: Cow<'a, str>,
    #[serde(borrow)]
    error_description: Option<Cow<'a, str>>,
}

/// The types of token that an exchange may issue: both name a JWT access token (RFC 8693, section 3).
const ACCESS_TOKENS: [&str; 2] =
    ["urn:ietf:params:oauth:token-type:access_token", "urn:ietf:params:oauth:token-type:jwt"];

impl Answer<'_> {
    /// Reads the token and checks that it is the requested one. `bounds` are those known without this answer.
    ///
    /// # Errors
    /// The reason why there is no token.
    pub(super) fn read(&self, expected: &Expected<'_>, bounds: Bounds) -> Result<AccessToken, TokenError> {
        let grant = self.grant;
        if self.status != 200 {
            return Err(self.refusal());
        }
        let Granted { access_token, token_type, expires_in, issued_token_type } =
            json::object(self.body).map_err(|_| self.failure())?;
        let text = Zeroizing::new(access_token.into_owned().into_boxed_str());
        let unusable = |flaw| TokenError::Unusable { grant, flaw };
        if let Some(kind) = token_type
            && !kind.eq_ignore_ascii_case("bearer")
        {
            return Err(unusable(InvalidTokenError::Kind(self.shown(&kind))));
        }
        if let Some(kind) = issued_token_type
            && !ACCESS_TOKENS.contains(&&*kind)
        {
            return Err(unusable(InvalidTokenError::NotAnAccessToken(
                self.shown(kind.rsplit(':').next().unwrap_or_default()),
            )));
        }
        let expires_in = expires_in.map(|Seconds(secs)| Duration::from_secs(secs));
        AccessToken::check(text, expected, &Bounds { expires_in, ..bounds }).map_err(unusable)
    }

    fn refusal(&self) -> TokenError {
        let Self { grant, status, retry_after, .. } = *self;
        // Rate limiters in front of the STS answer 429 in any format.
        if !(400..=499).contains(&status) || status == 429 {
            return self.failure();
        }
        match json::object::<Refusal<'_>>(self.body) {
            Ok(Refusal { error, error_description }) => TokenError::Refused {
                grant,
                status,
                error: self.shown(&error),
                description: self.shown(&error_description.unwrap_or_default()),
                retry_after,
                undated: false,
            },
            Err(_) => self.failure(),
        }
    }

    const fn failure(&self) -> TokenError {
        TokenError::Failed { grant: self.grant, status: self.status, retry_after: self.retry_after }
    }

    /// The text, or nothing if it repeats a secret.
    fn shown<const N: usize>(&self, text: &str) -> Text<N> {
        let repeats = self.secrets.iter().any(|secret| !secret.is_empty() && repeats(text, secret));
        if repeats { Text::new() } else { Text::from(text) }
    }
}

/// Whether `text` contains `secret`, as it is or in one of the encodings in which it was sent.
fn repeats(text: &str, secret: &str) -> bool {
    let mut encoded = Zeroizing::new(String::with_capacity(form::longest(secret.len())));
    form::encode(secret, &mut encoded);
    let base64 = Zeroizing::new(STANDARD_NO_PAD.encode(secret));
    let url_safe = Zeroizing::new(URL_SAFE_NO_PAD.encode(secret));
    [secret, &encoded, &base64, &url_safe].into_iter().any(|form| text.contains(form))
}

#[cfg(test)]
mod tests;
