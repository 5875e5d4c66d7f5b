//! The folder a stub keeps between starts, and hands to a node.

use core::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::StartError;
use crate::pki::{Authority, CertificateAuthority, Identity, PkiError, ServerKey};
use crate::secrets::new_key;
use crate::state::{APP_ID, SERVICE_ID};

const CA: &str = "ca.pem";
const CA_KEY: &str = "ca.key";
const SERVER_KEY: &str = "server.key";
const APP_KEY: &str = "app.key";
const CREDENTIAL: &str = "credential.json";
const ADMIN_TOKEN: &str = "admin.token";
const CONFIG: &str = "config.json";
const STATUS: &str = "status.json";
const STATE: &str = "state.json";

/// Why a folder could not be used.
#[derive(Debug)]
pub struct DirectoryError {
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    Read(io::Error),
    Write(io::Error),
    Malformed(String),
}

impl fmt::Display for DirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.problem {
            Problem::Read(error) => write!(f, "cannot read {path}: {error}"),
            Problem::Write(error) => write!(f, "cannot write {path}: {error}"),
            Problem::Malformed(why) => {
                write!(f, "{path} is no use: {why}; delete the folder to have it made anew")
            }
        }
    }
}

impl core::error::Error for DirectoryError {}

/// A node's credential, as jarvis-node reads it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Credential {
    pub(crate) node_id: String,
    pub(crate) node_key: String,
}

/// What an earlier start left behind. Files that are not there are none.
pub(crate) struct Kept {
    pub(crate) authority: Option<CertificateAuthority>,
    pub(crate) server_key: Option<ServerKey>,
    pub(crate) app_key: Option<String>,
    pub(crate) credential: Option<Credential>,
    pub(crate) admin_token: Option<String>,
}

impl Kept {
    /// For a stub without a folder.
    pub(crate) const NOTHING: Self =
        Self { authority: None, server_key: None, app_key: None, credential: None, admin_token: None };

    pub(crate) fn load(dir: &Path) -> Result<Self, DirectoryError> {
        let malformed = |name: &str, why: String| DirectoryError {
            path: dir.join(name),
            problem: Problem::Malformed(why),
        };
        let authority = match (text(dir, CA)?, text(dir, CA_KEY)?) {
            (Some(pem), Some(key)) => Some(
                Authority::from_pem(pem, &key)
                    .map_err(|error: PkiError| malformed(CA, error.to_string()))?
                    .into(),
            ),
            // Half an authority signs nothing: a new one, which clients will have to be given.
            (Some(_), None) | (None, Some(_)) | (None, None) => None,
        };
        let server_key = text(dir, SERVER_KEY)?.map(|pem| ServerKey::from_pem(&pem)).transpose();
        let credential = text(dir, CREDENTIAL)?.map(|text| {
            // Not the parser's message: it could quote the key.
            serde_json::from_str(&text)
                .map_err(|_| malformed(CREDENTIAL, "it is no node's credential".to_owned()))
        });
        let line = |name: &str| {
            let line = text(dir, name)?.map(|text| text.trim_end_matches('\n').to_owned());
            match line {
                Some(line) if line.is_empty() || !line.bytes().all(|byte| byte.is_ascii_graphic()) => {
                    Err(malformed(name, "it must hold one line of printable ASCII".to_owned()))
                }
                line => Ok(line),
            }
        };
        Ok(Self {
            authority,
            server_key: server_key.map_err(|error| malformed(SERVER_KEY, error.to_string()))?,
            app_key: line(APP_KEY)?,
            credential: credential.transpose()?,
            admin_token: line(ADMIN_TOKEN)?,
        })
    }
}

/// What the services of one folder have in common, for those that start without the auth server.
#[derive(Clone)]
pub struct Common {
    /// Who vouches for them. None: plain HTTP.
    pub authority: Option<CertificateAuthority>,
    /// What opens their `/__stub/*`.
    pub admin_token: String,
}

