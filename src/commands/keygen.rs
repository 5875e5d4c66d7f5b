//! `jarvis-node keygen`: makes the key pair that proves this node to the STS, and shows its public half.

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use crate::error::SetupError;
use crate::files::durable;
use crate::files::durable::{beside, folder};
use crate::sts::key::{Algorithm, KeyError, SigningKey, generate};

/// Where the key is put when nothing else is said.
pub const DEFAULT_FILE: &str = "/var/lib/jarvis-node/sts.key";

/// Why there is no key.
#[derive(Debug)]
pub enum NoKey {
    /// It cannot be made.
    Unmade(KeyError),
    /// There is a file in its place, which is never overwritten.
    InTheWay(PathBuf),
    /// It cannot be written.
    Unwritten(PathBuf, io::Error),
    /// It cannot be read.
    Unread(SetupError),
}

/// Makes a key in a new file at `path`, which only the owner of its folder may read. Returns the public half
/// as a JWK, made from what the file holds.
///
/// # Errors
/// See [`NoKey`]; what stood at `path` before still does.
pub fn make(algorithm: Algorithm, path: &Path) -> Result<String, NoKey> {
    let unwritten = |why| NoKey::Unwritten(path.into(), why);
    let pem = generate(algorithm).map_err(NoKey::Unmade)?;
    let new = beside(path, ".new");
    durable::remove(&new)
        .and_then(|()| durable::create(&new, pem.as_bytes(), folder(path), None))
        .map_err(unwritten)?;
    // A second name, since that takes nothing's place.
    let named = fs::hard_link(&new, path);
    durable::remove(&new).map_err(unwritten)?;
    match named {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Err(NoKey::InTheWay(path.into())),
        Err(e) => return Err(unwritten(e)),
    }
    durable::sync_folder(folder(path)).map_err(unwritten)?;
    show(path)
}

/// The public half of the key at `path`, as a JWK.
///
/// # Errors
/// When it cannot be read.
pub fn show(path: &Path) -> Result<String, NoKey> {
    SigningKey::load(path).map(|key| key.public_jwk()).map_err(NoKey::Unread)
}

impl NoKey {
    /// What the program exits with, by sysexits(3).
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Unmade(KeyError::Random) => 71,
            Self::Unmade(KeyError::NotAKey | KeyError::Kind | KeyError::Unmakable) => 64,
            Self::InTheWay(_) | Self::Unwritten(..) => 73,
            Self::Unread(_) => 78,
        }
    }
}

impl fmt::Display for NoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unmade(why) => why.fmt(f),
            Self::InTheWay(path) => write!(
                f,
                "{0} is there already and is not overwritten; see its public half with `jarvis-node keygen --show \
                 --out {0}`, or name another file with --out",
                path.display()
            ),
            Self::Unwritten(path, why) => {
                write!(
                    f,
                    "{} cannot be written: {why}; name another file with --out, or run this as root",
                    path.display()
                )
            }
            Self::Unread(why) => write!(f, "{why}. {}", why.to_trouble().fix),
        }
    }
}

impl std::error::Error for NoKey {}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_its_owners_alone_and_is_never_overwritten() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("sts.key");
        fs::write(beside(&path, ".new"), "left by a power cut").expect("written");
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let jwk = make(algorithm, &path).expect("made");
            assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
            assert_eq!(show(&path).expect("readable"), jwk);
            let before = fs::read(&path).expect("there");
            let refused = make(algorithm, &path).expect_err("in the way");
            assert!(matches!(refused, NoKey::InTheWay(_)) && refused.exit_code() == 73, "{refused}");
            assert_eq!(fs::read(&path).expect("there"), before);
            assert_eq!(fs::read_dir(&dir).expect("a folder").count(), 1);
            fs::remove_file(&path).expect("removed");
        }
    }

    #[test]
    fn what_cannot_be_done_says_what_can() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("sts.key");
        let told = make(Algorithm::Rs256, &path).expect_err("no RSA").to_string();
        assert!(told.contains("openssl genpkey") && !path.exists(), "{told}");
        let nowhere = make(Algorithm::Es256, &path.join("x")).expect_err("no folder");
        assert!(matches!(nowhere, NoKey::Unwritten(..)), "{nowhere}");
        assert!(matches!(show(&path), Err(NoKey::Unread(SetupError::Missing { .. }))));
    }
}
