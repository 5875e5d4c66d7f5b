//! The daemon's status, for other programs and for itself after a restart: one JSON file in /run, which is in
//! memory, so that the SD card is not written to. Times are kept as time since boot, with the boot's id, so
//! that a step of the wall clock does not age a verdict.

use std::path::{Path, PathBuf};
use std::{fs, io};

use node_core::agent::{Claim, Remembered, Report, Source, Verdict};
use node_core::credential::NodeId;
use node_core::household::{Household, MemberIds};
use node_core::outcome::Outcome;
use node_core::text::{Shown, Text};
use node_core::time::{Instant, millis};
use serde::{Deserialize, Serialize};

use super::{durable, json};
use crate::error::Warning;
use crate::system::process::ProcessId;

/// What comes first in the file.
const FIRST_KEY: &str = "boot_id";

/// The file's content.
#[derive(Debug, Serialize, Deserialize)]
pub struct Record {
    boot_id: String,
    stopped: bool,
    // Absent in the files of version 0.1.0.
    #[serde(default)]
    process: Option<ProcessId>,
    #[serde(default)]
    config_file: Option<PathBuf>,
    outcome: String,
    node_id: Option<String>,
    household_id: Option<String>,
    household_member_ids: Option<Vec<i64>>,
    reason: Option<String>,
    fix: Option<String>,
    source: Option<String>,
    as_of_ms: Option<u64>,
    next_check_ms: Option<u64>,
    due_ms: u64,
    verdict: Option<VerdictRecord>,
    // Absent in the files of version 0.1.0.
    #[serde(default)]
    warnings: Vec<Warning>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ClaimRecord {
    node_id: String,
    service_id: String,
    auth_url: String,
    secrets_stamp: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct VerdictRecord {
    claim: ClaimRecord,
    at_ms: u64,
    valid: bool,
    household_id: Option<String>,
    household_member_ids: Option<Vec<i64>>,
    reason: Option<String>,
}

/// The output of `check --json` and `status --json`.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct View {
    /// The outcome's name.
    pub outcome: String,
    /// The node's id, if it is known.
    pub node_id: Option<String>,
    /// The household's UUID, while valid.
    pub household_id: Option<String>,
    /// The household's members' user ids, while valid.
    pub household_member_ids: Option<Vec<i64>>,
    /// The reason, if the outcome is not simply valid.
    pub reason: Option<String>,
    /// The fix; null when valid.
    pub fix: Option<String>,
    /// `server` or `cache`; null if there is no verdict.
    pub source: Option<String>,
    /// The age of the outcome in seconds.
    pub age_secs: Option<u64>,
    /// The time until the next validation or reading of the setup, in seconds.
    pub next_check_secs: Option<u64>,
    /// Trouble that the outcome does not depend on.
    pub warnings: Vec<Warning>,
    /// For a check over TLS: the certificates by which the server has proved itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<ChainView>,
    /// For a check: what a running daemon says, if that is another outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daemon: Option<DaemonSays>,
}

/// The kinds of keys in a chain of certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChainView {
    /// From the server's own key to the root's.
    pub keys: Vec<String>,
    /// What its signatures cost a Pi Zero, in a word; null if that is not known.
    pub cost: Option<&'static str>,
}

/// The outcome that a running daemon shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DaemonSays {
    /// The outcome's name.
    pub outcome: String,
    /// The reason, if the outcome is not simply valid.
    pub reason: Option<String>,
    /// The fix; null when valid.
    pub fix: Option<String>,
}

/// This boot's id; empty if the system has none.
#[must_use]
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

impl Record {
    /// The record of `report` in the boot `boot_id`, without warnings.
    #[must_use]
    pub fn of(report: &Report<'_>, boot_id: &str, stopped: bool) -> Self {
        let household = report.household;
        Self {
            boot_id: boot_id.to_owned(),
            stopped,
            process: ProcessId::own().cloned(),
            config_file: None,
            outcome: report.outcome.to_string(),
            node_id: report.claim.map(|claim| claim.node_id.as_str().to_owned()),
            household_id: household.and_then(|h| h.id.as_ref()).map(ToString::to_string),
            household_member_ids: household.and_then(members),
            reason: report.reason.map(ToOwned::to_owned),
            fix: report.fix.as_ref().map(ToString::to_string),
            source: report.source.map(|source| {
                match source {
                    Source::Server => "server",
                    Source::Cache => "cache",
                }
                .to_owned()
            }),
            as_of_ms: report.as_of.map(Instant::as_millis),
            next_check_ms: report.next_check.map(Instant::as_millis),
            due_ms: report.due.as_millis(),
            verdict: report.verdict.map(|(claim, verdict)| VerdictRecord::of(claim, verdict)),
            warnings: Vec::new(),
        }
    }

