//! The configuration that an enrolment goes by: the one that is there, or one that is made for the home and written when
//! the node is enrolled.

use std::path::{Path, PathBuf};
use std::time::Duration;

use node_core::credential::NodeId;
use serde_json::{Map, Value, json};

use super::EnrollError;
use crate::commands::home::Means;
use crate::config::{Config, DEFAULT_STATE_FILE};
use crate::error::SetupError;
use crate::files::{bounded, durable};
use crate::net::service_url::ServiceUrl;
use crate::net::tls::TlsSettings;

/// The auth service of the example that is installed without a configuration: nobody's.
const EXAMPLE: &str = "https://jarvis.home.arpa:7701";
/// Where a new configuration puts the credential.
const CREDENTIAL: &str = "/var/lib/jarvis-node-agent/credential.json";

/// A configuration.
pub(crate) enum Settings {
    /// It is there, and is left as it is.
    Kept(Box<Config>),
    /// There is none, or only the example, whose other keys are kept.
    New {
        /// Where it is to be.
        path: PathBuf,
        /// Its keys, but for those that name a service.
        keys: Map<String, Value>,
        /// The CA of the home's services, if one is installed.
        ca_file: Option<PathBuf>,
        /// The state file.
        state_file: PathBuf,
    },
}

impl Settings {
    /// What is at `path`.
    ///
    /// # Errors
    /// There is a configuration that cannot be used, or none can be written there.
    pub(crate) fn load(path: &Path) -> Result<Self, EnrollError> {
        let is_link = path.is_symlink();
        let (keys, state_file) = match Config::load(path) {
            Ok(config) if config.auth_url.as_str() == EXAMPLE && !is_link => {
                let text = bounded::read_text("configuration", path).map_err(EnrollError::Setup)?;
                (serde_json::from_slice(text.as_bytes()).unwrap_or_default(), config.state_file)
            }
            Ok(config) => return Ok(Self::Kept(config.into())),
            Err(SetupError::Missing { .. }) if !is_link => {
                let keys = json!({ "credential_file": CREDENTIAL });
                (keys.as_object().cloned().unwrap_or_default(), DEFAULT_STATE_FILE.into())
            }
            Err(why) => return Err(EnrollError::Setup(why)),
        };
        durable::check_folder(path).map_err(|why| EnrollError::ConfigNotWritable(path.into(), why))?;
        let mut keys: Map<_, _> = keys;
        for key in ["auth_url", "service_id", "app_id", "app_key_file"] {
            keys.remove(key);
        }
        let installed = durable::folder(path).join("ca.pem");
        let ca_file = installed.exists().then_some(installed);
        Ok(Self::New { path: path.into(), keys, ca_file, state_file })
    }

    /// These settings with more keys and another CA for a new configuration.
    pub(super) fn with(self, more: Map<String, Value>, ca: Option<PathBuf>) -> Self {
        match self {
            Self::New { path, mut keys, ca_file, state_file } => {
                keys.extend(more);
                Self::New { path, keys, ca_file: ca.or(ca_file), state_file }
            }
            kept @ Self::Kept(_) => kept,
        }
    }

    /// How a home is asked.
    pub(crate) fn means(&self, allow_http: bool) -> Means {
        match self {
            Self::Kept(config) => {
                let means = Means::of(config);
                Means { allow_http: means.allow_http || allow_http, ..means }
            }
            Self::New { ca_file, .. } => Means {
                allow_http,
                tls: TlsSettings {
                    ca_file: ca_file.clone(),
                    spki_pins: Vec::new(),
                    client_certificate: None,
                },
                pinned: None,
                connect_timeout: Duration::from_secs(5),
                request_timeout: Duration::from_secs(45),
            },
        }
    }

    /// Where the last verified server's time is kept.
    pub(super) fn state_file(&self) -> &Path {
        match self {
            Self::Kept(config) => &config.state_file,
            Self::New { state_file, .. } => state_file,
        }
    }

    /// The text of a new configuration for a node that asks `service`, a key of `via`, at `url`.
    pub(super) fn text_for(&self, (service, url): (&str, &ServiceUrl)) -> String {
        let Self::New { keys, ca_file, .. } = self else { return String::new() };
        let mut keys = keys.clone();
        keys.insert("via".into(), json!({ service: url.as_str() }));
        if !url.is_https() && !url.is_loopback() {
            keys.insert("allow_http".into(), true.into());
        }
        if let Some(ca_file) = ca_file.as_ref().filter(|_| url.is_https()) {
            keys.insert("ca_file".into(), ca_file.to_string_lossy().into());
        }
        format!("{:#}\n", Value::Object(keys))
    }

    /// The configuration of a node that asks `service`, unless it says another already.
    ///
    /// # Errors
    /// A new one could not be used.
    pub(crate) fn for_home(&self, service: (&str, &ServiceUrl)) -> Result<Config, EnrollError> {
        match self {
            Self::Kept(config) => Ok(Config::clone(config)),
            Self::New { path, .. } => {
                Config::of_text(&self.text_for(service), path).map_err(EnrollError::Setup)
            }
        }
    }

    /// Writes a new configuration, whole or not at all, and for everyone to read, as the installer does; whether there
    /// was one to be written.
    ///
    /// # Errors
    /// It could not be written for the node, which is registered.
    pub(super) fn write(&self, service: (&str, &ServiceUrl), node_id: &NodeId) -> Result<bool, EnrollError> {
        let Self::New { path, .. } = self else { return Ok(false) };
        let text = self.text_for(service);
        match durable::replace_as(path, text.as_bytes(), durable::folder(path), 0o644) {
            Ok(()) => Ok(true),
            Err(why) => {
                let fix = format!("Put this there: {text}");
                Err(EnrollError::NotWritten(node_id.clone().into(), path.clone(), why.to_string(), fix))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn example_is_the_one_that_is_installed() {
        let example = include_str!("../../../systemd/config.example.json");
        let config =
            Config::of_text(example, Path::new("/etc/jarvis-node-agent/config.json")).expect("sound");
        assert_eq!(config.auth_url.as_str(), EXAMPLE);
        assert_eq!(config.credential_file, Path::new(CREDENTIAL));
    }
}
