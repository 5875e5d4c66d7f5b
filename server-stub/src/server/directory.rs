//! The folder that servers keep between starts: the certificate authority, keys and tokens.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::error::StartError;
use super::pki::{Authority, CertificateAuthority, Identity, KeyType, ServerKey};

const CA: &str = "ca.pem";
const CA_KEY: &str = "ca.key";
const SERVER_KEY: &str = "server.key";
const ADMIN_TOKEN: &str = "admin.token";

/// Why a folder could not be used.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct DirectoryError(Problem);

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("cannot read {path}: {1}", path = .0.display())]
    Read(PathBuf, io::Error),
    #[error("cannot write {path}: {1}", path = .0.display())]
    Write(PathBuf, io::Error),
    #[error("{path} is unusable: {1}; delete the folder to have it made again", path = .0.display())]
    Malformed(PathBuf, String),
}

impl DirectoryError {
    pub(crate) fn malformed(dir: &Path, name: &str, why: impl Into<String>) -> Self {
        Self(Problem::Malformed(dir.join(name), why.into()))
    }

    fn unwritable(path: &Path, error: io::Error) -> Self {
        Self(Problem::Write(path.to_owned(), error))
    }
}

/// The files of an earlier start. A missing file is none.
#[derive(Default)]
pub(crate) struct Kept {
    authority: Option<CertificateAuthority>,
    pub(crate) server_key: Option<ServerKey>,
    pub(crate) admin_token: Option<String>,
}

impl Kept {
    pub(crate) fn load(dir: &Path) -> Result<Self, DirectoryError> {
        let authority = match (text(dir, CA)?, text(dir, CA_KEY)?) {
            (Some(pem), Some(key)) => Some(
                Authority::from_pem(pem, &key)
                    .map_err(|error| DirectoryError::malformed(dir, CA, error.to_string()))?
                    .into(),
            ),
            // Half an authority cannot sign. A new one is made, and clients need its certificate.
            (Some(_), None) | (None, Some(_)) | (None, None) => None,
        };
        let server_key = text(dir, SERVER_KEY)?.map(|pem| ServerKey::from_pem(&pem)).transpose();
        let unusable =
            |error: super::pki::PkiError| DirectoryError::malformed(dir, SERVER_KEY, error.to_string());
        Ok(Self {
            authority,
            server_key: server_key.map_err(unusable)?,
            admin_token: line(dir, ADMIN_TOKEN)?,
        })
    }

    /// The authority of the folder, or a new one; `None` without TLS. `key_type` is the kind that its key must be of.
    pub(crate) fn authority(
        &mut self,
        tls: bool,
        key_type: Option<KeyType>,
    ) -> Result<Option<CertificateAuthority>, StartError> {
        if !tls {
            return Ok(None);
        }
        match self.authority.take() {
            Some(kept) if key_type.is_some() && key_type != kept.key_type() => Err(StartError::OtherKeyType),
            Some(kept) => Ok(Some(kept)),
            None => Ok(Some(CertificateAuthority::of(key_type.unwrap_or_default())?)),
        }
    }
}

/// Makes the folder if it does not exist.
pub(crate) fn make(dir: &Path) -> Result<(), DirectoryError> {
    fs::create_dir_all(dir).map_err(|error| DirectoryError::unwritable(dir, error))
}

/// The folder's absolute path.
pub(crate) fn absolute(dir: &Path) -> Result<PathBuf, DirectoryError> {
    dir.canonicalize().map_err(|error| DirectoryError::unwritable(dir, error))
}

pub(crate) fn write_identity(dir: &Path, identity: &Identity) -> Result<(), DirectoryError> {
    file(dir, SERVER_KEY, Secret::Yes, &identity.key_pem())?;
    write_authority(dir, identity.authority())
}

pub(super) fn write_authority(dir: &Path, authority: &CertificateAuthority) -> Result<(), DirectoryError> {
    file(dir, CA_KEY, Secret::Yes, &authority.key_pem())?;
    file(dir, CA, Secret::No, authority.pem())
}

pub(crate) fn write_admin_token(dir: &Path, token: &str) -> Result<(), DirectoryError> {
    file(dir, ADMIN_TOKEN, Secret::Yes, &format!("{token}\n"))
}

/// The path of the certificate authority's certificate.
pub(crate) fn authority_file(dir: &Path) -> PathBuf {
    dir.join(CA)
}

#[derive(Clone, Copy)]
pub(crate) enum Secret {
    Yes,
    No,
}

/// The text of a file. None: the file does not exist.
pub(crate) fn text(dir: &Path, name: &str) -> Result<Option<String>, DirectoryError> {
    let path = dir.join(name);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(DirectoryError(Problem::Read(path, error))),
    }
}

/// The only line of a file. None: the file does not exist.
pub(crate) fn line(dir: &Path, name: &str) -> Result<Option<String>, DirectoryError> {
    match text(dir, name)?.map(|text| text.trim_end_matches('\n').to_owned()) {
        Some(line) if line.is_empty() || !line.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(DirectoryError::malformed(dir, name, "it must hold one line of printable ASCII"))
        }
        line => Ok(line),
    }
}

/// A value as the JSON text for the file of this name.
pub(crate) fn pretty(dir: &Path, name: &str, value: &impl Serialize) -> Result<String, DirectoryError> {
    let written = serde_json::to_string_pretty(value).map(|text| text + "\n");
    // JSON cannot contain a path that is not Unicode.
    written.map_err(|error| DirectoryError::unwritable(&dir.join(name), io::Error::other(error)))
}

/// Replaces a file in one step, so that a node that reads it meanwhile sees the old or the new file.
pub(crate) fn file(dir: &Path, name: &str, secret: Secret, text: &str) -> Result<(), DirectoryError> {
    let path = dir.join(name);
    let half = dir.join(format!("{name}.new"));
    replace(&path, &half, secret, text).map_err(|error| DirectoryError::unwritable(&path, error))
}

fn replace(path: &Path, half: &Path, secret: Secret, text: &str) -> io::Result<()> {
    // A file left by an interrupted start can have another mode.
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
