//! A token service (STS) that answers like Keycloak: with the realm `arp-dev` (docs/wire/arp.md) or an
//! imported one. Client credentials by shared secret or by private key, and token exchange (RFC 8693).
//!
//! *KC* marks behaviour taken from Keycloak's source.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::jwt::{Algorithm, KeyError, PublicKey, SigningKey};
use crate::openapi;
use crate::server::error::StartError;
use crate::server::faults::Faults;
use crate::server::form::FormFields;
use crate::server::{About, Bound, Manners, Server, ServerOptions};
use assertions::UsedAssertions;
use keys::SigningKeys;

mod answer;
mod assertions;
mod authenticate;
mod grants;
mod issue;
mod keys;
pub(crate) mod paths;
mod realm;

pub use realm::{Realm, RealmError};

/// How to start a token service.
pub struct StsOptions {
    /// Its address and identity.
    pub server: ServerOptions,
    /// Its clients.
    pub realm: Realm,
    /// The issuer of its tokens, without a slash at the end. None: the realm's URL at the `Host` of the request.
    pub issuer: Option<String>,
    /// The algorithm of its tokens.
    pub algorithm: Algorithm,
    /// The rule for the audiences of its tokens.
    pub audiences: AudienceRule,
}

impl Default for StsOptions {
    /// Plain HTTP on a free port of 127.0.0.1; realm `arp-dev`; RS256.
    fn default() -> Self {
        Self {
            server: ServerOptions::default(),
            realm: Realm::dev(),
            issuer: None,
            algorithm: Algorithm::Rs256,
            audiences: AudienceRule::Asked,
        }
    }
}

/// The rule for the audience of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudienceRule {
    /// The requested audience, if it is a client of the realm; else those of the client's mappers.
    Asked,
    /// The audiences of the client's mappers only. A requested one is ignored with client credentials and
    /// refused in an exchange (*KC*).
    Mapped,
}

/// The grant of a token request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// The client's own credentials (RFC 6749, section 4.4).
    ClientCredentials,
    /// Another token (RFC 8693).
    TokenExchange,
}

/// A running token service. Stops when dropped.
///
/// ```
/// use server_stub::{Sts, StsOptions};
/// let sts = Sts::start(StsOptions::default())?;
/// assert!(sts.issuer().ends_with("/realms/arp-dev"));
/// sts.server().set_faults("token-expired".parse()?)?;
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct Sts {
    server: Server,
    state: Arc<RealmState>,
    addresses: Addresses,
}

/// The state that all requests share.
struct RealmState {
    /// The issuer that was set, as with Keycloak's `hostname`.
    issuer: Option<String>,
    /// The URL of the server.
    url: String,
    realm: Mutex<Realm>,
    keys: Mutex<SigningKeys>,
    used: Mutex<UsedAssertions>,
    audiences: AudienceRule,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    token_requests: AtomicU64,
    client_credentials: AtomicU64,
    exchanges: AtomicU64,
    jwks: AtomicU64,
}

impl RealmState {
    fn realm(&self) -> MutexGuard<'_, Realm> {
        self.realm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keys(&self) -> MutexGuard<'_, SigningKeys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn used(&self) -> MutexGuard<'_, UsedAssertions> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_tls(&self) -> bool {
        self.url.starts_with("https:")
    }

    /// Its names for itself in answers to a request to this `Host`. Without one it takes the address that it listens on.
    fn addresses(&self, host: Option<&str>) -> Addresses {
        let (scheme, own) = self.url.split_once("://").unwrap_or(("http", &self.url));
        let host = host.unwrap_or(own);
        let host = host.strip_suffix(if scheme == "https" { ":443" } else { ":80" }).unwrap_or(host);
        let url = format!("{scheme}://{host}/realms/{}", self.realm().name());
        Addresses { issuer: self.issuer.clone().unwrap_or_else(|| url.clone()), url }
    }
}

/// A request for a token.
struct TokenRequest<'a> {
    state: &'a RealmState,
    at: Addresses,
    form: FormFields,
    /// The time of the service's clock.
    now: SystemTime,
    faults: Faults,
}

/// What the service calls itself: Keycloak takes it from the `Host` of each request, unless its `hostname` is set.
struct Addresses {
    issuer: String,
    /// The realm's URL.
    url: String,
}

impl Addresses {
    fn token_endpoint(&self) -> String {
        format!("{}{}", self.url, paths::TOKEN)
    }

    fn jwks_uri(&self) -> String {
        format!("{}{}", self.url, paths::CERTS)
    }
}

