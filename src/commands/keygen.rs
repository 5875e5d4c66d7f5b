//! `jarvis-node keygen`: makes the key pair that proves this node to the STS, and shows its public half.

use std::path::{Path, PathBuf};
use std::{fs, io};

use thiserror::Error;

use crate::error::SetupError;
use crate::files::durable;
use crate::files::durable::{beside, folder};
use crate::sts::{Algorithm, KeyError, SigningKey, generate};

/// The key's file unless another is named.
pub(crate) const DEFAULT_FILE: &str = "/var/lib/jarvis-node-agent/sts.key";

/// Why there is no key.
#[derive(Debug, Error)]
pub enum KeygenError {
    /// It cannot be generated.
    #[error(transparent)]
    Generate(KeyError),
    /// There is a file in its place, which is never overwritten.
    #[error(
        "{path} is there already and is not overwritten; see its public half with `jarvis-node keygen --show --out \
         {path}`, or name another file with --out",
        path = .0.display()
    )]
    FileExists(PathBuf),
    /// It cannot be written.
    #[error("{path} cannot be written: {1}; name another file with --out, or run this as root", path = .0.display())]
    Write(PathBuf, io::Error),
    /// It cannot be read.
    #[error("{0}. {fix}", fix = .0.to_trouble().fix)]
    Read(SetupError),
}

/// Makes a key in a new file at `path`, which only the owner of its folder may read. Returns the public half
/// as a JWK set, made from what the file holds.
///
/// # Errors
/// See [`KeygenError`]; a file that was at `path` before is left alone.
pub fn make(algorithm: Algorithm, path: &Path) -> Result<String, KeygenError> {
    let write_error = |why| KeygenError::Write(path.into(), why);
    let pem = generate(algorithm).map_err(KeygenError::Generate)?;
    let new = beside(path, ".new");
    durable::remove(&new)
        .and_then(|()| durable::create(&new, pem.as_bytes(), folder(path), None))
        .map_err(write_error)?;
    // A hard link, not a rename: it never replaces a file.
    let named = fs::hard_link(&new, path);
    durable::remove(&new).map_err(write_error)?;
    match named {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            return Err(KeygenError::FileExists(path.into()));
        }
        Err(e) => return Err(write_error(e)),
    }
    durable::sync_folder(folder(path)).map_err(write_error)?;
    show(path, Some(algorithm))
}

/// The public half of the key at `path`, as a JWK set that names this algorithm, or else its usual one.
///
/// # Errors
/// When it cannot be read, or is one for another algorithm.
pub fn show(path: &Path, algorithm: Option<Algorithm>) -> Result<String, KeygenError> {
    let key = SigningKey::load(path, algorithm.map(Algorithm::name));
    key.map(|key| key.public_jwks()).map_err(KeygenError::Read)
}

impl KeygenError {
    /// The program's exit code, by sysexits(3).
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Generate(KeyError::Random) => 71,
            Self::Generate(
                KeyError::NotAKey(_)
                | KeyError::Form(_)
                | KeyError::Kind
                | KeyError::Sec1
                | KeyError::Unmakable,
            ) => 64,
            Self::FileExists(_) | Self::Write(..) => 73,
            Self::Read(_) => 78,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn key_is_readable_by_its_owner_only_and_never_overwritten() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("sts.key");
        fs::write(beside(&path, ".new"), "left by a power cut").expect("written");
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let jwks = make(algorithm, &path).expect("made");
            assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
            assert_eq!(show(&path, None).expect("readable"), jwks);
            let before = fs::read(&path).expect("there");
            let refused = make(algorithm, &path).expect_err("in the way");
            assert!(matches!(refused, KeygenError::FileExists(_)) && refused.exit_code() == 73, "{refused}");
            assert_eq!(fs::read(&path).expect("there"), before);
            assert_eq!(fs::read_dir(&dir).expect("a folder").count(), 1);
            fs::remove_file(&path).expect("removed");
        }
    }

    #[test]
    fn failed_keygen_says_what_to_do() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("sts.key");
        let told = make(Algorithm::Rs256, &path).expect_err("no RSA").to_string();
        assert!(told.contains("openssl genpkey") && !path.exists(), "{told}");
        let nowhere = make(Algorithm::Es256, &path.join("x")).expect_err("no folder");
        assert!(matches!(nowhere, KeygenError::Write(..)), "{nowhere}");
        assert!(matches!(show(&path, None), Err(KeygenError::Read(SetupError::Missing { .. }))));
    }
}
