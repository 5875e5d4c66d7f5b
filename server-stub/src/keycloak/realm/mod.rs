//! A realm: its clients, and the audiences of their tokens. Read from JSON in Keycloak's format for exports
//! and imports.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

use crate::jwt::{Algorithm, KeySet, PublicKey};
use crate::secrets::new_uuid;

mod import;

/// Keycloak's default lifetime of an access token.
const LIFE: Duration = Duration::from_secs(300);
/// Scopes that every realm has (*KC*).
const BUILT_IN: [&str; 10] = [
    "openid",
    "profile",
    "email",
    "offline_access",
    "roles",
    "web-origins",
    "acr",
    "address",
    "phone",
    "microprofile-jwt",
];
const ALWAYS_SAID: &str = "profile email";

/// A realm and its clients.
#[derive(Clone, Debug)]
pub struct Realm {
    name: String,
    life: Duration,
    clients: BTreeMap<String, Client>,
    /// Further scopes, and the audiences that they add.
    scopes: BTreeMap<String, Vec<String>>,
    /// What its file has that is not served.
    notes: Vec<String>,
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
    pub(super) keys: KeySet,
    /// The algorithm that its assertions must use.
    pub(super) algorithm: Option<Algorithm>,
    /// The lifetime of its access tokens, in place of the realm's.
    pub(super) life: Option<Duration>,
    /// The audiences of its own mappers.
    audiences: Vec<String>,
    default_scopes: Vec<String>,
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
    /// The dev realm `arp-dev` (docs/wire/arp.md): the services' clients with well-known secrets, and a
    /// client for the node, `jarvis-node`, whose tokens have also the Run Gateway as audience.
    #[must_use]
    pub fn dev() -> Self {
        let client = |id: &str, audiences: &[&str]| {
            let secret = Some(format!("{id}-secret"));
            let audiences = audiences.iter().map(|audience| (*audience).to_owned()).collect();
            let client =
                Client { service_account: true, may_exchange: true, secret, audiences, ..Client::named(id) };
            (id.to_owned(), client)
        };
        let clients = BTreeMap::from([
            client("arp-run-gateway", &["arp-run-gateway"]),
            client("arp-run-coordinator", &["arp-run-coordinator"]),
            client("jarvis-node", &["jarvis-node", "arp-run-gateway"]),
        ]);
        Self { name: "arp-dev".to_owned(), life: LIFE, clients, scopes: BTreeMap::new(), notes: Vec::new() }
    }

    /// The realm with this lifetime of access tokens, in whole seconds, for clients without their own.
    #[must_use]
    pub fn with_life(self, life: Duration) -> Self {
        Self { life, ..self }
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

    /// The lifetime of this client's access tokens.
    pub(super) fn life_for(&self, client: &Client) -> Duration {
        client.life.unwrap_or(self.life)
    }

    /// The audiences of this client's mappers, including those of its scopes.
    pub(super) fn mapped_audiences(&self, client: &Client, scope: Option<&str>) -> Vec<String> {
        let asked = scope.unwrap_or_default().split_whitespace();
        let scopes = client.default_scopes.iter().map(String::as_str).chain(asked);
        let by_scope = scopes.filter_map(|scope| self.scopes.get(scope)).flatten();
        let mut all: Vec<String> = Vec::new();
        for audience in client.audiences.iter().chain(by_scope) {
            if !all.contains(audience) {
                all.push(audience.clone());
            }
        }
        all
    }

    /// The scope of a token for this requested scope. None: there is no such scope.
    pub(super) fn granted_scope(&self, scope: Option<&str>) -> Option<String> {
        let mut granted = ALWAYS_SAID.to_owned();
        for scope in scope.unwrap_or_default().split_whitespace() {
            if !BUILT_IN.contains(&scope) && !self.scopes.contains_key(scope) {
                return None;
            }
            if !granted.split(' ').any(|there| there == scope) {
                granted = format!("{granted} {scope}");
            }
        }
        Some(granted)
    }

    pub(super) fn register(&mut self, id: &str, key: PublicKey) -> Result<(), RealmError> {
        self.changed(id)?.keys.put_first(key);
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
            keys: KeySet::default(),
            algorithm: None,
            life: None,
            audiences: Vec::new(),
            default_scopes: Vec::new(),
            subject: new_uuid(),
        }
    }
}
