//! What an enrolment has done, in words.

use std::fmt;
use std::path::{Path, PathBuf};

use node_core::answer::Answer;
use node_core::credential::NodeId;

use super::place::Place;
use crate::config::{Config, Led, Via};
use crate::files::credential::Credential;
use crate::setup::Reader;

/// A node that is registered, and whose credential is stored.
#[derive(Debug)]
pub(crate) struct Done {
    /// The node.
    pub(crate) node_id: NodeId,
    /// Why it is not known that the home accepts it.
    unproven: Option<String>,
    /// The configuration that was written.
    written: Option<PathBuf>,
    /// What a person has to change in a configuration that asks another home.
    change: Option<String>,
    has_led: bool,
}

impl Done {
    /// Proves the credential that was stored by `config`, which is at `config_file`, and was written if it `is_new`.
    pub(super) fn after(
        config_file: &Path,
        config: Config,
        credential: &Credential,
        place: &Place,
        is_new: bool,
    ) -> Self {
        let key = match &config.via {
            Via::CommandCenter => Some(("via.command_center", &place.command_center)),
            Via::App { .. } => place.auth.as_ref().map(|auth| ("auth_url", auth)),
            Via::Logs => place.logs.as_ref().map(|logs| ("via.logs", logs)),
        };
        let other = key.filter(|(_, url)| !url.is_server_of(&config.auth_url));
        let change = other.map(|(key, url)| {
            format!("{} asks another home: set {key} there to {}", config_file.display(), url.as_str())
        });
        let has_led = config.indicators.led != Led::None;
        // What another home says of the node is no proof.
        let unproven = if change.is_some() { None } else { prove(config_file, config, credential) };
        Self {
            node_id: credential.node_id.clone(),
            unproven,
            written: is_new.then(|| config_file.into()),
            change,
            has_led,
        }
    }
}

impl Done {
    /// Whether the home accepts the node.
    pub(super) const fn is_accepted(&self) -> bool {
        self.unproven.is_none() && self.change.is_none()
    }
}

/// Why it is not known that the service which `config` names accepts the node.
pub(super) fn prove(config_file: &Path, config: Config, credential: &Credential) -> Option<String> {
    let context = match Reader::new(config_file.into()).auth_context_by(config) {
        Ok(context) => context,
        Err(why) => return Some(format!("{why}. {}", why.to_trouble().fix)),
    };
    match context.client.validate(credential).answer {
        Answer::Valid(_) | Answer::Reachable => None,
        Answer::Rejected(reason) => Some(format!("it is rejected: {reason}.")),
        Answer::Inconclusive { trouble, .. } => Some(format!("{}. {}", trouble.reason, trouble.fix)),
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node_id, unproven, written, change, has_led } = self;
        write!(f, "registered and stored: this node is {node_id}")?;
        if let Some(written) = written {
            write!(f, "; its configuration is written to {}", written.display())?;
        }
        if let Some(change) = change {
            return write!(f, "; but {change}");
        }
        if let Some(why) = unproven {
            return write!(f, "; but whether it is accepted could not be learnt: {why}");
        }
        f.write_str("; it is accepted, and a running daemon takes it up by itself")?;
        f.write_str(if *has_led { ": then the LED shines steadily" } else { "; no LED is configured" })
    }
}
