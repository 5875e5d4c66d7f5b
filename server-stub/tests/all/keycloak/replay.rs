//! Answers recorded from a real Keycloak (`fixtures/keycloak.json`, made by `keycloak/record.py`): the stub gives the
//! same to the same requests. Compared are the status, the headers that matter to a client, and the body; in tokens
//! the claims. What differs each time is compared by its name.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use server_stub::jwt::{Algorithm, SigningKey};
use server_stub::{AudienceRule, Realm, Sts, StsOptions};

use super::rig::{ask, encoded, now};
use crate::client::{Answer, Ask};

const RECORDED: &str = include_str!("../../fixtures/keycloak.json");
const REALM: &str = include_str!("../../../keycloak/realm.json");
const HEADERS: [&str; 6] =
    ["allow", "cache-control", "content-type", "location", "pragma", "www-authenticate"];

#[derive(Deserialize)]
struct Recording {
    exchanges: Vec<Exchange>,
}

#[derive(Deserialize)]
struct Exchange {
    name: String,
    before: Option<String>,
    request: Request,
    response: Response,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    path: String,
    headers: HashMap<String, String>,
    form: Option<Vec<(String, Field)>>,
    body: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Field {
    Text(String),
    Assertion { assertion: Assertion },
}

/// See `Assertion` in `keycloak/cases.py`.
#[derive(Deserialize)]
struct Assertion {
    client: String,
    #[serde(default)]
    claims: Map<String, Value>,
    #[serde(default)]
    header: Map<String, Value>,
    algorithm: Option<String>,
    key: Option<String>,
    again: Option<String>,
}

#[derive(Deserialize)]
struct Response {
    status: u16,
    headers: HashMap<String, String>,
    body: Value,
}

/// The clients' keys by their names in the realm.
fn keys() -> HashMap<String, SigningKey> {
    let key =
        |name: &str, algorithm| (name.to_owned(), SigningKey::new(algorithm).expect("a key").named(name));
    HashMap::from([
        key("jwt-es", Algorithm::Es256),
        key("jwt-ed", Algorithm::EdDsa),
        key("jwt-rs", Algorithm::Rs256),
        key("jwt-ps", Algorithm::Ps256),
        key("stranger", Algorithm::Es256),
    ])
}

/// The realm with the public halves of these keys.
fn realm(keys: &HashMap<String, SigningKey>) -> Realm {
    let mut realm: Value = serde_json::from_str(REALM).expect("JSON");
    for client in realm["clients"].as_array_mut().expect("clients") {
        let Some(wanted) = client.pointer_mut("/attributes/jwks.string") else { continue };
        let names = wanted.as_str().and_then(|text| text.strip_prefix("<jwks ")?.strip_suffix('>'));
        let jwks: Vec<Value> =
            names.expect("names of keys").split(' ').map(|name| keys[name].public().to_jwk()).collect();
        *wanted = json!({ "keys": jwks }).to_string().into();
    }
    Realm::from_json(&realm.to_string()).expect("a realm")
}

struct Replay {
    sts: Sts,
    keys: HashMap<String, SigningKey>,
    tokens: HashMap<String, String>,
    ids: HashMap<String, String>,
}

impl Replay {
    fn new() -> Self {
        let keys = keys();
        let options = StsOptions {
            realm: realm(&keys),
            audiences: AudienceRule::Mapped,
            algorithm: Algorithm::Rs256,
            ..StsOptions::default()
        };
        Self {
            sts: Sts::start(options).expect("a token service"),
            keys,
            tokens: HashMap::new(),
            ids: HashMap::new(),
        }
    }

