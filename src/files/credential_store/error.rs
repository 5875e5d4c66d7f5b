//! Why a credential could not be replaced, in sentences.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use crate::error::SetupError;

/// Why a credential was not replaced. Never holds a secret.
#[derive(Debug)]
pub enum StoreError {
    /// What stands there wants a person's decision first.
    Untouchable(SetupError),
    /// It is a symbolic link.
    Link {
        /// From here.
        path: PathBuf,
    },
    /// Another process holds the lock.
    Busy {
        /// On which folder.
        folder: PathBuf,
    },
    /// The system refused a step.
    Step {
        /// What was to be done.
        what: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// Why it was not.
        why: io::Error,
    },
    /// What was written is not what is read.
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

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untouchable(error) => write!(f, "{error}. {}", error.to_trouble().fix),
            Self::Link { path } => write!(
                f,
                "{} is a symbolic link, which is not followed when a credential is replaced: put the path of the file itself into credential_file",
                path.display()
            ),
            Self::Busy { folder } => write!(
                f,
                "another program is changing the credential in {}; try again when it is done",
                folder.display()
            ),
            Self::Step { what, path, why } => write!(
                f,
                "cannot {what} {}: {why}; run this as root, and look at the card's health and space",
                path.display()
            ),
            Self::Different { path } => write!(
                f,
                "{} does not read back as it was written: replace the card before it loses more",
                path.display()
            ),
        }
    }
}

impl std::error::Error for StoreError {}
