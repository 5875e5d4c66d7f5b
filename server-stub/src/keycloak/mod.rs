//! A token service (STS) that answers as Keycloak does: realm `arp-dev` of arp-wire.md, or one that was
//! imported. Client credentials by shared secret or by private key, and token exchange (RFC 8693).
//!
//! *KC* marks what Keycloak's source says and the wire document does not.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::jwt::{Algorithm, KeyError, PublicKey, SigningKey};
use crate::server::error::StartError;
use crate::server::{About, Bound, Server, ServerOptions};
use assertions::UsedAssertions;
use keys::SigningKeys;

mod answer;
mod assertions;
mod authenticate;
mod grants;
mod issue;
mod keys;
mod paths;
mod realm;

pub use realm::{Realm, RealmError};

/// How to start a token service.
pub struct StsOptions {
    /// Where it listens, and as whom.
    pub server: ServerOptions,
    /// Its clients.
    pub realm: Realm,
    /// What its tokens say who issued them, without a slash at the end. None: where the realm is found.
    pub issuer: Option<String>,
    /// How it signs.
    pub algorithm: Algorithm,
    /// Whom its tokens can be for.
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

/// Whom a token can be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudienceRule {
    /// For whom it is asked, if that is a client of the realm, and else for whom the client's mappers say.
    Asked,
    /// For whom the client's mappers say, and nobody else: client credentials do not mind what is asked
    /// for, and an exchange is refused (*KC*).
    Mapped,
}

/// What a token was asked for with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// The client's own credentials (RFC 6749, section 4.4).
    ClientCredentials,
    /// Somebody else's token (RFC 8693).
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
}

/// What all requests share.
struct RealmState {
    issuer: String,
    /// Where the realm is found.
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
        let about = About { issues: Some(|path| path.ends_with(paths::TOKEN)), ..About::NONE };
        let bound = Bound::new(server, about)?;
        let url = format!("{}/realms/{}", bound.url(), realm.name());
        let state = Arc::new(RealmState {
            issuer: issuer.unwrap_or_else(|| url.clone()),
            url,
            realm: Mutex::new(realm),
            keys: Mutex::new(keys),
            used: Mutex::default(),
            audiences,
            counts: Counts::default(),
        });
        let service = paths::router(Arc::clone(&state), bound.admin().clone());
        Ok(Self { server: bound.serve(service), state })
    }

    /// Its address, its faults and whether it is there.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Who its tokens say issued them, without a slash at the end.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.state.issuer
    }

    /// Where tokens are asked for.
    #[must_use]
    pub fn token_endpoint(&self) -> String {
        self.state.token_endpoint()
    }

    /// Where the keys are that check its tokens.
    #[must_use]
    pub fn jwks_uri(&self) -> String {
        self.state.jwks_uri()
    }

    /// Signs with a new key from now on. The JWKS has the old ones, too, until
    /// [`Sts::retire_old_keys`]. Gives the new key's name.
    ///
    /// # Errors
    /// No key could be made.
    pub fn rotate_signing_key(&self) -> Result<String, KeyError> {
        self.state.keys().rotate()
    }

    /// Takes all keys but the newest out of the JWKS: tokens signed by them are good no more.
    pub fn retire_old_keys(&self) {
        self.state.keys().retire();
    }

    /// Lets a client authenticate by this key, too (private_key_jwt). Gives the key's name. The same
    /// over HTTP: `PUT /__stub/clients/{id}/keys` with the JWK and the admin token.
    ///
    /// # Errors
    /// There is no such client, or the JWK is no public key for signatures.
    pub fn register_key(&self, client_id: &str, jwk: &Value) -> Result<String, RealmError> {
        let key = PublicKey::from_jwk(jwk).map_err(|error| RealmError::new(error.to_string()))?;
        let kid = key.kid().to_owned();
        self.state.realm().register(client_id, key)?;
        Ok(kid)
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

    /// A token as it issues it, with these claims changed; null takes one away. Whoever it is for takes
    /// it as far as the claims are right.
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

    /// The key it signs with now, for tokens that it would never issue.
    pub fn with_signing_key<T>(&self, look: impl FnOnce(&SigningKey) -> T) -> T {
        look(self.state.keys().newest())
    }

    /// How many requests came to the token endpoint, refused ones among them.
    #[must_use]
    pub fn token_requests(&self) -> u64 {
        self.state.counts.token_requests.load(Ordering::Relaxed)
    }

    /// How many of them got a token for this grant.
    #[must_use]
    pub fn tokens_issued(&self, grant: Grant) -> u64 {
        match grant {
            Grant::ClientCredentials => self.state.counts.client_credentials.load(Ordering::Relaxed),
            Grant::TokenExchange => self.state.counts.exchanges.load(Ordering::Relaxed),
        }
    }

    /// How often its JWKS was fetched.
    #[must_use]
    pub fn jwks_requests(&self) -> u64 {
        self.state.counts.jwks.load(Ordering::Relaxed)
    }
}
