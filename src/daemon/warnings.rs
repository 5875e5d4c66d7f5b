//! What does not work beside the node's verdict, by the part that reports it.

use std::collections::BTreeMap;
use std::time::Duration;

use log::warn;

use crate::error::Warning;

/// While a server that is away is probed, what does not work is tried again so often, not with each probe.
pub(super) const REPAIR_BETWEEN_PROBES: Duration = Duration::from_secs(60);

/// The parts of the daemon that report warnings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// The setup that was read last, if the one before stays in use.
    NewSetup,
    /// The configuration and its files, as far as the verdict does not need them.
    Setup,
    /// The LED.
    Led,
    /// The file that tells the status.
    StatusFile,
    /// The file that remembers across boots.
    StateFile,
    /// What shows the home that the node is alive.
    Heartbeat,
    /// The log that the home gets.
    SentLog,
    /// The broker and its socket.
    Broker,
    /// Standard error.
    Log,
}

/// The warnings that hold now.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    by_part: BTreeMap<Part, Vec<Warning>>,
    changed: bool,
}

impl Warnings {
    /// Replaces the warnings of `part`. Each one is logged when it appears, not as long as it lasts, and not again when
    /// another part meets the same trouble.
    pub(super) fn set(&mut self, part: Part, now: Vec<Warning>) {
        if self.by_part.get(&part).map(Vec::as_slice).unwrap_or_default() == now {
            return;
        }
        let before = self.all();
        for Warning { message, fix, .. } in now.iter().filter(|one| !before.contains(one)) {
            warn!("{message}. {fix}");
        }
        self.by_part.insert(part, now);
        self.changed = true;
    }

    /// All warnings, in the order of the parts, each once.
    pub(super) fn all(&self) -> Vec<Warning> {
        let mut all: Vec<Warning> = Vec::new();
        for warning in self.by_part.values().flatten() {
            if !all.contains(warning) {
                all.push(warning.clone());
            }
        }
        all
    }

    /// Whether the configuration or its files have led to a warning.
    pub(super) fn has_any_of(&self, part: Part) -> bool {
        self.by_part.get(&part).is_some_and(|of_part| !of_part.is_empty())
    }

    /// Whether they have changed since the last call.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning(code: &'static str) -> Warning {
        Warning::new(code, "it fails", "Fix it.")
    }

    #[test]
    fn trouble_met_by_two_parts_is_one_warning() {
        let mut warnings = Warnings::default();
        warnings.set(Part::Setup, vec![warning("state_file")]);
        warnings.set(Part::StateFile, vec![warning("state_file")]);
        assert_eq!(warnings.all(), [warning("state_file")]);
        warnings.set(Part::Setup, Vec::new());
        assert_eq!(warnings.all(), [warning("state_file")]);
    }

    #[test]
    fn warnings_of_a_part_are_replaced_as_a_whole() {
        let mut warnings = Warnings::default();
        assert!(!warnings.take_changed());
        warnings.set(Part::Led, vec![warning("led")]);
        warnings.set(Part::Setup, vec![warning("sts"), warning("broker_rule")]);
        let codes = |warnings: &Warnings| -> Vec<String> {
            warnings.all().into_iter().map(|one| one.code.into_owned()).collect()
        };
        assert_eq!(codes(&warnings), ["sts", "broker_rule", "led"]);
        assert!(warnings.has_any_of(Part::Setup) && warnings.take_changed() && !warnings.take_changed());
        warnings.set(Part::Setup, vec![warning("sts"), warning("broker_rule")]);
        assert!(!warnings.take_changed(), "they are the same");
        warnings.set(Part::Setup, Vec::new());
        assert_eq!(codes(&warnings), ["led"]);
        assert!(!warnings.has_any_of(Part::Setup) && warnings.take_changed());
    }
}
