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

mod realm;

use realm::{change, keys, realm, time};

const RECORDED: &str = include_str!("../../../fixtures/keycloak.json");
const HEADERS: [&str; 6] =
    ["allow", "cache-control", "content-type", "location", "pragma", "www-authenticate"];

#[derive(Deserialize)]
struct Recording {
    exchanges: Vec<Exchange>,
    /// Answers of a Keycloak whose hostname is set.
    named: Vec<Exchange>,
}

#[derive(Deserialize)]
struct Exchange {
    name: String,
    /// What happens before: see `Case` in `keycloak/cases.py`.
    #[serde(default)]
    before: Vec<Value>,
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

struct Replay {
    sts: Sts,
    realm: Value,
    keys: HashMap<String, SigningKey>,
    tokens: HashMap<String, String>,
    ids: HashMap<String, String>,
}

impl Replay {
    fn new(issuer: Option<&str>) -> Self {
        let keys = keys();
        let realm = realm(&keys);
        let options = StsOptions {
            realm: Realm::from_json(&realm.to_string()).expect("a realm"),
            issuer: issuer.map(str::to_owned),
            audiences: AudienceRule::Mapped,
            algorithm: Algorithm::Rs256,
            ..StsOptions::default()
        };
        Self {
            sts: Sts::start(options).expect("a token service"),
            realm,
            keys,
            tokens: HashMap::new(),
            ids: HashMap::new(),
        }
    }

    /// Does what happens before a request.
    fn act(&mut self, act: &Value) {
        let text = |at: usize| act[at].as_str().expect("a text");
        match text(0) {
            "wait" => std::thread::sleep(Duration::from_secs(act[1].as_u64().expect("seconds"))),
            "rotate" => drop(self.sts.rotate_signing_key().expect("another key")),
            // An older key signs nothing here anyway.
            "keys" if text(1) == "passive" => {}
            "keys" => self.sts.retire_old_keys(),
            what => {
                let (changed, changes) = if what == "realm" {
                    (&mut self.realm, &act[1])
                } else {
                    let mut clients = self.realm["clients"].as_array_mut().expect("clients").iter_mut();
                    (clients.find(|client| client["clientId"] == act[1]).expect("a client"), &act[2])
                };
                change(changed, changes, &self.keys);
                self.sts.set_realm(Realm::from_json(&self.realm.to_string()).expect("a realm"));
            }
        }
    }

    fn answer(&mut self, exchange: &Exchange) -> Answer {
        for act in &exchange.before {
            self.act(act);
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
        let url = format!("{}/realms/wire", self.sts.server().url());
        text.replace("{issuer}", &url).replace("{token_endpoint}", &self.sts.token_endpoint())
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
        let claims = json!({ "iss": client, "sub": client, "aud": self.placed("{issuer}"), "jti": id,
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
                    members.insert(name.clone(), time(text).unwrap_or_else(|| self.placed(text).into()));
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
            // One document was kept whole, of the others the addresses.
            if let Some(members) = body.as_object_mut().filter(|_| exchange.name != "discovery") {
                members.retain(|name, _| known.get(name).is_some());
            }
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
    if let Some(time) = body.get_mut("not-before-policy").filter(|time| time.as_u64() > Some(0)) {
        *time = "<not before>".into();
    }
    if let Some(key) = body.get_mut("public_key") {
        *key = "<public_key>".into();
    }
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

/// Replays what was recorded, all of it.
#[track_caller]
fn check(exchanges: &[Exchange], count: usize, issuer: Option<&str>) {
    assert_eq!(exchanges.len(), count, "the file is whole");
    let mut replay = Replay::new(issuer);
    let differences: Vec<_> = exchanges.iter().flat_map(|exchange| replay.differences(exchange)).collect();
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

fn recorded() -> Recording {
    serde_json::from_str(RECORDED).expect("a recording")
}

#[test]
fn recorded_keycloak_answers_are_the_stubs() {
    check(&recorded().exchanges, 300, None);
}

#[test]
fn recorded_answers_with_a_hostname_are_the_stubs() {
    check(&recorded().named, 12, Some("https://sts.example/realms/wire"));
}
