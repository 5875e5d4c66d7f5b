//! Writes files so that they survive a power cut at any moment: write a new file, sync it, then rename it.
//! The path then holds either the old file or the new one, but never a part.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fs, io};

use node_core::plain;
use rustix::fs::{Access, Gid, Uid};
use rustix::io::Errno;
use serde::de::DeserializeOwned;

use super::{bounded, json};

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

/// Reads JSON of at most 64 KiB that this program wrote to `path`.
///
/// # Errors
/// Those of the system, and when the content is something else. The error does not quote the file.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    let bytes = bounded::read(path, 64 * 1024)?;
    let text = plain::bytes(&bytes)
        .map_err(|fault| io::Error::new(ErrorKind::InvalidData, format!("it {fault}")))?;
    json::object(text).map_err(|e| {
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
    replace_as(path, bytes, folder(path), 0o600)
}

/// Replaces the file at `path` atomically by one with the owner of `like` and this `mode`.
///
/// # Errors
/// Those of the system. The old file then is still there.
pub fn replace_as(path: &Path, bytes: &[u8], like: &Path, mode: u32) -> io::Result<()> {
    let new = beside(path, ".new");
    remove(&new)?;
    create(&new, bytes, like, None)?;
    if mode != 0o600 {
        // Whatever the umask, and only now that the owner is the right one.
        fs::set_permissions(&new, Permissions::from_mode(mode))?;
        File::open(&new)?.sync_all()?;
    }
    fs::rename(&new, path)?;
    sync_folder(folder(path))
}

/// Replaces the file at `path` atomically by one that everyone may read. It is not synced: this is for files in memory.
///
/// # Errors
/// Those of the system. The old file then is still there.
pub fn replace_public(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = beside(path, ".new");
    remove(&new)?;
    // A new file, never one that a link leads to, and never for a moment with another mode.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    // Whatever the umask.
    file.set_permissions(Permissions::from_mode(0o644))?;
    fs::rename(&new, path)
}

/// Checks that the file at `path` may be replaced by one of this program's own, whose JSON begins with one of `keys`: a
/// path that was copied wrong must not cost another program's file, or a secret. A missing, empty or cut-off file may.
///
/// # Errors
/// When it is something else, or cannot be read.
pub fn check_own(path: &Path, keys: &[&str]) -> io::Result<()> {
    let mut start = Vec::new();
    match bounded::open(path) {
        Ok((file, _)) => file.take(256).read_to_end(&mut start)?,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    let mark = plain::mark_len(&start).unwrap_or_default();
    start.drain(..mark);
    // A power cut can leave NULs.
    start.retain(|byte| !byte.is_ascii_whitespace() && *byte != 0);
    let is_of = |key: &&str| {
        let form = format!("{{\"{key}\":");
        start.starts_with(form.as_bytes()) || form.as_bytes().starts_with(&start)
    };
    if start == b"{}" || keys.iter().any(is_of) {
        return Ok(());
    }
    Err(not_own())
}

/// The error about a file that this program may not replace.
pub(crate) fn not_own() -> io::Error {
    io::Error::new(ErrorKind::AlreadyExists, "a file that is not this program's is there, and is left alone")
}

/// Checks, as far as it shows without writing, that this program can put a file of its own at `path`.
///
/// # Errors
/// The one that [`replace`] and [`replace_public`] would fail with, or that of [`check_own`].
pub fn check_replaceable(path: &Path, keys: &[&str]) -> io::Result<()> {
    check_own(path, keys)?;
    check_folder(path)?;
    if beside(path, ".new").symlink_metadata().is_ok_and(|new| new.is_dir()) {
        return Err(io::Error::other("beside it, with the ending .new, is a folder"));
    }
    Ok(())
}

/// Checks that this program can put a file of any kind at `path`, in the place of what may be there.
///
/// # Errors
/// That of the system.
pub fn check_folder(path: &Path) -> io::Result<()> {
    let folder = folder(path);
    rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK)?;
    let user = rustix::process::geteuid();
    let is_foreign = |file: &Path| file.symlink_metadata().is_ok_and(|file| file.uid() != user.as_raw());
    // With the sticky bit only the owner of a file, or of the folder, may replace it (inode(7)).
    let is_sticky = fs::metadata(folder).is_ok_and(|folder| folder.mode() & 0o1000 != 0);
    if is_sticky && !user.is_root() && is_foreign(path) && is_foreign(folder) {
        return Err(Errno::PERM.into());
    }
    let full =
        rustix::fs::statvfs(folder).is_ok_and(|on| on.f_blocks > 0 && on.f_bavail == 0 && !user.is_root());
    if full { Err(Errno::NOSPC.into()) } else { Ok(()) }
}

/// Whether every user may put other files in the place of those in `folder`. In a folder with the sticky bit they may
/// not.
#[must_use]
pub fn is_open_to_all(folder: &Path) -> bool {
    fs::metadata(folder).is_ok_and(|folder| folder.mode() & 0o1002 == 0o002)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

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
    fn public_file_is_never_written_through_a_link() {
        let dir = tempfile::tempdir().expect("a folder");
        let (path, secret) = (dir.path().join("status.json"), dir.path().join("secret"));
        fs::write(&secret, "s3cret").expect("written");
        fs::set_permissions(&secret, Permissions::from_mode(0o600)).expect("mode set");
        for link in [beside(&path, ".new"), path.with_extension("new"), path.clone()] {
            symlink(&secret, link).expect("a link");
        }
        replace_public(&path, b"{}").expect("replaced");
        assert_eq!(fs::read_to_string(&secret).expect("there"), "s3cret");
        assert_eq!(fs::metadata(&secret).expect("there").permissions().mode() & 0o777, 0o600);
        let written = fs::symlink_metadata(&path).expect("there");
        assert!(written.is_file() && written.permissions().mode() & 0o777 == 0o644);
    }

    #[test]
    fn only_own_files_may_be_replaced() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("state.json");
        check_own(&path, &["board"]).expect("nothing is there");
        for ours in [
            "",
            "\0\0\0",
            "{}",
            "{",
            "{\n  \"board\": null}",
            "\u{feff}{\"board\":1}",
            "{\"board\":\"b1\",\"pas",
        ] {
            fs::write(&path, ours).expect("written");
            check_own(&path, &["passed", "board"]).expect(ours);
        }
        for other in
            ["s3cret", "{\"node_id\":\"kitchen-pi\"}", "{\"boards\":1}", "[]", "-----BEGIN PRIVATE KEY-----"]
        {
            fs::write(&path, other).expect("written");
            let refused = check_own(&path, &["passed", "board"]).expect_err(other).to_string();
            assert!(refused.contains("is left alone") && !refused.contains("s3cret"), "{refused}");
        }
        check_own(Path::new("/dev/null"), &["board"]).expect_err("a device");
    }

    #[test]
    fn folder_is_open_to_all_without_the_sticky_bit() {
        let dir = tempfile::tempdir().expect("a folder");
        for (mode, open) in [(0o700, false), (0o775, false), (0o777, true), (0o1777, false), (0o702, true)] {
            fs::set_permissions(&dir, Permissions::from_mode(mode)).expect("mode set");
            assert_eq!(is_open_to_all(dir.path()), open, "{mode:o}");
        }
    }

    #[test]
    fn bare_name_has_the_current_folder() {
        assert_eq!(folder(Path::new("credential.json")), Path::new("."));
        assert_eq!(folder(Path::new("/etc/x.json")), Path::new("/etc"));
    }
}
