//! `jarvis-node enroll`: registers this node at the command center with a provisioning token, which can be used once,
//! and stores the credential that comes back.

mod answer;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use log::{debug, warn};
use node_core::credential::{NodeId, ValueError};
use node_core::outcome::Outcome;
use node_core::service::Service;
use node_core::trouble::{Trouble, TroubleKind};
use node_core::wire::RegisterRequest;
use thiserror::Error;
use zeroize::Zeroizing;

#[cfg(fuzzing)]
pub(crate) use self::answer::read as read_answer;
use super::home::Means;
use super::install::Failed;
use super::signals::Held;
use super::{home, install, secret_input};
use crate::config::Config;
use crate::error::SetupError;
use crate::files::credential::Credential;
use crate::files::credential_store::{Locked, StoreError};
use crate::files::state::NodeState;
use crate::files::{credential_file, credential_store, secret_line};
use crate::net::http::{HttpClient, HttpError, JSON, Post, Posted};
use crate::net::service_url::ServiceUrl;
use crate::system::clock;

/// The node to be registered, and where.
#[derive(Debug)]
pub(crate) struct Enrolment {
    /// The command center, or the config service of its home.
    pub(crate) url: String,
    /// The name the node is to have.
    pub(crate) node_id: String,
    /// Where the node is.
    pub(crate) room: Option<String>,
    /// Whether it may replace a credential that is in use.
    pub(crate) replace: bool,
}

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
}

/// Registers the node with the provisioning token in `input` and stores its credential where the
/// configuration at `config_file` says. Everything that can fail without the token is tried first.
///
/// # Errors
/// See [`EnrollError`]: each says whether the token is still good.
pub(crate) fn enroll(
    config_file: &Path,
    enrolment: &Enrolment,
    input: impl Read,
) -> Result<NodeId, EnrollError> {
    let unfit = |why| EnrollError::Input(format!("--node-id {why}"));
    let node_id = NodeId::parse(&enrolment.node_id).map_err(unfit)?;
    if credential_file::is_token(node_id.as_str()) {
        return Err(EnrollError::Input(
            "--node-id is a provisioning token, which belongs on standard input".into(),
        ));
    }
    let config = Config::load(config_file).map_err(EnrollError::Setup)?;
    config.via.check(&node_id).map_err(unfit)?;
    let given = ServiceUrl::parse("--url", &enrolment.url, config.allow_http).map_err(EnrollError::Input)?;
    let token = read_token(input)?;
    if !enrolment.replace
        && let Ok(found) = credential_store::load(&config.credential_file)
    {
        return Err(EnrollError::InUse(found.credential.node_id.into(), config.credential_file));
    }
    // Held until the credential is stored: no other process may write one in between.
    let store = Locked::lock(&config.credential_file, install::default_owner_of(&config))
        .map_err(EnrollError::NotWritable)?;
    store.check_writable().map_err(EnrollError::NotWritable)?;
    let means = Means::of(&config);
    if means.needs_clock(&given) && clock::now().wall < NodeState::load(&config.state_file).clock_floor() {
        return Err(EnrollError::NotSent(Trouble::clock()));
    }
    let home = home::of(&given, Service::HOME, &means).map_err(EnrollError::NotSent)?;
    let url = home.map_or(given, |home| home.command_center);
    let client = means.client(Service::ENROLMENT, &url).map_err(EnrollError::Setup)?;
    let registration =
        Registration { url: &url, node_id: &node_id, token: &token, room: enrolment.room.as_deref() };
    registration.store(&client, &config, &store)?;
    Ok(node_id)
}

/// What is sent to a command center to register a node, and where that is.
pub(super) struct Registration<'a> {
    pub(super) url: &'a ServiceUrl,
    pub(super) node_id: &'a NodeId,
    pub(super) token: &'a [u8],
    pub(super) room: Option<&'a str>,
}

impl Registration<'_> {
    /// Registers the node and stores its credential where `config` says, in `store`.
    ///
    /// # Errors
    /// See [`EnrollError`].
    pub(super) fn store(
        &self,
        client: &HttpClient,
        config: &Config,
        store: &Locked<'_>,
    ) -> Result<Credential, EnrollError> {
        // Until the key is stored: it cannot be got a second time.
        let _held = hold_signals(config.request_timeout);
        let response = register(client, self)?;
        let credential = answer::read(&response, self.node_id, self.token)?;
        match install::store(config, store, &credential) {
            Ok(()) => Ok(credential),
            Err(Failed::NotStored(why)) => Err(EnrollError::NotStored(why)),
            Err(Failed::Unfinished(why)) => Err(EnrollError::Unfinished(self.node_id.clone().into(), why)),
        }
    }
}

