//! The credential file: `{"node_id":…,"node_key":…}`, or an existing Jarvis `config.json`,
//! which calls the key `api_key` and holds unrelated keys besides.

use alloc::format;
use core::fmt;
use std::path::Path;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::error::SetupError;
use super::secret_file::{self, Stamp};
use crate::credential::{Credential, Malformed, NodeId, NodeKey};

/// Reads and checks the credential at `path`.
///
/// # Errors
/// When the file is missing, open to others or too large, is not JSON, lacks an id or a key, or
/// holds placeholders or what the service cannot take. No error repeats what the file holds.
pub fn load(path: &Path) -> Result<(Credential, Stamp), SetupError> {
    let (bytes, stamp) = secret_file::read("credential file", path)?;
    // serde_json's own message could quote the text, so only its place and kind are told.
    let raw: Raw = serde_json::from_slice(&bytes).map_err(|e| SetupError::CredentialForm {
        path: path.into(),
        why: match e.classify() {
            serde_json::error::Category::Data => format!(
                "does not have text for node_id and node_key (line {}, column {})",
                e.line(),
                e.column()
            ),
            serde_json::error::Category::Eof if bytes.is_empty() => "is empty".into(),
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => {
                format!("is not JSON (line {}, column {})", e.line(), e.column())
            }
        },
    })?;
    let node_id = checked(path, "node_id", raw.node_id)?;
    let node_key = match raw.node_key {
        Some(key) => checked(path, "node_key", Some(key))?,
        None => checked(path, "node_key", raw.api_key)?,
    };
    Ok((Credential { node_id, node_key }, stamp))
}

#[derive(Deserialize)]
struct Raw {
    node_id: Option<Parsed<NodeId>>,
    node_key: Option<Parsed<NodeKey>>,
    api_key: Option<Parsed<NodeKey>>,
}

/// Parsed where it stands in the file's bytes, so that no unwiped copy of it is made (but for a
/// key with JSON escapes, which serde_json unescapes elsewhere; issued keys have none).
struct Parsed<T>(Result<T, Malformed>);

fn checked<T>(path: &Path, key: &'static str, found: Option<Parsed<T>>) -> Result<T, SetupError> {
    match found {
        None => Err(SetupError::CredentialForm { path: path.into(), why: format!("has no {key}") }),
        Some(Parsed(Ok(value))) => Ok(value),
        Some(Parsed(Err(Malformed::Placeholder))) => {
            Err(SetupError::NotProvisioned { path: path.into(), key })
        }
        Some(Parsed(Err(why))) => Err(SetupError::Value { path: path.into(), key, why }),
    }
}

trait Parse: Sized {
    fn parse_text(text: &str) -> Result<Self, Malformed>;
}

impl Parse for NodeId {
    fn parse_text(text: &str) -> Result<Self, Malformed> {
        Self::parse(text)
    }
}

impl Parse for NodeKey {
    fn parse_text(text: &str) -> Result<Self, Malformed> {
        Self::parse(text)
    }
}

impl<'de, T: Parse> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InPlace<T>(core::marker::PhantomData<T>);
        impl<T: Parse> Visitor<'_> for InPlace<T> {
            type Value = Parsed<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Parsed<T>, E> {
                Ok(Parsed(T::parse_text(text)))
            }
        }
        deserializer.deserialize_str(InPlace(core::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::string::ToString;

    use super::*;

    fn loaded(text: &str) -> Result<Credential, SetupError> {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("credential.json");
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("mode set");
        load(&path).map(|(credential, _)| credential)
    }

    #[test]
    fn our_own_form_and_the_existing_one_are_read() {
        for text in [
            r#"{"node_id":"kitchen-pi","node_key":"k-1"}"#,
            "{\"node_id\":\"kitchen-pi\",\"node_key\":\"k-1\\n\"}\n",
            r#"{"room":"kitchen","node_id":"kitchen-pi","api_key":"k-1","mqtt":{"port":1883}}"#,
        ] {
            let credential = loaded(text).expect("sound");
            assert_eq!(credential.node_id.as_str(), "kitchen-pi", "{text}");
            assert_eq!(credential.node_key.expose(), "k-1", "{text}");
        }
    }

    #[test]
    fn placeholders_mean_not_provisioned() {
        for text in [
            r#"{"node_id":"your-node-id","api_key":"k-1"}"#,
            r#"{"node_id":"kitchen-pi","api_key":"your_api_key_here"}"#,
            r#"{"node_id":"kitchen-pi","api_key":""}"#,
        ] {
            assert!(matches!(loaded(text), Err(SetupError::NotProvisioned { .. })), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_repeating_it() {
        for (text, says) in [
            ("", "is empty"),
            ("{}", "has no node_id"),
            (r#"{"node_id":"p"}"#, "has no node_key"),
            (r#"{"node_id":"p","node_key":"s3cret"#, "is not JSON (line 1, column"),
            (r#""s3cret""#, "does not have text for node_id and node_key"),
            (r#"["s3cret"]"#, "does not have text"),
            (r#"{"node_id":"p","node_key":["s3cret"]}"#, "does not have text"),
            (r#"{"node_id":"p","node_key":"s3cret","node_key":"s3cret"}"#, "does not have text"),
            (r#"{"node_id":"p","node_key":"s3cret\u0000"}"#, "node_key in"),
            (r#"{"node_id":"p:q","node_key":"s3cret"}"#, "holds a colon"),
        ] {
            let error = loaded(text).expect_err(text);
            let told = std::format!("{error} {error:?} {:?}", error.to_trouble());
            assert!(error.to_string().contains(says), "{text}: {error}");
            assert!(!told.contains("s3cret"), "{told}");
        }
    }
}
