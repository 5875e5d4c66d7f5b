//! `jarvis-node check`: one validation by the daemon's own agent, without its loop.

use std::path::PathBuf;
use std::time::Duration;

use node_core::agent::{Action, Agent, Event, Setup};
use node_core::outcome::Outcome;
use node_core::text::Text;
use node_core::trouble::Trouble;

use super::installed::{CheckUser, Installed};
use crate::config::{Config, DEFAULT_STATE_FILE, Indicators};
use crate::error::Warning;
use crate::files::durable::folder;
use crate::files::status;
use crate::files::status::{DaemonSays, Record, View};
use crate::setup::{Loaded, Reader};
use crate::system::clock;

/// Validates once and returns the outcome. A daemon's last verdict on this boot counts as it does for the daemon;
/// nothing is written anywhere. By root it is made as the daemon's user.
pub(crate) fn check(config_file: PathBuf) -> (Outcome, View) {
    let boot_id = status::boot_id();
    let record = Record::load(&Indicators::load_lenient(&config_file).status_file).ok();
    let of_daemon = record
        .as_ref()
        .filter(|record| record.staleness(&boot_id, clock::instant()).is_none())
        .map(|record| record.view(&boot_id, clock::instant()));
    let remembered = record.and_then(|record| record.remembered(&boot_id, clock::instant()));
    let mut setups = Setups::new(config_file);
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
    let same = |one: Outcome, other: Outcome| {
        let kind = |outcome| if outcome == Outcome::ValidCached { Outcome::Valid } else { outcome };
        kind(one) == kind(other)
    };
    let daemon = Outcome::from_name(&outcome)?;
    (daemon != Outcome::Starting && !same(daemon, here)).then_some(DaemonSays { outcome, reason, fix })
}

/// Reads the setup as the daemon would.
struct Setups {
    reader: Reader,
    installed: Option<Installed>,
    /// Whether a person without rights has started this program.
    by_other_user: bool,
    warnings: Vec<Warning>,
}

impl Setups {
    fn new(config_file: PathBuf) -> Self {
        let by_other_user = !rustix::process::geteuid().is_root();
        let state_file =
            Config::load(&config_file).map_or_else(|_| DEFAULT_STATE_FILE.into(), |c| c.state_file);
        let user = match Installed::find(folder(&state_file)) {
            CheckUser::Daemon(daemon) => match daemon.become_its_user() {
                Ok(()) => CheckUser::Daemon(daemon),
                Err(why) => {
                    CheckUser::Unknown(format!("the system does not let this program take its place: {why}"))
                }
            },
            other @ (CheckUser::Own | CheckUser::Unknown(_)) => other,
        };
        let (installed, warnings) = match user {
            CheckUser::Daemon(daemon) => (Some(daemon), Vec::new()),
            CheckUser::Own => (None, Vec::new()),
            CheckUser::Unknown(why) => {
                let message =
                    format!("this check was made as root, which may read more than the daemon: {why}");
                let fix = "Trust what the daemon says in `jarvis-node status`.";
                (None, vec![Warning::new("check_user", message, fix)])
            }
        };
        Self { reader: Reader::new(config_file), installed, by_other_user, warnings }
    }

    fn read(&mut self, loaded: &mut Option<Loaded>) -> Result<Setup, Trouble> {
        let read = self.reader.read();
        self.warnings.extend(read.warnings);
        if let Some(installed) = &self.installed {
            if let Ok(config) = Config::load(self.reader.config_file()) {
                self.warnings.extend(installed.warnings(&config));
            }
            // A file that this program can read may be hidden from the daemon.
            if let Some(trouble) = self.reader.files().iter().find_map(|path| installed.hidden(path)) {
                return Err(trouble);
            }
        }
        let mut read = read.node.map_err(|error| {
            let mut trouble = error.to_trouble();
            if self.by_other_user && error.is_permission_denied() {
                trouble.fix = Text::from("Run this with sudo.");
            }
            trouble
        })?;
        // A person waits for the answer, so there is no random delay.
        read.setup.settings.start_splay = Duration::ZERO;
        let setup = read.setup.clone();
        *loaded = Some(read);
        Ok(setup)
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
    }
}