    fn answer(&mut self, exchange: &Exchange) -> Answer {
        match exchange.before.as_deref().map(|what| what.split_once(' ').unwrap_or((what, ""))) {
            Some(("rotate", _)) => drop(self.sts.rotate_signing_key().expect("another key")),
            Some((what, client)) => self.sts.enable_client(client, what == "enable").expect("a client"),
            None => {}
        }
        if exchange.name == "exchange_of_expired_subject" {
            std::thread::sleep(Duration::from_secs(2));
        }
        let Request { method, path, headers, form, body } = &exchange.request;
        let mut request = Ask::new(method, path);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(form) = form {
            let fields: Vec<String> = form
                .iter()
                .map(|(name, value)| {
                    let value = match value {
                        Field::Text(text) => self.filled(text),
                        Field::Assertion { assertion } => self.signed(assertion, &exchange.name),
                    };
                    format!("{}={}", encoded(name), encoded(&value))
                })
                .collect();
            request = request.body(fields.join("&"));
        } else if let Some(body) = body {
            request = request.body(body.as_str());
        }
        ask(&self.sts, &request)
    }

    fn filled(&self, text: &str) -> String {
        let text = self.placed(text);
        let Some(name) = text.strip_prefix("{token ").and_then(|rest| rest.strip_suffix('}')) else {
            return text;
        };
        match name.strip_suffix(" cut") {
            Some(name) => self.tokens[name][..self.tokens[name].len() - 20].to_owned(),
            None => self.tokens[name].clone(),
        }
    }

    fn placed(&self, text: &str) -> String {
        text.replace("{issuer}", self.sts.issuer()).replace("{token_endpoint}", &self.sts.token_endpoint())
    }

    fn signed(&mut self, assertion: &Assertion, case: &str) -> String {
        let Assertion { client, key, again, .. } = assertion;
        let key = key.as_ref().unwrap_or(client);
        let algorithm = match &assertion.algorithm {
            Some(name) => name.as_str(),
            None => self.keys[key].algorithm().name(),
        };
        let id = again.as_ref().map_or_else(|| format!("jti-{case}"), |again| self.ids[again].clone());
        self.ids.insert(case.to_owned(), id.clone());
        let claims = json!({ "iss": client, "sub": client, "aud": self.sts.issuer(), "jti": id,
                             "iat": now(), "exp": now() + 30 });
        let claims = self.changed(claims, &assertion.claims);
        let header = self.changed(json!({ "alg": algorithm, "typ": "JWT", "kid": key }), &assertion.header);
        if let Ok(algorithm) = algorithm.parse::<Algorithm>() {
            return match self.keys.get(key).filter(|key| key.algorithm() == algorithm) {
                Some(key) => key.token_under(&header, &claims),
                None => SigningKey::new(algorithm).expect("a key").token_under(&header, &claims),
            };
        }
        let data = [&header, &claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, format!("{client}-secret").as_bytes());
        let signature = match algorithm {
            "HS256" => URL_SAFE_NO_PAD.encode(ring::hmac::sign(&secret, data.as_bytes())),
            _ => String::new(),
        };
        format!("{data}.{signature}")
    }

    fn changed(&self, mut members: Value, changes: &Map<String, Value>) -> Value {
        for (name, change) in changes {
            let members = members.as_object_mut().expect("an object");
            match change {
                Value::Null => drop(members.remove(name)),
                Value::Array(texts) => {
                    let placed =
                        texts.iter().map(|text| self.placed(text.as_str().expect("a text"))).collect();
                    members.insert(name.clone(), placed);
                }
                Value::String(text) => {
                    let later = text.strip_prefix("now");
                    let whole = later.and_then(|later| later.parse::<i64>().ok());
                    let fraction = later.and_then(|later| later.parse::<f64>().ok());
                    let value = match (whole, fraction) {
                        (Some(whole), _) => json!(now().cast_signed() + whole),
                        (None, Some(fraction)) => json!(now() as f64 + fraction),
                        (None, None) => self.placed(text).into(),
                    };
                    members.insert(name.clone(), value);
                }
                Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                    members.insert(name.clone(), change.clone());
                }
            }
        }
        members
    }

