//! The format of the credential file: `{"node_id":…,"node_key":…}`, or an existing Jarvis `config.json`,
//! which names the key `api_key` and contains other fields: then another program has the same identity.
//!
//! A file written by this program also has `credential_store`: a checksum, the checksum of the credential it
//! replaced, the modification time that the file was given, and whether the identity is shared. If the checksum is wrong, an unchanged
//! modification time shows that the SD card damaged the file, and another one that a person or a program
//! edited it.

mod in_place;

use std::fmt;
use std::fmt::Write as _;
use std::path::Path;

use node_core::credential::{NodeId, ValueError};
use node_core::text::Quoted;
use ring::digest;
use ring::digest::SHA256;
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize, de};
use zeroize::Zeroizing;

pub(crate) use self::in_place::with_key;
use super::json;
use super::json::{Fields, Object};
use crate::error::SetupError;
use crate::files::credential::{Credential, NodeKey};

/// The modification time of a file: seconds since 1970, and nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Modified(pub(crate) i64, pub(crate) i64);

impl Modified {
    /// A whole second: another writer is very unlikely to leave one.
    fn at(secs: u64) -> Self {
        Self(i64::try_from(secs).unwrap_or_default(), 0)
    }
}

/// The content of a credential file.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) credential: Credential,
    pub(crate) checksum: Checksum,
    /// The checksum of the credential that this one replaced.
    pub(crate) follows: Option<Checksum>,
}

/// In bytes (FIPS 180-4).
const SHA256_BLOCK_LEN: usize = 64;

/// `sha256:` and the hexadecimal SHA-256 of a credential and of the checksum that it follows. It is only
/// stored beside the key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checksum(String);

impl Checksum {
    pub(crate) fn of(credential: &Credential, follows: Option<&Self>) -> Self {
        let follows = follows.map_or("", |follows| follows.0.as_str());
        // A digest keeps the last, incomplete block of its input on the stack, where nothing wipes it.
        // Therefore the input is hashed at once, and a whole block separates the key from its end.
        let mut input = Zeroizing::new(Vec::with_capacity(1024));
        input.extend_from_slice(credential.node_key.expose().as_bytes());
        input.extend_from_slice(&[b'\n'; SHA256_BLOCK_LEN]);
        for part in [credential.node_id.as_str(), "\n", follows] {
            input.extend_from_slice(part.as_bytes());
        }
        let mut text = String::from("sha256:");
        for byte in digest::digest(&SHA256, &input).as_ref() {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }
}

/// Parses and checks the credential in `bytes`, the content of the file at `path`. `modified` is the file's
/// modification time, if known.
///
/// # Errors
/// When the text is not JSON, lacks an id or a key, contains placeholders or values that the service rejects,
/// or does not match its checksum. No error quotes the file.
pub(crate) fn parse(bytes: &[u8], path: &Path, modified: Option<Modified>) -> Result<Contents, SetupError> {
    let misshapen = |why| SetupError::CredentialForm { path: path.into(), why };
    // serde_json's message could quote the text, so only its position and kind are reported.
    let raw: Raw = json::object(bytes).map_err(|e| {
        misshapen(match e.classify() {
            serde_json::error::Category::Data if e.line() == 0 => "is not an object of JSON".into(),
            serde_json::error::Category::Data if e.to_string().starts_with("duplicate field") => {
                format!("has a key twice (line {}, column {})", e.line(), e.column())
            }
            serde_json::error::Category::Data => format!(
                "does not have text for node_id and node_key (line {}, column {})",
                e.line(),
                e.column()
            ),
            serde_json::error::Category::Eof if bytes.trim_ascii().is_empty() => "is empty".into(),
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => {
                format!("is not JSON (line {}, column {})", e.line(), e.column())
            }
        })
    })?;
    let has_api_key = raw.api_key.is_some();
    let node_id = checked(path, "node_id", raw.node_id)?;
    let node_key = match raw.node_key {
        Some(key) => checked(path, "node_key", Some(key))?,
        None => checked(path, "node_key", raw.api_key)?,
    };
    if is_exchanged(node_id.as_str(), node_key.expose()) {
        return Err(misshapen("has node_id and node_key the wrong way round, by their looks".into()));
    }
    if node_id.as_str() == node_key.expose() || is_token(node_id.as_str()) {
        return Err(misshapen("has a key or a token in the place of the node_id".into()));
    }
    let is_others = has_api_key && has_other_fields(bytes);
    let shared = is_others || raw.credential_store.as_ref().is_some_and(|kept| kept.shared);
    let credential = Credential { node_id, node_key, shared };
    if let Some(kept) = raw.credential_store {
        let follows = kept.follows.map(Checksum);
        let checksum = Checksum::of(&credential, follows.as_ref());
        if checksum.0 == kept.checksum {
            return Ok(Contents { credential, checksum, follows });
        }
        if modified == Some(Modified::at(kept.written)) {
            return Err(misshapen("is not what its checksum says: the card has damaged it".into()));
        }
    }
    // The file was written by hand or by another program.
    let checksum = Checksum::of(&credential, None);
    Ok(Contents { credential, checksum, follows: None })
}

/// The fields that this program writes.
const OWN_FIELDS: [&str; 4] = ["node_id", "node_key", "api_key", "credential_store"];

/// Whether the file is another program's, by what it has besides a credential.
fn has_other_fields(bytes: &[u8]) -> bool {
    // Another program's text may be in another encoding.
    let text = Zeroizing::new(String::from_utf8_lossy(bytes).into_owned());
    let fields = serde_json::from_slice(text.as_bytes()).unwrap_or(Fields(Vec::new()));
    fields.0.iter().any(|(key, _)| !OWN_FIELDS.contains(&key.as_str()))
}

/// Whether the text is a provisioning token.
pub(crate) fn is_token(text: &str) -> bool {
    text.starts_with("prov_")
}

/// Whether what is given as the id looks like a key, and the key like a name: an id is shown everywhere.
fn is_exchanged(node_id: &str, node_key: &str) -> bool {
    /// Longer than a UUID.
    const SHORTEST_KEY: usize = 40;
    node_id.len() >= SHORTEST_KEY
        && node_id.bytes().all(|byte| byte.is_ascii_graphic())
        && !Quoted(node_id).is_name()
        && Quoted(node_key).is_name()
        && node_key.len() < node_id.len()
}

/// The content of a file in which `credential` replaces the one in `before`. All other fields keep their
/// text. The file is to be given the modification time `written` (seconds since 1970). If `before` is not a
/// JSON object, it counts as empty.
pub(crate) fn render(
    credential: &Credential,
    follows: Option<&Checksum>,
    written: u64,
    before: &[u8],
) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
    // JSON is written as UTF-8. Another program's text in another encoding must not cost its other fields.
    let before = Zeroizing::new(String::from_utf8_lossy(before).into_owned());
    let fields = serde_json::from_slice(before.as_bytes()).unwrap_or(Fields(Vec::new()));
    let has = |name: &str| fields.0.iter().any(|(key, _)| key == name);
    let store = Store {
        checksum: Checksum::of(credential, follows).0,
        follows: follows.map(|follows| follows.0.clone()),
        written,
        shared: credential.shared,
    };
    let mut out = Object::with_room(before.len() + 2048);
    out.field("node_id", credential.node_id.as_str())?;
    if has("node_key") || !has("api_key") {
        out.field("node_key", credential.node_key.expose())?;
    }
    if has("api_key") {
        out.field("api_key", credential.node_key.expose())?;
    }
    for (key, value) in &fields.0 {
        if !OWN_FIELDS.contains(&key.as_str()) {
            out.field(key, value)?;
        }
    }
    out.field("credential_store", &store)?;
    Ok(out.end())
}

