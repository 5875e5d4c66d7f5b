//! Whether a configuration is sound, on a machine that need not be the node's: the files that it names may be elsewhere.

use std::fmt::Write;
use std::path::Path;

use super::Config;
use crate::error::{SetupError, Warning};
use crate::files::bounded;

/// Whether the configuration at `path` is sound, read as the daemon reads it, and what a person is told: `ok`, and which of its
/// files are not here. In the place of `ok`, what the daemon would warn of.
///
/// # Errors
/// A sentence that names the file and the key or line.
pub(crate) fn check(path: &Path) -> Result<(bool, String), SetupError> {
    let config = Config::of_text(&bounded::read_text("configuration", path)?, path)?;
    let mut told = String::new();
    for Warning { message, fix, .. } in &config.warnings {
        let _ = writeln!(told, "{message}. {fix}");
    }
    let is_sound = config.warnings.is_empty();
    if is_sound {
        told.push_str("ok\n");
    }
    let named = [&*config.credential_file].into_iter().chain(config.other_files());
    for file in named.filter(|file| !file.exists()) {
        let _ = writeln!(told, "not looked at, as it is not here: {}", file.display());
    }
    Ok((is_sound, told))
}
