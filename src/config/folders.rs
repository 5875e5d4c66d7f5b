//! Paths without links, found with few questions to the disk.

use std::fs;
use std::path::{Path, PathBuf};

use crate::files::durable::folder;

/// The folders of a configuration's files, each with its path without links. Most files are in two or three.
#[derive(Default)]
pub(super) struct Folders(Vec<(PathBuf, PathBuf)>);

impl Folders {
    /// The path without links and dots, as far as it exists.
    pub(super) fn resolve(&mut self, path: &Path) -> PathBuf {
        let linked = path.file_name().is_none() || path.is_symlink();
        if let Some(target) = linked.then(|| fs::canonicalize(path).ok()).flatten() {
            return target;
        }
        match (self.folder(folder(path)), path.file_name()) {
            (Some(folder), Some(name)) => folder.join(name),
            // Components without `.` and repeated slashes.
            _ => path.components().collect(),
        }
    }

    fn folder(&mut self, folder: &Path) -> Option<&Path> {
        // By their bytes: paths are compared by their components, which takes long.
        let known = self.0.iter().position(|(known, _)| known.as_os_str() == folder.as_os_str());
        let at = match known {
            Some(at) => at,
            None => {
                self.0.push((folder.into(), fs::canonicalize(folder).ok()?));
                self.0.len() - 1
            }
        };
        self.0.get(at).map(|(_, resolved)| &**resolved)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn resolved_path_has_no_links_as_far_as_it_exists() {
        let dir = tempfile::tempdir().expect("a folder");
        let real = dir.path().canonicalize().expect("there");
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("a")).expect("made");
        fs::write(at("a/file"), "").expect("written");
        symlink("a", at("link")).expect("a link");
        symlink("file", at("a/other")).expect("a link");
        symlink("gone", at("a/dangling")).expect("a link");
        let mut folders = Folders::default();
        for (path, resolved) in [
            ("a/file", "a/file"),
            ("link/file", "a/file"),
            ("link/other", "a/file"),
            ("a/../link/./other", "a/file"),
            ("link/new", "a/new"),
            ("link/dangling", "a/dangling"),
            ("link/..", ""),
        ] {
            assert_eq!(folders.resolve(&at(path)), real.join(resolved), "{path}");
        }
        assert_eq!(folders.resolve(&at("gone//./new")), at("gone/new"));
        assert!(folders.0.len() <= 5, "{:?}", folders.0);
    }
}
