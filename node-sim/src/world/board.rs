//! The board: its files, its settings, its clock, and what is in its memory.

use core::time::Duration;

use jarvis_node::agent::{Claim, Settings, Setup, Trouble};
use jarvis_node::credential::NodeId;
use jarvis_node::text::Text;
use jarvis_node::time::UnixTime;

/// A simulated board.
#[derive(Clone, Debug)]
pub struct Board {
    /// What is on the SD card.
    pub files: Files,
    /// What the configuration says.
    pub settings: Settings,
    /// What is in /run.
    pub(super) status: Option<String>,
    leftover: Duration,
}

/// The node's files.
#[derive(Clone, Debug)]
pub struct Files {
    /// The node's name in the credential.
    pub node_id: &'static str,
    /// Which of the keys that the server has issued over time is in the credential.
    pub key: u32,
    /// Whether the app key is the right one.
    pub app_key_right: bool,
    /// Why the files cannot be used, if they cannot.
    pub broken: Option<&'static str>,
}

impl Board {
    /// The simulated program's build time: 2026-01-01.
    pub const BUILT: UnixTime = UnixTime(1_767_225_600);
    pub(super) const BOOT_ID: &str = "simulated";

    /// Whole seconds of wall clock in `passed`, keeping the rest for the next time.
    pub(super) fn wall_seconds(&mut self, passed: Duration) -> u64 {
        let passed = passed + self.leftover;
        self.leftover = Duration::from_nanos(passed.subsec_nanos().into());
        passed.as_secs()
    }
}

impl Default for Board {
    /// The defaults of the configuration, and a credential the server knows.
    fn default() -> Self {
        Self {
            files: Files { node_id: "kitchen-pi", key: 1, app_key_right: true, broken: None },
            settings: Settings {
                revalidate: Duration::from_secs(300),
                offline_grace: Duration::from_secs(86_400),
                start_splay: Duration::from_secs(5),
                request_timeout: Duration::from_secs(30),
                clock_floor: Some(Self::BUILT),
            },
            status: None,
            leftover: Duration::ZERO,
        }
    }
}

impl Files {
    pub(super) fn read(&self, settings: Settings) -> Result<Setup, Trouble> {
        if let Some(why) = self.broken {
            return Err(Trouble::setup(format_args!("{why}"), format_args!("Put the file right.")));
        }
        let node_id = NodeId::parse(self.node_id)
            .map_err(|why| Trouble::setup(format_args!("node_id {why}"), format_args!("Correct it.")))?;
        Ok(Setup {
            claim: Claim {
                node_id,
                service_id: Text::from("command-center"),
                auth_url: Text::from("https://auth.home:7701"),
                secrets_stamp: u64::from(self.key) * 2 + u64::from(self.app_key_right),
            },
            settings,
        })
    }
}
