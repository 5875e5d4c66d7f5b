//! `jarvis-node check`: one validation by the daemon's own agent, without its loop.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use node_core::agent::{Action, Agent, Event, NOT_CONFIRMED, Setup};
use node_core::outcome::Outcome;
use node_core::text::Text;
use node_core::trouble::Trouble;

use super::installed::{CheckUser, Installed, UNIT, Unit, is_same, passed_on};
use super::status;
use crate::config::{Config, DEFAULT_STATE_FILE};
use crate::error::{SetupError, Warning};
use crate::files::durable::folder;
use crate::files::status::{DaemonSays, Record, View, boot_id};
use crate::setup::{Loaded, Reader};
use crate::system::failure::shell_word;
use crate::system::{clock, environment};

/// What is to be checked: a configuration, and the unit of the daemon that it is for.
pub(crate) struct Target {
    config_file: PathBuf,
    unit: io::Result<Option<Unit>>,
    warnings: Vec<Warning>,
}

impl Target {
    /// The configuration at `config_file`. If nobody has `named` it, the one that the unit starts the daemon with comes
    /// before it. By root the variables are from here on those of the unit, if there is one.
    pub(crate) fn find(config_file: PathBuf, named: bool) -> Self {
        let unit = Unit::load();
        let Ok(Some(found)) = &unit else { return Self { config_file, unit, warnings: Vec::new() } };
        let mut warnings = found.warnings();
        let variables = found.variables();
        let of_daemon = found.config_file(&variables);
        if rustix::process::geteuid().is_root() {
            environment::replace(variables);
        }
        let config_file = match of_daemon {
            Some(other) if !named => other,
            Some(other) if !is_same(&other, &config_file) => {
                let message = format!(
                    "the daemon is started with another configuration than the one checked here: {}",
                    other.display()
                );
                let fix = format!(
                    "Check that one: sudo jarvis-node check --config {}. Or correct ExecStart= in the unit: sudo systemctl \
                     edit {UNIT}",
                    shell_word(&other)
                );
                warnings.push(Warning::new("check_config", message, fix));
                config_file
            }
            Some(_) | None => config_file,
        };
        Self { config_file, unit, warnings }
    }

    /// The configuration.
    pub(crate) fn config_file(&self) -> &Path {
        &self.config_file
    }
}

/// Validates once and returns the outcome. A daemon's last verdict on this boot counts as it does for the daemon;
/// nothing is written anywhere. By root it is made as the daemon's user.
pub(crate) fn check(target: Target) -> (Outcome, View) {
    let boot_id = boot_id();
    let found = status::find(&target.config_file).ok();
    let current = found.as_ref().filter(|found| found.is_current(&boot_id));
    let of_daemon = current.map(|found| found.record.view(&boot_id, clock::instant()));
    let remembered = found.and_then(|found| found.record.remembered(&boot_id, clock::instant()));
    let mut setups = Setups::new(target);
    let mut loaded: Option<Loaded> = None;
    // Any seed will do: one validation has no retries to spread.
    let mut agent = Agent::new(0);
    let mut next = Some(Event::Started(remembered));
    while let Some(event) = next.take() {
        for action in agent.handle(event, clock::now()) {
            match action {
                Action::ReadSetup => next = Some(Event::SetupRead(setups.read(&mut loaded))),
                Action::Validate => {
                    next = loaded.as_ref().map(|l| Event::Answered(l.client.validate(&l.credential).answer));
                }
                // The program ends after one validation, so it neither probes nor waits.
                Action::Probe
                | Action::KeepOldSetup(_)
                | Action::Show(_)
                | Action::Publish
                | Action::Exit(_) => {}
            }
        }
    }
    let now = clock::instant();
    let report = agent.report(now);
    let mut view = Record::of(&report, &boot_id, false).with(setups.warnings).view(&boot_id, now);
    // There is no next check.
    view.next_check_secs = None;
    view.daemon = of_daemon.and_then(|daemon| differing(daemon, report.outcome));
    (report.outcome, view)
}

