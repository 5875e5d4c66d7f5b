//! The files that the auth server keeps between starts, and those for a node.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::auth::state::{APP_ID, COMMAND_CENTER};
use crate::server::directory::{self, DirectoryError, Secret, file, line, pretty, text};
use crate::server::pki::Identity;

const APP_KEY: &str = "app.key";
const MEMBER_PASSWORD: &str = "member.password";
const CREDENTIAL: &str = "credential.json";
const CONFIG: &str = "config.json";
const STATUS: &str = "status.json";
const STATE: &str = "state.json";

/// A node's credential, as jarvis-node reads it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Credential {
    pub(crate) node_id: String,
    pub(crate) node_key: String,
}

/// The files of an earlier start. A missing file is none.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) server: directory::Kept,
    pub(crate) app_key: Option<String>,
    pub(crate) member_password: Option<String>,
    pub(crate) credential: Option<Credential>,
}

impl Kept {
    pub(crate) fn load(dir: &Path) -> Result<Self, DirectoryError> {
        let credential = text(dir, CREDENTIAL)?.map(|text| {
            // The parser's message could quote the key.
            serde_json::from_str(&text)
                .map_err(|_| DirectoryError::malformed(dir, CREDENTIAL, "it is no node's credential"))
        });
        Ok(Self {
            server: directory::Kept::load(dir)?,
            app_key: line(dir, APP_KEY)?,
            member_password: line(dir, MEMBER_PASSWORD)?,
            credential: credential.transpose()?,
        })
    }
}

/// The contents of a folder.
pub(super) struct Contents<'a> {
    /// None: plain HTTP.
    pub(crate) identity: Option<&'a Identity>,
    pub(crate) url: &'a str,
    pub(crate) app_key: &'a str,
    pub(crate) member_password: &'a str,
    pub(crate) credential: &'a Credential,
    pub(crate) admin_token: &'a str,
}

/// The part of jarvis-node's configuration that a stub determines.
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
    /// Writes the folder, which is made if it does not exist, and returns the path of `config.json`.
    pub(crate) fn write(&self, dir: &Path) -> Result<PathBuf, DirectoryError> {
        directory::make(dir)?;
        // The paths are absolute, so that the node can be started from any folder.
        let dir = &directory::absolute(dir)?;
        if let Some(identity) = self.identity {
            directory::write_identity(dir, identity)?;
        }
        file(dir, APP_KEY, Secret::Yes, &format!("{}\n", self.app_key))?;
        file(dir, MEMBER_PASSWORD, Secret::Yes, &format!("{}\n", self.member_password))?;
        directory::write_admin_token(dir, self.admin_token)?;
        file(dir, CREDENTIAL, Secret::Yes, &pretty(dir, CREDENTIAL, self.credential)?)?;
        let config = Config {
            auth_url: self.url,
            service_id: COMMAND_CENTER,
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
