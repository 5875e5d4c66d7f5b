//! Why there is no answer.

use std::path::PathBuf;
use std::{fmt, io};

use node_core::outcome::Outcome;
use node_core::trouble::Trouble;

use crate::broker::client::NoToken;
use crate::error::SetupError;

/// Why there is no answer, or no whole one.
#[derive(Debug)]
pub enum NotRequested {
    /// What is asked for is not done.
    Refused(String),
    /// A file with what is to be sent cannot be read.
    Unreadable {
        /// Where it is.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// What is to be sent is longer than this many bytes.
    TooLong(u64),
    /// Without a configuration nobody knows where no token may go.
    NoConfig(SetupError),
    /// A file that is needed cannot be used.
    Setup(SetupError),
    /// The board's clock is not set.
    Clock(Trouble),
    /// There is no token.
    NoToken(NoToken),
    /// The service did not answer.
    Unanswered(Trouble),
    /// Its answer broke off.
    Broken(Trouble),
    /// The answer cannot be written.
    Output(io::Error),
}

impl NotRequested {
    /// For the process's end, by sysexits(3).
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
            Self::NoToken(why) => why.exit_code(),
        }
    }
}

impl fmt::Display for NotRequested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => f.write_str(why),
            Self::Unreadable { path, why } => write!(f, "--data: {} cannot be read: {why}", path.display()),
            Self::TooLong(most) => write!(f, "--data: more than {most} bytes are not sent"),
            Self::NoConfig(why) => write!(
                f,
                "{why}; without it nobody knows where no token may go: say --config FILE, or --ca FILE with the CA \
                 of the service you mean"
            ),
            Self::Setup(why) => write!(f, "{why}"),
            Self::Clock(trouble) => write!(f, "{}. {}", trouble.reason, trouble.fix),
            Self::NoToken(why) => write!(f, "no token: {why}"),
            Self::Unanswered(trouble) => {
                write!(f, "no answer: {}", trouble.reason)?;
                if trouble.kind.outcome() == Outcome::Tls {
                    f.write_str(
                        " (trusted are: --ca FILE, else the ca_file of the configuration, else Mozilla's)",
                    )?;
                }
                Ok(())
            }
            Self::Broken(trouble) => write!(f, "the answer broke off: {}", trouble.reason),
            Self::Output(why) => write!(f, "the answer cannot be written: {why}"),
        }
    }
}
