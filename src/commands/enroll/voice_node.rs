//! The configuration of a voice node on this board, whose key is to be replaced in place: `--write-config`
//! (docs/wire/jarvis-home.md, "The incumbent's files").

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use node_core::credential::{NodeId, PLACEHOLDERS};
use serde_json::Value;
use zeroize::Zeroizing;

use super::EnrollError;
use crate::files::credential::Credential;
use crate::files::{credential_file, durable};
use crate::system::bounded;

/// In bytes. Larger than any such file.
const MAX_LEN: u64 = 256 * 1024;

/// A configuration that is there and can be replaced.
pub(super) struct VoiceNode {
    path: PathBuf,
    /// Of which node it is; `None` if it was never provisioned.
    node_id: Option<String>,
    /// The address of its home's config service.
    home: Option<String>,
}

impl VoiceNode {
    /// The configuration at `path`.
    ///
    /// # Errors
    /// There is none, or it cannot be replaced by one with another key.
    pub(super) fn find(path: &Path) -> Result<Self, EnrollError> {
        let fault = |why: String| EnrollError::VoiceNode(path.into(), why);
        if path.is_symlink() {
            return Err(fault("is a link: name the file itself".into()));
        }
        let text = read(path).map_err(fault)?;
        let keys: Value = serde_json::from_slice(&text).unwrap_or_default();
        let word = |key: &str| keys.get(key).and_then(Value::as_str).map(str::to_owned);
        credential_file::with_key(&text, None).map_err(fault)?;
        durable::check_folder(path).map_err(|why| fault(format!("cannot be replaced: {why}")))?;
        let is_one = |id: &String| !PLACEHOLDERS.iter().any(|known| known.eq_ignore_ascii_case(id));
        Ok(Self {
            path: path.into(),
            node_id: word("node_id").filter(is_one),
            home: word("jarvis_config_service_url").filter(|url| !url.is_empty()),
        })
    }

    /// The address of its home's config service.
    pub(super) fn home(&self) -> Option<String> {
        self.home.clone()
    }

    /// Checks that it is of this node, or of none.
    ///
    /// # Errors
    /// It is of another.
    pub(super) fn check(&self, node_id: &NodeId) -> Result<(), EnrollError> {
        match &self.node_id {
            Some(other) if other != node_id.as_str() => {
                let why = format!(
                    "is of the node '{other}', not of '{node_id}': give --node-id {other}, or put your-node-id there"
                );
                Err(EnrollError::VoiceNode(self.path.clone(), why))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Puts the key there, and the id if there is none. It is read anew, since the voice node writes to it, too.
    ///
    /// # Errors
    /// It could not be written; it is then as it was.
    pub(super) fn put(&self, credential: &Credential) -> Result<(), EnrollError> {
        let Self { path, .. } = self;
        let put = || {
            let bytes = credential_file::with_key(&read(path)?, Some(credential))?;
            let mode = fs::metadata(path).map_err(|e| e.to_string())?.mode() & 0o7777;
            durable::replace_as(path, &bytes, path, mode).map_err(|e| e.to_string())
        };
        put().map_err(|why| {
            let fix = "Put node_id and api_key there by hand, from the credential file.".into();
            EnrollError::NotWritten(credential.node_id.clone().into(), path.clone(), why, fix)
        })
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    bounded::read(path, MAX_LEN).map(Zeroizing::new).map_err(|why| format!("cannot be read: {why}"))
}
