//! `jarvis-node status`: what the running daemon last knew, from the file that it leaves.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::config::Indicators;
use crate::files::status;
use crate::files::status::{Record, View};
use crate::system::clock;

/// There is no status to show.
#[derive(Debug, Error)]
#[error(
    "no daemon has left its status at {} ({why}); is it running? See `systemctl status jarvis-node-agent`.",
    .file.display()
)]
pub(crate) struct StatusError {
    file: PathBuf,
    why: io::Error,
}

/// The status that the daemon of the configuration at `config_file` last left.
///
/// # Errors
/// When there is none or it cannot be read.
pub(crate) fn status(config_file: &Path) -> Result<View, StatusError> {
    let file = Indicators::load_lenient(config_file).status_file;
    let record = match Record::load(&file) {
        Ok(record) => record,
        Err(why) => return Err(StatusError { file, why }),
    };
    let (boot_id, now) = (status::boot_id(), clock::instant());
    let mut view = record.view(&boot_id, now);
    if let Some(daemon_fix) = record.staleness(&boot_id, now) {
        // The daemon has to run again before any older advice is of use.
        view.fix = Some(daemon_fix.into());
    }
    Ok(view)
}
