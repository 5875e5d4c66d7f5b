//! A realm of one test.

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::administrator::Administrator;
use crate::server::Place;

/// The node's client and its secret.
pub(crate) const CLIENT: &str = "jarvis-node";
pub(crate) const SECRET: &str = "jarvis-node-secret";
/// The service that tokens are for.
pub(crate) const GATEWAY: &str = "arp-run-gateway";
pub(crate) const COORDINATOR: &str = "arp-run-coordinator";

pub(crate) struct Realm {
    administrator: Administrator,
    file: Value,
    place: Place,
}

impl Realm {
    /// Imports a realm with these clients at the Keycloak in this place. Its tokens live for `life` seconds.
    pub(crate) fn new(place: &Place, life: u32, clients: Value) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("node-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let file = json!({
            "realm": name, "enabled": true, "accessTokenLifespan": life, "eventsEnabled": true, "clients": clients,
            // No token outlives what a session may last, which is ten hours unless the realm says otherwise.
            "ssoSessionMaxLifespan": 10 * 86_400,
        });
        let realm = Self { administrator: Administrator::of(place), file, place: place.clone() };
        realm.import();
        realm
    }

    /// Imports it again.
    pub(crate) fn import(&self) {
        self.administrator.call("POST", "", Some(&self.file));
    }

    /// Deletes it and imports it again: it has new keys then.
    pub(crate) fn replace(&self) {
        self.administrator.call("DELETE", &format!("/{}", self.name()), None);
        self.import();
    }

    pub(crate) fn name(&self) -> &str {
        self.file["realm"].as_str().unwrap()
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn issuer(&self) -> String {
        format!("{}/realms/{}", self.place.url, self.name())
    }

    /// Changes the settings of a client.
    pub(crate) fn change_client(&self, client: &str, change: impl FnOnce(&mut Value)) {
        let found = self.call("GET", &format!("/clients?clientId={client}"), None)[0].take();
        let mut changed = found.clone();
        change(&mut changed);
        self.call("PUT", &format!("/clients/{}", found["id"].as_str().unwrap()), Some(&changed));
    }

    /// Replaces the keys of the node's client.
    pub(crate) fn set_keys(&self, keys: &str) {
        self.change_client(CLIENT, |client| client["attributes"]["jwks.string"] = keys.into());
    }

    pub(crate) fn enable_client(&self, client: &str, enabled: bool) {
        self.change_client(client, |client| client["enabled"] = enabled.into());
    }

    pub(crate) fn signing_keys(&self) -> Vec<String> {
        self.administrator.signing_keys(self.name())
    }

    pub(crate) fn rotate_keys(&self, priority: u32) {
        self.administrator.rotate_keys(self.name(), priority);
    }

    /// What Keycloak has recorded: an event for each request for a token.
    pub(crate) fn events(&self) -> usize {
        self.call("GET", "/events?max=1000", None).as_array().unwrap().len()
    }

    /// A token that the client `id`, whose secret is `{id}-secret`, gets for itself.
    pub(crate) fn token(&self, id: &str) -> String {
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret={id}-secret");
        self.administrator.token(self.name(), &form).text("access_token")
    }

    pub(crate) fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        self.administrator.call(method, &format!("/{}{path}", self.name()), body)
    }
}

/// A client with service accounts and this secret, whose tokens are for `audiences`.
pub(crate) fn client(id: &str, secret: &str, audiences: &[&str]) -> Value {
    let mappers: Vec<_> = audiences
        .iter()
        .map(|audience| {
            json!({
                "name": format!("for {audience}"), "protocol": "openid-connect",
                "protocolMapper": "oidc-audience-mapper",
                "config": {"included.client.audience": audience, "access.token.claim": "true"},
            })
        })
        .collect();
    json!({
        "clientId": id, "secret": secret, "clientAuthenticatorType": "client-secret", "publicClient": false,
        "serviceAccountsEnabled": true, "standardFlowEnabled": false, "protocolMappers": mappers,
        "attributes": {"standard.token.exchange.enabled": "true"},
    })
}

/// The node's client, with tokens for the gateway and the coordinator.
pub(crate) fn node() -> Value {
    client(CLIENT, SECRET, &[GATEWAY, COORDINATOR])
}

/// `client` with this set of keys in the place of its secret, for assertions of this algorithm.
pub(crate) fn with_keys(mut client: Value, keys: &str, algorithm: &str) -> Value {
    client["clientAuthenticatorType"] = "client-jwt".into();
    client["attributes"]["use.jwks.string"] = "true".into();
    client["attributes"]["jwks.string"] = keys.into();
    client["attributes"]["token.endpoint.auth.signing.alg"] = algorithm.into();
    client
}
