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
use thiserror::Error;

use super::secret_input;
use super::secret_input::InputError;
use crate::config::Config;
use crate::config::installing::below;
use crate::error::SetupError;
use crate::files::credential::Credential;
use crate::files::credential_store::{Locked, StoreError};
use crate::files::state::NodeState;
use crate::files::{credential_file, credential_store, durable, state};
use crate::setup::{AuthContext, Reader};
use crate::system::clock;
use crate::system::failure::shell_word;

/// The result of an installation that left the new credential in place.
#[derive(Debug)]
pub(crate) enum Installed {
    /// The server accepts it.
    Proven(NodeId),
    /// There was no old one to lose, and the server could not judge the new one, for this reason.
    Unproven(NodeId, String),
    /// It was in place already, and the server accepts it.
    Already(NodeId),
}

/// Why the credential in use, if there is one, stays in use.
#[derive(Debug, Error)]
pub(crate) enum InstallError {
    /// The input is not a credential.
    #[error(
        "standard input {0}; pipe in {{\"node_id\": …, \"node_key\": …}} as it was issued. Nothing was changed"
    )]
    Input(String),
    /// The input could not be read at all.
    #[error("standard input {0}. Nothing was changed")]
    Unreadable(InputError),
    /// The configuration cannot be used.
    #[error("{0}. {fix} Nothing was changed", fix = .0.to_trouble().fix)]
    Setup(SetupError),
    /// The server rejects the new credential, for this reason; whether there is an old one.
    #[error("the auth service rejects the new credential: {0}. {kept}", kept = if *.1 { "The old one is kept" } else { "It was not stored" })]
    Rejected(String, bool),
    /// The server could not judge the new one; the outcome and the sentence say why.
    #[error("whether the new credential is good could not be learnt, so the old one is kept: {1}")]
    Undecided(Outcome, String),
    /// The new one could not be stored.
    #[error(
        "{0}. What was stored is unchanged, and the auth service did not reject the new credential: keep it and try again"
    )]
    NotStored(StoreError),
    /// The new one is in use, but its replacement of the old one is not complete.
    #[error(transparent)]
    Unfinished(Unfinished),
}

/// Why a credential could not be put in place.
#[derive(Debug)]
pub(super) enum Failed {
    /// The store holds what it held before.
    NotStored(StoreError),
    /// The store holds the credential, and readers use it.
    Unfinished(Unfinished),
}

/// A replacement that got stuck after the new credential was written.
#[derive(Debug, Error)]
#[error(
    "{why}. The new credential is stored and in use nevertheless, from {file}: do not remove that. When the cause is \
     gone, this completes it: sudo jarvis-node install-credential < {file}",
    file = shell_word(.file)
)]
pub struct Unfinished {
    why: StoreError,
    file: PathBuf,
}

/// Reads a credential from `input`, asks the server about it and, if it is accepted, stores it where the
/// configuration at `config_file` says. If there is no old credential to lose, one that the server could not judge is
/// stored as well. With `card`, where one is mounted, configuration and files are those of the card.
///
/// # Errors
/// See [`InstallError`]: each leaves the old credential as it was.
pub(crate) fn install(
    config_file: PathBuf,
    card: Option<&Path>,
    input: impl Read,
) -> Result<Installed, InstallError> {
    let new = read_credential(input)?;
    let config = match card {
        Some(root) => Config::load_for(&below(root, &config_file), &config_file, root),
        None => Config::load(&config_file),
    };
    let mut reader = Reader::new(config_file);
    let context = config.and_then(|config| reader.auth_context_by(config));
    let AuthContext { config, client, clock_floor, .. } = context.map_err(InstallError::Setup)?;
    let old = match credential_store::load(&config.credential_file) {
        Ok(found) => Some(found),
        Err(SetupError::Missing { .. } | SetupError::NotProvisioned { .. }) => None,
        // Nothing can read it any more. It is moved aside, not overwritten.
        Err(SetupError::CredentialForm { .. } | SetupError::Value { .. }) => None,
        Err(error) => return Err(InstallError::Setup(error)),
    };
    let answer = match clock_floor {
        Some(floor) if clock::now().wall < floor => {
            Answer::Inconclusive { trouble: Trouble::clock(), retry_after: None }
        }
        Some(_) | None => client.validate(&new).answer,
    };
    let unproven = match answer {
        Answer::Valid(_) => None,
        Answer::Rejected(reason) => return Err(InstallError::Rejected(format!("{reason}"), old.is_some())),
        // Only probes are answered like this.
        Answer::Reachable => Some(String::from("Nothing was asked.")),
        Answer::Inconclusive { trouble, .. } => {
            let why = format!("{}. {}", trouble.reason, trouble.fix);
            if old.is_some() {
                return Err(InstallError::Undecided(trouble.kind.outcome(), why));
            }
            Some(why)
        }
    };
    // One that is used from beside its place is put there.
    if old.is_some_and(|found| found.credential.covers(&new) && found.file == config.credential_file) {
        if card.is_none() {
            accept_board_after_store(&config);
        }
        return Ok(Installed::Already(new.node_id));
    }
    let locked =
        Locked::lock(&config.credential_file, default_owner_of(&config)).map_err(InstallError::NotStored)?;
    match card {
        // Its board is not this one.
        Some(_) => put_in_place(&config, &locked, &new)?,
        None => store(&config, &locked, &new)?,
    }
    Ok(match unproven {
        None => Installed::Proven(new.node_id),
        Some(why) => Installed::Unproven(new.node_id, why),
    })
}

