//! The board: its files, its settings, its clock, and its memory.

use core::time::Duration;

use jarvis_node::files::state::{NodeState, Observed};
use jarvis_node::files::status::Record;
use node_core::agent::{Claim, Settings, Setup};
use node_core::credential::NodeId;
use node_core::service::Service;
use node_core::text::Text;
use node_core::time::UnixTime;
use node_core::trouble::Trouble;
use serde::Deserialize;

use crate::span::given;

/// A simulated board.
#[derive(Debug)]
pub struct Board {
    /// The files on the card that only people change.
    pub files: Files,
    /// The configuration's settings.
    pub settings: Settings,
    /// The service that the node asks.
    pub via: Via,
    /// Its serial number.
    pub serial: String,
    /// The state that the node keeps on the card.
    pub(super) state: NodeState,
    /// The status in /run, which a power cut clears.
    pub(super) status: Option<Record>,
    leftover: Duration,
}

/// The service that a node asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// The auth service, with an app key.
    App,
    /// The command center, with the node's credential alone.
    CommandCenter,
    /// The logs, with the node's credential alone.
    Logs,
}

/// The node's files on the card.
#[derive(Clone, Debug)]
pub struct Files {
    /// The node id in the credential.
    pub node_id: String,
    /// The number of the node key in the credential, among all keys that the server has issued.
    pub key: u32,
    /// The number of the app key in its file, among all app keys that the server has issued.
    pub app_key: u32,
    /// The reason why the files cannot be used, if they cannot.
    pub broken: Option<String>,
    /// Whether the card refuses writes, as worn cards do.
    pub read_only: bool,
}

/// A change of a node's files. Fields that are `None` stay as they are.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FilesChange {
    /// See [`Files::node_id`].
    pub node_id: Option<String>,
    /// See [`Files::key`].
    pub key: Option<u32>,
    /// See [`Files::app_key`].
    pub app_key: Option<u32>,
    /// See [`Files::broken`].
    #[serde(deserialize_with = "given")]
    pub broken: Option<Option<String>>,
    /// See [`Files::read_only`].
    pub read_only: Option<bool>,
}

impl Board {
    /// The simulated program's build time: 2026-01-01.
    pub const BUILT: UnixTime = UnixTime(1_767_225_600);
    pub(super) const BOOT_ID: &str = "simulated";

    /// Whole seconds of wall clock in `passed`. The rest counts the next time.
    pub(super) fn wall_seconds(&mut self, passed: Duration) -> u64 {
        let passed = passed + self.leftover;
        self.leftover = Duration::from_nanos(passed.subsec_nanos().into());
        passed.as_secs()
    }

    /// Reads the files as `jarvis_node::setup` does.
    pub(super) fn read(&self) -> Result<Setup, Trouble> {
        if self.state.is_of_another_board(Some(&self.serial)) {
            return Err(Trouble::setup(
                format_args!("this card was set up in another board"),
                format_args!("Install a credential of this board's own."),
            ));
        }
        let passed = UnixTime(self.state.passed.unwrap_or_default());
        let clock_floor = self.settings.clock_floor.map(|floor| floor.max(passed));
        self.files.read(Settings { clock_floor, ..self.settings })
    }

    /// Keeps what an answer proved, as the daemon's worker does.
    pub(super) fn remember(&mut self, shown: Observed) {
        if !self.files.read_only
            && let Some(state) = self.state.after(shown, Some(&self.serial))
        {
            self.state = state;
        }
    }
}

impl Default for Board {
    /// The configuration's defaults, and a credential that the server knows.
    fn default() -> Self {
        Self {
            files: Files { node_id: "kitchen-pi".into(), key: 1, app_key: 1, broken: None, read_only: false },
            settings: Settings {
                revalidate: Duration::from_secs(300),
                offline_grace: Duration::from_secs(86_400),
                start_splay: Duration::from_secs(5),
                spread: Duration::from_secs(4),
                request_timeout: Duration::from_secs(45),
                clock_floor: Some(Self::BUILT),
            },
            via: Via::App,
            serial: "10000000abcdef01".into(),
            state: NodeState::default(),
            status: None,
            leftover: Duration::ZERO,
        }
    }
}

impl Files {
    /// Changes the files, unless the card is read-only.
    pub fn change(&mut self, change: &FilesChange) {
        if self.read_only && change.read_only != Some(false) {
            return;
        }
        self.read_only = change.read_only.unwrap_or(self.read_only);
        if let Some(node_id) = &change.node_id {
            self.node_id.clone_from(node_id);
        }
        self.key = change.key.unwrap_or(self.key);
        self.app_key = change.app_key.unwrap_or(self.app_key);
        if let Some(broken) = &change.broken {
            self.broken.clone_from(broken);
        }
    }

    fn read(&self, settings: Settings) -> Result<Setup, Trouble> {
        if let Some(why) = &self.broken {
            return Err(Trouble::setup(format_args!("{why}"), format_args!("Put the file right.")));
        }
        let node_id = NodeId::parse(&self.node_id)
            .map_err(|why| Trouble::setup(format_args!("node_id {why}"), format_args!("Correct it.")))?;
        Ok(Setup {
            claim: Claim {
                node_id,
                service_id: Text::from("command-center"),
                asked_url: Text::from("https://auth.home:7701"),
                secrets_stamp: u64::from(self.key) << 32 | u64::from(self.app_key),
            },
            service: Service::AUTH,
            settings,
        })
    }
}
