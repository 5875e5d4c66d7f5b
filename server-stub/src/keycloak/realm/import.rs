//! Keycloak's realm JSON. The members that the stub supports are read; the many others of an export are
//! ignored.

use core::time::Duration;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Client, LIFE, Realm, RealmError};
use crate::jwt::{Algorithm, KeySet};

/// The character that an export without secrets shows in their place.
const MASK: char = '*';

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RealmJson {
    realm: String,
    access_token_lifespan: Option<u64>,
    #[serde(default)]
    clients: Vec<ClientJson>,
    #[serde(default)]
    client_scopes: Vec<ScopeJson>,
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
    /// `client-secret` or `client-jwt`.
    client_authenticator_type: Option<String>,
    #[serde(default)]
    protocol_mappers: Vec<MapperJson>,
    #[serde(default)]
    default_client_scopes: Vec<String>,
    #[serde(default)]
    attributes: Texts,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScopeJson {
    name: String,
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
    /// Reads a realm as Keycloak exports and imports it.
    ///
    /// # Errors
    /// The JSON is malformed, or does not contain a client's keys or secret.
    pub fn from_json(text: &str) -> Result<Self, RealmError> {
        // The parser's message could quote a secret.
        let read: RealmJson = serde_json::from_str(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            RealmError::new(format!(
                "line {line}, column {column}: this is no realm as Keycloak exports it, \
                 {{\"realm\":…,\"clients\":[{{\"clientId\":…}}]}}"
            ))
        })?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if read.realm.is_empty() || !read.realm.bytes().all(plain) {
            return Err(RealmError::new("the realm's name stands in URLs: letters, digits and -._~ only"));
        }
        let mut clients = BTreeMap::new();
        for client in read.clients {
            let id = client.client_id.clone();
            if clients.insert(id.clone(), client.checked()?).is_some() {
                return Err(RealmError::new(format!("client {id:?} is there twice")));
            }
        }
        Ok(Self {
            name: read.realm,
            life: read.access_token_lifespan.map_or(LIFE, Duration::from_secs),
            clients,
            scopes: read
                .client_scopes
                .into_iter()
                .map(|it| (it.name, audiences(&it.protocol_mappers)))
                .collect(),
        })
    }
}

impl ClientJson {
    fn checked(self) -> Result<Client, RealmError> {
        let refused = |why: &str| RealmError::new(format!("client {:?}: {why}", self.client_id));
        let attributes = &self.attributes;
        if self.secret.as_ref().is_some_and(|secret| secret.chars().all(|char| char == MASK)) {
            return Err(refused("its secret is masked or empty; export the realm with its secrets"));
        }
        if attributes.says_true("use.jwks.url") {
            return Err(refused("its keys are at a URL, which is not asked; put them into jwks.string"));
        }
        let keys = match attributes.text("jwks.string").filter(|_| attributes.says_true("use.jwks.string")) {
            Some(text) => KeySet::from_json(text.as_bytes()).map_err(|error| refused(&error.to_string()))?,
            None => KeySet::default(),
        };
        let algorithm = attributes.text("token.endpoint.auth.signing.alg").filter(|name| name != "any");
        let algorithm = algorithm.map(|name| name.parse::<Algorithm>()).transpose();
        let life = attributes.text("access.token.lifespan").filter(|text| text != "-1");
        let life = life.map(|text| text.parse().map(Duration::from_secs)).transpose();
        let by_key = self.client_authenticator_type.as_deref() == Some("client-jwt");
        Ok(Client {
            enabled: self.enabled.unwrap_or(true),
            public: self.public_client,
            bearer_only: self.bearer_only,
            service_account: self.service_accounts_enabled,
            may_exchange: attributes.says_true("standard.token.exchange.enabled"),
            secret: self.secret.clone().filter(|_| !by_key),
            keys,
            algorithm: algorithm.map_err(|error| refused(&error.to_string()))?,
            life: life.map_err(|_| refused("its access.token.lifespan is no number of seconds"))?,
            audiences: audiences(&self.protocol_mappers),
            default_scopes: self.default_client_scopes.clone(),
            ..Client::named(&self.client_id)
        })
    }
}