impl Common {
    /// Reads from `dir` what an earlier start of whatever service left there, and writes what is new.
    /// `admin_token` goes before the folder's.
    ///
    /// # Errors
    /// The folder cannot be used, or no certificate can be made.
    pub fn kept_in(dir: &Path, tls: bool, admin_token: Option<String>) -> Result<Self, StartError> {
        let kept = Kept::load(dir)?;
        let authority = match (tls, kept.authority) {
            (true, Some(kept)) => Some(kept),
            (true, None) => Some(CertificateAuthority::new()?),
            (false, _) => None,
        };
        let admin_token = admin_token.or(kept.admin_token).unwrap_or_else(new_key);
        let failed = |error| DirectoryError { path: dir.to_owned(), problem: Problem::Write(error) };
        fs::create_dir_all(dir).map_err(failed)?;
        if let Some(authority) = &authority {
            write_authority(dir, authority)?;
        }
        write_admin_token(dir, &admin_token)?;
        Ok(Self { authority, admin_token })
    }
}

fn write_authority(dir: &Path, authority: &CertificateAuthority) -> Result<(), DirectoryError> {
    file(dir, CA_KEY, Secret::Yes, &authority.key_pem())?;
    file(dir, CA, Secret::No, authority.pem())
}

fn write_admin_token(dir: &Path, token: &str) -> Result<(), DirectoryError> {
    file(dir, ADMIN_TOKEN, Secret::Yes, &format!("{token}\n"))
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
        let failed = |error| DirectoryError { path: dir.to_owned(), problem: Problem::Write(error) };
        fs::create_dir_all(dir).map_err(failed)?;
        // Absolute, so that the configuration works from wherever the node is started.
        let dir = &dir.canonicalize().map_err(failed)?;
        if let Some(identity) = self.identity {
            file(dir, SERVER_KEY, Secret::Yes, &identity.key_pem())?;
            write_authority(dir, identity.authority())?;
        }
        file(dir, APP_KEY, Secret::Yes, &format!("{}\n", self.app_key))?;
        write_admin_token(dir, self.admin_token)?;
        file(dir, CREDENTIAL, Secret::Yes, &pretty(dir, CREDENTIAL, self.credential)?)?;
        let config = Config {
            auth_url: self.url,
            service_id: SERVICE_ID,
            app_id: APP_ID,
            app_key_file: dir.join(APP_KEY),
            credential_file: dir.join(CREDENTIAL),
            ca_file: self.identity.map(|_| dir.join(CA)),
            led: "none",
            status_file: dir.join(STATUS),
            state_file: dir.join(STATE),
        };
        file(dir, CONFIG, Secret::No, &pretty(dir, CONFIG, &config)?)?;
        Ok(dir.join(CONFIG))
    }
}

#[derive(Clone, Copy)]
enum Secret {
    Yes,
    No,
}

fn text(dir: &Path, name: &str) -> Result<Option<String>, DirectoryError> {
    let path = dir.join(name);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(DirectoryError { path, problem: Problem::Read(error) }),
    }
}

fn pretty(dir: &Path, name: &str, value: &impl Serialize) -> Result<String, DirectoryError> {
    let written = serde_json::to_string_pretty(value).map(|text| text + "\n");
    // A path that is no Unicode cannot stand in JSON.
    written.map_err(|error| DirectoryError {
        path: dir.join(name),
        problem: Problem::Write(io::Error::other(error)),
    })
}

/// Replaces a file in one step, so that a node that is reading it sees the old or the new one.
fn file(dir: &Path, name: &str, secret: Secret, text: &str) -> Result<(), DirectoryError> {
    let path = dir.join(name);
    let half = dir.join(format!("{name}.new"));
    replace(&path, &half, secret, text)
        .map_err(|error| DirectoryError { path, problem: Problem::Write(error) })
}

fn replace(path: &Path, half: &Path, secret: Secret, text: &str) -> io::Result<()> {
    // One left behind by a start that was cut short may have another mode.
    match fs::remove_file(half) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(match secret {
            Secret::Yes => 0o600,
            Secret::No => 0o644,
        });
    }
    #[cfg(not(unix))]
    let _ = secret;
    options.open(half)?.write_all(text.as_bytes())?;
    fs::rename(half, path)
}
