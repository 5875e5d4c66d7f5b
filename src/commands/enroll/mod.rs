//! `jarvis-node enroll`: registers this node at the command center with a provisioning token, which can be used once,
//! and stores the credential that comes back.

mod answer;
mod done;
mod error;
pub(crate) mod first_boot;
mod log_in;
pub(crate) mod moving;
mod place;
pub(super) mod settings;
mod voice_node;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use log::{debug, warn};
use node_core::credential::{NodeId, ValueError};
use node_core::outcome::Outcome;
use node_core::service::Service;
use node_core::trouble::TroubleKind;
use node_core::wire::RegisterRequest;
use zeroize::Zeroizing;

#[cfg(fuzzing)]
pub(crate) use self::answer::read as read_answer;
use self::done::Done;
pub use self::error::EnrollError;
use self::place::Place;
use self::settings::Settings;
use self::voice_node::VoiceNode;
use super::home::Means;
use super::install::Failed;
use super::signals::Held;
use super::{install, secret_input};
use crate::config::Config;
use crate::files::credential::Credential;
use crate::files::credential_store::Locked;
use crate::files::{credential_file, credential_store, json, secret_line};
use crate::net::http::{HttpClient, HttpError, JSON, Post, Posted};
use crate::net::service_url::ServiceUrl;

/// The node to be registered, and where.
#[derive(Debug)]
pub(crate) struct Enrolment {
    /// The command center, or the config service of its home; `None` for the one that is configured or found.
    pub(crate) url: Option<String>,
    /// The name the node is to have; `None` for one that the home gives it.
    pub(crate) node_id: Option<String>,
    /// Where the node is.
    pub(crate) room: Option<String>,
    /// Whether it may replace a credential that is in use.
    pub(crate) replace: bool,
    /// Whether a home may be asked without TLS, whatever the configuration says.
    pub(crate) allow_http: bool,
    /// A voice node's configuration that gets the new key too.
    pub(crate) write_config: Option<PathBuf>,
}

/// Where the provisioning token comes from.
pub(crate) enum Token<'a> {
    /// It is read here.
    Given(&'a mut dyn Read),
    /// The person at the terminal has one, or logs in to get one.
    Asked,
}

/// Finds the home, registers the node there with a provisioning token, and stores its credential where the
/// configuration at `config_file` says, which is written if there is none. Everything that can fail without the token
/// is tried first.
///
/// # Errors
/// See [`EnrollError`]: each says whether the token is still good.
pub(crate) fn enroll(
    config_file: &Path,
    enrolment: &Enrolment,
    token: Token<'_>,
) -> Result<Done, EnrollError> {
    enroll_by(Settings::load(config_file)?, config_file, enrolment, token)
}

/// [`enroll`] by these settings, which are those of `config_file`.
fn enroll_by(
    settings: Settings,
    config_file: &Path,
    enrolment: &Enrolment,
    token: Token<'_>,
) -> Result<Done, EnrollError> {
    let unfit = |why| EnrollError::Input(format!("--node-id {why}"));
    let node_id = enrolment.node_id.as_deref().map(NodeId::parse).transpose().map_err(unfit)?;
    if node_id.as_ref().is_some_and(|node_id| credential_file::is_token(node_id.as_str())) {
        return Err(EnrollError::Input(
            "--node-id is a provisioning token, which belongs on standard input".into(),
        ));
    }
    let voice_node = enrolment.write_config.as_deref().map(VoiceNode::find).transpose()?;
    let given = match token {
        Token::Asked => None,
        Token::Given(_) if node_id.is_none() => {
            return Err(EnrollError::Input("a token is for one node: say which by --node-id".into()));
        }
        Token::Given(input) => Some(read_token(input)?),
    };
    // Whichever home it will be, this is where the credential goes.
    let early = settings.for_home(("command_center", &ServiceUrl::here()))?;
    let means = settings.means(enrolment.allow_http);
    if let Ok(old) = credential_store::load(&early.credential_file) {
        let old = old.credential;
        if !enrolment.replace {
            let finished = finish(config_file, enrolment, &settings, &means, &old)?;
            return finished.ok_or_else(|| EnrollError::InUse(old.node_id.into(), early.credential_file));
        }
        let old = old.node_id;
        if node_id.as_ref() == Some(&old) {
            warn!(
                "a home registers an id once: one that has had '{old}' refuses it, and only its administrator can give it another \
                 key (rotate-key, then install-credential)"
            );
        }
    }
    // Held until the credential is stored: no other process may write one in between.
    let store = Locked::lock(&early.credential_file, install::default_owner_of(&early))
        .map_err(EnrollError::NotWritable)?;
    store.check_writable().map_err(EnrollError::NotWritable)?;
    let found = Place::find(enrolment, &settings, voice_node.as_ref(), &means)?;
    let shared = voice_node.is_some();
    let via = found.via(shared);
    let config = settings.for_home(via)?;
    let (node_id, token) = match (node_id, given) {
        (Some(node_id), Some(token)) => (node_id, token),
        (node_id, _) => log_in::token(&found, &means, node_id, enrolment.room.as_deref())?,
    };
    config.via.check(&node_id).map_err(unfit)?;
    if let Some(voice_node) = &voice_node {
        voice_node.check(&node_id)?;
    }
    let url = &found.command_center;
    let client = means.client(Service::ENROLMENT, url).map_err(EnrollError::Setup)?;
    let place = url.as_str();
    secret_input::tell(&format!(
        "registers '{node_id}' at {place}: from here on, that home may count the id as taken"
    ));
    let registration =
        Registration { url, node_id: &node_id, token: &token, room: enrolment.room.as_deref(), shared };
    let credential = registration.store(&client, &config, &store)?;
    drop(store);
    first_boot::tell_the_daemon(config_file, None);
    let written = settings.write(via, &node_id);
    if let Some(voice_node) = &voice_node {
        voice_node.put(&credential)?;
    }
    let is_new = written?;
    Ok(Done::after(config_file, config, &credential, &found, is_new))
}

/// Writes the configuration that is still missing, if the home accepts the node already: an enrolment may have been cut short
/// after its credential was stored. `None` if it is not missing, or the home does not.
fn finish(
    config_file: &Path,
    enrolment: &Enrolment,
    settings: &Settings,
    means: &Means,
    credential: &Credential,
) -> Result<Option<Done>, EnrollError> {
    if matches!(settings, Settings::Kept(_)) {
        return Ok(None);
    }
    let found = Place::find(enrolment, settings, None, means)?;
    let via = found.via(credential.shared);
    let done = Done::after(config_file, settings.for_home(via)?, credential, &found, true);
    if !done.is_accepted() {
        return Ok(None);
    }
    settings.write(via, &credential.node_id)?;
    Ok(Some(done))
}

/// What is sent to a command center to register a node, and where that is.
pub(super) struct Registration<'a> {
    pub(super) url: &'a ServiceUrl,
    pub(super) node_id: &'a NodeId,
    pub(super) token: &'a [u8],
    pub(super) room: Option<&'a str>,
    /// Whether other software on the board gets the same identity.
    pub(super) shared: bool,
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
        let mut credential = answer::read(&response, self.node_id, self.token)?;
        credential.shared |= self.shared;
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
    let &Registration { url, node_id, token, room, .. } = registration;
    let request = RegisterRequest {
        node_id: node_id.as_str(),
        provisioning_token: std::str::from_utf8(token).unwrap_or_default(),
        room,
    };
    let mut body = Zeroizing::new(Vec::with_capacity(4096));
    json::write(&mut *body, &request)
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
