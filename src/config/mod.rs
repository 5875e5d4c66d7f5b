//! The configuration file. Every key is described in docs/configuration.md.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use self::file::File;
use self::heartbeat::{Meant, Written};
pub(crate) use self::indicators::read_leniently;
pub use self::indicators::{Indicators, Led};
pub(crate) use self::paths::plausible as plausible_path;
use self::paths::{ConfiguredPath, Use};
pub(crate) use self::sts::EnvFile;
use self::sts::TokenPlace;
pub use self::sts::{AudienceRule, Authentication, Broker, Client, Principal, Secret, Sts, StsSource};
pub use self::via::Via;
use crate::error::{SetupError, Warning};
use crate::files::{bounded, json, secret_file};
use crate::net::service_url::ServiceUrl;
use crate::net::tls::{ClientCertificate, Pin, TlsSettings};

pub(crate) mod checked;
mod file;
mod folders;
mod heartbeat;
mod indicators;
pub(crate) mod installing;
mod logs;
mod paths;
pub(crate) mod rehome;
#[cfg(feature = "schema")]
pub mod schema;
mod sts;
mod via;

/// The configuration file unless another is named.
pub(crate) const DEFAULT_PATH: &str = "/etc/jarvis-node-agent/config.json";
/// The state file unless another is configured.
pub(crate) const DEFAULT_STATE_FILE: &str = "/var/lib/jarvis-node-agent/state.json";
/// The status file unless another is configured: in memory, never on the card.
pub(crate) const DEFAULT_STATUS_FILE: &str = "/run/jarvis-node-agent/status.json";

/// A checked configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The service that is asked: the auth service or the command center.
    pub auth_url: ServiceUrl,
    /// How it is asked.
    pub via: Via,
    /// Whether services may be asked without TLS.
    pub allow_http: bool,
    /// Where the node's credential is.
    pub credential_file: PathBuf,
    /// Where the node keeps its state from boot to boot.
    pub state_file: PathBuf,
    /// Which server to trust over TLS, and how the node proves itself there.
    pub tls: TlsSettings,
    /// Time between validations.
    pub revalidate: Duration,
    /// The offline grace period: how long a good verdict counts while the server gives none.
    pub offline_grace: Duration,
    /// The first validation comes at a random time within this.
    pub start_splay: Duration,
    /// Within this time the nodes of a home call a server that is back.
    pub spread: Duration,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long a whole validation may take.
    pub request_timeout: Duration,
    /// Where tokens for other services come from.
    pub sts: Option<Sts>,
    /// How the other programs on the board get those tokens.
    pub broker: Option<Broker>,
    /// The command center that gets a heartbeat beside each validation.
    pub heartbeat: Option<ServiceUrl>,
    /// The logs of the home, which get the node's own lines.
    pub logs: Option<ServiceUrl>,
    /// The program, by its whole path, and the arguments that update this node.
    pub update_command: Option<Vec<String>>,
    /// LED and status file, which are needed even if the rest cannot be used.
    pub indicators: Indicators,
    /// What is wrong with parts that the node's verdict does not need. Those count as not configured.
    pub warnings: Vec<Warning>,
    tokens_malformed: bool,
}

/// What the configuration says about tokens for other programs.
#[derive(Clone, Copy, Debug)]
pub enum Tokens<'a> {
    /// It cannot be understood; a warning says why.
    Malformed,
    /// None are given out.
    NotGivenOut,
    /// They are given out.
    Through {
        /// Where they come from.
        sts: &'a Sts,
        /// Where other programs ask for them.
        broker: &'a Broker,
    },
}

impl Config {
    /// Reads and checks the configuration at `path`.
    ///
    /// # Errors
    /// A sentence that names the file and the key or line.
    pub fn load(path: &Path) -> Result<Self, SetupError> {
        let text = bounded::read_text("configuration", path)?;
        let mut config = Self::of_text(&text, path)?;
        let Indicators { status_file, metrics_file, .. } = &config.indicators;
        let status = status_file.iter().map(|file| ("status_file", file));
        let metrics = metrics_file.iter().map(|file| ("metrics_file", file));
        let socket = config.broker.iter().map(|broker| ("broker.socket", &broker.socket));
        let replaced =
            [("state_file", &config.state_file)].into_iter().chain(status).chain(metrics).chain(socket);
        let replaced: Vec<_> = replaced.map(|(key, file)| (key, &**file)).collect();
        let roots = config.tls.ca_file.iter().map(|file| ("ca_file", &**file));
        let read: Vec<_> = roots.chain([("configuration", path)]).collect();
        let warnings = [paths::open_folders(&replaced), paths::open_folders(&read), paths::open_files(&read)];
        config.warnings.extend(warnings.into_iter().flatten());
        Ok(config)
    }