/// What the daemon says, if it differs from this outcome and is not about to change.
fn differing(View { outcome, reason, fix, .. }: View, here: Outcome) -> Option<DaemonSays> {
    let is_hindered = outcome == Outcome::ValidCached.to_string()
        && reason.as_ref().is_some_and(|reason| reason != NOT_CONFIRMED);
    let same = |one: Outcome, other: Outcome| {
        let kind = |outcome| if outcome == Outcome::ValidCached { Outcome::Valid } else { outcome };
        kind(one) == kind(other)
    };
    let daemon = Outcome::from_name(&outcome)?;
    let differs = !same(daemon, here) || (is_hindered && here == Outcome::Valid);
    (daemon != Outcome::Starting && differs).then_some(DaemonSays { outcome, reason, fix })
}

/// Reads the setup as the daemon would.
struct Setups {
    reader: Reader,
    installed: Option<Installed>,
    /// The trouble with a file that the unit hides from the daemon.
    hidden: Option<Trouble>,
    /// Whether a person without rights has started this program.
    by_other_user: bool,
    warnings: Vec<Warning>,
}

impl Setups {
    fn new(Target { config_file, unit, mut warnings }: Target) -> Self {
        let by_other_user = !rustix::process::geteuid().is_root();
        let config = Config::load(&config_file).ok();
        let state_file = config.as_ref().map_or(Path::new(DEFAULT_STATE_FILE), |config| &config.state_file);
        let user = Installed::find(&unit, folder(state_file));
        let mut hidden = None;
        let user = match user {
            CheckUser::Daemon(daemon) => {
                let mut files = config
                    .iter()
                    .flat_map(|config| config.other_files().chain([config.credential_file.as_path()]));
                hidden = daemon
                    .hidden(&config_file, "the start line of the unit (--config)")
                    .or_else(|| files.find_map(|path| daemon.hidden(path, "the configuration")));
                match daemon.become_its_user() {
                    Ok(()) => CheckUser::Daemon(daemon),
                    Err(why) => CheckUser::Unknown(format!(
                        "the system does not let this program take its place: {why}"
                    )),
                }
            }
            other @ (CheckUser::Own | CheckUser::Unknown(_)) => other,
        };
        let installed = match user {
            CheckUser::Daemon(daemon) => Some(daemon),
            CheckUser::Own => None,
            CheckUser::Unknown(why) => {
                let message =
                    format!("this check was made as root, which may read more than the daemon: {why}");
                let fix = "What the daemon itself meets is in `jarvis-node status` and `systemctl status jarvis-node-agent`.";
                warnings.push(Warning::new("check_user", message, fix));
                None
            }
        };
        Self { reader: Reader::new(config_file), installed, hidden, by_other_user, warnings }
    }

    fn read(&mut self, loaded: &mut Option<Loaded>) -> Result<Setup, Trouble> {
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
        if let Some(trouble) = self.hidden.take() {
            return Err(trouble);
        }
        let mut read = read.node.map_err(|error| self.trouble(&error))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn daemon_is_quoted_only_where_it_differs() {
        let view = |outcome: &str| View { outcome: outcome.into(), ..View::default() };
        for (daemon, here, quoted) in [
            ("valid", Outcome::Valid, false),
            ("valid-cached", Outcome::Valid, false),
            ("starting", Outcome::Valid, false),
            ("setup", Outcome::Valid, true),
            ("valid", Outcome::Network, true),
            ("unheard-of", Outcome::Valid, false),
        ] {
            assert_eq!(differing(view(daemon), here).is_some(), quoted, "{daemon} {here}");
        }
        let cached = |reason: &str| View { reason: Some(reason.into()), ..view("valid-cached") };
        assert!(differing(cached("no connection"), Outcome::Valid).is_some());
        assert!(differing(cached("no connection"), Outcome::ValidCached).is_none());
        assert!(differing(cached(NOT_CONFIRMED), Outcome::Valid).is_none());
    }
}
