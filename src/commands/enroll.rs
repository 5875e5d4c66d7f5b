//! `jarvis-node enroll`: registers this node at the command center with a provisioning token, which is
//! good for one try, and stores the credential that comes back.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use node_core::credential::NodeId;
use node_core::outcome::Outcome;
use node_core::trouble::Trouble;
use node_core::wire::RegisterRequest;
use zeroize::Zeroizing;

use super::{install, secret_input};
use crate::clock;
use crate::config::Config;
use crate::error::SetupError;
use crate::files::credential::Credential;
use crate::files::credential_store::{Locked, StoreError};
use crate::files::state_file::State;
use crate::files::{credential_file, credential_store};
use crate::net::http::{HttpClient, JSON, Post, Response, Unanswered};
use crate::net::service_url::ServiceUrl;
use crate::net::tls::Tls;

/// What is to be registered, and where.
#[derive(Debug)]
pub struct Enrolment {
    /// The command center.
    pub url: String,
    /// The name the node is to have.
    pub node_id: String,
    /// Where the node is.
    pub room: Option<String>,
    /// Whether it may take the place of a credential that is in use.
    pub replace: bool,
}

/// Why this node is not enrolled, and what became of the token.
#[derive(Debug)]
pub enum NotEnrolled {
    /// Something that was given cannot be used; nothing was sent.
    Input(String),
    /// The configuration cannot be used; nothing was sent.
    Setup(SetupError),
    /// A credential is in use already; nothing was sent.
    InUse(NodeId, PathBuf),
    /// The credential could not be stored here; nothing was sent.
    NoRoom(StoreError),
    /// The command center was not reached; nothing was sent.
    NotAsked(Trouble),
    /// The command center refuses; the token may still be good.
    Refused(String),
    /// The request was sent, and no usable answer came.
    AnswerLost(NodeId, String),
    /// The node is registered and its key is here, but cannot be stored.
    Unstored(StoreError),
}

/// Registers the node with the provisioning token in `input` and stores its credential where the
/// configuration at `config_file` says. Everything that can fail without the token is tried before.
///
/// # Errors
/// See [`NotEnrolled`]: each says what became of the token.
pub fn enroll(config_file: &Path, enrolment: &Enrolment, input: impl Read) -> Result<NodeId, NotEnrolled> {
    let node_id =
        NodeId::parse(&enrolment.node_id).map_err(|why| NotEnrolled::Input(format!("--node-id {why}")))?;
    let config = Config::load(config_file).map_err(NotEnrolled::Setup)?;
    let url = ServiceUrl::parse("--url", &enrolment.url, config.allow_http).map_err(NotEnrolled::Input)?;
    let token = read_token(input)?;
    if !enrolment.replace
        && let Ok(found) = credential_store::load(&config.credential_file)
    {
        return Err(NotEnrolled::InUse(found.credential.node_id, config.credential_file));
    }
    // Held until the credential is there: nobody is to get in between.
    let store = Locked::lock(&config.credential_file, install::default_owner_of(&config))
        .map_err(NotEnrolled::NoRoom)?;
    store.check_writable().map_err(NotEnrolled::NoRoom)?;
    // Pins are about another server's key, unless it is the same server.
    let same_server = (url.host(), url.port()) == (config.auth_url.host(), config.auth_url.port());
    let pins = if same_server { config.spki_pins.clone() } else { Vec::new() };
    let needs_clock = url.is_https() && pins.is_empty();
    if needs_clock && clock::now().wall < State::load(&config.state_file).clock_floor() {
        return Err(NotEnrolled::NotAsked(Trouble::clock()));
    }
    let tls = Tls::new(&Config { spki_pins: pins, ..config.clone() }).map_err(NotEnrolled::Setup)?;
    let client = HttpClient::new(&url, config.connect_timeout, config.request_timeout, tls);
    let response = register(&client, &url, &node_id, &token, enrolment.room.as_deref())?;
    let credential = read_answer(&response, &node_id)?;
    install::store(&config, &store, &credential).map_err(NotEnrolled::Unstored)?;
    Ok(node_id)
}

pub(crate) fn read_token(input: impl Read) -> Result<Zeroizing<Vec<u8>>, NotEnrolled> {
    let mut token =
        secret_input::read_line(input).map_err(|why| NotEnrolled::Input(format!("standard input {why}")))?;
    while token.last().is_some_and(u8::is_ascii_whitespace) {
        token.pop();
    }
    if token.is_empty() || token.len() > 512 || !token.iter().all(u8::is_ascii_graphic) {
        return Err(NotEnrolled::Input(
            "standard input does not hold a provisioning token, which is one word (prov_…)".into(),
        ));
    }
    Ok(token)
}