    /// The configuration that `text` would be at `path`.
    ///
    /// # Errors
    /// A sentence that names the file and the key or line.
    pub(crate) fn of_text(text: &str, path: &Path) -> Result<Self, SetupError> {
        Self::parse(text, path, &sts::named::of_environment)
            .map_err(|why| SetupError::Config { path: path.into(), why })
    }

    /// Parses `text`, the file at `path`. `variable` reads the environment.
    fn parse(text: &str, path: &Path, variable: &sts::Variables<'_>) -> Result<Self, String> {
        let file: File = json::object(text.as_bytes()).map_err(|e| fault(text, &e))?;
        // Told after what else is wrong, which may be the reason for it.
        let paths = node_paths(&json::value(text), path);
        let token_paths = paths::check(&token_paths(&file, path), &paths, path);
        let paths = paths::check(&paths, &[], path);
        let found = |file: &Path| secret_file::locate(file, path);
        let (auth_url, via) = via::service(&file, path)?;
        let ca_file = file.ca_file.as_deref().map(found);
        let main =
            sts::MainConfig { auth_url: &auth_url, allow_http: file.allow_http, ca_file: ca_file.as_deref() };
        let led = file.led.as_ref().map(Led::read).transpose();
        let tokens = sts::tokens(file.sts, file.broker, variable, &main, &found);
        let tokens = tokens.and_then(|tokens| match token_paths {
            Ok(()) => Ok(tokens),
            Err(why) => Err((TokenPlace::Key("sts and broker"), why)),
        });
        let correct = |key: &str| format!("Correct {key} in {}; see docs/configuration.md.", path.display());
        let of_led = led.as_ref().err().map(|why| {
            let fix = format!("{} Until then the board's own LED is used.", correct("led"));
            Warning::new("led", why.clone(), fix)
        });
        let logs = file.logs.as_ref().map(|value| logs::read(value, file.allow_http)).transpose();
        let of_logs = logs.as_ref().err().map(|why| Warning::new("logs", why.clone(), correct("logs")));
        let of_tokens = tokens.as_ref().err().map(|(place, why)| {
            let fix = match place {
                TokenPlace::Key(key) => correct(key),
                TokenPlace::Variables => {
                    format!("Set what is missing, unset the rest, or put sts into {}.", path.display())
                }
            };
            Warning::new("tokens", why.clone(), format!("{fix} {OLD_RULES}"))
        });
        let written = Written {
            heartbeat: file.heartbeat,
            update_command: file.update_command,
            allow_http: file.allow_http,
            revalidate_secs: file.revalidate_secs,
        };
        let meant = Meant::of(written, &via, &correct);
        let tokens_malformed = tokens.is_err();
        let (sts, broker, unused) = tokens.unwrap_or_default();
        let of_unused = (!unused.is_empty()).then(|| {
            let why = format!("set in the environment, and not used for tokens: {}", unused.join(", "));
            Warning::new("tokens", why, format!("Unset them, or put sts into {}.", path.display()))
        });
        let warnings = of_led
            .into_iter()
            .chain(of_logs)
            .chain(of_tokens)
            .chain(of_unused)
            .chain(meant.warnings)
            .collect();
        let tls = TlsSettings {
            spki_pins: Pin::parse_all(file.spki_pins.as_deref(), auth_url.is_https())?,
            client_certificate: ClientCertificate::parse(
                file.client_cert_file.as_deref().map(found),
                file.client_key_file.as_deref().map(found),
                auth_url.is_https(),
            )?,
            ca_file,
        };
        paths?;
        let (led, quiet) = led.ok().flatten().unwrap_or_default();
        Ok(Self {
            tls,
            auth_url,
            via,
            allow_http: file.allow_http,
            credential_file: found(&file.credential_file),
            state_file: file.state_file.map_or_else(|| DEFAULT_STATE_FILE.into(), |file| found(&file)),
            sts,
            broker,
            heartbeat: meant.heartbeat,
            update_command: meant.update_command,
            logs: logs.ok().flatten(),
            revalidate: secs("revalidate_secs", file.revalidate_secs, 1, 604_800)?,
            offline_grace: secs("offline_grace_secs", file.offline_grace_secs, 0, 31_536_000)?,
            start_splay: secs(
                "start_splay_secs",
                file.start_splay_secs.unwrap_or(file.spread_secs.max(5)),
                0,
                7200,
            )?,
            connect_timeout: secs("connect_timeout_secs", file.connect_timeout_secs, 1, 300)?,
            spread: secs("spread_secs", file.spread_secs, 1, 7200)?,
            request_timeout: secs("request_timeout_secs", file.request_timeout_secs, 1, 600)?,
            indicators: Indicators {
                led,
                quiet,
                metrics_file: file.metrics_file.map(|file| found(&file)),
                status_file: Some(
                    file.status_file.map_or_else(|| DEFAULT_STATUS_FILE.into(), |file| found(&file)),
                ),
            },
            warnings,
            tokens_malformed,
        })
    }
}