/// Puts `credential` in place, on this board.
///
/// # Errors
/// See [`Failed`].
pub(super) fn store(config: &Config, store: &Locked<'_>, credential: &Credential) -> Result<(), Failed> {
    let stored = put_in_place(config, store, credential);
    if !matches!(stored, Err(Failed::NotStored(_))) {
        accept_board_after_store(config);
    }
    stored
}

fn put_in_place(config: &Config, store: &Locked<'_>, credential: &Credential) -> Result<(), Failed> {
    store.replace(credential).map_err(|why| match credential_store::load(&config.credential_file) {
        // The readers' own rules decide what a store that got stuck holds.
        Ok(found) if found.credential.covers(credential) => {
            Failed::Unfinished(Unfinished { why, file: found.file })
        }
        Ok(_) | Err(_) => Failed::NotStored(why),
    })
}

fn accept_board_after_store(config: &Config) {
    if let Err(e) = accept_board(&config.state_file) {
        // No reason to fail: the credential is stored, and most cards have never been in another board.
        warn!("{}: {e}", config.state_file.display());
    }
}

/// The folder whose owner a first credential gets: the credential's own, or, if that belongs to root, the one in which
/// the daemon keeps its state. The daemon could not read a file that belongs to root.
pub(crate) fn default_owner_of(config: &Config) -> &Path {
    let (credentials, state) =
        (durable::folder(&config.credential_file), durable::folder(&config.state_file));
    let is_roots = |folder: &Path| fs::metadata(folder).is_ok_and(|folder| folder.uid() == 0);
    if is_roots(credentials) && state.exists() && !is_roots(state) { state } else { credentials }
}

/// Makes this board the one the card belongs to. Does nothing if it is already, or if the board has no serial
/// number.
///
/// # Errors
/// When the state file cannot be written.
pub(crate) fn accept_board(state_file: &Path) -> io::Result<()> {
    let here = state::board_serial();
    let state = NodeState::load(state_file);
    if !state.is_of_another_board(here.as_deref()) {
        return Ok(());
    }
    NodeState { board: here, ..state }.save(state_file)
}

fn read_credential(input: impl Read) -> Result<Credential, InstallError> {
    let bytes = secret_input::read(input).map_err(InstallError::Unreadable)?;
    let contents = credential_file::parse(&bytes, Path::new("standard input"), None);
    Ok(contents.map_err(|why| InstallError::Input(fault(&why)))?.credential)
}

/// What is wrong with a credential that is in no file, as sentences about one name it. Continues what it was found in, as
/// in "standard input".
pub(super) fn fault(why: &SetupError) -> String {
    #[expect(clippy::wildcard_enum_match_arm, reason = "of the text of a credential there are only these")]
    match why {
        SetupError::CredentialForm { why, .. } => why.clone(),
        SetupError::NotProvisioned { key, .. } => format!("has an empty {key} or a placeholder"),
        SetupError::Value { key, why, .. } => format!("has a {key} that {why}"),
        SetupError::Text { why, .. } => why.to_string(),
        other => other.to_string(),
    }
}

impl From<Failed> for InstallError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::NotStored(why) => Self::NotStored(why),
            Failed::Unfinished(unfinished) => Self::Unfinished(unfinished),
        }
    }
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

impl InstallError {
    /// The program's exit code, by sysexits(3).
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Input(_) | Self::Unreadable(InputError::Text(_) | InputError::TooLong) => 65,
            Self::Unreadable(InputError::Io(_)) => 74,
            Self::Setup(_) => Outcome::Setup.exit_code(),
            Self::Rejected(..) => Outcome::NodeRejected.exit_code(),
            Self::Undecided(outcome, _) => outcome.exit_code(),
            Self::NotStored(_) | Self::Unfinished(_) => 73,
        }
    }
}