/// The audiences of access tokens from these mappers.
fn audiences(mappers: &[MapperJson]) -> Vec<String> {
    let mappers = mappers.iter().filter(|mapper| mapper.protocol_mapper == "oidc-audience-mapper");
    let named = |mapper: &MapperJson| {
        // A mapper applies to access tokens by default, and a client takes precedence over a custom name
        // (KC).
        let unwanted = mapper.config.text("access.token.claim").is_some_and(|text| text == "false");
        let client = mapper.config.text("included.client.audience");
        client.or_else(|| mapper.config.text("included.custom.audience")).filter(|_| !unwanted)
    };
    mappers.filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with_client(client: &Value) -> Result<Realm, RealmError> {
        Realm::from_json(&json!({ "realm": "r", "clients": [client] }).to_string())
    }

    #[test]
    fn keycloak_export_is_read() {
        let audience = |key: &str, name: &str, wanted: &str| {
            json!({ "name": "a", "protocolMapper": "oidc-audience-mapper", "protocol": "openid-connect",
                    "config": { key: name, "access.token.claim": wanted, "id.token.claim": "false" } })
        };
        let realm = json!({
            "realm": "home", "enabled": true, "accessTokenLifespan": 60, "sslRequired": "external",
            "clientScopes": [
                { "name": "runs", "protocolMappers": [audience("included.custom.audience", "runs-api", "true")] },
                { "name": "more", "protocolMappers": [audience("included.client.audience", "extra", "true")] },
            ],
            "clients": [{
                "clientId": "svc", "secret": "s", "serviceAccountsEnabled": true, "redirectUris": [],
                "defaultClientScopes": ["runs", "web-origins"],
                "attributes": { "access.token.lifespan": "20", "standard.token.exchange.enabled": "true",
                                "token.endpoint.auth.signing.alg": "ES256" },
                "protocolMappers": [
                    audience("included.client.audience", "svc", "true"),
                    audience("included.client.audience", "for-id-tokens", "false"),
                    { "name": "other", "protocolMapper": "oidc-hardcoded-claim-mapper", "config": {} },
                ],
            }, { "clientId": "old", "enabled": false, "clientAuthenticatorType": "client-jwt", "secret": "s" }],
        });
        let realm = Realm::from_json(&realm.to_string()).expect("a realm");
        assert_eq!(realm.name(), "home");
        let client = realm.client("svc").expect("there");
        assert!(client.enabled && client.service_account && client.may_exchange && !client.public);
        assert_eq!(realm.life_for(client), Duration::from_secs(20));
        assert_eq!(client.algorithm, Some(crate::jwt::Algorithm::Es256));
        assert_eq!(realm.mapped_audiences(client, None), ["svc", "runs-api"]);
        assert_eq!(realm.mapped_audiences(client, Some("more")), ["svc", "runs-api", "extra"]);
        assert_eq!(realm.granted_scope(Some("more openid")).as_deref(), Some("profile email more openid"));
        assert_eq!(realm.granted_scope(Some("unheard-of")), None);
        let old = realm.client("old").expect("there");
        assert!(!old.enabled && !old.service_account && old.secret.is_none(), "client-jwt takes no secret");
        assert_eq!(realm.life_for(old), Duration::from_secs(60));
    }

    #[test]
    fn unusable_clients_are_refused_without_their_secrets() {
        let told = |client: &Value| with_client(client).expect_err("refused").to_string();
        assert!(told(&json!({ "clientId": "a", "secret": "**********" })).contains("masked"));
        let keys = |attributes: Value| json!({ "clientId": "a", "attributes": attributes });
        assert!(told(&keys(json!({ "use.jwks.url": "true" }))).contains("jwks.string"));
        assert!(
            told(&keys(json!({ "use.jwks.string": "true", "jwks.string": "s3cret" }))).contains("JWK set")
        );
        assert!(told(&keys(json!({ "access.token.lifespan": "long" }))).contains("lifespan"));
        assert!(told(&keys(json!({ "token.endpoint.auth.signing.alg": "HS256" }))).contains("RS256"));
        let mistyped = told(&json!({ "clientId": "a", "secret": ["s3cret"] }));
        assert!(mistyped.contains("line 1") && !mistyped.contains("s3cret"), "{mistyped}");
        assert!(Realm::from_json("{\"realm\":\"a/b\"}").is_err());
        let twice = json!({ "realm": "r", "clients": [{ "clientId": "a" }, { "clientId": "a" }] });
        assert!(Realm::from_json(&twice.to_string()).is_err());
        assert!(!format!("{:?}", Realm::dev()).contains("-secret"), "secrets are not shown");
    }
}
