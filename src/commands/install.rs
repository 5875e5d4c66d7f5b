//! `jarvis-node install-credential`: a new credential in the old one's place, but only after the
//! server has accepted it.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use log::warn;
use node_core::answer::Answer;
use node_core::credential::NodeId;
use node_core::outcome::Outcome;
use node_core::trouble::Trouble;

use super::secret_input;
use crate::clock;
use crate::config::Config;
use crate::error::SetupError;
use crate::files::credential::Credential;
use crate::files::credential_store::{Locked, StoreError};
use crate::files::state_file::State;
use crate::files::{credential_file, credential_store, durable, state_file};
use crate::setup::{AuthContext, Reader};

/// What came of an installation that left the new credential in place.
#[derive(Debug)]
pub enum Installed {
    /// The server accepts it.
    Proven(NodeId),
    /// There was none to lose, and the server could not say; the sentence says why.
    Unproven(NodeId, String),
    /// It was there already, and the server accepts it.
    Already(NodeId),
}

/// Why the credential in use, if there is one, stays in use.
#[derive(Debug)]
pub enum NotInstalled {
    /// What came in is not a credential.
    Input(SetupError),
    /// It could not be read at all.
    Unread(secret_input::Unread),
    /// The configuration cannot be used.
    Setup(SetupError),
    /// The server rejects the new credential, for this reason.
    Rejected(String),
    /// The server could not say; the outcome and the sentence say why. The old one is kept.
    Undecided(Outcome, String),
    /// The server accepts the new one, but it could not be stored.
    Unstored(StoreError),
}

/// Reads a credential from `input`, asks the server about it and, if it is accepted, stores it where
/// the configuration at `config_file` says. Without an old credential that could be lost, one that the
/// server could not judge is stored as well.
///
/// # Errors
/// See [`NotInstalled`]: each leaves the old credential as it was.
pub fn install(config_file: PathBuf, input: impl Read) -> Result<Installed, NotInstalled> {
    let new = read_credential(input)?;
    let mut reader = Reader::new(config_file);
    let AuthContext { config, client, clock_floor, .. } =
        reader.read_auth_context().map_err(NotInstalled::Setup)?;
    let old = match credential_store::load(&config.credential_file) {
        Ok(found) => Some(found.credential),
        Err(SetupError::Missing { .. } | SetupError::NotProvisioned { .. }) => None,
        // Read by nobody any more; it is moved aside, not written over.
        Err(SetupError::CredentialForm { .. } | SetupError::Value { .. }) => None,
        Err(error) => return Err(NotInstalled::Setup(error)),
    };
    let answer = match clock_floor {
        Some(floor) if clock::now().wall < floor => {
            Answer::Inconclusive { trouble: Trouble::clock(), retry_after: None }
        }
        Some(_) | None => client.validate(&new).answer,
    };
    let unproven = match answer {
        Answer::Valid(_) => None,
        Answer::Rejected(reason) => return Err(NotInstalled::Rejected(format!("{reason}"))),
        // Only knocks are answered so.
        Answer::Reachable => Some(String::from("Nothing was asked.")),
        Answer::Inconclusive { trouble, .. } => {
            let why = format!("{}. {}", trouble.reason, trouble.fix);
            if old.is_some() {
                return Err(NotInstalled::Undecided(trouble.kind.outcome(), why));
            }
            Some(why)
        }
    };
    if old.as_ref() == Some(&new) {
        take_card_over(&config);
        return Ok(Installed::Already(new.node_id));
    }
    let locked =
        Locked::lock(&config.credential_file, default_owner_of(&config)).map_err(NotInstalled::Unstored)?;
    store(&config, &locked, &new).map_err(NotInstalled::Unstored)?;
    Ok(match unproven {
        None => Installed::Proven(new.node_id),
        Some(why) => Installed::Unproven(new.node_id, why),
    })
}

/// Puts `credential` in place, on this board.
///
/// # Errors
/// As [`Locked::replace`].
pub(crate) fn store(config: &Config, store: &Locked<'_>, credential: &Credential) -> Result<(), StoreError> {
    store.replace(credential)?;
    take_card_over(config);
    Ok(())
}

fn take_card_over(config: &Config) {
    if let Err(e) = accept_board(&config.state_file) {
        // The credential is there, and most cards have never been in another board.
        warn!("{}: {e}", config.state_file.display());
    }
}

/// Whose a first credential is to be: the folder's owner's, or, where that is root's, that of the folder
/// in which the daemon keeps its state. A file of root's would be closed to the daemon.
pub(crate) fn default_owner_of(config: &Config) -> &Path {
    let (credentials, state) =
        (durable::folder(&config.credential_file), durable::folder(&config.state_file));
    let is_roots = |folder: &Path| fs::metadata(folder).is_ok_and(|folder| folder.uid() == 0);
    if is_roots(credentials) && state.exists() && !is_roots(state) { state } else { credentials }
}

/// Makes this board the one the card belongs to; nothing to do for one without a number, or when it
/// is already.
///
/// # Errors
/// When the state file cannot be written.
pub fn accept_board(state_file: &Path) -> io::Result<()> {
    let here = state_file::board_serial();
    let state = State::load(state_file);
    if !state.is_of_another_board(here.as_deref()) {
        return Ok(());
    }
    State { board: here, ..state }.save(state_file)
}

fn read_credential(input: impl Read) -> Result<Credential, NotInstalled> {
    let bytes = secret_input::read(input).map_err(NotInstalled::Unread)?;
    let contents = credential_file::parse(&bytes, Path::new("standard input"), None);
    Ok(contents.map_err(NotInstalled::Input)?.credential)
}

impl fmt::Display for Installed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proven(node_id) => write!(f, "proven and stored: the auth service accepts {node_id}"),
            Self::Unproven(node_id, why) => {
                write!(f, "stored, but unproven: whether {node_id} is accepted could not be learnt. {why}")
            }
            Self::Already(node_id) => {
                write!(f, "nothing to do: this is the credential in use, and {node_id} is accepted")
            }
        }
    }
}

impl NotInstalled {
    /// What the program exits with, by sysexits(3).
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Input(_) => 65,
            Self::Unread(_) => 74,
            Self::Setup(_) => Outcome::Setup.exit_code(),
            Self::Rejected(_) => Outcome::NodeRejected.exit_code(),
            Self::Undecided(outcome, _) => outcome.exit_code(),
            Self::Unstored(_) => 73,
        }
    }
}

impl fmt::Display for NotInstalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(error) => write!(
                f,
                "{error}; pipe in {{\"node_id\": …, \"node_key\": …}} as it was issued. Nothing was changed"
            ),
            Self::Unread(error) => write!(f, "standard input {error}. Nothing was changed"),
            Self::Setup(error) => write!(f, "{error}. {} Nothing was changed", error.to_trouble().fix),
            Self::Rejected(reason) => {
                write!(f, "the auth service rejects the new credential: {reason}. The old one is kept")
            }
            Self::Undecided(_, why) => {
                write!(
                    f,
                    "whether the new credential is good could not be learnt, so the old one is kept. {why}"
                )
            }
            Self::Unstored(error) => {
                write!(f, "{error}. The auth service accepts the new credential, so keep it and try again")
            }
        }
    }
}

impl std::error::Error for NotInstalled {}