/// What holds while the objects for tokens cannot be used: an editor's typing error must not cost programs their tokens.
const OLD_RULES: &str = "Until then a daemon that runs keeps to the rules that it read before, and one that starts gives out no tokens. \
     (Empty audiences in sts give nobody any.)";

/// What is wrong with `text`, which is not in the form of a configuration.
fn fault(text: &str, error: &serde_json::Error) -> String {
    let keys = json::value(text);
    let has = |key: &&str| keys.get(key).is_some();
    if has(&"node_id") && !["auth_url", "via", "credential_file"].iter().any(has) {
        return "this is a file with a node's credential, not the configuration, which names it as credential_file".into();
    }
    json::fault_in(text, error)
}

/// The value of `key` in its form.
fn form<T: DeserializeOwned>(key: &str, value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|e| format!("{key}: {}", json::fault(&e)))
}

/// The files of the node that `json`, the configuration at `path`, names or uses without naming them. Whatever else is
/// wrong with it.
fn node_paths(json: &Value, path: &Path) -> Vec<ConfiguredPath> {
    let own = Use::Replaced(&[".new"]);
    let keys = [
        ("credential_file", Use::Replaced(&[".new", ".prev", ".probe"]), None),
        ("state_file", own, Some(DEFAULT_STATE_FILE)),
        ("status_file", own, Some(DEFAULT_STATUS_FILE)),
        ("metrics_file", own, None),
        ("app_key_file", Use::Sent, None),
        ("ca_file", Use::Kept, None),
        ("client_cert_file", Use::Kept, None),
        ("client_key_file", Use::Kept, None),
    ];
    let named =
        keys.into_iter().filter_map(|(key, used, default)| match json.get(key).and_then(Value::as_str) {
            Some(file) => Some(ConfiguredPath::new(key, Path::new(file), path, used)),
            None => default.map(|file| ConfiguredPath::implied(key, Path::new(file), used)),
        });
    // Nothing may replace or send the configuration itself.
    named.chain([ConfiguredPath::implied("the configuration itself", path, Use::Kept)]).collect()
}

/// The files for tokens that the configuration at `path` names.
fn token_paths(file: &File, path: &Path) -> Vec<ConfiguredPath> {
    let tokens = [
        ("sts.env_file", &file.sts, "env_file", Use::Sent),
        ("sts.client_secret_file", &file.sts, "client_secret_file", Use::Sent),
        ("sts.client_key_file", &file.sts, "client_key_file", Use::Kept),
        ("sts.ca_file", &file.sts, "ca_file", Use::Kept),
        ("broker.socket", &file.broker, "socket", Use::Replaced(&[])),
    ];
    let tokens = tokens.into_iter().filter_map(|(key, object, name, used)| {
        let named = Path::new(object.as_ref()?.get(name)?.as_str()?);
        Some(ConfiguredPath::new(key, named, path, used))
    });
    tokens.collect()
}

impl Config {
    /// The files that it names, other than those of the credential, the state and the status.
    pub(crate) fn other_files(&self) -> impl Iterator<Item = &Path> {
        let app_key = match &self.via {
            Via::App { app_key_file, .. } => Some(app_key_file.as_path()),
            Via::CommandCenter | Via::Logs => None,
        };
        let own = self.tls.client_certificate.iter().flat_map(|own| [&*own.certificate, &*own.key]);
        let sts = match self.tokens() {
            Tokens::Through { sts, .. } => [sts.ca_file.as_deref(), sts.proof_file().map(|(_, path)| path)],
            Tokens::Malformed | Tokens::NotGivenOut => [None, None],
        };
        app_key.into_iter().chain(self.tls.ca_file.as_deref()).chain(own).chain(sts.into_iter().flatten())
    }

    /// What it says about tokens.
    #[must_use]
    pub fn tokens(&self) -> Tokens<'_> {
        match (&self.sts, &self.broker) {
            _ if self.tokens_malformed => Tokens::Malformed,
            (Some(sts), Some(broker)) => Tokens::Through { sts, broker },
            (_, None) | (None, Some(_)) => Tokens::NotGivenOut,
        }
    }

    /// Whether certificates are judged by the board's own clock: not without TLS, and not if the server proves itself
    /// by a pinned key and tells the time.
    #[must_use]
    pub fn needs_clock(&self) -> bool {
        self.auth_url.is_https() && self.tls.spki_pins.is_empty()
    }
}

fn secs(key: &str, value: u64, least: u64, most: u64) -> Result<Duration, String> {
    if (least..=most).contains(&value) {
        Ok(Duration::from_secs(value))
    } else {
        Err(format!("{key} must be from {least} to {most}, not {value}"))
    }
}

#[cfg(test)]
mod tests;
