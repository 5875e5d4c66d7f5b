//! Writes files so that they survive a power cut at any moment: write a new file, sync it, then rename it.
//! The path then holds either the old file or the new one, but never a part.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fs, io};

use rustix::fs::{Gid, OFlags, Uid};
use serde::de::DeserializeOwned;

use super::json;

/// Appends `suffix` to the file name: `credential.json` and `.prev` give `credential.json.prev`.
#[must_use]
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The folder of the file at `path`.
#[must_use]
pub fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

/// Opens the regular file at `path` without blocking: opening a pipe without a writer would block for ever,
/// and the folder may belong to another user.
///
/// # Errors
/// Those of the system, and when it is not a regular file.
pub fn open(path: &Path) -> io::Result<File> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a regular file")) }
}

/// Reads JSON of at most 64 KiB that this program wrote to `path`.
///
/// # Errors
/// Those of the system, and when the content is something else. The error does not quote the file.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    let mut bytes = Vec::new();
    open(path)?.take(64 * 1024).read_to_end(&mut bytes)?;
    json::object(&bytes).map_err(|e| {
        let place = format!("it is not what it should be (line {}, column {})", e.line(), e.column());
        io::Error::new(ErrorKind::InvalidData, place)
    })
}

/// Creates a file at `path` that contains `bytes`, and syncs it. Only its owner may read it. The owner is
/// that of `like`, so that the daemon's user can read what root installs. `written` sets its modification
/// time.
///
/// # Errors
/// Those of the system. Then there may be an incomplete file at `path`.
pub fn create(path: &Path, bytes: &[u8], like: &Path, written: Option<SystemTime>) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let (ours, theirs) = (file.metadata()?, fs::metadata(like)?);
    // Only root can change the owner.
    if rustix::process::geteuid().is_root() && (ours.uid(), ours.gid()) != (theirs.uid(), theirs.gid()) {
        rustix::fs::fchown(&file, Some(Uid::from_raw(theirs.uid())), Some(Gid::from_raw(theirs.gid())))?;
    }
    file.write_all(bytes)?;
    if let Some(written) = written {
        file.set_modified(written)?;
    }
    file.sync_all()
}

/// Removes the file at `path`, if there is one.
///
/// # Errors
/// Those of the system.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Syncs the names in `folder`.
///
/// # Errors
/// Those of the system.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Replaces the file at `path` atomically.
///
/// # Errors
/// Those of the system. The old file then is still there.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = beside(path, ".new");
    remove(&new)?;
    create(&new, bytes, folder(path), None)?;
    fs::rename(&new, path)?;
    sync_folder(folder(path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn replaced_file_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("state.json");
        fs::write(beside(&path, ".new"), "left by a power cut").expect("written");
        for text in ["one", "two"] {
            replace(&path, text.as_bytes()).expect("replaced");
            assert_eq!(fs::read_to_string(&path).expect("there"), text);
        }
        assert_eq!(fs::read_dir(&dir).expect("a folder").count(), 1);
        replace(&path, b"three").expect("replaced");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn bare_name_has_the_current_folder() {
        assert_eq!(folder(Path::new("credential.json")), Path::new("."));
        assert_eq!(folder(Path::new("/etc/x.json")), Path::new("/etc"));
    }
}
