//! What an administrator does at Keycloak, by its Admin API.

use std::fs;
use std::net::{SocketAddr, ToSocketAddrs};

use serde_json::{Value, json};
use test_support::http::{Answer, Ask, Connection};

use crate::server::Place;

pub(crate) struct Administrator {
    addr: SocketAddr,
    host: String,
    ca: String,
}

impl Administrator {
    pub(crate) fn of(place: &Place) -> Self {
        let host = place.url.strip_prefix("https://").unwrap().to_owned();
        // It listens there only.
        let addr = host.to_socket_addrs().unwrap().find(SocketAddr::is_ipv4).unwrap();
        Self { addr, host, ca: fs::read_to_string(&place.ca).unwrap() }
    }

    fn ask(&self, ask: Ask) -> Answer {
        let mut connection = Connection::tls(self.addr, &self.ca, "localhost").unwrap();
        connection.ask(&ask.header("Host", &self.host))
    }

    /// What a realm's token endpoint answers to this form.
    pub(crate) fn token(&self, realm: &str, form: &str) -> Answer {
        let ask = Ask::new("POST", &format!("/realms/{realm}/protocol/openid-connect/token"));
        self.ask(ask.header("Content-Type", "application/x-www-form-urlencoded").body(form))
    }

    /// Calls `path` below `/admin/realms`; the answer's body, if there is one.
    pub(crate) fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        // A new token each time: one from before a realm was made may do nothing in it.
        let log_in =
            self.token("master", "grant_type=password&client_id=admin-cli&username=admin&password=admin");
        let bearer = format!("Bearer {}", log_in.text("access_token"));
        let mut ask = Ask::new(method, &format!("/admin/realms{path}")).header("Authorization", &bearer);
        if let Some(body) = body {
            ask = ask.header("Content-Type", "application/json").body(body.to_string());
        }
        let answer = self.ask(ask);
        assert!(answer.status < 300, "{method} {path}: {answer:?}");
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    /// The keys that a realm publishes for signatures.
    pub(crate) fn signing_keys(&self, realm: &str) -> Vec<String> {
        let keys = self.ask(Ask::get(&format!("/realms/{realm}/protocol/openid-connect/certs"))).json();
        let keys = keys["keys"].as_array().unwrap().iter().filter(|key| key["use"] == "sig");
        keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }

    /// Makes a new signing key for a realm, which counts before those of a lower priority.
    pub(crate) fn rotate_keys(&self, realm: &str, priority: u32) {
        let id = self.call("GET", &format!("/{realm}"), None)["id"].take();
        let config = json!({
            "priority": [priority.to_string()], "enabled": ["true"], "active": ["true"], "algorithm": ["RS256"],
        });
        let component = json!({
            "name": format!("newer-{priority}"), "providerId": "rsa-generated", "parentId": id,
            "providerType": "org.keycloak.keys.KeyProvider", "config": config,
        });
        self.call("POST", &format!("/{realm}/components"), Some(&component));
    }
}
