//! What the checks have found out so far.

use std::io;
use std::path::{Path, PathBuf};

use node_core::trouble::Trouble;

use super::super::setups::{Setups, Troubled};
use super::super::{Target, status};
use super::finding::Finding;
use super::network::Seen;
use crate::commands::installed::Unit;
use crate::config::Config;
use crate::error::Warning;
use crate::files::status::{View, boot_id};
use crate::setup::Loaded;
use crate::system::clock;

/// What the checks have found out so far.
pub(super) struct Context {
    pub(super) config_file: PathBuf,
    pub(super) unit: io::Result<Option<Unit>>,
    /// Whether this program is root, who can take the daemon's place.
    pub(super) is_root: bool,
    pub(super) setups: Setups,
    /// `None` while it cannot be used.
    pub(super) config: Option<Config>,
    /// The trouble with the node's half of the setup, and what it is about.
    pub(super) trouble: Option<(Troubled, Trouble)>,
    pub(super) loaded: Option<Loaded>,
    /// What the setup says of the parts that the node does not need.
    pub(super) warnings: Vec<Warning>,
    /// What was seen of the service; `None` before it was asked.
    pub(super) seen: Option<Seen>,
    /// What the running daemon says.
    pub(super) daemon: Option<View>,
}

impl Context {
    pub(super) fn new(target: Target) -> Self {
        let setups = Setups::new(&target);
        let Target { config_file, unit, warnings } = target;
        let mut context = Self {
            config_file,
            unit,
            is_root: rustix::process::geteuid().is_root(),
            setups,
            config: None,
            trouble: None,
            loaded: None,
            warnings,
            seen: None,
            daemon: None,
        };
        context.look_at_daemon();
        context
    }

    /// Reads what the running daemon says.
    pub(super) fn look_at_daemon(&mut self) {
        let boot_id = boot_id();
        let current = status::find(&self.config_file).ok().filter(|found| found.is_current(&boot_id));
        self.daemon = current.map(|found| found.record.view(&boot_id, clock::instant()));
    }

    /// The installed unit.
    pub(super) fn unit(&self) -> Option<&Unit> {
        self.unit.as_ref().ok()?.as_ref()
    }

    /// The warnings of this setup, then those of the running daemon.
    pub(super) fn all_warnings(&self) -> impl Iterator<Item = &Warning> {
        let of_daemon = self.daemon.iter().flat_map(|daemon| &daemon.warnings);
        self.warnings.iter().chain(&self.setups.warnings).chain(of_daemon)
    }

    /// The first warning with one of these codes: of this setup, else of the running daemon.
    pub(super) fn warned(&self, codes: &[&str]) -> Option<Finding> {
        self.all_warnings().find(|warning| codes.contains(&&*warning.code)).map(Finding::warned)
    }

    /// The failure of the setup, if that is about one of these files.
    pub(super) fn troubled<'a>(&self, mut files: impl Iterator<Item = &'a Path>) -> Option<Finding> {
        let (about, trouble) = self.trouble.as_ref()?;
        files.any(|path| path == about.file).then(|| Finding::failed(trouble))
    }
}
