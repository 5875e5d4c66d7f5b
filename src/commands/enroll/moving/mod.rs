//! `jarvis-node move`: makes an enrolled node one of another home.
//!
//! A home is what the configuration says of it, and the credential in the file that it names. The new home's credential
//! gets a file of its own, and the new configuration is written beside the old one, so that neither home's is touched until
//! the new home has accepted the node by exactly these files. Then one rename decides:
//!
//! | file | content |
//! |---|---|
//! | `config.json` | names the home that the node asks, and its credential |
//! | `config.json.new` | for the home that it is moving to; nothing reads it, and the next move writes it anew |
//! | `config.json.prev` | of the home before, whose credential is where it was: the way back |
//! | `config.json.moving` | the present one, until it is `config.json.prev` |

mod error;

use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use node_core::answer::Answer;
use node_core::credential::NodeId;
use node_core::outcome::Outcome;
use node_core::service::Service;
use node_core::trouble::Trouble;
use serde_json::json;

pub(crate) use self::error::MoveError;
use super::{Registration, read_token};
use crate::commands::home::Means;
use crate::commands::{home, install};
use crate::config::Config;
use crate::config::rehome::rehomed;
use crate::error::SetupError;
use crate::files::credential::Credential;
use crate::files::credential_store::Locked;
use crate::files::durable::{beside, folder};
use crate::files::state::NodeState;
use crate::files::{bounded, credential_store, durable, json};
use crate::net::service_url::ServiceUrl;
use crate::setup::{AuthContext, Reader};
use crate::system::clock;

const NEW: &str = ".new";
const PREVIOUS: &str = ".prev";
const MOVING: &str = ".moving";

/// Where the node is to go, and as what.
#[derive(Debug)]
pub(crate) struct Move {
    /// The command center, or the config service of its home.
    pub(crate) to: String,
    /// The node's name there; the one that it has if there is none.
    pub(crate) node_id: Option<String>,
    /// Where the node is.
    pub(crate) room: Option<String>,
    /// The CA certificates to trust there, in the place of the configured ones.
    pub(crate) ca_file: Option<PathBuf>,
}

/// What a move came to.
#[derive(Debug)]
pub(crate) enum Moved {
    /// The node asks this home's service from now on; the credential of the home before is in the second file, and its
    /// configuration in the third.
    There { node_id: Box<NodeId>, home: String, credential_file: PathBuf, config_file: PathBuf },
    /// It asks that home already.
    Already,
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::There { node_id, home, credential_file, config_file } => write!(
                f,
                "proven and moved: this node is {node_id} at {home}; a running daemon takes it up by itself. For the way back \
                 the credential of the home before stays in {}, and its configuration in {}: remove both once nothing there \
                 is needed",
                credential_file.display(),
                config_file.display()
            ),
            Self::Already => f.write_str(
                "nothing to do: this node asks that home already. If the home was set up anew, use enroll --replace",
            ),
        }
    }
}

