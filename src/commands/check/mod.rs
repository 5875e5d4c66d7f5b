//! `jarvis-node check`: one validation by the daemon's own agent, without its loop.

use std::io;
use std::path::{Path, PathBuf};

use node_core::agent::{Action, Agent, Event, NOT_CONFIRMED};
use node_core::outcome::Outcome;

use self::setups::Setups;
use super::installed::{UNIT, Unit, is_same};
use super::status;
use crate::error::Warning;
use crate::files::status::{ChainView, DaemonSays, Record, View, boot_id};
use crate::net::tls::Cost;
use crate::setup::Loaded;
use crate::system::failure::shell_word;
use crate::system::{clock, environment};

pub(crate) mod diag;
pub(crate) mod doctor;
mod setups;

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
/// nothing is written anywhere. By root it is made as the daemon's user. With `wants_chain` the view also has the chain of
/// certificates.
pub(crate) fn check(target: Target, wants_chain: bool) -> (Outcome, View) {
    let boot_id = boot_id();
    let found = status::find(&target.config_file).ok();
    let current = found.as_ref().filter(|found| found.is_current(&boot_id));
    let of_daemon = current.map(|found| found.record.view(&boot_id, clock::instant()));
    let remembered = found.and_then(|found| found.record.remembered(&boot_id, clock::instant()));
    let mut setups = Setups::new(&target);
    setups.become_the_daemon();
    let mut loaded: Option<Loaded> = None;
    // Any seed will do: one validation has no retries to spread.
    let mut agent = Agent::new(0);
    let mut next = Some(Event::Started(remembered));
    while let Some(event) = next.take() {
        for action in agent.handle(event, clock::now()) {
            match action {
                Action::ReadSetup => next = Some(Event::SetupRead(setups.read(&mut loaded))),
                Action::Validate => {
                    next = loaded.as_ref().map(|Loaded { client, credential, .. }| {
                        if wants_chain {
                            client.note_chain();
                        }
                        Event::Answered(client.validate(credential).answer)
                    });
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
    view.chain = loaded
        .and_then(|loaded| loaded.client.chain())
        .map(|chain| ChainView { cost: chain.cost().map(Cost::name), keys: chain.keys });
    view.daemon = of_daemon.and_then(|daemon| differing(&daemon, report.outcome));
    (report.outcome, view)
}

/// What the daemon says, if it differs from this outcome and is not about to change.
fn differing(View { outcome, reason, fix, .. }: &View, here: Outcome) -> Option<DaemonSays> {
    let is_hindered = *outcome == Outcome::ValidCached.to_string()
        && reason.as_ref().is_some_and(|reason| reason != NOT_CONFIRMED);
    let same = |one: Outcome, other: Outcome| {
        let kind = |outcome| if outcome == Outcome::ValidCached { Outcome::Valid } else { outcome };
        kind(one) == kind(other)
    };
    let daemon = Outcome::from_name(outcome)?;
    let differs = !same(daemon, here) || (is_hindered && here == Outcome::Valid);
    let says = || DaemonSays { outcome: outcome.clone(), reason: reason.clone(), fix: fix.clone() };
    (daemon != Outcome::Starting && differs).then(says)
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
            assert_eq!(differing(&view(daemon), here).is_some(), quoted, "{daemon} {here}");
        }
        let cached = |reason: &str| View { reason: Some(reason.into()), ..view("valid-cached") };
        assert!(differing(&cached("no connection"), Outcome::Valid).is_some());
        assert!(differing(&cached("no connection"), Outcome::ValidCached).is_none());
        assert!(differing(&cached(NOT_CONFIRMED), Outcome::Valid).is_none());
    }
}
