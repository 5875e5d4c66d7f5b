//! `jarvis-node status`: what the running daemon last knew, from the file that it leaves.

use std::io;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::installed::{UNIT, Unit, is_same};
use crate::config::{DEFAULT_STATUS_FILE, Indicators};
use crate::error::Warning;
use crate::files::status;
use crate::files::status::{Record, View};
use crate::system::{clock, failure};

/// There is no status to show.
#[derive(Debug, Error)]
pub(crate) enum StatusError {
    #[error("no daemon has left its status at {}. {fix}", .file.display())]
    Missing { file: PathBuf, fix: String },
    #[error("the status {} cannot be read: {why}. {fix}", .file.display())]
    Unreadable { file: PathBuf, why: io::Error, fix: String },
}

impl StatusError {
    fn new(file: PathBuf, why: io::Error, config_file: &Path) -> Self {
        if why.kind() == ErrorKind::NotFound {
            let fallen = downfall(config_file);
            let fix = fallen.unwrap_or_else(|| format!("Is it running? See `systemctl status {UNIT}`."));
            return Self::Missing { file, fix };
        }
        let fix = if why.kind() == ErrorKind::PermissionDenied {
            "Run this with sudo.".into()
        } else {
            failure::fix(&why, &file).unwrap_or_else(|| "Set status_file to a path of its own.".into())
        };
        Self::Unreadable { file, why, fix }
    }
}

/// What systemd says of a daemon that does not stay up, if its unit is the one for the configuration at `config_file`:
/// sentences.
fn downfall(config_file: &Path) -> Option<String> {
    let unit = Unit::load().ok()??;
    let of_unit = unit.config_file(&unit.variables());
    if of_unit.is_some_and(|of_unit| !is_same(&of_unit, config_file)) {
        return None;
    }
    let (message, fix) = unit.downfall()?;
    Some(format!("By `systemctl status`, {message}. {fix}"))
}

/// A status, and where it was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) record: Record,
    file: PathBuf,
    /// Where the configuration has it by now; `None` if that is where it was found.
    configured: Option<PathBuf>,
}

impl Found {
    /// Where its daemon keeps it.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Whether a daemon of this boot keeps it up.
    pub(crate) fn is_current(&self, boot_id: &str) -> bool {
        self.record.staleness(boot_id, clock::instant()).is_none()
    }
}

/// The status that the daemon of the configuration at `config_file` last left: where the configuration has it, else
/// where a daemon that has not read that yet leaves a link to it.
///
/// # Errors
/// When there is none or it cannot be read.
pub(crate) fn find(config_file: &Path) -> Result<Found, StatusError> {
    let common = PathBuf::from(DEFAULT_STATUS_FILE);
    let configured = Indicators::load_lenient(config_file).status_file.unwrap_or_else(|| common.clone());
    let boot_id = status::boot_id();
    let at_configured = Record::load(&configured);
    let current = |record: &Record| record.staleness(&boot_id, clock::instant()).is_none();
    let elsewhere = if at_configured.as_ref().is_ok_and(current) { None } else { Record::load(&common).ok() };
    match (at_configured, elsewhere) {
        (at_configured, Some(record)) if at_configured.is_err() || current(&record) => {
            let file = std::fs::read_link(&common).unwrap_or(common);
            let configured = (file != configured).then_some(configured);
            Ok(Found { record, file, configured })
        }
        (Ok(record), _) => Ok(Found { record, file: configured, configured: None }),
        (Err(why), _) => Err(StatusError::new(configured, why, config_file)),
    }
}

/// What `jarvis-node status` shows. If somebody has `named` the configuration, a daemon with another one is told as such.
///
/// # Errors
/// When there is no status, or it cannot be read.
pub(crate) fn status(config_file: &Path, named: bool) -> Result<View, StatusError> {
    let Found { record, file, configured } = find(config_file)?;
    let (boot_id, now) = (status::boot_id(), clock::instant());
    let mut view = record.view(&boot_id, now);
    if let Some(configured) = configured {
        let message = format!(
            "the daemon leaves its status at {}, though the configuration now has it at {}",
            file.display(),
            configured.display()
        );
        let fix = "sudo systemctl reload jarvis-node-agent; it stays where it is while the configuration cannot be used.";
        view.warnings.push(Warning::new("status_file", message, fix));
    }
    if let Some(other) = record.config_file().filter(|other| named && !is_same(other, config_file)) {
        let message = format!(
            "this is the status of a daemon with another configuration than {}, which it was started with: {}",
            config_file.display(),
            other.display()
        );
        let fix = "Name the configuration of the daemon that you mean (--config), and give each daemon a status_file of its own.";
        view.warnings.push(Warning::new("check_config", message, fix));
    }
    if let Some(daemon_fix) = record.staleness(&boot_id, now) {
        // The daemon has to run again before any older advice is of use.
        view.fix = Some(downfall(config_file).unwrap_or_else(|| daemon_fix.into()));
        view.next_check_secs = None;
    }
    Ok(view)
}