/// Holds signals back until what it returns is dropped, and says so when one comes.
fn hold_signals(patience: Duration) -> Option<Held> {
    let held = Held::hold().inspect_err(|why| debug!("held signals: {why}")).ok()?;
    let mut came = held.came.try_clone().ok()?;
    let tell = move || {
        if came.read(&mut [0]).is_ok_and(|len| len > 0) {
            warn!(
                "the token may be on its way, so this goes on until the answer is stored: {} s at most",
                patience.as_secs()
            );
        }
    };
    // Without it, signals are held back silently.
    let _ = thread::Builder::new().spawn(tell);
    Some(held)
}

pub(crate) fn read_token(input: impl Read) -> Result<Zeroizing<Vec<u8>>, EnrollError> {
    let mut token =
        secret_input::read_line(input).map_err(|why| EnrollError::Input(format!("standard input {why}")))?;
    while token.last().is_some_and(u8::is_ascii_whitespace) {
        token.pop();
    }
    // What is around it would be sent with it, and the answer would be that the token is used up.
    if let Err(why @ ValueError::Forbidden(_)) = secret_line::parse(&token) {
        return Err(EnrollError::Input(format!("standard input {why}")));
    }
    if token.is_empty() || token.len() > 512 || !token.iter().all(u8::is_ascii_graphic) {
        return Err(EnrollError::Input(
            "standard input does not hold a provisioning token, which is one word (prov_…)".into(),
        ));
    }
    // Any other secret would be shown to a service that it is not for.
    if !std::str::from_utf8(&token).is_ok_and(credential_file::is_token) {
        return Err(EnrollError::Input(
            "standard input holds something else than a provisioning token, which begins with prov_".into(),
        ));
    }
    Ok(token)
}

fn register(client: &HttpClient, registration: &Registration<'_>) -> Result<Posted, EnrollError> {
    let &Registration { url, node_id, token, room } = registration;
    let request = RegisterRequest {
        node_id: node_id.as_str(),
        provisioning_token: std::str::from_utf8(token).unwrap_or_default(),
        room,
    };
    let mut body = Zeroizing::new(Vec::with_capacity(4096));
    serde_json::to_writer(&mut *body, &request)
        .map_err(|_| EnrollError::Input("what was given cannot be written as JSON".into()))?;
    let post = Post { url: &url.register(), headers: &[], content_type: JSON, body: &body };
    // This burns nothing: only a registration uses the token up, and its answer is not a 500.
    client.post_again_if_failed_at_once(&post).map_err(|HttpError { trouble, sent }| {
        if sent && trouble.kind.outcome() == Outcome::Tls {
            // A port of TLS was spoken to in plain HTTP, or a proxy wants a client certificate: it passed nothing on.
            let fix = trouble.fix.as_str().trim_end_matches('.');
            EnrollError::Unavailable(Outcome::Tls, format!("{}. {fix}", trouble.reason))
        } else if sent {
            // Most ports of TLS close a connection on which plain HTTP is spoken.
            let is_port_of_tls = !url.is_https() && trouble.kind == TroubleKind::ClosedEarly;
            let hint = if is_port_of_tls {
                " (if that port speaks TLS, nothing was registered: give https:// in --url)"
            } else {
                ""
            };
            EnrollError::AnswerLost(node_id.clone().into(), format!("{}{hint}", trouble.reason))
        } else {
            EnrollError::NotSent(trouble)
        }
    })
}

impl EnrollError {
    /// The program's exit code, by sysexits(3).
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Input(_) => 65,
            Self::Setup(_) | Self::InUse(..) => Outcome::Setup.exit_code(),
            Self::NotWritable(_) | Self::NotStored(_) | Self::Unfinished(..) => 73,
            Self::NotSent(trouble) => trouble.kind.outcome().exit_code(),
            Self::Refused(_) => Outcome::NodeRejected.exit_code(),
            Self::Unavailable(outcome, _) => outcome.exit_code(),
            Self::AnswerLost(..) => 74,
        }
    }
}
