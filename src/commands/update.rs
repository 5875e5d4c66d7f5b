//! `jarvis-node update`: makes the update that the app has asked for, by `update_command`. A unit of its own runs this as
//! root, outside the daemon's sandbox, when the daemon has left a request. The daemon itself could not.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use log::warn;
use thiserror::Error;

use crate::auth::{Update, runtime_folder};
use crate::config::Config;
use crate::error::SetupError;
use crate::setup::{Loaded, Reader};
use crate::system::failure::shell_word;

/// Why no update was made.
#[derive(Debug, Error)]
pub(crate) enum UpdateError {
    #[error("{0}. {fix}", fix = .0.to_trouble().fix)]
    Setup(SetupError),
    #[error("the request cannot be taken from {}: {why}", folder.display())]
    Untaken { folder: PathBuf, why: io::Error },
    #[error("the update was not made: {0}")]
    NotMade(String),
}

impl UpdateError {
    /// The program's exit code, by sysexits(3).
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Setup(_) => 78,
            Self::Untaken { .. } => 71,
            Self::NotMade(_) => 75,
        }
    }
}

/// Takes the daemon's request away and runs the command of the configuration at `config_file` for it. Returns the version;
/// `None` if there is no request. That the command has worked the home learns from the daemon's next heartbeat.
///
/// # Errors
/// See [`UpdateError`]; the home has been told of the last kind.
pub(crate) fn update(config_file: PathBuf) -> Result<Option<String>, UpdateError> {
    // First of all: a request that stays would start this again and again.
    let folder = runtime_folder();
    let update = Update::take(&folder).map_err(|why| UpdateError::Untaken { folder, why })?;
    let Some((update, version)) = update.and_then(|update| Some((update.clone(), update.version?))) else {
        return Ok(None);
    };
    let config = Config::load(&config_file).map_err(UpdateError::Setup)?;
    match run(&config, &config_file, &version) {
        Ok(()) => Ok(Some(version)),
        Err(why) => {
            let Loaded { client, credential, .. } =
                Reader::new(config_file).read().node.map_err(UpdateError::Setup)?;
            let told = client.report_failed(&credential, &update, &why);
            told.into_iter().for_each(|warning| warn!("{}. {}", warning.message, warning.fix));
            Err(UpdateError::NotMade(why))
        }
    }
}

fn run(config: &Config, config_file: &Path, version: &str) -> Result<(), String> {
    let Some([program, arguments @ ..]) = config.update_command.as_deref() else {
        return Err("update_command is not in the configuration".into());
    };
    for path in [config_file, Path::new(program)] {
        if let Some(open) = open_to_others(path) {
            return Err(format!(
                "update_command is not run, since other users could change it: sudo chown root {0} && sudo chmod go-w {0}",
                shell_word(&open)
            ));
        }
    }
    let mut command = Command::new(program);
    command.args(arguments).env("JARVIS_TARGET_VERSION", version).stdin(Stdio::null());
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            Err(format!("update_command ended with {status} (see journalctl -u jarvis-node-agent-update)"))
        }
        Err(why) => Err(format!("update_command cannot be started: {why}")),
    }
}

/// The first file or folder on the real way to `path` that others than root and the user of this process may change.
fn open_to_others(path: &Path) -> Option<PathBuf> {
    let own = rustix::process::geteuid().as_raw();
    let real = fs::canonicalize(path).ok()?;
    let is_open = |path: &&Path| {
        fs::metadata(path).is_ok_and(|found| {
            // In a folder with the sticky bit each may change only what is his own.
            let is_shared = found.mode() & 0o022 != 0 && !(found.is_dir() && found.mode() & 0o1000 != 0);
            is_shared || ![0, own].contains(&found.uid())
        })
    };
    real.ancestors().find(is_open).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_root_runs_must_be_closed_to_others() {
        let dir = tempfile::tempdir().expect("a folder");
        let (folder, file) = (dir.path().join("etc"), dir.path().join("etc/c.json"));
        fs::create_dir(&folder).expect("made");
        fs::write(&file, "{}").expect("written");
        let real = |path: &Path| fs::canonicalize(path).expect("there");
        for (folder_mode, file_mode, open) in [
            (0o755, 0o644, None),
            (0o1777, 0o600, None),
            (0o755, 0o664, Some(&file)),
            (0o755, 0o646, Some(&file)),
            (0o775, 0o644, Some(&folder)),
        ] {
            for (path, mode) in [(&folder, folder_mode), (&file, file_mode)] {
                fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode set");
            }
            assert_eq!(open_to_others(&file), open.map(|path| real(path)), "{folder_mode:o} {file_mode:o}");
        }
    }
}