    /// This record with `warnings`.
    #[must_use]
    pub fn with(self, warnings: Vec<Warning>) -> Self {
        Self { warnings, ..self }
    }

    /// This record of a daemon that was started with the configuration at `config_file`.
    #[must_use]
    pub fn started_with(self, config_file: &Path) -> Self {
        Self { config_file: std::path::absolute(config_file).ok(), ..self }
    }

    /// The configuration that its daemon was started with, if it says so.
    #[must_use]
    pub fn config_file(&self) -> Option<&Path> {
        self.config_file.as_deref()
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// When the file is missing, unreadable or of another format.
    pub fn load(path: &Path) -> io::Result<Self> {
        durable::read_json(path)
    }

    /// Writes the file at `path` atomically.
    ///
    /// # Errors
    /// When its folder is missing or not writable, or when it is no status file that would be replaced.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        durable::check_own(path, &[FIRST_KEY])?;
        durable::replace_public(path, json::text(self)?.as_bytes())
    }

    /// Removes the file at `path`, if it is such a file: one that nobody keeps up any more would be taken for news.
    pub fn remove(path: &Path) {
        if durable::check_own(path, &[FIRST_KEY]).is_ok() {
            // What cannot be removed ages.
            let _ = durable::remove(path);
        }
    }

    /// Leaves at `place`, where everybody looks for a status, a link to the `file` that has it.
    ///
    /// # Errors
    /// That of the system, or when something else is there.
    pub fn leave_link(place: &Path, file: &Path) -> io::Result<()> {
        durable::check_own(place, &[FIRST_KEY])?;
        let new = durable::beside(place, ".new");
        durable::remove(&new)?;
        std::os::unix::fs::symlink(file, &new)?;
        fs::rename(&new, place)
    }

    /// What would keep [`Self::save`] from writing the file at `path`, as far as it shows before.
    #[must_use]
    pub fn warning(path: &Path) -> Option<Warning> {
        durable::check_replaceable(path, &[FIRST_KEY]).err().map(|why| Self::unwritable(path, &why))
    }

    /// The warning about a status file that could not be written because of `why`.
    #[must_use]
    pub fn unwritable(path: &Path, why: &io::Error) -> Warning {
        Warning::unwritable("status_file", "status_file", path, "no status can be left there", why)
    }

    /// The verdict, if it is of this boot and not from after `now`: a verdict from the future would not age.
    #[must_use]
    pub fn remembered(self, boot_id: &str, now: Instant) -> Option<Remembered> {
        if self.boot_id != boot_id {
            return None;
        }
        let verdict = self.verdict.filter(|verdict| Instant::from_millis(verdict.at_ms) <= now);
        verdict.and_then(VerdictRecord::into_remembered)
    }

    /// The output for `now`. Ages are unknown if the record is of an earlier boot.
    #[must_use]
    pub fn view(&self, boot_id: &str, now: Instant) -> View {
        let same_boot = self.boot_id == boot_id;
        let secs = |d: std::time::Duration| millis(d).saturating_add(500) / 1000;
        View {
            outcome: self.outcome.clone(),
            node_id: self.node_id.clone(),
            household_id: self.household_id.clone(),
            household_member_ids: self.household_member_ids.clone(),
            reason: self.reason.clone(),
            fix: self.fix.clone(),
            source: self.source.clone(),
            age_secs: self.as_of_ms.filter(|_| same_boot).map(|at| secs(now.since(Instant::from_millis(at)))),
            next_check_secs: self
                .next_check_ms
                .filter(|_| same_boot && !self.stopped)
                .map(Instant::from_millis)
                // One that is under way is not published.
                .filter(|at| now < *at)
                .map(|at| secs(at.since(now))),
            warnings: self.warnings.clone(),
            chain: None,
            daemon: None,
        }
    }