impl Sts {
    /// Starts a token service on a thread of its own and returns when it listens.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is left running.
    pub fn start(options: StsOptions) -> Result<Self, StartError> {
        let StsOptions { server, realm, issuer, algorithm, audiences } = options;
        let keys = SigningKeys::new(algorithm).map_err(|error| StartError::Certificate(error.to_string()))?;
        let about = About {
            issues: Some(|path| path.ends_with(paths::TOKEN)),
            manners: Manners::KEYCLOAK,
            document: Some(openapi::sts()),
            ..About::default()
        };
        let bound = Bound::new(server, about)?;
        let state = Arc::new(RealmState {
            issuer,
            url: bound.url().to_owned(),
            realm: Mutex::new(realm),
            keys: Mutex::new(keys),
            used: Mutex::default(),
            audiences,
            counts: Counts::default(),
        });
        let addresses = state.addresses(None);
        let service = paths::router(Arc::clone(&state), bound.admin().clone());
        Ok(Self { server: bound.serve(service), state, addresses })
    }

    /// Its server, for the address and the faults.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The issuer of its tokens, without a slash at the end, for those who ask at the address it listens on.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.addresses.issuer
    }

    /// The URL of the token endpoint.
    #[must_use]
    pub fn token_endpoint(&self) -> String {
        self.addresses.token_endpoint()
    }

    /// The URL of its public keys.
    #[must_use]
    pub fn jwks_uri(&self) -> String {
        self.addresses.jwks_uri()
    }

    /// Replaces the signing key and returns the new key's name. The JWKS keeps the old keys until
    /// [`Sts::retire_old_keys`].
    ///
    /// # Errors
    /// No key could be made.
    pub fn rotate_signing_key(&self) -> Result<String, KeyError> {
        self.state.keys().rotate()
    }

    /// Removes all keys but the newest from the JWKS, so that tokens of the old keys become invalid.
    pub fn retire_old_keys(&self) {
        self.state.keys().retire();
    }

    /// Registers a further key of a client (private_key_jwt), the JWK or the first of a set, and returns the key's name.
    /// Over HTTP: `PUT /__stub/clients/{id}/keys` with the JWK or the set and the admin token.
    ///
    /// # Errors
    /// There is no such client, or the JWK is not a public key for signatures.
    pub fn register_key(&self, client_id: &str, jwk: &Value) -> Result<String, RealmError> {
        let jwk = jwk.pointer("/keys/0").unwrap_or(jwk);
        let key = PublicKey::from_jwk(jwk).map_err(|error| RealmError::new(error.to_string()))?;
        let kid = key.kid().to_owned();
        self.state.realm().register(client_id, key)?;
        Ok(kid)
    }

    /// Replaces the realm by another of the same name, as an import does. Keys that were registered are forgotten, the
    /// signing keys stay.
    pub fn set_realm(&self, realm: Realm) {
        *self.state.realm() = realm;
    }

    /// Enables or disables a client.
    ///
    /// # Errors
    /// There is no such client.
    pub fn enable_client(&self, client_id: &str, enabled: bool) -> Result<(), RealmError> {
        self.state.realm().enable(client_id, enabled)
    }

    /// Replaces a client's secret.
    ///
    /// # Errors
    /// There is no such client.
    pub fn set_secret(&self, client_id: &str, secret: &str) -> Result<(), RealmError> {
        self.state.realm().set_secret(client_id, secret)
    }

    /// A signed token like those it issues, with these claims changed; null removes a claim.
    #[must_use]
    pub fn token(&self, changed: &Value) -> String {
        let now = issue::now();
        let mut claims = json!({
            "exp": now + 300, "iat": now, "jti": crate::secrets::new_uuid(), "iss": self.issuer(),
            "sub": "a-caller", "typ": "Bearer", "azp": "a-client",
        });
        for (name, value) in changed.as_object().into_iter().flatten() {
            if value.is_null() {
                claims.as_object_mut().map(|claims| claims.remove(name));
            } else {
                claims[name] = value.clone();
            }
        }
        self.state.keys().newest().token(&claims)
    }

    /// Calls `look` with the signing key, for tokens that the service would not issue.
    pub fn with_signing_key<T>(&self, look: impl FnOnce(&SigningKey) -> T) -> T {
        look(self.state.keys().newest())
    }

    /// The number of requests to the token endpoint, including refused ones.
    #[must_use]
    pub fn token_requests(&self) -> u64 {
        self.state.counts.token_requests.load(Ordering::Relaxed)
    }

    /// The number of tokens issued for this grant.
    #[must_use]
    pub fn tokens_issued(&self, grant: Grant) -> u64 {
        match grant {
            Grant::ClientCredentials => self.state.counts.client_credentials.load(Ordering::Relaxed),
            Grant::TokenExchange => self.state.counts.exchanges.load(Ordering::Relaxed),
        }
    }

    /// The number of requests for its JWKS.
    #[must_use]
    pub fn jwks_requests(&self) -> u64 {
        self.state.counts.jwks.load(Ordering::Relaxed)
    }
}
