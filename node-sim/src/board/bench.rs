//! The board on its bench: the node with its files, its power, and the server it asks.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jarvis_node::config::Config;
use serde_json::Value;
use server_stub::{CertificateAuthority, Options, Stub};
use tempfile::TempDir;

use super::command::Request;
use super::power::Powered;
use super::record::Record;
use super::view::{Kind, Settings, View};
use crate::real_server;

/// By which the node of a stub lives, in seconds: things are to happen before one's eyes.
const HURRIED: [(&str, u64); 4] = [
    ("revalidate_secs", 10),
    ("start_splay_secs", 1),
    ("connect_timeout_secs", 3),
    ("request_timeout_secs", 8),
];

/// Everything that is on it. Ended when dropped, the node first.
pub(super) struct Bench {
    pub(super) record: Arc<Record>,
    power: Mutex<Option<Powered>>,
    pub(super) server: Server,
    /// The node's configuration: a copy, which may be changed.
    pub(super) config: PathBuf,
    /// In hand while a credential is put in place: one at a time.
    pub(super) installing: Mutex<()>,
    pin_log: Option<PathBuf>,
    dir: TempDir,
}

/// The server that the node asks.
pub(super) enum Server {
    /// One of our own.
    Stub(Box<Own>),
    /// Somebody else's.
    Real,
}

/// A stub, and what was done to its node.
pub(super) struct Own {
    pub(super) stub: Stub,
    pub(super) registered: Mutex<Registered>,
}

/// The credential of the node as the server knows it.
pub(super) struct Registered {
    pub(super) node_id: String,
    pub(super) node_key: String,
    pub(super) deactivated: bool,
    /// How many nodes there were.
    pub(super) count: u32,
}

impl Bench {
    /// Puts everything in place and switches the power on.
    ///
    /// # Errors
    /// A sentence: the server, the configuration or the node's process cannot be had.
    pub(super) fn new(request: &Request) -> Result<Self, String> {
        let dir = tempfile::tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
        let (server, kind, config) = match &request.config {
            Some(config) => {
                let own = dir.path().join("config.json");
                real_server::adapt(config, request.server.as_deref(), &own).map_err(|e| e.to_string())?;
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
                times.push(("offline_grace_secs", request.grace));
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
            pin_log: request.pin_log.clone(),
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

    /// The node's power; None or a node that has ended: it is off.
    pub(super) fn power(&self) -> MutexGuard<'_, Option<Powered>> {
        locked(&self.power)
    }

    /// What is in memory is lost with the power: /run, where the node leaves what it remembers of this boot.
    pub(super) fn forget_run(&self) {
        // It may not have come so far as to leave anything.
        let _ = fs::remove_file(self.dir.path().join("status.json"));
    }

    /// Makes the node trust another CA than its server's, or that again.
    pub(super) fn trust(&self, pem: &str) -> io::Result<()> {
        replace(&self.dir.path().join("ca.pem"), pem.as_bytes())
    }

    /// Where credentials are put: the node's file, or one that takes its place.
    pub(super) fn credential_file(&self) -> PathBuf {
        self.dir.path().join("credential.json")
    }
}

/// What is behind the lock; nothing is left half done by whoever panicked with it in hand.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The PEM of a CA that nobody here knows.
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

/// In one step: the node may be reading it.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, bytes)?;
    fs::rename(new, path)
}
