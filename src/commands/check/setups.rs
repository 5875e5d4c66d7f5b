//! The setup as the daemon reads it, by whoever runs this program.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use node_core::agent::Setup;
use node_core::text::Text;
use node_core::trouble::Trouble;

use super::super::installed::{CheckUser, Installed, UNIT, passed_on};
use super::Target;
use crate::config::{Config, DEFAULT_STATE_FILE};
use crate::error::{SetupError, Warning};
use crate::files::durable::folder;
use crate::setup::{Loaded, Reader};

/// Reads the setup as the daemon would.
pub(super) struct Setups {
    reader: Reader,
    /// The daemon whose user this is done as; `None` for the user that runs this program.
    pub(super) installed: Option<Arc<Installed>>,
    /// A file that the unit hides from the daemon, and the trouble with it.
    hidden: Option<(PathBuf, Trouble)>,
    /// What the trouble of the last reading is about.
    pub(super) troubled: Option<Troubled>,
    /// Whether a person without rights has started this program.
    by_other_user: bool,
    pub(super) warnings: Vec<Warning>,
}

/// What a trouble with the setup is about.
#[derive(Debug, Default)]
pub(super) struct Troubled {
    /// The file; empty if it is none of the configured ones.
    pub(super) file: PathBuf,
    /// Whether its owner or its mode is at fault.
    pub(super) is_of_rights: bool,
}

impl Setups {
    /// The setup of `target`. To be made by root before it takes the daemon's place: it sees where links lead.
    pub(super) fn new(Target { config_file, unit, warnings }: &Target) -> Self {
        let mut warnings = warnings.clone();
        let by_other_user = !rustix::process::geteuid().is_root();
        let config = Config::load(config_file).ok();
        let state_file = config.as_ref().map_or(Path::new(DEFAULT_STATE_FILE), |config| &config.state_file);
        let mut hidden = None;
        let installed = match Installed::find(unit, folder(state_file)) {
            CheckUser::Daemon(daemon) => {
                let files = config
                    .iter()
                    .flat_map(|config| config.other_files().chain([config.credential_file.as_path()]));
                let files = files.map(|path| (path, "the configuration"));
                let start_line = (config_file.as_path(), "the start line of the unit (--config)");
                let mut files = [start_line].into_iter().chain(files);
                hidden = files.find_map(|(path, place)| Some((path.into(), daemon.hidden(path, place)?)));
                Some(Arc::new(daemon))
            }
            CheckUser::Own => None,
            CheckUser::Unknown(why) => {
                warnings.push(as_root(&why));
                None
            }
        };
        let reader = Reader::new(config_file.clone());
        Self { reader, installed, hidden, troubled: None, by_other_user, warnings }
    }

    /// Makes the rest of this thread run as the daemon's user, if that is another one.
    pub(super) fn become_the_daemon(&mut self) {
        if let Some(Err(why)) = self.installed.as_ref().map(|daemon| daemon.become_its_user()) {
            self.installed = None;
            let why = format!("the system does not let this program take its place: {why}");
            self.warnings.push(as_root(&why));
        }
    }

    /// Reads it, without a random delay before the call.
    pub(super) fn read(&mut self, loaded: &mut Option<Loaded>) -> Result<Setup, Trouble> {
        let mut read = self.reader.read();
        // That is for the daemon's user to write, and is judged for that one below.
        read.warnings.retain(|warning| {
            warning.code != "state_file" || (self.installed.is_none() && !self.by_other_user)
        });
        self.warnings.append(&mut read.warnings);
        if let Some(installed) = &self.installed
            && let Ok(config) = Config::load(self.reader.config_file())
        {
            self.warnings.extend(installed.warnings(&config));
        }
        // A file that this program can read may be hidden from the daemon.
        if let Some((file, trouble)) = self.hidden.take() {
            self.troubled = Some(Troubled { file, is_of_rights: false });
            return Err(trouble);
        }
        let mut read = read.node.map_err(|error| {
            let is_of_rights =
                matches!(error, SetupError::OpenToOthers { .. } | SetupError::WrongOwner { .. })
                    || error.is_permission_denied();
            self.troubled = Some(Troubled { file: error.path().into(), is_of_rights });
            self.trouble(&error)
        })?;
        // A person waits for the answer, so there is no random delay.
        read.setup.settings.start_splay = Duration::ZERO;
        let setup = read.setup.clone();
        *loaded = Some(read);
        Ok(setup)
    }

    fn trouble(&self, error: &SetupError) -> Trouble {
        let mut trouble = error.to_trouble();
        if self.by_other_user && error.is_permission_denied() {
            trouble.fix = Text::from("Run this with sudo.");
        }
        if let SetupError::Missing { what, path, .. } | SetupError::Unreadable { what, path, .. } = error
            && self.installed.as_ref().is_some_and(|daemon| daemon.brings(path))
        {
            return Trouble::setup(
                format_args!(
                    "the unit puts the {what} {} there for the daemon alone (BindPaths= or BindReadOnlyPaths=), so this check \
                     cannot read it",
                    path.display()
                ),
                format_args!("What the daemon itself meets is in `jarvis-node status`."),
            );
        }
        let SetupError::Missing { what, path, .. } = error else { return trouble };
        // A path without a folder, which is looked up beside the configuration only if systemd has passed no such file on.
        let name = path.strip_prefix(folder(self.reader.config_file())).ok().and_then(Path::to_str);
        let Some(passed) = name.and_then(|name| passed_on().into_iter().find(|passed| passed.name == name))
        else {
            return trouble;
        };
        let is_missing =
            |source: &PathBuf| source.symlink_metadata().is_err_and(|e| e.kind() == io::ErrorKind::NotFound);
        if let Some(source) = passed.source.as_ref().filter(|source| is_missing(source)) {
            return Trouble::setup(
                format_args!(
                    "there is no {}, which systemd is to pass on to the daemon as the {what} {} (LoadCredential=)",
                    source.display(),
                    passed.name
                ),
                format_args!(
                    "Put the file there, or correct LoadCredential= in the unit: sudo systemctl edit {UNIT}"
                ),
            );
        }
        if self.by_other_user {
            return Trouble::setup(
                format_args!("the {what} {} is for the daemon alone (LoadCredential=)", passed.name),
                format_args!("Run this with sudo."),
            );
        }
        Trouble::setup(
            format_args!(
                "systemd passes the {what} {} on to the daemon when that starts (LoadCredential=), and has not done so yet",
                passed.name
            ),
            format_args!("Start the daemon, then check again: sudo systemctl restart {UNIT}"),
        )
    }
}

/// The warning that root sees more than the daemon, whose place could not be taken for this reason.
fn as_root(why: &str) -> Warning {
    let message = format!("this check was made as root, which may read more than the daemon: {why}");
    let fix =
        "What the daemon itself meets is in `jarvis-node status` and `systemctl status jarvis-node-agent`.";
    Warning::new("check_user", message, fix)
}