#[derive(Deserialize)]
struct Raw {
    node_id: Option<Parsed<NodeId>>,
    node_key: Option<Parsed<NodeKey>>,
    api_key: Option<Parsed<NodeKey>>,
    credential_store: Option<Store>,
}

#[derive(Serialize, Deserialize)]
struct Store {
    checksum: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    follows: Option<String>,
    written: u64,
    /// Whether it was installed from another program's file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    shared: bool,
}

/// Parsed in the file's bytes, so that no unwiped copy is made. (serde_json copies a key with JSON escapes;
/// issued keys have none.)
struct Parsed<T>(Result<T, ValueError>);

fn checked<T>(path: &Path, key: &'static str, found: Option<Parsed<T>>) -> Result<T, SetupError> {
    match found {
        None => Err(SetupError::CredentialForm { path: path.into(), why: format!("has no {key}") }),
        Some(Parsed(Ok(value))) => Ok(value),
        Some(Parsed(Err(ValueError::Placeholder))) => {
            Err(SetupError::NotProvisioned { path: path.into(), key })
        }
        Some(Parsed(Err(why))) => Err(SetupError::Value { path: path.into(), key, why }),
    }
}

trait Parse: Sized {
    fn parse_text(text: &str) -> Result<Self, ValueError>;
}

impl Parse for NodeId {
    fn parse_text(text: &str) -> Result<Self, ValueError> {
        Self::parse(text)
    }
}

impl Parse for NodeKey {
    fn parse_text(text: &str) -> Result<Self, ValueError> {
        Self::parse(text)
    }
}

impl<'de, T: Parse> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InPlace<T>(std::marker::PhantomData<T>);
        impl<T: Parse> Visitor<'_> for InPlace<T> {
            type Value = Parsed<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Parsed<T>, E> {
                Ok(Parsed(T::parse_text(text)))
            }
        }
        deserializer.deserialize_str(InPlace(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests;
