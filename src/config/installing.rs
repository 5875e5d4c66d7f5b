//! What `systemd/install.sh` has to know of a configuration: the files that it names, and its LED. And a configuration
//! as it is used from another system, on a mounted card.

use std::path::{Component, Path, PathBuf};

use super::paths::ConfiguredPath;
use super::{Config, File, Via, node_paths, token_paths};
use crate::error::SetupError;
use crate::files::{bounded, json};

impl Config {
    /// Reads the configuration in `file` as if it were at `path` below `root`, where a card is mounted: all its files
    /// are looked for on the card, those for tokens excepted. Variables are this system's, and not used.
    ///
    /// # Errors
    /// A sentence that names the file and the key or line.
    pub(crate) fn load_for(file: &Path, path: &Path, root: &Path) -> Result<Self, SetupError> {
        let text = bounded::read_text("configuration", file)?;
        let mut config = Self::parse(&text, path, &|_| None)
            .map_err(|why| SetupError::Config { path: file.into(), why })?;
        if root != Path::new("/") {
            config.files_mut().into_iter().for_each(|path| *path = below(root, path));
        }
        Ok(config)
    }

    fn files_mut(&mut self) -> Vec<&mut PathBuf> {
        let mut files = vec![&mut self.credential_file, &mut self.state_file];
        files.extend(&mut self.indicators.status_file);
        files.extend(&mut self.indicators.metrics_file);
        if let Via::App { app_key_file, .. } = &mut self.via {
            files.push(app_key_file);
        }
        files.extend(&mut self.tls.ca_file);
        if let Some(own) = &mut self.tls.client_certificate {
            files.extend([&mut own.certificate, &mut own.key]);
        }
        files
    }
}

/// The files that the configuration `text`, as it is at `path`, names or uses without naming them, each with its key,
/// even if the objects for tokens are malformed.
///
/// # Errors
/// The sentence about text that is no configuration.
pub(crate) fn named_files(text: &str, path: &Path) -> Result<Vec<(&'static str, PathBuf)>, String> {
    let file: File = json::object(text.as_bytes()).map_err(|e| json::fault(&e))?;
    let node = node_paths(&json::value(text), path);
    Ok(node.into_iter().chain(token_paths(&file, path)).map(ConfiguredPath::into_found).collect())
}

/// An absolute path, taken from `root`.
pub(crate) fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(plain(path).strip_prefix("/").unwrap_or(path))
}

/// The path without dots and repeated slashes.
pub(crate) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => plain.push(part),
        }
    }
    plain
}
