//! The answer of a token endpoint (RFC 6749, sections 5.1 and 5.2; RFC 8693, section 2.2; for Keycloak see
//! docs/wire/arp.md, "Token answers").

use std::borrow::Cow;
use std::time::Duration;

use node_core::text::Text;
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::error::{Answerer, Grant, InvalidTokenError, TokenError};
use super::jwt::Seconds;
use super::token::{AccessToken, Bounds, Expected};
use crate::files::json;
use crate::net::http::{Between, repeats};

/// An answer, with everything that is needed to judge it.
pub(super) struct Answer<'a> {
    pub(super) grant: Grant,
    pub(super) status: u16,
    pub(super) body: &'a [u8],
    pub(super) retry_after: Option<Duration>,
    /// What shows that it does not come from the STS.
    pub(super) between: Option<Between>,
    /// The setting that leads to the token endpoint.
    pub(super) address: &'static str,
    /// Texts that must not be shown, even if the server repeats them.
    pub(super) secrets: &'a [&'a [u8]],
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

/// A refusal without the code that RFC 6749 wants.
#[derive(Deserialize)]
struct Wordless<'a> {
    #[serde(borrow, default)]
    detail: Option<&'a RawValue>,
    /// As gateways write it.
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
}

/// The types of token that an exchange may issue: both name a JWT access token (RFC 8693, section 3).
const ACCESS_TOKENS: [&str; 2] =
    ["urn:ietf:params:oauth:token-type:access_token", "urn:ietf:params:oauth:token-type:jwt"];

/// The codes of refusals by RFC 6749, section 5.2, and RFC 8693, section 2.2.2, and Keycloak's own.
const CODES: [&str; 8] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_target",
    "access_denied",
];

/// The codes of outages by RFC 6749, section 4.1.2.1, which some servers send from the token endpoint as well.
const OUTAGES: [&str; 2] = ["temporarily_unavailable", "server_error"];

/// The known code that `code` is, or nothing: some servers write it in capitals or as the end of a URN.
fn known(code: &str) -> &'static str {
    let code = code.rsplit(':').next().unwrap_or_default();
    let known = CODES.into_iter().chain(OUTAGES).find(|known| known.eq_ignore_ascii_case(code));
    known.unwrap_or_default()
}

impl Answer<'_> {
    /// Reads the token and checks that it is the requested one. `bounds` are those known without this answer.
    ///
    /// # Errors
    /// The reason why there is no token.
    pub(super) fn read(&self, expected: &Expected<'_>, bounds: Bounds) -> Result<AccessToken, TokenError> {
        let grant = self.grant;
        // 201 is what frameworks answer to a POST that made something, with the same body.
        if ![200, 201].contains(&self.status) {
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
        AccessToken::check(text, expected, &Bounds { expires_in, ..bounds })
            .map_err(|flaw| unusable(flaw.without(&|claim| repeats(claim.as_bytes(), self.secrets))))
    }

    fn refusal(&self) -> TokenError {
        let Self { grant, status, retry_after, .. } = *self;
        // Proxies and rate limiters in front of the STS answer 408 and 429 in any format; with 404, 405, 406 and 415 it
        // is not a token endpoint that speaks.
        if !(400..=499).contains(&status) || [404, 405, 406, 408, 415, 429].contains(&status) {
            return self.failure();
        }
        let (error, description) = match json::object::<Refusal<'_>>(self.body) {
            // Keycloak's reason where its realm wants TLS (sslRequired).
            Ok(Refusal { error_description: Some(why), .. }) if why == "HTTPS required" => {
                return self.failed(Answerer::TlsOnly);
            }
            // Outages, whatever the status.
            Ok(Refusal { error, .. }) if OUTAGES.contains(&known(&error)) => {
                return self.failed(Answerer::Troubled);
            }
            Ok(Refusal { error, error_description }) => (error, error_description.unwrap_or_default()),
            // A 401 is about who asks, in whatever words.
            Err(_) if status == 401 => match json::object::<Wordless<'_>>(self.body) {
                Ok(Wordless { detail, message }) => {
                    let text = [detail, message].into_iter().flatten();
                    let text = text.filter_map(|text| json::string(text.get())).next();
                    (Cow::default(), Cow::Owned(text.unwrap_or_default()))
                }
                Err(_) => return self.failure(),
            },
            Err(_) => return self.failure(),
        };
        TokenError::Refused {
            grant,
            status,
            error: self.code(&error),
            description: self.shown(&description),
            retry_after,
            undated: false,
        }
    }

    fn failure(&self) -> TokenError {
        self.failed(match (self.status, self.between) {
            (511, Some(between)) => Answerer::Between(between.words()),
            (408 | 429 | 500..=599, _) => Answerer::Troubled,
            // Proxies say something. Glewlwyd refuses so.
            (_, Some(Between::OtherForm)) if self.body.is_empty() => Answerer::Unknown,
            (_, Some(between)) => Answerer::Between(between.words()),
            (404 | 405 | 406 | 415, None) => Answerer::Pathless,
            (301..=303 | 307 | 308, None) => Answerer::Redirecting,
            (_, None) => Answerer::Unknown,
        })
    }

    const fn failed(&self, by: Answerer) -> TokenError {
        let Self { grant, status, address, retry_after, .. } = *self;
        TokenError::Failed { grant, status, by, address, retry_after }
    }

    /// The code of a refusal, or nothing if it repeats a secret. Those that the RFCs have are no text of the server.
    fn code(&self, code: &str) -> Text<48> {
        match known(code) {
            "" => self.shown(code),
            known => Text::from(known),
        }
    }

    /// The text, or nothing if it repeats a secret.
    fn shown<const N: usize>(&self, text: &str) -> Text<N> {
        if repeats(text.as_bytes(), self.secrets) { Text::new() } else { Text::from(text) }
    }
}

#[cfg(test)]
mod tests;