/// Moves the node of the configuration at `config_file`. `token` opens where a provisioning token of the new home is, and
/// is called only if one is needed.
///
/// # Errors
/// See [`MoveError`]: until the last step the node stays what it is at its present home.
pub(crate) fn relocate<R: Read>(
    config_file: &Path,
    to: &Move,
    token: impl FnOnce() -> R,
) -> Result<Moved, MoveError> {
    // A link stays one.
    let config_file = &fs::canonicalize(config_file).unwrap_or_else(|_| config_file.into());
    let text = bounded::read_text("configuration", config_file).map_err(MoveError::Setup)?;
    let present = Config::load(config_file).map_err(MoveError::Setup)?;
    finish(config_file, &present).map_err(|why| MoveError::NotWritten(beside(config_file, PREVIOUS), why))?;
    let before_file = beside(config_file, PREVIOUS);
    let before = Config::load(&before_file).ok();
    let allow_http = present.allow_http || before.as_ref().is_some_and(|before| before.allow_http);
    let given = ServiceUrl::parse("--to", &to.to, allow_http).map_err(MoveError::Input)?;
    // On the way back to the home before, its certificates count.
    let is_at = |config: &Config| config.auth_url.host().eq_ignore_ascii_case(given.host());
    let is_way_back =
        |before: &&Config| given.is_server_of(&before.auth_url) || (is_at(before) && !is_at(&present));
    let mut means =
        Means { allow_http, ..Means::of(before.as_ref().filter(is_way_back).unwrap_or(&present)) };
    let ca_file = to.ca_file.as_ref().map(|file| fs::canonicalize(file).unwrap_or_else(|_| file.clone()));
    let ca_file = ca_file.as_deref();
    if let Some(ca_file) = ca_file {
        means.tls.ca_file = Some(ca_file.into());
    }
    let clock_floor = NodeState::load(&present.state_file).clock_floor();
    if means.needs_clock(&given) && clock::now().wall < clock_floor {
        return Err(MoveError::NotReached(Trouble::clock()));
    }
    let found = home::of(&given, Service::HOME, &means).map_err(MoveError::NotReached)?;
    let (center, others) =
        found.map_or((given, [None, None]), |home| (home.command_center, [home.auth, home.logs]));
    let is_asked_by = |config: &Config| {
        let asked = [Some(&config.auth_url), config.heartbeat.as_ref()];
        let is_of_home = |url: &&ServiceUrl| {
            url.is_server_of(&center) || others.iter().flatten().any(|other| url.is_server_of(other))
        };
        asked.iter().flatten().any(is_of_home)
    };
    if is_asked_by(&present) {
        return Ok(Moved::Already);
    }
    let new_text = if before.as_ref().is_some_and(is_asked_by) {
        let home = bounded::read_text("configuration", &before_file).map_err(MoveError::Setup)?;
        rehomed(&text, &home, false, ca_file)
    } else {
        let credential_file = folder(&present.state_file).join(credential_name(&center));
        let home =
            json!({ "via": { "command_center": center.as_str() }, "credential_file": credential_file });
        rehomed(&text, &home.to_string(), true, ca_file)
    };
    let new_text = new_text.map_err(|e| MoveError::Input(json::fault(&e)))?;
    let new_file = beside(config_file, NEW);
    let unwritten = |why| MoveError::NotWritten(new_file.clone(), why);
    write_like(config_file, &new_file, &new_text).map_err(unwritten)?;
    let planned = Config::load(&new_file).map_err(MoveError::Setup)?;

    // Held until the configuration names it: no other process may write one in between.
    let store = Locked::lock(&planned.credential_file, install::default_owner_of(&planned))
        .map_err(MoveError::NotStored)?;
    let known = credential_store::load(&planned.credential_file).map(|found| found.credential);
    let wanted = to.node_id.as_deref().map(NodeId::parse).transpose();
    let wanted = wanted.map_err(|why| MoveError::Input(format!("--node-id {why}")))?;
    let credential = match known {
        Ok(known) if wanted.as_ref().is_none_or(|wanted| *wanted == known.node_id) => known,
        Ok(_) | Err(SetupError::Missing { .. }) => {
            store.check_writable().map_err(MoveError::NotStored)?;
            let own =
                || credential_store::load(&present.credential_file).map(|found| found.credential.node_id);
            let node_id = wanted.map_or_else(own, Ok).map_err(MoveError::Setup)?;
            planned.via.check(&node_id).map_err(|why| MoveError::Input(format!("--node-id {why}")))?;
            let token = read_token(token()).map_err(MoveError::Enroll)?;
            let client = Means::of(&planned).client(Service::ENROLMENT, &center).map_err(MoveError::Setup)?;
            let registration = Registration {
                url: &center,
                node_id: &node_id,
                token: &token,
                room: to.room.as_deref(),
                shared: false,
            };
            registration.store(&client, &planned, &store).map_err(MoveError::Enroll)?
        }
        Err(why) => return Err(MoveError::Setup(why)),
    };
    prove(&new_file, planned, &credential)?;
    put_in_place(config_file, &new_file).map_err(|why| MoveError::NotWritten(config_file.clone(), why))?;
    Ok(Moved::There {
        node_id: credential.node_id.into(),
        home: center.as_str().into(),
        credential_file: present.credential_file,
        config_file: before_file,
    })
}

/// Asks the new home about the credential, by the very files that will be in use.
fn prove(new_file: &Path, planned: Config, credential: &Credential) -> Result<(), MoveError> {
    let file = planned.credential_file.clone();
    let context = Reader::new(new_file.into()).auth_context_by(planned);
    let AuthContext { client, clock_floor, .. } = context.map_err(MoveError::Setup)?;
    let answer = match clock_floor {
        Some(floor) if clock::now().wall < floor => {
            Answer::Inconclusive { trouble: Trouble::clock(), retry_after: None }
        }
        Some(_) | None => client.validate(credential).answer,
    };
    match answer {
        Answer::Valid(_) => Ok(()),
        Answer::Rejected(reason) => Err(MoveError::Rejected(format!("{reason}"), file)),
        Answer::Inconclusive { trouble, .. } => {
            let why = format!("{}. {}", trouble.reason, trouble.fix);
            Err(MoveError::Undecided(trouble.kind.outcome(), why, file))
        }
        // Only probes are answered like this.
        Answer::Reachable => Err(MoveError::Undecided(Outcome::Server, "nothing was asked.".into(), file)),
    }
}

/// A name for the credential of the home with this command center, beside those of other homes.
fn credential_name(center: &ServiceUrl) -> String {
    let host = center.host().replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "-");
    format!("credential-{host}-{}.json", center.port())
}

/// Writes `text` to `path`, with owner and mode of the file `like`.
fn write_like(like: &Path, path: &Path, text: &[u8]) -> io::Result<()> {
    durable::replace_as(path, text, like, fs::metadata(like)?.mode() & 0o7777)
}

/// Puts the new configuration in the place of the present one, which is kept. At every moment one of them is there whole, and
/// so is the way back from it.
fn put_in_place(config_file: &Path, new_file: &Path) -> io::Result<()> {
    let moving = beside(config_file, MOVING);
    if fs::hard_link(config_file, &moving).is_err() {
        // A file system without hard links.
        write_like(config_file, &moving, &fs::read(config_file)?)?;
    }
    durable::sync_folder(folder(config_file))?;
    fs::rename(new_file, config_file)?;
    durable::sync_folder(folder(config_file))?;
    fs::rename(moving, beside(config_file, PREVIOUS))?;
    durable::sync_folder(folder(config_file))
}

/// Completes a move that was cut short just before or just after it was decided.
fn finish(config_file: &Path, present: &Config) -> io::Result<()> {
    let moving = beside(config_file, MOVING);
    match Config::load(&moving) {
        Ok(other) if !other.auth_url.is_server_of(&present.auth_url) => {
            fs::rename(&moving, beside(config_file, PREVIOUS))
        }
        Ok(_) | Err(_) => durable::remove(&moving),
    }
}
