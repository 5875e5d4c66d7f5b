//! Which home the node is to join: the one whose address is given or configured, or the one that its config service
//! announces on the network.

use std::io;
use std::io::IsTerminal;
use std::time::Duration;

use node_core::service::Service;
use node_core::trouble::{Trouble, TroubleKind};

use super::settings::Settings;
use super::voice_node::VoiceNode;
use super::{EnrollError, Enrolment};
use crate::commands::home;
use crate::commands::home::{Home, Means};
use crate::commands::secret_input::{ask, tell};
use crate::config::Via;
use crate::files::state::NodeState;
use crate::net::resolver;
use crate::net::service_url::ServiceUrl;
use crate::system::clock;

/// How jarvisd announces its config service (docs/wire/jarvis-home.md, "Discovery").
const ANNOUNCED: &str = "_jarvis-config._tcp.local";
/// As long as the home's app on a phone looks.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the node is to be registered.
pub(super) struct Place {
    /// The command center.
    pub(super) command_center: ServiceUrl,
    /// The auth service, if it is known.
    pub(super) auth: Option<ServiceUrl>,
    /// The logs, if they are known.
    pub(super) logs: Option<ServiceUrl>,
}

impl From<Home> for Place {
    fn from(Home { command_center, auth, logs, .. }: Home) -> Self {
        Self { command_center, auth, logs }
    }
}

impl From<ServiceUrl> for Place {
    fn from(command_center: ServiceUrl) -> Self {
        Self { command_center, auth: None, logs: None }
    }
}

impl Place {
    /// The service that is to be asked about the node, by its key in `via`, and its address. For an identity that is
    /// `shared` with a voice node it is one that the question tells nothing.
    pub(super) fn via(&self, shared: bool) -> (&'static str, &ServiceUrl) {
        let logs = self.logs.as_ref().filter(|_| shared);
        logs.map_or(("command_center", &self.command_center), |logs| ("logs", logs))
    }

    /// The home that is meant. Nothing secret is sent.
    ///
    /// # Errors
    /// None is found, or a person has to say which, or that it may be asked as it is.
    pub(super) fn find(
        enrolment: &Enrolment,
        settings: &Settings,
        voice_node: Option<&VoiceNode>,
        means: &Means,
    ) -> Result<Self, EnrollError> {
        // Without a configuration nobody has said yet whether plain HTTP may be spoken; asked below.
        let is_new = matches!(settings, Settings::New { .. });
        let anyhow = Means { allow_http: true, ..means.clone() };
        let means = if is_new { &anyhow } else { means };
        let at = |key: &'static str, text: &str| {
            let url = ServiceUrl::parse(key, text, means.allow_http).map_err(EnrollError::Input)?;
            let floor = NodeState::load(settings.state_file()).clock_floor();
            if means.needs_clock(&url) && clock::now().wall < floor {
                return Err(EnrollError::NotSent(Trouble::clock()));
            }
            let found = home::of(&url, Service { address: key, ..Service::HOME }, means);
            let found = found.map_err(EnrollError::NotSent)?;
            Ok(found.map_or_else(|| url.into(), Self::from))
        };
        let place = match (&enrolment.url, voice_node.and_then(VoiceNode::home), settings) {
            (Some(url), ..) => at("--url", url)?,
            (None, Some(url), _) => at("jarvis_config_service_url", &url)?,
            (None, None, Settings::Kept(config)) if config.via == Via::CommandCenter => {
                config.auth_url.clone().into()
            }
            (None, None, _) => nearby(&anyhow)?.into(),
        };
        let is_plain = |url: &ServiceUrl| !url.is_https() && !url.is_loopback();
        if !enrolment.allow_http && (is_new || !means.allow_http) && is_plain(&place.command_center) {
            agree_to_http(&place.command_center)?;
        }
        Ok(place)
    }
}

/// Lets a person agree that secrets are sent without TLS.
fn agree_to_http(url: &ServiceUrl) -> Result<(), EnrollError> {
    let why = format!(
        "the home speaks plain HTTP ({}), which shows the token or the password, and later the node's key, to everyone on the \
         network",
        url.as_str()
    );
    if io::stdin().is_terminal() {
        let answer = ask(&format!("{why}. Type yes to go on:"));
        if answer.is_ok_and(|answer| answer.eq_ignore_ascii_case("yes")) {
            return Ok(());
        }
    }
    Err(EnrollError::Choice(format!("{why}: use one with https://, or add --allow-http")))
}

/// The home that is announced on the network; of several, the one that the person at the terminal chooses.
fn nearby(means: &Means) -> Result<Home, EnrollError> {
    tell("looks for the home on the network, for 5 seconds");
    // Whoever has a CA of his own has certificates; of its own, no home does.
    let scheme = if means.tls.ca_file.is_some() { "https" } else { "http" };
    let mut homes = Vec::new();
    let mut trouble = None;
    for one in resolver::announced(ANNOUNCED, PATIENCE).unwrap_or_default() {
        for address in &one.addresses {
            // An address of one interface alone cannot be configured.
            let url = ServiceUrl::parse("the announced address", &format!("{scheme}://{address}"), true);
            let Ok(url) = url else { continue };
            let service = Service { address: "what the home announces (or give --url)", ..Service::HOME };
            match home::of(&url, service, means) {
                Ok(Some(home)) => {
                    homes.push((one.name, home));
                    break;
                }
                Ok(None) => {}
                Err(why) => trouble = Some(why),
            }
        }
    }
    let names: Vec<_> =
        homes.iter().map(|(name, home)| format!("{name} at {}", home.config.as_str())).collect();
    match names.as_slice() {
        [] => Err(EnrollError::NotSent(trouble.unwrap_or_else(|| {
            Trouble::with_fix(
                TroubleKind::NameUnknown,
                format_args!("no home announces itself on this network"),
                format_args!(
                    "Give the address of its config service (port 7700) or command center (7703) by --url: only jarvisd \
                     announces itself, and not beyond its own network."
                ),
            )
        }))),
        [name] => {
            tell(&format!("found: {name}"));
            Ok(homes.swap_remove(0).1)
        }
        names => choose("home", names, "--url").map(|at| homes.swap_remove(at).1),
    }
}

/// The place in `names` that the person at the terminal chooses; a script has to say it by `option`.
pub(super) fn choose(what: &str, names: &[String], option: &str) -> Result<usize, EnrollError> {
    let numbers = || names.iter().zip(1..);
    if io::stdin().is_terminal() {
        numbers().for_each(|(name, n)| tell(&format!("{n}: {name}")));
        for _ in 0..3 {
            let answer = ask(&format!("which {what}? (1 to {})", names.len())).unwrap_or_default();
            if let Some(at) = answer.parse::<usize>().ok().filter(|n| (1..=names.len()).contains(n)) {
                return Ok(at - 1);
            }
        }
    }
    Err(EnrollError::Choice(format!(
        "there is more than one {what}: {}; say which by {option}",
        names.join("; ")
    )))
}