    /// How the stub's answer differs from the recorded one.
    fn differences(&mut self, exchange: &Exchange) -> Vec<String> {
        let answer = self.answer(exchange);
        let recorded = &exchange.response;
        let mut all = Vec::new();
        let mut compare = |what: &str, recorded: &str, answered: &str| {
            if recorded != answered {
                all.push(format!("{}: {what}\n  recorded {recorded}\n  answered {answered}", exchange.name));
            }
        };
        compare("status", &recorded.status.to_string(), &answer.status.to_string());
        for name in HEADERS {
            let known = recorded.headers.get(name).map_or("(none)", String::as_str);
            compare(name, known, answer.header(name).unwrap_or("(none)"));
        }
        let url = self.sts.server().url().to_owned();
        let mut body: Value =
            serde_json::from_str(&answer.body).unwrap_or_else(|_| answer.body.clone().into());
        if let Some(token) = body["access_token"].as_str() {
            self.tokens.insert(exchange.name.clone(), token.to_owned());
        }
        let named = |body: &mut Value| {
            named(body);
            body.to_string().replace(&url, "<url>")
        };
        let mut known = recorded.body.clone();
        if exchange.request.path.contains("openid-configuration") {
            leave_out_what_is_not_served(&mut known, &body);
        }
        compare("body", &named(&mut known), &named(&mut body));
        all
    }
}

/// The stub's discovery has only what it serves.
fn leave_out_what_is_not_served(recorded: &mut Value, answered: &Value) {
    let (Some(recorded), Some(answered)) = (recorded.as_object_mut(), answered.as_object()) else { return };
    recorded.retain(|name, _| answered.contains_key(name));
    for (name, value) in recorded {
        if let (Some(values), Some(served)) = (value.as_array_mut(), answered[name].as_array()) {
            values.retain(|value| served.contains(value));
            values.sort_by_key(|value| served.iter().position(|one| one == value));
        }
    }
}

/// Puts names in the place of what differs each time, and sorts what Keycloak does not order.
fn named(body: &mut Value) {
    if let Some(token) = body["access_token"].as_str() {
        let part = |part: &str| -> Value {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("Base64")).expect("JSON")
        };
        let mut parts = token.split('.');
        let (mut header, mut claims) =
            (part(parts.next().expect("a header")), part(parts.next().expect("claims")));
        header["kid"] = "<kid>".into();
        let seconds = |name: &str| claims[name].as_i64().expect("seconds");
        claims["exp"] = format!("<iat+{}>", seconds("exp") - seconds("iat")).into();
        claims["iat"] = "<now>".into();
        for name in ["jti", "sub", "sid", "clientHost", "clientAddress"] {
            if let Some(value) = claims.get_mut(name) {
                *value = format!("<{name}>").into();
            }
        }
        body["access_token"] = json!({ "header": header, "claims": claims });
    }
    if let Some(claims) = body.pointer_mut("/access_token/claims") {
        if let Some(audiences) = claims.get_mut("aud").and_then(Value::as_array_mut) {
            audiences.sort_by_key(Value::to_string);
        }
        claims.get_mut("scope").map(sort_words);
    }
    if let Some(token) = body.get_mut("id_token") {
        *token = "<id_token>".into();
    }
    body.get_mut("scope").map(sort_words);
    if let Some(keys) = body.get_mut("keys").and_then(Value::as_array_mut) {
        // A key for encryption signs nothing, and nobody asks for the certificates.
        keys.retain(|key| key["use"] == "sig");
        for key in keys {
            for (name, value) in key.as_object_mut().expect("a key") {
                if !["kty", "alg", "use", "e", "crv"].contains(&name.as_str()) {
                    *value = format!("<{name}>").into();
                }
            }
            key.as_object_mut().expect("a key").retain(|name, _| !name.starts_with("x5"));
        }
    }
}

fn sort_words(text: &mut Value) {
    if let Some(words) = text.as_str() {
        let mut words: Vec<_> = words.split(' ').collect();
        words.sort_unstable();
        *text = words.join(" ").into();
    }
}

#[test]
fn recorded_keycloak_answers_are_the_stubs() {
    let Recording { exchanges } = serde_json::from_str(RECORDED).expect("a recording");
    assert_eq!(exchanges.len(), 169, "the file is whole");
    let mut replay = Replay::new();
    let differences: Vec<_> = exchanges.iter().flat_map(|exchange| replay.differences(exchange)).collect();
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}
