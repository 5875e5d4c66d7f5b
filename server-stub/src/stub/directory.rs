//! What the auth server keeps in the folder between starts, and hands to a node.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::auth::state::{APP_ID, SERVICE_ID};
use crate::server::directory::{self, DirectoryError, Secret, file, line, pretty, text};
use crate::server::pki::Identity;

const APP_KEY: &str = "app.key";
const CREDENTIAL: &str = "credential.json";
const CONFIG: &str = "config.json";
const STATUS: &str = "status.json";
const STATE: &str = "state.json";

/// A node's credential, as jarvis-node reads it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Credential {
    pub(crate) node_id: String,
    pub(crate) node_key: String,
}

/// What an earlier start left behind. Files that are not there are none.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) server: directory::Kept,
    pub(crate) app_key: Option<String>,
    pub(crate) credential: Option<Credential>,
}

impl Kept {
    pub(crate) fn load(dir: &Path) -> Result<Self, DirectoryError> {
        let credential = text(dir, CREDENTIAL)?.map(|text| {
            // Not the parser's message: it could quote the key.
            serde_json::from_str(&text)
                .map_err(|_| DirectoryError::malformed(dir, CREDENTIAL, "it is no node's credential"))
        });
        Ok(Self {
            server: directory::Kept::load(dir)?,
            app_key: line(dir, APP_KEY)?,
            credential: credential.transpose()?,
        })
    }
}

/// What goes into a folder.
pub(crate) struct Contents<'a> {
    /// None: plain HTTP.
    pub(crate) identity: Option<&'a Identity>,
    pub(crate) url: &'a str,
    pub(crate) app_key: &'a str,
    pub(crate) credential: &'a Credential,
    pub(crate) admin_token: &'a str,
}

/// jarvis-node's configuration, as far as a stub has something to say about it.
#[derive(Serialize)]
struct Config<'a> {
    auth_url: &'a str,
    service_id: &'a str,
    app_id: &'a str,
    app_key_file: PathBuf,
    credential_file: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<PathBuf>,
    led: &'a str,
    status_file: PathBuf,
    state_file: PathBuf,
}

impl Contents<'_> {
    /// Writes the folder, making it if need be, and gives the path of its `config.json`.
    pub(crate) fn write(&self, dir: &Path) -> Result<PathBuf, DirectoryError> {
        directory::make(dir)?;
        // Absolute, so that the configuration works from wherever the node is started.
        let dir = &directory::absolute(dir)?;
        if let Some(identity) = self.identity {
            directory::write_identity(dir, identity)?;
        }
        file(dir, APP_KEY, Secret::Yes, &format!("{}\n", self.app_key))?;
        directory::write_admin_token(dir, self.admin_token)?;
        file(dir, CREDENTIAL, Secret::Yes, &pretty(dir, CREDENTIAL, self.credential)?)?;
        let config = Config {
            auth_url: self.url,
            service_id: SERVICE_ID,
            app_id: APP_ID,
            app_key_file: dir.join(APP_KEY),
            credential_file: dir.join(CREDENTIAL),
            ca_file: self.identity.map(|_| directory::authority_file(dir)),
            led: "none",
            status_file: dir.join(STATUS),
            state_file: dir.join(STATE),
        };
        file(dir, CONFIG, Secret::No, &pretty(dir, CONFIG, &config)?)?;
        Ok(dir.join(CONFIG))
    }
}
