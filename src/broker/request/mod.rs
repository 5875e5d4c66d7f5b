//! Requests of callers: one HTTP/1.1 request on each connection, read from the bytes that have arrived so far.

mod chunks;
mod head;

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;
use serde::de::IgnoredAny;
use zeroize::Zeroizing;

pub(crate) use self::head::{Body, Head, MAX_BODY, MAX_FIELDS, MAX_HEAD};
use super::answer::Refusal;
use super::form;
use crate::files::json;

/// A request that can be answered.
#[cfg_attr(any(test, fuzzing), derive(Clone, Debug, PartialEq, Eq))]
pub(super) enum BrokerRequest {
    /// `GET /v1/health`.
    Health,
    /// `GET /v1/version`.
    Version,
    /// `GET /v1/status`.
    Status,
    /// `GET /v1/metrics`.
    Metrics,
    /// `GET /v1/token`.
    Token {
        audience: Option<Zeroizing<String>>,
        scope: Option<Zeroizing<String>>,
        /// The fingerprint of a token that a service has refused.
        refused: Option<Zeroizing<String>>,
    },
    /// `POST /v1/token/exchange`.
    Exchange {
        audience: Option<Zeroizing<String>>,
        scope: Option<Zeroizing<String>>,
        subject: Zeroizing<String>,
    },
}

impl BrokerRequest {
    /// Tells one exchange from others without being a copy of the token; `None` for all other requests.
    pub(super) fn exchange(&self) -> Option<u64> {
        let Self::Exchange { audience, scope, subject } = self else { return None };
        let mut hasher = DefaultHasher::new();
        (audience.as_deref(), scope.as_deref(), subject.as_str()).hash(&mut hasher);
        Some(hasher.finish())
    }
}

/// How much of a request has arrived.
#[cfg_attr(any(test, fuzzing), derive(Debug, PartialEq, Eq))]
pub(super) enum Progress {
    /// More bytes are needed. `wants_go_ahead`: the caller waits for `100 Continue` (RFC 9110, 10.1.1).
    Incomplete { wants_go_ahead: bool },
    /// All of it.
    Whole(BrokerRequest),
}

/// Reads the bytes of a request that have arrived so far.
///
/// # Errors
/// As soon as it is certain that the request will be refused.
pub(super) fn read(bytes: &[u8]) -> Result<Progress, Refusal> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let Some((head, arrived)) = Head::read(bytes, &mut fields)? else {
        return Ok(Progress::Incomplete { wants_go_ahead: false });
    };
    if let Route::Ready(request) = head.route()? {
        return Ok(Progress::Whole(request));
    }
    match head.body(arrived)? {
        Body::Whole(body) => head.exchange(&body).map(Progress::Whole),
        Body::Incomplete { wants_go_ahead } => Ok(Progress::Incomplete { wants_go_ahead }),
    }
}

/// A request that needs no body, or one whose body is still to be read.
enum Route {
    Ready(BrokerRequest),
    Exchange,
}

impl Head<'_, '_> {
    fn route(&self) -> Result<Route, Refusal> {
        let (path, query) = self.path_and_query();
        let method = match path {
            "/v1/health" | "/v1/version" | "/v1/status" | "/v1/metrics" | "/v1/token" => "GET",
            "/v1/token/exchange" => "POST",
            _ => {
                return Err(Refusal::new(
                    404,
                    "not_found",
                    "there are /v1/health, /v1/version, /v1/status, /v1/metrics, /v1/token and /v1/token/exchange",
                ));
            }
        };
        if self.method != method {
            let why = format!("{path} is asked for with {method}");
            return Err(Refusal::new(405, "method_not_allowed", why));
        }
        Ok(match path {
            "/v1/health" => Route::Ready(BrokerRequest::Health),
            "/v1/version" => Route::Ready(BrokerRequest::Version),
            "/v1/status" => Route::Ready(BrokerRequest::Status),
            "/v1/metrics" => Route::Ready(BrokerRequest::Metrics),
            "/v1/token" => {
                let [audience, scope, refused] =
                    form::read(query.as_bytes(), ["audience", "scope", "refused"])
                        .map_err(Refusal::bad_request)?;
                Route::Ready(BrokerRequest::Token { audience, scope, refused })
            }
            _ => Route::Exchange,
        })
    }

