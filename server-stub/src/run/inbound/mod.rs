//! Inbound validation: a layer for any service that checks callers' tokens like the published services of ARP or
//! like SmartEM's backend, and more strictly in some points (docs/wire/arp.md, "Inbound validation";
//! docs/wire/smartem.md).

use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::{self, Next};
use axum::response::Response;

use crate::jwt::{Claims, Expected, Refused, Token};
use crate::run::outbound::Outbound;
use crate::server::error::StartError;
use keys::IssuerKeys;
use profile::Fault;

mod cache;
mod keys;
mod profile;
mod settings;

pub use profile::Profile;
pub use settings::{AuthMode, InboundSettings, KeySource};

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

/// `router` behind the layer, which covers all paths except the exempt ones; in ARP's manner including unknown
/// ones. Keys are fetched over plain HTTP, or over TLS with certificates of these authorities in PEM.
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
    let profile = settings.profile;
    let keys = IssuerKeys::new(settings.keys.clone(), profile, outbound);
    let layer = middleware::from_fn_with_state(Arc::new(Inbound { settings, keys }), pass);
    match profile {
        Profile::Arp => router.layer(layer),
        Profile::SmartEm => router.route_layer(layer),
    }
}

async fn pass(State(inbound): State<Arc<Inbound>>, mut request: Request, next: Next) -> Response {
    // Paths are compared exactly: another spelling of an exempt path is not exempt.
    if !inbound.settings.exempt_paths.iter().any(|path| path == request.uri().path()) {
        match inbound.caller(request.headers()).await {
            Ok(caller) => drop(request.extensions_mut().insert(caller)),
            Err(fault) => return inbound.settings.profile.refusal(&fault),
        }
    }
    next.run(request).await
}

impl Inbound {
    async fn caller(&self, headers: &HeaderMap) -> Result<Caller, Fault> {
        let token = match (self.settings.mode, self.settings.profile.token(headers)) {
            // The token is not checked, but it can be exchanged.
            (AuthMode::Disabled, token) => return Ok(Caller { token: token.ok().map(Arc::from) }),
            (AuthMode::Optional, Err(Fault::Missing)) => return Ok(Caller { token: None }),
            (AuthMode::Required | AuthMode::Optional, token) => token?,
        };
        if self.settings.keys.is_none() {
            return Err(Fault::NoSource);
        }
        let claims = self.check(&token).await.map_err(Fault::Token)?;
        let azp = &self.settings.azp;
        if !azp.is_empty() && !claims.text("azp").is_some_and(|party| azp.iter().any(|one| one == party)) {
            return Err(Fault::Party);
        }
        Ok(Caller { token: Some(token.into()) })
    }

    async fn check(&self, token: &str) -> Result<Claims, Refused> {
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
        token.check(key.as_ref(), &expected)
    }
}
