//! The realm of the recording, with keys of this run, and what an administrator changes in it.

use std::collections::HashMap;

use serde_json::{Value, json};
use server_stub::jwt::{Algorithm, SigningKey};

use crate::keycloak::rig::now;

const REALM: &str = include_str!("../../../../keycloak/realm.json");

/// The clients' keys by their names in the realm.
pub(super) fn keys() -> HashMap<String, SigningKey> {
    let key =
        |name: &str, algorithm| (name.to_owned(), SigningKey::new(algorithm).expect("a key").named(name));
    HashMap::from([
        key("jwt-es", Algorithm::Es256),
        key("jwt-ed", Algorithm::EdDsa),
        key("jwt-rs", Algorithm::Rs256),
        key("jwt-ps", Algorithm::Ps256),
        key("next", Algorithm::Es256),
        key("stranger", Algorithm::Es256),
    ])
}

/// The text with a set of public keys in the place of their names, `<jwks a b=c>`: `b=c` is key c as kid b.
fn filled(text: &str, keys: &HashMap<String, SigningKey>) -> Value {
    let Some(names) = text.strip_prefix("<jwks ").and_then(|text| text.strip_suffix('>')) else {
        return text.into();
    };
    let jwk = |name: &str| {
        let (kid, key) = name.split_once('=').unwrap_or((name, name));
        let mut jwk = keys[key].public().to_jwk();
        jwk["kid"] = kid.into();
        jwk
    };
    let jwks: Vec<Value> = names.split(' ').filter(|name| !name.is_empty()).map(jwk).collect();
    json!({ "keys": jwks }).to_string().into()
}

/// The seconds since 1970 of `now` or `now+60`, perhaps with a fraction. None: it is another text.
pub(super) fn time(text: &str) -> Option<Value> {
    let later = text.strip_prefix("now")?;
    if later.is_empty() {
        return Some(now().into());
    }
    let whole = later.parse::<i64>().map(|later| json!(now().cast_signed() + later));
    whole.ok().or_else(|| Some(json!(now() as f64 + later.parse::<f64>().ok()?)))
}

/// Makes these changes, also in objects inside of objects.
pub(super) fn change(value: &mut Value, changes: &Value, keys: &HashMap<String, SigningKey>) {
    for (name, changed) in changes.as_object().expect("changes") {
        match changed {
            Value::Object(_) => change(&mut value[name], changed, keys),
            Value::String(text) => value[name] = time(text).unwrap_or_else(|| filled(text, keys)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                value[name] = changed.clone();
            }
        }
    }
}

/// The realm with the public halves of these keys.
pub(super) fn realm(keys: &HashMap<String, SigningKey>) -> Value {
    let mut realm: Value = serde_json::from_str(REALM).expect("JSON");
    for client in realm["clients"].as_array_mut().expect("clients") {
        if let Some(wanted) = client.pointer_mut("/attributes/jwks.string") {
            *wanted = filled(wanted.as_str().expect("a text"), keys);
        }
    }
    realm
}