    fn exchange(&self, body: &[u8]) -> Result<BrokerRequest, Refusal> {
        let kind = self.one("content-type")?.unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let [audience, scope, subject, types @ ..] = if kind.eq_ignore_ascii_case("application/json") {
            // Without serde's message, which could quote a token.
            let form: ExchangeForm<'_> = json::object(body).map_err(|e| {
                Refusal::bad_request(format!(
                    "the body is not an object of {} as text (see column {})",
                    EXCHANGE.join(", "),
                    e.column()
                ))
            })?;
            form.values().map_err(|name| Refusal::bad_request(form::not_served(name)))?
        } else if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            form::read(body, EXCHANGE).map_err(Refusal::bad_request)?
        } else {
            return Err(Refusal::new(
                415,
                "unsupported_media_type",
                "send application/json or application/x-www-form-urlencoded",
            ));
        };
        // Clients of a token endpoint have to say what is always done here.
        for ((name, only), value) in TYPES.into_iter().zip(types) {
            if value.is_some_and(|value| !value.is_empty() && value.as_str() != only) {
                return Err(Refusal::bad_request(format!(
                    "{name} can only be {only}; send that or leave it out"
                )));
            }
        }
        let subject = subject.ok_or_else(|| Refusal::bad_request("subject_token is missing"))?;
        Ok(BrokerRequest::Exchange { audience, scope, subject })
    }
}

/// The parameters of an exchange.
const EXCHANGE: [&str; 6] = ["audience", "scope", "subject_token", TYPES[0].0, TYPES[1].0, TYPES[2].0];
/// Those of RFC 8693, section 2.1, that can have one value only, with that value.
const TYPES: [(&str, &str); 3] = [
    ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
    ("subject_token_type", ACCESS_TOKEN),
    ("requested_token_type", ACCESS_TOKEN),
];
/// RFC 8693, section 3.
pub(super) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExchangeForm<'a> {
    #[serde(borrow)]
    audience: Option<Text<'a>>,
    #[serde(borrow)]
    scope: Option<Text<'a>>,
    #[serde(borrow)]
    subject_token: Option<Text<'a>>,
    #[serde(borrow)]
    grant_type: Option<Text<'a>>,
    #[serde(borrow)]
    subject_token_type: Option<Text<'a>>,
    #[serde(borrow)]
    requested_token_type: Option<Text<'a>>,
    resource: Option<IgnoredAny>,
    actor_token: Option<IgnoredAny>,
    actor_token_type: Option<IgnoredAny>,
    client_id: Option<IgnoredAny>,
    client_secret: Option<IgnoredAny>,
    client_assertion: Option<IgnoredAny>,
    client_assertion_type: Option<IgnoredAny>,
}

impl ExchangeForm<'_> {
    /// The values in the order of [`EXCHANGE`], or the name of one that is not served.
    fn values(self) -> Result<[Option<Zeroizing<String>>; EXCHANGE.len()], &'static str> {
        let others = [
            self.resource,
            self.actor_token,
            self.actor_token_type,
            self.client_id,
            self.client_secret,
            self.client_assertion,
            self.client_assertion_type,
        ];
        match others.iter().position(Option::is_some) {
            Some(index) => Err(form::NOT_SERVED[index]),
            None => Ok([
                self.audience,
                self.scope,
                self.subject_token,
                self.grant_type,
                self.subject_token_type,
                self.requested_token_type,
            ]
            .map(|value| value.map(Text::keep))),
        }
    }
}

/// Borrowed from the request wherever that is possible: otherwise serde would leave a copy of a token behind.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Text<'_> {
    pub(crate) fn keep(self) -> Zeroizing<String> {
        Zeroizing::new(self.0.into_owned())
    }
}

#[cfg(test)]
mod tests;
