//! Why a board was not set up by the file on its boot partition.

use std::path::PathBuf;

use node_core::credential::NodeId;
use node_core::outcome::Outcome;
use thiserror::Error;

use crate::commands::enroll::EnrollError;
use crate::error::SetupError;

/// Why this board is not set up. Its sentences name the keys of the file.
#[derive(Debug, Error)]
pub(crate) enum FirstBootError {
    /// The file cannot be used, or not here.
    #[error("{0}. {fix}", fix = .0.to_trouble().fix)]
    File(SetupError),
    /// The node has a credential already.
    #[error(
        "this board has a credential already, of '{0}' in {path}. Remove the file; another node is made of this board by \
         `sudo jarvis-node enroll --replace`",
        path = .1.display()
    )]
    InUse(Box<NodeId>, PathBuf),
    /// The node is registered, and the home does not say now whether it accepts it.
    #[error("'{0}' is registered, but whether it is accepted could not be learnt: {1}")]
    Unproven(Box<NodeId>, String),
    /// The node could not be enrolled.
    #[error("{}", in_keys(.0))]
    Enroll(EnrollError),
}

/// The sentence of the command that a person types, for one who writes a file.
fn in_keys(why: &EnrollError) -> String {
    const WORDS: [[&str; 2]; 4] = [
        ["--allow-http", "\"allow_http\": true"],
        ["--node-id", "node_id"],
        ["--url", "home"],
        ["standard input", "token"],
    ];
    WORDS.iter().fold(why.to_string(), |said, [option, key]| said.replace(option, key))
}

impl FirstBootError {
    /// Whether the home has had the token. As long as the file is there, each boot would send it again.
    pub(super) const fn is_token_spent(&self) -> bool {
        matches!(
            self,
            Self::Enroll(EnrollError::Refused(_) | EnrollError::NotStored(_) | EnrollError::Unfinished(..))
        )
    }

    /// The program's exit code, by sysexits(3). The unit starts the command again by it: see
    /// `systemd/jarvis-node-agent-first-boot.service`.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::File(_) | Self::InUse(..) => Outcome::Setup.exit_code(),
            Self::Unproven(..) => Outcome::Server.exit_code(),
            Self::Enroll(why) => why.exit_code(),
        }
    }
}
