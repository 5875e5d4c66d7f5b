//! Keycloak's realm JSON. The members that the stub supports are read; the many others of an export are
//! ignored. A client that the stub cannot serve as Keycloak would is left out and named.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::scopes::{Scope, Scopes};
use super::{Audience, Client, LIFE, ProvenBy, Realm, RealmError, SESSION};
use crate::jwt::{Algorithm, KeySet};

/// The character that an export without secrets shows in their place.
const MASK: char = '*';
/// The attribute of clients that may exchange tokens.
const EXCHANGE: &str = "standard.token.exchange.enabled";
/// Keycloak's own realm, which an export of all realms has, too.
const MASTER: &str = "master";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RealmJson {
    realm: String,
    enabled: Option<bool>,
    /// `all`, `external` or `none`.
    ssl_required: Option<String>,
    /// Seconds. -1: as long as the session.
    access_token_lifespan: Option<i64>,
    sso_session_max_lifespan: Option<u64>,
    #[serde(default)]
    not_before: u64,
    #[serde(default)]
    clients: Vec<ClientJson>,
    client_scopes: Option<Vec<ScopeJson>>,
    /// The scopes of clients that name none.
    #[serde(default)]
    default_default_client_scopes: Vec<String>,
    #[serde(default)]
    default_optional_client_scopes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientJson {
    client_id: String,
    secret: Option<String>,
    enabled: Option<bool>,
    #[serde(default)]
    public_client: bool,
    #[serde(default)]
    bearer_only: bool,
    #[serde(default)]
    service_accounts_enabled: bool,
    client_authenticator_type: Option<String>,
    #[serde(default)]
    not_before: u64,
    full_scope_allowed: Option<bool>,
    #[serde(default)]
    consent_required: bool,
    #[serde(default)]
    direct_access_grants_enabled: bool,
    #[serde(default)]
    protocol_mappers: Vec<MapperJson>,
    default_client_scopes: Option<Vec<String>>,
    optional_client_scopes: Option<Vec<String>>,
    #[serde(default)]
    attributes: Texts,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScopeJson {
    name: String,
    #[serde(default)]
    attributes: Texts,
    #[serde(default)]
    protocol_mappers: Vec<MapperJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MapperJson {
    protocol_mapper: String,
    #[serde(default)]
    config: Texts,
}

/// Keycloak's free-form settings. Booleans and numbers are strings, too.
#[derive(Default, Deserialize)]
#[serde(transparent)]
struct Texts(BTreeMap<String, Value>);

impl Texts {
    /// None: it is missing or empty.
    fn text(&self, name: &str) -> Option<String> {
        let text = match self.0.get(name)? {
            Value::String(text) => text.trim().to_owned(),
            Value::Null => return None,
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                other.to_string()
            }
        };
        (!text.is_empty()).then_some(text)
    }

    fn says_true(&self, name: &str) -> bool {
        self.text(name).as_deref() == Some("true")
    }
}

impl Realm {
    /// Reads a realm as Keycloak exports and imports it. In an export of all realms it is the one beside `master`.
    ///
    /// # Errors
    /// The JSON is malformed, has no realm or several, or none of its clients can be served.
    pub fn from_json(text: &str) -> Result<Self, RealmError> {
        let read = chosen(parsed(text)?)?;
        if is_placeholder(&read.realm) {
            return Err(RealmError::new(format!("the realm's name {PLACEHOLDER}: write the name itself")));
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if read.realm.is_empty() || !read.realm.bytes().all(plain) {
            return Err(RealmError::new("the realm's name stands in URLs: letters, digits and -._~ only"));
        }
        let mut notes = Vec::new();
        // A realm with scopes of its own has none of the built-in ones.
        let scopes = match read.client_scopes {
            None => Scopes::built_in(),
            Some(own) => {
                let mut all = BTreeMap::new();
                for ScopeJson { name, attributes, protocol_mappers } in own {
                    let audiences = audiences(&protocol_mappers).unwrap_or_else(|why| {
                        notes.push(format!("client scope {name:?} adds no audience: {why}"));
                        Vec::new()
                    });
                    let said = attributes.text("include.in.token.scope").is_none_or(|said| said == "true");
                    all.insert(name, Scope { said, audiences });
                }
                let (default, optional) =
                    (read.default_default_client_scopes, read.default_optional_client_scopes);
                Scopes::new(all, default, optional)
            }
        };
        let mut clients = BTreeMap::new();
        let mut ids = BTreeSet::new();
        for client in read.clients {
            let id = client.client_id.clone();
            if !ids.insert(id.clone()) {
                return Err(RealmError::new(format!("client {id:?} is there twice")));
            }
            match client.checked(&scopes) {
                Ok(client) => drop(clients.insert(id, client)),
                Err(why) => notes.push(format!("client {id:?} is left out: {why}")),
            }
        }
        if clients.is_empty() && !ids.is_empty() {
            return Err(RealmError::new(format!("no client can be served: {}", notes.join("; "))));
        }
        // As in files that were written for Keycloak before 26.2, which had no such attribute.
        if clients.values().any(|client| client.service_account)
            && !clients.values().any(|client| client.may_exchange)
        {
            notes.push(format!(
                "no client may exchange tokens: give those that do the attribute {EXCHANGE:?} with the value \"true\""
            ));
        }
        Ok(Self {
            name: read.realm,
            enabled: read.enabled.unwrap_or(true),
            tls_only: read.ssl_required.is_some_and(|wanted| wanted.eq_ignore_ascii_case("all")),
            life: read.access_token_lifespan.map_or(Some(LIFE), life),
            session: read.sso_session_max_lifespan.map_or(SESSION, Duration::from_secs),
            not_before: read.not_before,
            clients,
            scopes,
            notes,
        })
    }
}

/// All realms in a file.
fn parsed(text: &str) -> Result<Vec<RealmJson>, RealmError> {
    // The parser's message could quote a secret.
    let malformed = |error: serde_json::Error| {
        let (line, column) = (error.line(), error.column());
        RealmError::new(format!(
            "line {line}, column {column}: this is no realm as Keycloak exports it, \
             {{\"realm\":…,\"clients\":[{{\"clientId\":…}}]}}"
        ))
    };
    if text.trim_start().starts_with('[') {
        serde_json::from_str(text).map_err(malformed)
    } else {
        serde_json::from_str(text).map(|realm| vec![realm]).map_err(malformed)
    }
}

/// The realm that is meant.
fn chosen(mut realms: Vec<RealmJson>) -> Result<RealmJson, RealmError> {
    if realms.len() > 1 {
        realms.retain(|realm| realm.realm != MASTER);
    }
    if realms.len() > 1 {
        let names: Vec<_> = realms.iter().map(|realm| realm.realm.as_str()).collect();
        return Err(RealmError::new(format!(
            "it holds the realms {}: export the one that is meant, with `kc.sh export --realm NAME`",
            names.join(", ")
        )));
    }
    realms.pop().ok_or_else(|| RealmError::new("it holds no realm"))
}

/// What is said of a placeholder, which is not quoted: its default may be a secret.
const PLACEHOLDER: &str = "is a placeholder, ${…}, which Keycloak fills in when it imports the file";

fn is_placeholder(text: &str) -> bool {
    text.split_once("${").is_some_and(|(_, rest)| rest.contains('}'))
}

impl ClientJson {
    /// The client of a realm with these scopes.
    ///
    /// # Errors
    /// Why it cannot be served as Keycloak would.
    fn checked(self, scopes: &Scopes) -> Result<Client, String> {
        let attributes = &self.attributes;
        if is_placeholder(&self.client_id) {
            return Err(format!("its name {PLACEHOLDER}"));
        }
        let proven_by = match self.client_authenticator_type.as_deref() {
            None | Some("client-secret") => ProvenBy::Secret,
            Some("client-jwt") => ProvenBy::Key,
            Some("client-secret-jwt") => ProvenBy::SharedKey,
            Some("client-x509") => ProvenBy::Certificate,
            Some(_) => return Err("its clientAuthenticatorType is not known here".to_owned()),
        };
        let by_key = proven_by == ProvenBy::Key;
        let by_secret = matches!(proven_by, ProvenBy::Secret | ProvenBy::SharedKey);
        let secret = self.secret.as_ref().filter(|_| by_secret && !self.public_client);
        if secret.is_some_and(|secret| secret.chars().all(|char| char == MASK)) {
            return Err("its secret is masked or empty; export the realm with its secrets".to_owned());
        }
        if secret.is_some_and(|secret| is_placeholder(secret)) {
            return Err(format!("its secret {PLACEHOLDER}: write the secret itself"));
        }
        if attributes.says_true("use.jwks.url") {
            return Err("its keys are at a URL, which is not asked; put them into jwks.string".to_owned());
        }
        let keys = match attributes.text("jwks.string").filter(|_| attributes.says_true("use.jwks.string")) {
            Some(text) if is_placeholder(&text) => return Err(format!("its jwks.string {PLACEHOLDER}")),
            Some(text) => KeySet::from_json(text.as_bytes()).map_err(|error| error.to_string())?,
            None if by_key && attributes.text("jwt.credential.certificate").is_some() => {
                return Err(
                    "its key is in jwt.credential.certificate, which is not read; put its public half \
                            into jwks.string"
                        .to_owned(),
                );
            }
            None => KeySet::default(),
        };
        let shares_key = proven_by == ProvenBy::SharedKey;
        let algorithm = attributes.text("token.endpoint.auth.signing.alg");
        let algorithm = algorithm.filter(|name| !shares_key && name != "any");
        let algorithm = algorithm.map(|name| name.parse::<Algorithm>()).transpose();
        let seconds = |name: &str| {
            let seconds = attributes.text(name).map(|text| text.parse::<i64>()).transpose();
            seconds.map_err(|_| format!("its {name} is no number of seconds"))
        };
        // A client that names one of the two lists has nothing in the other.
        let (default_scopes, optional_scopes) =
            match (self.default_client_scopes, self.optional_client_scopes) {
                (None, None) => scopes.of_clients(),
                (default, optional) => (default.unwrap_or_default(), optional.unwrap_or_default()),
            };
        Ok(Client {
            enabled: self.enabled.unwrap_or(true),
            public: self.public_client,
            bearer_only: self.bearer_only,
            service_account: self.service_accounts_enabled,
            may_exchange: attributes.says_true(EXCHANGE),
            secret: secret.cloned(),
            proven_by,
            keys,
            algorithm: algorithm.map_err(|error| error.to_string())?,
            life: seconds("access.token.lifespan")?.map(life),
            session: seconds("client.session.max.lifespan")?.and_then(life),
            not_before: self.not_before,
            // A client for which persons have to agree gets their roles only if that is said.
            full_scope: self.full_scope_allowed.unwrap_or(!self.consent_required),
            lightweight: attributes.says_true("client.use.lightweight.access.token.enabled"),
            needs_consent: self.consent_required,
            takes_passwords: self.direct_access_grants_enabled,
            audiences: audiences(&self.protocol_mappers)?,
            default_scopes,
            optional_scopes,
            ..Client::named(&self.client_id)
        })
    }
}

/// A lifetime in seconds. None: it is negative, and the session's counts.
fn life(seconds: i64) -> Option<Duration> {
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

/// The audiences of access tokens from these mappers.
///
/// # Errors
/// One of them is not known.
fn audiences(mappers: &[MapperJson]) -> Result<Vec<Audience>, String> {
    let mappers = mappers.iter().filter(|mapper| mapper.protocol_mapper == "oidc-audience-mapper");
    let named = |mapper: &MapperJson| {
        // A mapper applies to access tokens by default, and a client takes precedence over a custom name
        // (KC).
        let unwanted = mapper.config.text("access.token.claim").is_some_and(|text| text == "false");
        let client = mapper.config.text("included.client.audience");
        let name = client.or_else(|| mapper.config.text("included.custom.audience")).filter(|_| !unwanted)?;
        Some(Audience { name, lightweight: mapper.config.says_true("lightweight.claim") })
    };
    let named: Vec<_> = mappers.filter_map(named).collect();
    if named.iter().any(|audience| is_placeholder(&audience.name)) {
        return Err(format!("the audience of a mapper {PLACEHOLDER}"));
    }
    Ok(named)
}

#[cfg(test)]
mod tests;
