//! What `first-boot` has left for the daemon to show.

use std::path::Path;

use node_core::trouble::Trouble;

use crate::config::Indicators;
use crate::error::SetupError;
use crate::files::bounded;

/// In bytes. Longer than any sentence.
const MAX_LEN: u64 = 4096;

/// The reason why the setup of the configuration at `config_file` is not there: that of `first-boot`, if that was to make
/// it and has left word; else `error`.
pub(super) fn told_by(error: SetupError, config_file: &Path) -> SetupError {
    if !matches!(error, SetupError::Missing { .. } | SetupError::NotProvisioned { .. }) {
        return error;
    }
    let note = Indicators::note_file(config_file).and_then(|note| bounded::read(&note, MAX_LEN).ok());
    let Some(note) = note else { return error };
    let said = String::from_utf8_lossy(&note);
    let said = said.trim_end();
    let (reason, fix) = said.split_once(". ").unwrap_or((said.trim_end_matches('.'), ""));
    SetupError::FirstBoot(Trouble::setup(format_args!("{reason}"), format_args!("{fix}")).into())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn word_of_the_first_boot_is_the_reason() {
        let dir = tempfile::tempdir().expect("a folder");
        let config = dir.path().join("config.json");
        let status = dir.path().join("status.json");
        fs::write(&config, format!(r#"{{"status_file": "{}"}}"#, status.display())).expect("written");
        let missing = || SetupError::NotProvisioned { path: config.clone(), key: "node_id" };
        let told = |error| told_by(error, &config).to_trouble();
        assert_eq!(told(missing()), missing().to_trouble(), "it has left no word");
        fs::write(dir.path().join("first-boot.txt"), "no home. Name one. Start anew.\n").expect("written");
        let trouble = told(missing());
        assert_eq!((trouble.reason.as_str(), trouble.fix.as_str()), ("no home", "Name one. Start anew."));
        let other = || SetupError::Config { path: config.clone(), why: "it is broken".into() };
        assert_eq!(told(other()), other().to_trouble(), "it has another reason");
    }
}
