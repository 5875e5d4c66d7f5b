//! Why a node is not enrolled: each sentence says what became of the token and of the node's id.

use std::io;
use std::path::PathBuf;

use node_core::credential::NodeId;
use node_core::outcome::Outcome;
use node_core::trouble::Trouble;
use thiserror::Error;

use crate::commands::install;
use crate::error::SetupError;
use crate::files::credential_store::StoreError;

const NOT_SENT: &str = "Nothing was sent: the token is still good";

/// Why this node is not enrolled, and whether the token is still good.
#[derive(Debug, Error)]
pub enum EnrollError {
    /// An argument or the token cannot be used; nothing was sent.
    #[error("{0}. {NOT_SENT}")]
    Input(String),
    /// The configuration cannot be used; nothing was sent.
    #[error("{0}. {fix} {NOT_SENT}", fix = .0.to_trouble().fix)]
    Setup(SetupError),
    /// A credential is in use already; nothing was sent.
    #[error(
        "this node has a credential already, of '{0}' in {path}; add --replace if a new one is to take its place. \
         {NOT_SENT}",
        path = .1.display()
    )]
    InUse(Box<NodeId>, PathBuf),
    /// The credential could not be stored here; nothing was sent.
    #[error("{0}. {NOT_SENT}")]
    NotWritable(StoreError),
    /// The command center was not reached; nothing was sent.
    #[error("{reason}. {fix} {NOT_SENT}", reason = .0.reason, fix = .0.fix)]
    NotSent(Trouble),
    /// There is more than one home, or one that may not be asked as it is; nothing was sent.
    #[error("{0}. {NOT_SENT}")]
    Choice(String),
    /// The configuration could not be written; nothing was sent.
    #[error("the configuration {path} cannot be written: {1}. {NOT_SENT}", path = .0.display())]
    ConfigNotWritable(PathBuf, io::Error),
    /// The voice node's configuration cannot get the new key; nothing was sent.
    #[error("--write-config: {path} {1}. {NOT_SENT}", path = .0.display())]
    VoiceNode(PathBuf, String),
    /// The log-in, or what it is for, failed; nothing was registered.
    #[error("{1}. No node was registered")]
    LogIn(Outcome, String),
    /// The command center refuses; the token may still be good.
    #[error("the command center refuses: {0}")]
    Refused(String),
    /// The command center cannot register a node now, or did not see the request.
    #[error("{1}. The token is still good")]
    Unavailable(Outcome, String),
    /// The request was sent, and no usable answer came.
    #[error(
        "the answer was lost: {1}. '{0}' may be registered by now, with a key that nobody has. Enroll again with the \
         same token; if that is refused, get a new token for another --node-id, or have the key of '{0}' rotated and \
         install that"
    )]
    AnswerLost(Box<NodeId>, String),
    /// The node is registered and its key is here, but cannot be stored.
    #[error(
        "{0}. The node is registered, but its key is lost with this. Mend that, and get a new token for another \
         --node-id, or have the node's key rotated and install that"
    )]
    NotStored(StoreError),
    /// The node is registered and its key in use, but the store is not in order.
    #[error("'{0}' is registered, but {1}")]
    Unfinished(Box<NodeId>, install::Unfinished),
    /// The node is registered and its key in use, but a configuration could not be written.
    #[error("'{0}' is registered and its credential stored, but {path} could not be written: {2}. {3}", path = .1.display())]
    NotWritten(Box<NodeId>, PathBuf, String, String),
}

impl EnrollError {
    /// The program's exit code, by sysexits(3).
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Input(_) | Self::Choice(_) => 65,
            Self::Setup(_) | Self::InUse(..) | Self::VoiceNode(..) => Outcome::Setup.exit_code(),
            Self::NotWritable(_)
            | Self::ConfigNotWritable(..)
            | Self::NotStored(_)
            | Self::Unfinished(..)
            | Self::NotWritten(..) => 73,
            Self::NotSent(trouble) => trouble.kind.outcome().exit_code(),
            Self::Refused(_) => Outcome::NodeRejected.exit_code(),
            Self::Unavailable(outcome, _) | Self::LogIn(outcome, _) => outcome.exit_code(),
            Self::AnswerLost(..) => 74,
        }
    }
}