    /// A sentence about the daemon, if the record must not be taken for current.
    #[must_use]
    pub fn staleness(&self, boot_id: &str, now: Instant) -> Option<&'static str> {
        // A busy board may be late.
        const LATE: std::time::Duration = std::time::Duration::from_secs(60);
        if self.stopped {
            Some("The daemon was stopped; start it with `sudo systemctl start jarvis-node-agent`.")
        } else if self.boot_id == boot_id && self.process.as_ref().is_some_and(ProcessId::has_ended) {
            Some(
                "The daemon does not run any more, and has left no word why; `systemctl status jarvis-node-agent` may know, \
                 and `sudo systemctl start jarvis-node-agent` starts it.",
            )
        } else if self.boot_id != boot_id || now > Instant::from_millis(self.due_ms) + LATE {
            Some("The daemon has left no news for a while; look at `systemctl status jarvis-node-agent`.")
        } else {
            None
        }
    }
}

impl ClaimRecord {
    fn of(claim: &Claim) -> Self {
        Self {
            node_id: claim.node_id.as_str().to_owned(),
            service_id: claim.service_id.as_str().to_owned(),
            auth_url: claim.asked_url.as_str().to_owned(),
            secrets_stamp: claim.secrets_stamp,
        }
    }

    fn into_claim(self) -> Option<Claim> {
        Some(Claim {
            node_id: NodeId::parse(&self.node_id).ok()?,
            service_id: Text::from(self.service_id.as_str()),
            asked_url: Text::from(self.auth_url.as_str()),
            secrets_stamp: self.secrets_stamp,
        })
    }
}

impl VerdictRecord {
    fn of(claim: &Claim, verdict: &Verdict) -> Self {
        let claim = ClaimRecord::of(claim);
        match verdict {
            Verdict::Valid { at, household } => Self {
                claim,
                at_ms: at.as_millis(),
                valid: true,
                household_id: household.id.as_ref().map(ToString::to_string),
                household_member_ids: members(household),
                reason: None,
            },
            Verdict::Rejected { at, reason } => Self {
                claim,
                at_ms: at.as_millis(),
                valid: false,
                household_id: None,
                household_member_ids: None,
                reason: Some(reason.to_string()),
            },
        }
    }

    fn into_remembered(self) -> Option<Remembered> {
        let at = Instant::from_millis(self.at_ms);
        let verdict = if self.valid {
            let household = Household {
                id: self.household_id.as_deref().map(Text::from),
                member_ids: self.household_member_ids.map(MemberIds::from_iter),
            };
            Verdict::Valid { at, household }
        } else {
            Verdict::Rejected { at, reason: Text::from(self.reason.unwrap_or_default().as_str()) }
        };
        Some(Remembered { claim: self.claim.into_claim()?, verdict })
    }
}

fn members(household: &Household) -> Option<Vec<i64>> {
    household.member_ids.as_ref().map(|ids| ids.as_slice().to_vec())
}

impl View {
    /// The output for people: one or two lines, and one more for each warning.
    #[must_use]
    pub fn in_words(&self) -> String {
        // The file belongs to the daemon, but its reader may be root at a terminal.
        let plain = |text: &String| Shown(text).to_string();
        let words = Outcome::from_name(&self.outcome).map_or("", Outcome::words);
        let mut text = format!("{}: {words}", plain(&self.outcome));
        if let Some(node_id) = self.node_id.as_ref().map(plain) {
            text = format!("{text}; node {node_id}");
        }
        if let Some(id) = self.household_id.as_ref().map(plain) {
            text = format!("{text}, household {id}");
        }
        if let Some(age) = self.age_secs.filter(|age| *age > 0) {
            text = format!("{text}, {age} s ago");
        }
        if let Some(secs) = self.next_check_secs {
            text = format!("{text}, next check in {secs} s");
        }
        text = match (self.reason.as_ref().map(plain), self.fix.as_ref().map(plain)) {
            (Some(reason), Some(fix)) => format!("{text}\n{reason}. {fix}"),
            (Some(only), None) | (None, Some(only)) => format!("{text}\n{only}"),
            (None, None) => text,
        };
        for Warning { message, fix, .. } in &self.warnings {
            text = format!("{text}\nwarning: {}. {}", plain(message), plain(fix));
        }
        if let Some(DaemonSays { outcome, reason, fix }) = &self.daemon {
            text = format!("{text}\nThe running daemon says {}", plain(outcome));
            if let (Some(reason), Some(fix)) = (reason.as_ref().map(plain), fix.as_ref().map(plain)) {
                text = format!("{text}: {reason}. {fix}");
            } else {
                text.push_str(", by what it read when it started or was last reloaded");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests;
