//! The parts of a request that the log may show. A part is shown only if it is known to be harmless.

use core::fmt::Write as _;
use std::collections::BTreeMap;

use axum::http::{HeaderMap, HeaderName, Method, Uri, header, request};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use node_core::wire::{APP_ID_HEADER, APP_KEY_HEADER};
use serde::Serialize;
use serde_json::Value;

use crate::server::form::{FormFields, decoded};

/// Header fields with a secret and nothing that is shown.
const SECRET_HEADERS: [&str; 4] = [APP_KEY_HEADER, "X-Jarvis-Admin-Token", "Cookie", "Proxy-Authorization"];
const NODE_HEADER: &str = "X-API-Key";
/// Body fields with a secret.
const SECRET_FIELDS: [&str; 12] = [
    "node_key",
    "provisioning_token",
    "password",
    "access_token",
    "refresh_token",
    "client_secret",
    "client_assertion",
    "subject_token",
    "actor_token",
    "assertion",
    "token",
    "code",
];
/// The longest id that is shown, in bytes; keys have 64.
const LONGEST_ID: usize = 48;
/// The longest segment of a path that is shown, unless it is a UUID.
const LONGEST_WORD: usize = 24;
const UUID: usize = 36;
/// The longest path that is examined segment by segment.
const LONGEST_PATH: usize = 256;

/// The head of a request.
pub(super) struct RequestHead {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

/// The parts that are shown.
#[derive(Default, Serialize)]
pub(super) struct Seen {
    method: Option<&'static str>,
    path: Option<String>,
    app_id: Option<String>,
    node_id: Option<String>,
    /// As the request claims; it is not verified.
    client_id: Option<String>,
    /// The places of secrets, and their lengths.
    secrets: BTreeMap<&'static str, String>,
}

/// The secrets of a request and their places.
#[derive(Default)]
struct Secrets(Vec<(&'static str, String)>);

impl RequestHead {
    pub(super) fn of(head: &request::Parts) -> Self {
        Self { method: head.method.clone(), uri: head.uri.clone(), headers: head.headers.clone() }
    }

    /// The parts to show, given the body so far.
    pub(super) fn seen_with(&self, body: &[u8]) -> Seen {
        let mut secrets = Secrets::default();
        for name in SECRET_HEADERS {
            self.all(name).for_each(|value| secrets.add(name, value));
        }
        let (mut node_id, mut client_id) = (None, None);
        for value in self.all(NODE_HEADER) {
            match value.split_once(':') {
                Some((id, key)) => {
                    node_id = Some(id.to_owned());
                    secrets.add(NODE_HEADER, key.to_owned());
                }
                None => secrets.add(NODE_HEADER, value),
            }
        }
        for value in self.all(header::AUTHORIZATION.as_str()) {
            if let Some((id, secret)) = basic(&value) {
                client_id = Some(id);
                secrets.add("Authorization", secret);
            } else {
                let token = value.split_once(' ').map_or(value.as_str(), |(_, token)| token.trim());
                client_id = client_id.or(claimed(token, "azp"));
                secrets.add("Authorization", token.to_owned());
            }
        }
        let fields = fields(body);
        for name in SECRET_FIELDS {
            fields
                .iter()
                .filter(|(field, _)| field == name)
                .for_each(|(_, value)| secrets.add(name, value.clone()));
        }
        let field =
            |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone());
        let assertion = || claimed(&field("client_assertion")?, "sub");
        let id = |id: Option<String>| id.map(|id| secrets.id(&id));
        Seen {
            method: Some(known(&self.method)),
            path: Some(secrets.path(&self.uri)),
            app_id: id(self.all(APP_ID_HEADER).next()),
            node_id: id(node_id.or_else(|| field("node_id"))),
            client_id: id(field("client_id").or(client_id).or_else(assertion)),
            secrets: secrets.0.iter().map(|(place, secret)| (*place, mask(secret))).collect(),
        }
    }

    fn all(&self, name: &str) -> impl Iterator<Item = String> {
        let name = HeaderName::from_bytes(name.as_bytes()).ok();
        let values = name.map(|name| self.headers.get_all(name).iter());
        values.into_iter().flatten().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }
}

impl Secrets {
    fn add(&mut self, place: &'static str, secret: String) {
        self.0.push((place, secret));
    }

    fn id(&self, id: &str) -> String {
        if id.len() <= LONGEST_ID && is_plain(id) && !self.is_in(id) { id.to_owned() } else { mask(id) }
    }

    fn path(&self, uri: &Uri) -> String {
        let path = uri.path();
        let mut shown = if path.len() > LONGEST_PATH {
            mask(path)
        } else {
            path.split('/').map(|word| self.word(word)).collect::<Vec<_>>().join("/")
        };
        if let Some(query) = uri.query() {
            // Writing to a String cannot fail.
            let _ = write!(shown, "?{}", mask(query));
        }
        shown
    }

    fn word(&self, word: &str) -> String {
        let short = word.len() <= LONGEST_WORD || is_uuid(word);
        // A secret that contains a slash is spread over several segments.
        let part = word.len() > 2 && self.0.iter().any(|(_, secret)| secret.contains(word));
        let harmless = short && is_plain(word) && !part && !word.starts_with("prov_") && !self.is_in(word);
        if harmless { word.to_owned() } else { mask(word) }
    }

    fn is_in(&self, text: &str) -> bool {
        self.0.iter().any(|(_, secret)| !secret.is_empty() && text.contains(secret.as_str()))
    }
}

/// A placeholder with the length in bytes.
fn mask(secret: &str) -> String {
    format!("*** ({})", secret.len())
}

/// Excludes characters that could hide an encoded secret or control a terminal.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:@".contains(&byte))
}

fn is_uuid(text: &str) -> bool {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.len() == UUID && text.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && text.split('-').all(digits)
}

/// A client can send any text as the method.
fn known(method: &Method) -> &'static str {
    ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"]
        .into_iter()
        .find(|known| method.as_str() == *known)
        .unwrap_or("***")
}

/// Id and secret of HTTP Basic authentication, as a token service reads them.
fn basic(value: &str) -> Option<(String, String)> {
    let (scheme, credentials) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let credentials = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (id, secret) = credentials.split_once(':')?;
    Some((decoded(id)?, decoded(secret)?))
}

/// A claim of a JWT, not verified.
fn claimed(token: &str, claim: &str) -> Option<String> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    claims.get(claim)?.as_str().map(str::to_owned)
}

/// The text members of a JSON object, first level only, or the fields of a form.
fn fields(body: &[u8]) -> Vec<(String, String)> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => members
            .into_iter()
            .filter_map(|(name, value)| match value {
                Value::String(text) => Some((name, text)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
            })
            .collect(),
        Ok(_) => Vec::new(),
        Err(_) => FormFields::parse(body).map(Vec::from).unwrap_or_default(),
    }
}
