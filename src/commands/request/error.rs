//! Why there is no answer.

use std::io;
use std::path::PathBuf;

use node_core::outcome::Outcome;
use node_core::trouble::Trouble;
use thiserror::Error;

use crate::broker::client::ClientError;
use crate::error::SetupError;

/// Why there is no answer, or no whole one.
#[derive(Debug, Error)]
pub enum RequestError {
    /// This request is not sent.
    #[error("{0}")]
    Refused(String),
    /// The file of `--data` cannot be read.
    #[error("--data: {} cannot be read: {why}", .path.display())]
    Unreadable {
        /// Where it is.
        path: PathBuf,
        /// The system's reason.
        why: io::Error,
    },
    /// The data is longer than this many bytes.
    #[error("--data: more than {0} bytes are not sent")]
    TooLong(u64),
    /// The configuration, which says where no token may go, cannot be read.
    #[error(
        "{0}; without it nobody knows where no token may go: say --config FILE, or --ca FILE with the CA of the \
         service you mean"
    )]
    NoConfig(SetupError),
    /// A file that is needed cannot be used.
    #[error(transparent)]
    Setup(SetupError),
    /// The board's clock is not set.
    #[error("{reason}. {fix}", reason = .0.reason, fix = .0.fix)]
    Clock(Trouble),
    /// There is no token.
    #[error("no token: {0}")]
    Token(ClientError),
    /// The service did not answer.
    #[error("no answer: {reason}{hint}", reason = .0.reason, hint = tls_hint(.0))]
    Unanswered(Trouble),
    /// The answer broke off.
    #[error("the answer broke off: {reason}", reason = .0.reason)]
    Broken(Trouble),
    /// The answer cannot be written.
    #[error("the answer cannot be written: {0}")]
    Output(io::Error),
}

impl RequestError {
    /// The program's exit code, by sysexits(3).
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) => 64,
            Self::TooLong(_) => 65,
            Self::Unreadable { .. } => 66,
            Self::Unanswered(_) | Self::Broken(_) => 69,
            Self::Output(_) => 74,
            Self::Clock(_) => 75,
            Self::NoConfig(_) | Self::Setup(_) => 78,
            Self::Token(why) => why.exit_code(),
        }
    }
}

fn tls_hint(trouble: &Trouble) -> &'static str {
    if trouble.kind.outcome() == Outcome::Tls {
        " (trusted are: --ca FILE, else the ca_file of the configuration, else Mozilla's)"
    } else {
        ""
    }
}
