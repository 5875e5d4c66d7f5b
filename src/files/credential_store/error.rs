//! Why a credential could not be replaced, in sentences.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::error::SetupError;

/// Why a credential was not replaced. Never holds a secret.
#[derive(Debug, Error)]
pub enum StoreError {
    /// What stands there wants a person's decision first.
    #[error("{0}. {fix}", fix = .0.to_trouble().fix)]
    Untouchable(SetupError),
    /// It is a symbolic link.
    #[error(
        "{path} is a symbolic link, which is not followed when a credential is replaced: put the path of the file \
         itself into credential_file"
    )]
    Link {
        /// From here.
        path: PathBuf,
    },
    /// Another process holds the lock.
    #[error("another program is changing the credential in {folder}; try again when it is done")]
    Busy {
        /// On which folder.
        folder: PathBuf,
    },
    /// The system refused a step.
    #[error("cannot {what} {path}: {why}; run this as root, and look at the card's health and space")]
    Step {
        /// What was to be done.
        what: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// Why it was not.
        why: io::Error,
    },
    /// What was written is not what is read.
    #[error("{path} does not read back as it was written: replace the card before it loses more")]
    Different {
        /// From this file.
        path: PathBuf,
    },
}

impl StoreError {
    pub(super) fn step(what: &'static str, path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.to_path_buf();
        move |why| Self::Step { what, path: path.clone(), why }
    }
}
