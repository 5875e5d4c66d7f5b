//! A realm: its clients, and the audiences of their tokens. Read from JSON in Keycloak's format for exports
//! and imports.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

use crate::jwt::{Algorithm, KeySet, PublicKey};
use crate::secrets::new_uuid;

mod import;
mod scopes;

pub(super) use scopes::Granted;
use scopes::Scopes;

/// Keycloak's default lifetime of an access token.
const LIFE: Duration = Duration::from_secs(300);
/// The dev realm, which Keycloak imports, too.
const DEV: &str = include_str!("../../../keycloak/arp-dev.json");
/// Keycloak's default lifetime of a session, which limits that of a token.
const SESSION: Duration = Duration::from_secs(36_000);

/// A realm and its clients.
#[derive(Clone, Debug)]
pub struct Realm {
    name: String,
    enabled: bool,
    /// Whether it is served over TLS only.
    tls_only: bool,
    /// The lifetime of access tokens. None: that of the session.
    life: Option<Duration>,
    /// The lifetime of a session.
    session: Duration,
    /// Tokens issued earlier, in seconds since 1970, are revoked.
    not_before: u64,
    clients: BTreeMap<String, Client>,
    scopes: Scopes,
    /// What its file has that is not served.
    notes: Vec<String>,
}

/// An audience that a mapper adds.
#[derive(Clone, Debug)]
struct Audience {
    name: String,
    /// Whether lightweight tokens have it, too.
    lightweight: bool,
}

/// How a client proves itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProvenBy {
    /// `client-secret`.
    Secret,
    /// `client-jwt`.
    Key,
    /// `client-secret-jwt`: an assertion authenticated by the secret.
    SharedKey,
    /// `client-x509`, which no request to this server has.
    Certificate,
    /// Not in Keycloak: a client with a secret for which a key was registered at the stub.
    Either,
}

/// A client of the realm.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) enabled: bool,
    pub(super) public: bool,
    pub(super) bearer_only: bool,
    pub(super) service_account: bool,
    pub(super) may_exchange: bool,
    /// None: no secret is accepted.
    pub(super) secret: Option<String>,
    pub(super) proven_by: ProvenBy,
    pub(super) keys: KeySet,
    /// The algorithm that its assertions must use.
    pub(super) algorithm: Option<Algorithm>,
    /// The lifetime of its access tokens, in place of the realm's. `Some(None)`: that of the session.
    life: Option<Option<Duration>>,
    /// The lifetime of its sessions, in place of the realm's.
    session: Option<Duration>,
    /// Its tokens issued earlier, in seconds since 1970, are revoked.
    not_before: u64,
    /// Whether its tokens have the roles of their subject.
    pub(super) full_scope: bool,
    /// Whether its tokens have only what a client needs to ask for the rest.
    pub(super) lightweight: bool,
    /// Whether a person has to agree to what it gets.
    pub(super) needs_consent: bool,
    /// Whether it may ask for a person's token by the password.
    pub(super) takes_passwords: bool,
    /// The audiences of its own mappers.
    audiences: Vec<Audience>,
    /// The scopes that its tokens have anyway, and those that it may ask for besides.
    default_scopes: Vec<String>,
    optional_scopes: Vec<String>,
    /// The subject of its tokens: the user of its service account.
    pub(super) subject: String,
}

impl fmt::Debug for Client {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("id", &self.id).field("enabled", &self.enabled).finish_non_exhaustive()
    }
}

/// The reason why a realm, or a change of it, is refused. It does not contain secrets.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RealmError(String);

impl RealmError {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }

    fn no_client(id: &str) -> Self {
        Self(format!("there is no client {id:?} in the realm"))
    }
}

impl Realm {
    /// The dev realm `arp-dev` (docs/wire/arp.md): the clients of the published stack with well-known secrets, and one
    /// for the node, `jarvis-node`. Tokens of each have its own id and the services that it calls as audiences.
    #[must_use]
    pub fn dev() -> Self {
        Self::from_json(DEV).expect("the dev realm's file is a realm")
    }

    /// The realm with this lifetime of access tokens, in whole seconds, for clients without their own.
    #[must_use]
    pub fn with_life(self, life: Duration) -> Self {
        Self { life: Some(life), ..self }
    }

    /// Its name, as in URLs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the file that it was read from has, but this server cannot serve: a sentence each, without secrets.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    pub(super) fn client(&self, id: &str) -> Option<&Client> {
        self.clients.get(id)
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.enabled
    }

    pub(super) fn is_tls_only(&self) -> bool {
        self.tls_only
    }

    /// The time since which tokens have to be issued, in seconds since 1970.
    pub(super) fn tokens_not_before(&self) -> u64 {
        self.not_before
    }

    /// The lifetime of this client's access tokens: no longer than a session.
    pub(super) fn life_for(&self, client: &Client) -> Duration {
        let session = client.session.unwrap_or(self.session);
        client.life.unwrap_or(self.life).map_or(session, |life| life.min(session))
    }

    /// The time since which tokens of this client have to be issued, in seconds since 1970.
    pub(super) fn not_before(&self, client: &Client) -> u64 {
        self.not_before.max(client.not_before)
    }

    /// The scopes of a token that this client asks for with the parameter `scope`. None: it may not have one of them.
    pub(super) fn granted(&self, client: &Client, scope: Option<&str>) -> Option<Granted> {
        self.scopes.granted(&client.default_scopes, &client.optional_scopes, scope)
    }

    /// The audiences of this client's mappers and of these scopes.
    pub(super) fn mapped_audiences(&self, client: &Client, granted: &Granted) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        let named = client.audiences.iter().chain(granted.audiences());
        for Audience { name, .. } in named.filter(|audience| audience.lightweight || !client.lightweight) {
            if !all.contains(name) {
                all.push(name.clone());
            }
        }
        all
    }

    pub(super) fn register(&mut self, id: &str, key: PublicKey) -> Result<(), RealmError> {
        let client = self.changed(id)?;
        client.keys.put_first(key);
        if client.proven_by == ProvenBy::Secret {
            client.proven_by = ProvenBy::Either;
        }
        Ok(())
    }

    pub(super) fn enable(&mut self, id: &str, enabled: bool) -> Result<(), RealmError> {
        self.changed(id)?.enabled = enabled;
        Ok(())
    }

    pub(super) fn set_secret(&mut self, id: &str, secret: &str) -> Result<(), RealmError> {
        self.changed(id)?.secret = Some(secret.to_owned());
        Ok(())
    }

    fn changed(&mut self, id: &str) -> Result<&mut Client, RealmError> {
        self.clients.get_mut(id).ok_or_else(|| RealmError::no_client(id))
    }
}

impl Client {
    /// An enabled client without permissions.
    fn named(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            enabled: true,
            public: false,
            bearer_only: false,
            service_account: false,
            may_exchange: false,
            secret: None,
            proven_by: ProvenBy::Secret,
            keys: KeySet::default(),
            algorithm: None,
            life: None,
            session: None,
            not_before: 0,
            full_scope: true,
            lightweight: false,
            needs_consent: false,
            takes_passwords: false,
            audiences: Vec::new(),
            default_scopes: Vec::new(),
            optional_scopes: Vec::new(),
            subject: new_uuid(),
        }
    }
}
