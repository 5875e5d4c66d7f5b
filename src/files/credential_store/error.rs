//! The reasons why a credential could not be replaced.

use std::io;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::error::SetupError;
use crate::system::failure;
use crate::system::failure::shell_word;

/// The reason why a credential was not replaced. It contains no secret.
#[derive(Debug, Error)]
pub enum StoreError {
    /// A person has to decide about the existing file first.
    #[error("{0}. {fix}", fix = .0.to_trouble().fix.as_str().trim_end_matches('.'))]
    Untouchable(SetupError),
    /// The path is a symbolic link.
    #[error(
        "{path} is a symbolic link, which is not followed when a credential is replaced: put the path of the file \
         itself into credential_file"
    )]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// Another process holds the lock.
    #[error("another program is changing the credential in {folder}; try again when it is done")]
    Busy {
        /// The locked folder.
        folder: PathBuf,
    },
    /// The file is a mount point, as containers get single files.
    #[error(
        "{path} is mounted by itself, and the system replaces no such file: mount the folder that it is in instead, or put \
         a path in an ordinary folder into credential_file"
    )]
    Mounted {
        /// The file.
        path: PathBuf,
    },
    /// Where a file of the store belongs is a folder.
    #[error("{path} is a folder, where the credential's store needs a file: move it away")]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// The system refused an operation.
    #[error("cannot {what} {path}: {why}. {fix}", fix = fix(.why, .path))]
    Step {
        /// The operation, as a verb.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        why: io::Error,
    },
    /// The file's content differs from what was written.
    #[error("{path} does not read back as it was written: replace the card before it loses more")]
    Different {
        /// The file.
        path: PathBuf,
    },
}

impl StoreError {
    pub(super) fn step(what: &'static str, path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.to_path_buf();
        move |why| Self::Step { what, path: path.clone(), why }
    }
}

/// What helps, without a full stop.
fn fix(why: &io::Error, path: &Path) -> String {
    if let Some(fix) = failure::fix(why, path) {
        return fix.trim_end_matches('.').into();
    }
    let is_root = rustix::process::geteuid().is_root();
    #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended")]
    match why.kind() {
        ErrorKind::PermissionDenied if !is_root => "Run this as root (sudo)".into(),
        ErrorKind::PermissionDenied => format!(
            "See with `lsattr` whether the file or its folder is locked by an attribute (i or a), which `sudo chattr -i -a {}` \
             takes away",
            shell_word(path)
        ),
        ErrorKind::NotFound => "Correct credential_file, or make its folder".into(),
        _ => "Free that path, and look with `dmesg` whether the card fails".into(),
    }
}
