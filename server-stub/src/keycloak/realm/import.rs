//! Keycloak's realm JSON. The members that the stub supports are read; the many others of an export are
//! ignored. A client that the stub cannot serve as Keycloak would is left out and named.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::{Client, LIFE, Realm, RealmError};
use crate::jwt::{Algorithm, KeySet};

/// The character that an export without secrets shows in their place.
const MASK: char = '*';
/// Keycloak's own realm, which an export of all realms has, too.
const MASTER: &str = "master";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RealmJson {
    realm: String,
    access_token_lifespan: Option<u64>,
    #[serde(default)]
    clients: Vec<ClientJson>,
    #[serde(default)]
    client_scopes: Vec<ScopeJson>,
    /// The scopes of clients that name none.
    #[serde(default)]
    default_default_client_scopes: Vec<String>,
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
    default_client_scopes: Option<Vec<String>>,
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
        let mut scopes = BTreeMap::new();
        for ScopeJson { name, protocol_mappers } in read.client_scopes {
            let audiences = audiences(&protocol_mappers).unwrap_or_else(|why| {
                notes.push(format!("client scope {name:?} adds no audience: {why}"));
                Vec::new()
            });
            scopes.insert(name, audiences);
        }
        let mut clients = BTreeMap::new();
        let mut ids = BTreeSet::new();
        for client in read.clients {
            let id = client.client_id.clone();
            if !ids.insert(id.clone()) {
                return Err(RealmError::new(format!("client {id:?} is there twice")));
            }
            match client.checked(&read.default_default_client_scopes) {
                Ok(client) => drop(clients.insert(id, client)),
                Err(why) => notes.push(format!("client {id:?} is left out: {why}")),
            }
        }
        if clients.is_empty() && !ids.is_empty() {
            return Err(RealmError::new(format!("no client can be served: {}", notes.join("; "))));
        }
        Ok(Self {
            name: read.realm,
            life: read.access_token_lifespan.map_or(LIFE, Duration::from_secs),
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
    /// The client; `default_scopes` are those of the realm.
    ///
    /// # Errors
    /// Why it cannot be served as Keycloak would.
    fn checked(self, default_scopes: &[String]) -> Result<Client, String> {
        let attributes = &self.attributes;
        if is_placeholder(&self.client_id) {
            return Err(format!("its name {PLACEHOLDER}"));
        }
        let by_key = self.client_authenticator_type.as_deref() == Some("client-jwt");
        let secret = self.secret.as_ref().filter(|_| !by_key && !self.public_client);
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
        let algorithm = attributes.text("token.endpoint.auth.signing.alg").filter(|name| name != "any");
        let algorithm = algorithm.map(|name| name.parse::<Algorithm>()).transpose();
        let life = attributes.text("access.token.lifespan").filter(|text| text != "-1");
        let life = life.map(|text| text.parse().map(Duration::from_secs)).transpose();
        Ok(Client {
            enabled: self.enabled.unwrap_or(true),
            public: self.public_client,
            bearer_only: self.bearer_only,
            service_account: self.service_accounts_enabled,
            may_exchange: attributes.says_true("standard.token.exchange.enabled"),
            secret: secret.cloned(),
            keys,
            algorithm: algorithm.map_err(|error| error.to_string())?,
            life: life.map_err(|_| "its access.token.lifespan is no number of seconds".to_owned())?,
            audiences: audiences(&self.protocol_mappers)?,
            default_scopes: self.default_client_scopes.unwrap_or_else(|| default_scopes.to_vec()),
            ..Client::named(&self.client_id)
        })
    }
}

/// The audiences of access tokens from these mappers.
///
/// # Errors
/// One of them is not known.
fn audiences(mappers: &[MapperJson]) -> Result<Vec<String>, String> {
    let mappers = mappers.iter().filter(|mapper| mapper.protocol_mapper == "oidc-audience-mapper");
    let named = |mapper: &MapperJson| {
        // A mapper applies to access tokens by default, and a client takes precedence over a custom name
        // (KC).
        let unwanted = mapper.config.text("access.token.claim").is_some_and(|text| text == "false");
        let client = mapper.config.text("included.client.audience");
        client.or_else(|| mapper.config.text("included.custom.audience")).filter(|_| !unwanted)
    };
    let named: Vec<_> = mappers.filter_map(named).collect();
    if named.iter().any(|audience| is_placeholder(audience)) {
        return Err(format!("the audience of a mapper {PLACEHOLDER}"));
    }
    Ok(named)
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
        let placeholder = told(&json!({ "clientId": "a", "secret": "${CLIENT_SECRET:s3cret}" }));
        assert!(placeholder.contains("its secret is a placeholder") && !placeholder.contains("s3cret"));
        assert!(told(&json!({ "clientId": "${ID}" })).contains("its name is a placeholder"));
        let certificate = json!({ "clientId": "a", "clientAuthenticatorType": "client-jwt",
                                  "attributes": { "jwt.credential.certificate": "MIIB" } });
        assert!(told(&certificate).contains("jwt.credential.certificate, which is not read"));
        assert!(
            Realm::from_json("{\"realm\":\"${REALM}\"}")
                .expect_err("no name")
                .to_string()
                .contains("placeholder")
        );
        let twice = json!({ "realm": "r", "clients": [{ "clientId": "a" }, { "clientId": "a" }] });
        assert!(Realm::from_json(&twice.to_string()).is_err());
        assert!(!format!("{:?}", Realm::dev()).contains("-secret"), "secrets are not shown");
    }

    #[test]
    fn client_that_cannot_be_served_is_named_and_left_out() {
        let mapper = json!({ "protocolMapper": "oidc-audience-mapper",
                             "config": { "included.custom.audience": "${AUDIENCE}" } });
        let realm = json!({ "realm": "r", "clientScopes": [{ "name": "runs", "protocolMappers": [mapper] }],
                            "clients": [
            { "clientId": "broker", "bearerOnly": true, "secret": "**********" },
            { "clientId": "a", "secret": "s" },
            { "clientId": "b", "secret": "${B}" },
            { "clientId": "account", "publicClient": true, "secret": "**********" },
        ]});
        let realm = Realm::from_json(&realm.to_string()).expect("a realm");
        let served = ["account", "a", "b", "broker"].map(|id| realm.client(id).is_some());
        assert_eq!(served, [true, true, false, false]);
        let notes = realm.notes().join("\n");
        assert_eq!(realm.notes().len(), 3, "{notes}");
        for named in ["client scope \"runs\" adds no audience", "client \"broker\"", "client \"b\""] {
            assert!(notes.contains(named), "{notes}");
        }
    }

    #[test]
    fn default_scopes_of_the_realm_are_those_of_its_clients() {
        let mapper = json!({ "protocolMapper": "oidc-audience-mapper",
                             "config": { "included.custom.audience": "runs-api" } });
        let realm = json!({ "realm": "r", "defaultDefaultClientScopes": ["runs"],
            "clientScopes": [{ "name": "runs", "protocolMappers": [mapper] }],
            "clients": [{ "clientId": "a" }, { "clientId": "b", "defaultClientScopes": [] }] });
        let realm = Realm::from_json(&realm.to_string()).expect("a realm");
        let audiences = |id| realm.mapped_audiences(realm.client(id).expect("there"), None);
        assert_eq!((audiences("a"), audiences("b")), (vec!["runs-api".to_owned()], Vec::new()));
    }

    #[test]
    fn export_of_all_realms_is_read_if_one_is_meant() {
        let realm = |name: &str| json!({ "realm": name, "clients": [{ "clientId": "a", "secret": "s" }] });
        let read = |realms: &[Value]| Realm::from_json(&Value::from(realms.to_vec()).to_string());
        for realms in
            [&[realm("master"), realm("home")][..], &[realm("home")], &[realm("home"), realm("master")]]
        {
            assert_eq!(read(realms).expect("a realm").name(), "home");
        }
        assert_eq!(read(&[realm("master")]).expect("a realm").name(), "master");
        let several = read(&[realm("home"), realm("master"), realm("work")]).expect_err("which?").to_string();
        assert!(several.contains("the realms home, work"), "{several}");
        assert!(read(&[]).expect_err("none").to_string().contains("no realm"));
    }
}
