//! Why a node is not moved to another home.

use std::io;
use std::path::PathBuf;

use node_core::outcome::Outcome;
use node_core::trouble::Trouble;
use thiserror::Error;

use crate::commands::enroll::EnrollError;
use crate::error::SetupError;
use crate::files::credential_store::StoreError;

const STAYS: &str = "The node stays with its present home";
const AGAIN: &str = "The same command goes on from here, and needs no token";

/// Why the node stays where it is.
#[derive(Debug, Error)]
pub(crate) enum MoveError {
    /// An argument cannot be used.
    #[error("{0}. {STAYS}")]
    Input(String),
    /// The present configuration, or one for the new home, cannot be used.
    #[error("{0}. {fix} {STAYS}", fix = .0.to_trouble().fix)]
    Setup(SetupError),
    /// The new home was not found.
    #[error("{reason}. {fix} {STAYS}", reason = .0.reason, fix = .0.fix)]
    NotReached(Trouble),
    /// A configuration could not be written.
    #[error("{path} cannot be written: {1}; run this as root. {STAYS}", path = .0.display())]
    NotWritten(PathBuf, io::Error),
    /// A credential could not be stored; no token was used.
    #[error("{0}. {STAYS}")]
    NotStored(StoreError),
    /// The new home does not register the node.
    #[error("{0}. {STAYS}")]
    Enroll(EnrollError),
    /// The new home rejects the credential in the file.
    #[error(
        "the new home rejects the credential in {path}: {0}. {STAYS}; to register it there anew, name another --node-id",
        path = .1.display()
    )]
    Rejected(String, PathBuf),
    /// The new home could not judge the credential in the file.
    #[error(
        "the node is registered at the new home, with its credential in {path}, but could not prove itself there: {1} \
         {STAYS}. {AGAIN}",
        path = .2.display()
    )]
    Undecided(Outcome, String, PathBuf),
}

impl MoveError {
    /// The program's exit code, by sysexits(3).
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Input(_) => 65,
            Self::Setup(_) => Outcome::Setup.exit_code(),
            Self::NotWritten(..) | Self::NotStored(_) => 73,
            Self::Enroll(error) => error.exit_code(),
            Self::Rejected(..) => Outcome::NodeRejected.exit_code(),
            Self::NotReached(trouble) => trouble.kind.outcome().exit_code(),
            Self::Undecided(outcome, ..) => outcome.exit_code(),
        }
    }
}
