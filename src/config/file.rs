//! The keys of the file. Their comments are what the schema of the configuration says of them.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use super::via::ViaForm;

/// The configuration of jarvis-node. Relative paths are looked up beside the configuration.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(title = "jarvis-node.json", transform = super::schema::one_way_to_ask))]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// Where the auth service is. Required without `via`, and left out with it.
    pub(super) auth_url: Option<String>,
    /// The service the node wants to use; otherwise jarvis-command-center. Left out with `via`.
    pub(super) service_id: Option<String>,
    /// The app client on whose behalf the auth service is asked. Required without `via`, and left out with it.
    pub(super) app_id: Option<String>,
    /// The file with that app client's key. Required without `via`, and left out with it.
    pub(super) app_key_file: Option<PathBuf>,
    /// The service that is asked with the node's own credential alone, in the place of the auth service.
    pub(super) via: Option<ViaForm>,
    /// The file with the node's credential.
    pub(super) credential_file: PathBuf,
    /// Which board the card is in, and when a verified server was last seen; otherwise
    /// /var/lib/jarvis-node-agent/state.json.
    pub(super) state_file: Option<PathBuf>,
    /// The PEM file with the CA certificates to trust; otherwise Mozilla's.
    pub(super) ca_file: Option<PathBuf>,
    /// The server's key must also be one of these: sha256// and the hash in Base64. With pins the node needs no clock.
    pub(super) spki_pins: Option<Vec<String>>,
    /// The PEM file of the node's own certificate, for a server that asks for one.
    pub(super) client_cert_file: Option<PathBuf>,
    /// The PEM file with the key of that certificate.
    pub(super) client_key_file: Option<PathBuf>,
    /// Allows plain HTTP to other machines than this one; the keys then travel unencrypted.
    #[serde(default)]
    pub(super) allow_http: bool,
    // The next ones are parsed later: what is wrong in these takes nothing else away.
    /// The LED; otherwise the board's own.
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Led>"))]
    pub(super) led: Option<Value>,
    /// The command center that is shown after each good validation that the node is alive.
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::heartbeat::HeartbeatForm>"))]
    pub(super) heartbeat: Option<Value>,
    /// The program, by its whole path, and its arguments, which make an update that the app asked for.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<String>>", length(min = 1)))]
    pub(super) update_command: Option<Value>,
    /// Where the home takes lines of the log.
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Logs>"))]
    pub(super) logs: Option<Value>,
    /// Seconds between validations.
    #[serde(default = "five_minutes")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 604_800)))]
    pub(super) revalidate_secs: u64,
    /// The offline grace period in seconds: how long a good verdict counts while no fresh one can be had.
    #[serde(default = "a_day")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 31_536_000)))]
    pub(super) offline_grace_secs: u64,
    /// The first validation comes at a random moment within these seconds; otherwise 5, or spread_secs if that is longer.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 7200)))]
    pub(super) start_splay_secs: Option<u64>,
    /// Within these seconds of the server's return the node asks it again.
    #[serde(default = "four")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 7200)))]
    pub(super) spread_secs: u64,
    /// How many seconds connecting may take.
    #[serde(default = "five")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 300)))]
    pub(super) connect_timeout_secs: u64,
    /// How many seconds a validation may take in all.
    #[serde(default = "forty_five")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 600)))]
    pub(super) request_timeout_secs: u64,
    /// Where the daemon leaves its status; otherwise /run/jarvis-node-agent/status.json.
    pub(super) status_file: Option<PathBuf>,
    /// Where the daemon leaves its metrics; otherwise nowhere.
    pub(super) metrics_file: Option<PathBuf>,
    /// Where tokens for other services come from.
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::sts::StsForm>"))]
    pub(super) sts: Option<Value>,
    /// Where other programs ask for tokens.
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::sts::BrokerForm>"))]
    pub(super) broker: Option<Value>,
}

const fn five_minutes() -> u64 {
    300
}

const fn a_day() -> u64 {
    86_400
}

const fn five() -> u64 {
    5
}

const fn four() -> u64 {
    4
}

/// Longer than the service stalls, and than the answers behind it take (docs/wire/jarvis-auth.md, "Load").
const fn forty_five() -> u64 {
    45
}