fn register(
    client: &HttpClient,
    url: &ServiceUrl,
    node_id: &NodeId,
    token: &[u8],
    room: Option<&str>,
) -> Result<Response, NotEnrolled> {
    let request = RegisterRequest {
        node_id: node_id.as_str(),
        provisioning_token: std::str::from_utf8(token).unwrap_or_default(),
        room,
    };
    let mut body = Zeroizing::new(Vec::with_capacity(4096));
    serde_json::to_writer(&mut *body, &request)
        .map_err(|_| NotEnrolled::Input("what was given cannot be written as JSON".into()))?;
    let post = Post { url: &url.register(), headers: &[], content_type: JSON, body: &body };
    client.post(&post).map_err(|Unanswered { trouble, sent }| {
        if sent {
            NotEnrolled::AnswerLost(node_id.clone(), format!("{}", trouble.reason))
        } else {
            NotEnrolled::NotAsked(trouble)
        }
    })
}

/// The credential in the answer, by the rules of jarvis-auth-wire.md, "Enrolment at command-center".
pub(crate) fn read_answer(response: &Response, node_id: &NodeId) -> Result<Credential, NotEnrolled> {
    let peer_says = |why: &str| NotEnrolled::Refused(format!("the command center refuses: {why}"));
    let lost = |why: &str| NotEnrolled::AnswerLost(node_id.clone(), why.into());
    match response.status {
        200 | 201 => {
            let contents =
                credential_file::parse(&response.body, Path::new("the command center's answer"), None)
                    .map_err(|_| lost("the command center's answer holds no node_id and node_key"))?;
            if contents.credential.node_id != *node_id {
                return Err(lost("the command center's answer is about another node"));
            }
            Ok(contents.credential)
        }
        401 => Err(peer_says(
            "the provisioning token is invalid, used up or older than ten minutes; get a new one",
        )),
        400 => Err(peer_says(
            "a node of this id is registered already; choose another --node-id, or have that one removed",
        )),
        status @ (404 | 405 | 300..=399) => Err(peer_says(&format!(
            "it answers {status}; check that --url is the command center, and not the auth service or a portal"
        ))),
        status @ (413 | 422 | 429) => Err(peer_says(&format!("it answers {status}; look at its log"))),
        status => Err(lost(&format!("the command center answered {status}"))),
    }
}

impl NotEnrolled {
    /// What the program exits with, by sysexits(3).
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Input(_) => 65,
            Self::Setup(_) | Self::InUse(..) => Outcome::Setup.exit_code(),
            Self::NoRoom(_) | Self::Unstored(_) => 73,
            Self::NotAsked(trouble) => trouble.kind.outcome().exit_code(),
            Self::Refused(_) => Outcome::NodeRejected.exit_code(),
            Self::AnswerLost(..) => 74,
        }
    }
}

impl fmt::Display for NotEnrolled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NOT_SENT: &str = "Nothing was sent: the token is still good";
        match self {
            Self::Input(why) => write!(f, "{why}. {NOT_SENT}"),
            Self::Setup(error) => write!(f, "{error}. {} {NOT_SENT}", error.to_trouble().fix),
            Self::InUse(node_id, path) => write!(
                f,
                "this node has a credential already, of '{}' in {}; add --replace if a new one is to take its place. {NOT_SENT}",
                node_id.as_str(),
                path.display()
            ),
            Self::NoRoom(error) => write!(f, "{error}. {NOT_SENT}"),
            Self::NotAsked(trouble) => write!(f, "{}. {} {NOT_SENT}", trouble.reason, trouble.fix),
            Self::Refused(why) => f.write_str(why),
            Self::AnswerLost(node_id, why) => write!(
                f,
                "the answer was lost: {why}. '{0}' may be registered by now, with a key that nobody has. Have '{0}' removed if it is, get a new token, and enroll again",
                node_id.as_str()
            ),
            Self::Unstored(error) => write!(
                f,
                "{error}. The node is registered, but its key is lost with this. Mend that, have the node removed, get a new token, and enroll again"
            ),
        }
    }
}

impl std::error::Error for NotEnrolled {}
