//! The reasons why a credential could not be replaced.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::error::SetupError;

/// The reason why a credential was not replaced. It contains no secret.
#[derive(Debug, Error)]
pub enum StoreError {
    /// A person has to decide about the existing file first.
    #[error("{0}. {fix}", fix = .0.to_trouble().fix)]
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
    /// The system refused an operation.
    #[error("cannot {what} {path}: {why}; run this as root, and look at the card's health and space")]
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
