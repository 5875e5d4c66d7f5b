//! The node with its files and its power supply, and the server it asks.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jarvis_node::config::Config;
use serde_json::Value;
use server_stub::{CertificateAuthority, Options, Stub};
use tempfile::TempDir;

use super::command::BoardArguments;
use super::power::Powered;
use super::record::Record;
use super::view::{Kind, Settings, View};
use crate::node::adapt;

/// The settings of a stub's node, in seconds, so that changes can be watched.
const HURRIED: [(&str, u64); 4] = [
    ("revalidate_secs", 10),
    ("start_splay_secs", 1),
    ("connect_timeout_secs", 3),
    ("request_timeout_secs", 8),
];

/// Everything the board consists of. Dropping it ends the node first.
pub(super) struct Bench {
    pub(super) record: Arc<Record>,
    power: Mutex<Option<Powered>>,
    pub(super) server: Server,
    /// The node's configuration, a copy that may be changed.
    pub(super) config: PathBuf,
    /// Held while a credential is installed, so that installations do not overlap.
    pub(super) installing: Mutex<()>,
    pin_log: Option<PathBuf>,
    dir: TempDir,
}

/// The server that the node asks.
pub(super) enum Server {
    /// A stub of this process.
    Stub(Box<Own>),
    /// A real one.
    Real,
}

/// A stub, and the state of its node.
pub(super) struct Own {
    pub(super) stub: Stub,
    pub(super) registered: Mutex<Registered>,
}

/// The credential that the server accepts.
pub(super) struct Registered {
    pub(super) node_id: String,
    pub(super) node_key: String,
    pub(super) deactivated: bool,
    /// How many nodes have been registered.
    pub(super) count: u32,
}

impl Bench {
    /// Creates everything and switches the power on.
    ///
    /// # Errors
    /// A sentence, if the server, the configuration or the node's process is not available.
    pub(super) fn new(arguments: &BoardArguments) -> Result<Self, String> {
        let dir = tempfile::tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
        let (server, kind, config) = match &arguments.config {
            Some(config) => {
                let own = dir.path().join("config.json");
                adapt(config, arguments.server.as_deref(), &own).map_err(|e| e.to_string())?;
                (Server::Real, Kind::Real, own)
            }
            None => {
                let options = Options { dir: Some(dir.path().into()), ..Options::default() };
                let stub = Stub::start(options).map_err(|e| e.to_string())?;
                let (node_id, node_key) = stub.node();
                let registered = Registered {
                    node_id: node_id.to_owned(),
                    node_key: node_key.to_owned(),
                    deactivated: false,
                    count: 1,
                };
                let own = Own { stub, registered: Mutex::new(registered) };
                let config = dir.path().join("config.json");
                let mut times = HURRIED.to_vec();
                times.push(("offline_grace_secs", arguments.grace));
                set(&config, times.into_iter().map(|(key, secs)| (key, secs.into())))
                    .map_err(|e| format!("the configuration cannot be written: {e}"))?;
                (Server::Stub(Box::new(own)), Kind::Stub, config)
            }
        };
        let read = Config::load(&config).map_err(|e| e.to_string())?;
        let settings = Settings {
            revalidate_secs: read.revalidate.as_secs(),
            offline_grace_secs: read.offline_grace.as_secs(),
            request_timeout_secs: read.request_timeout.as_secs(),
            needs_clock: read.needs_clock(),
        };
        let view = View::new(kind, read.auth_url.as_str(), settings);
        let bench = Self {
            record: Arc::new(Record::new(view)),
            power: Mutex::new(None),
            server,
            config,
            installing: Mutex::new(()),
            pin_log: arguments.pin_log.clone(),
            dir,
        };
        bench.switch_on(&mut bench.power())?;
        bench.record.say("power", "The power is on.");
        Ok(bench)
    }

    /// Starts the node's process.
    pub(super) fn switch_on(&self, power: &mut Option<Powered>) -> Result<(), String> {
        let offset = self.record.view().node.clock_offset;
        let on = Powered::on(&self.config, self.pin_log.as_deref(), offset, &self.record);
        *power = Some(on.map_err(|e| format!("the node cannot be started: {e}"))?);
        Ok(())
    }

    /// The node's power. `None`, or a process that has ended, means off.
    pub(super) fn power(&self) -> MutexGuard<'_, Option<Powered>> {
        locked(&self.power)
    }

    /// /run is lost with the power, and with it what the node remembers of this boot.
    pub(super) fn forget_run(&self) {
        // The node may have been too early to write it.
        let _ = fs::remove_file(self.dir.path().join("status.json"));
    }

    /// Replaces the CA that the node trusts.
    pub(super) fn trust(&self, pem: &str) -> io::Result<()> {
        replace(&self.dir.path().join("ca.pem"), pem.as_bytes())
    }

    /// The file of installed credentials: the node's own, or one that replaces it.
    pub(super) fn credential_file(&self) -> PathBuf {
        self.dir.path().join("credential.json")
    }
}

/// Locks the mutex; a panic leaves no state behind that a later caller could not use.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The PEM of a CA that signed nothing here.
pub(super) fn foreign_ca() -> Result<String, String> {
    CertificateAuthority::new().map(|authority| authority.pem().to_owned()).map_err(|e| e.to_string())
}

/// Changes keys of the configuration at `path`.
pub(super) fn set<'a>(path: &Path, values: impl IntoIterator<Item = (&'a str, Value)>) -> io::Result<()> {
    let mut config: Value = serde_json::from_slice(&fs::read(path)?)?;
    for (key, value) in values {
        config[key] = value;
    }
    replace(path, &serde_json::to_vec_pretty(&config)?)
}

/// Replaces a file in one step, because the node may be reading it.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, bytes)?;
    fs::rename(new, path)
}
