//! Inbound validation: a layer for any service that checks callers' tokens like the published services, and
//! more strictly in some points (docs/wire/arp.md, "Inbound validation").

use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};

use crate::jwt::{Expected, Refused, Token};
use crate::run::arp::ArpError;
use crate::run::outbound::Outbound;
use crate::server::error::StartError;
use keys::IssuerKeys;

mod cache;
mod keys;
mod settings;

pub use settings::{AuthMode, InboundSettings, KeySource};

const INVALID_REQUEST: &str = "invalid_request";
const INVALID_TOKEN: &str = "invalid_token";

/// The caller of a request. Stored in its extensions by the layer.
#[derive(Clone)]
pub(crate) struct Caller {
    /// The caller's token. None: an anonymous call, where allowed.
    pub(crate) token: Option<Arc<str>>,
}

struct Inbound {
    settings: InboundSettings,
    keys: IssuerKeys,
}

/// `router` behind the layer, which covers all paths, including unknown ones, except the exempt ones. Keys
/// are fetched over plain HTTP, or over TLS with certificates of these authorities in PEM.
///
/// # Errors
/// One of the authorities is unusable.
pub fn guarded(
    router: Router,
    settings: InboundSettings,
    authorities: &[String],
) -> Result<Router, StartError> {
    Ok(behind(router, settings, Outbound::new(None, authorities)?))
}

pub(crate) fn behind(router: Router, settings: InboundSettings, outbound: Outbound) -> Router {
    let keys = IssuerKeys::new(settings.keys.clone(), outbound);
    router.layer(middleware::from_fn_with_state(Arc::new(Inbound { settings, keys }), pass))
}

async fn pass(State(inbound): State<Arc<Inbound>>, mut request: Request, next: Next) -> Response {
    // Paths are compared exactly: another spelling of an exempt path is not exempt.
    if !inbound.settings.exempt_paths.iter().any(|path| path == request.uri().path()) {
        match inbound.caller(request.headers()).await {
            Ok(caller) => drop(request.extensions_mut().insert(caller)),
            Err(refusal) => return refusal.into_response(),
        }
    }
    next.run(request).await
}

impl Inbound {
    async fn caller(&self, headers: &HeaderMap) -> Result<Caller, ArpError> {
        let mut sent = headers.get_all(header::AUTHORIZATION).iter();
        let bearer = sent.next().map(|header| header.to_str().ok().and_then(bearer));
        // Two headers are ambiguous.
        let bearer = if sent.next().is_some() { Some(None) } else { bearer };
        let token = match (self.settings.mode, bearer) {
            // The token is not checked, but it can be exchanged.
            (AuthMode::Disabled, token) => return Ok(Caller { token: token.flatten().map(Arc::from) }),
            (AuthMode::Optional, None) => return Ok(Caller { token: None }),
            (AuthMode::Required, None) => {
                return Err(ArpError::unauthorized(INVALID_REQUEST, "Missing Authorization header"));
            }
            (AuthMode::Required | AuthMode::Optional, Some(None)) => {
                return Err(ArpError::unauthorized(INVALID_REQUEST, "Invalid Authorization header"));
            }
            (AuthMode::Required | AuthMode::Optional, Some(Some(token))) => token,
        };
        match self.check(token).await {
            Ok(()) => Ok(Caller { token: Some(token.into()) }),
            Err(refused) => Err(ArpError::unauthorized(INVALID_TOKEN, refused.message())),
        }
    }

    async fn check(&self, token: &str) -> Result<(), Refused> {
        let audience = self.settings.audience.as_deref();
        let expected = Expected {
            issuer: self.settings.issuer.as_deref(),
            audiences: audience.as_ref().map(core::slice::from_ref),
            algorithms: &self.settings.algorithms,
            skew: self.settings.clock_skew,
            now: SystemTime::now(),
        };
        let token = Token::read(token, &expected)?;
        let key = self.keys.find(token.kid()).await;
        token.check(key.as_ref(), &expected).map(|_| ())
    }
}

/// The token of a bearer header: two words, the first of them `bearer` in upper or lower case.
fn bearer(header: &str) -> Option<&str> {
    let mut words = header.split_ascii_whitespace();
    let (scheme, token) = (words.next()?, words.next()?);
    (scheme.eq_ignore_ascii_case("bearer") && words.next().is_none()).then_some(token)
}
