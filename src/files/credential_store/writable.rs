//! Whether files of the store could be replaced, found out without changing one.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::StoreError;

/// Checks that another file can be renamed to `path`, and the one that may be there removed.
///
/// # Errors
/// What a replacement would fail with.
pub(super) fn check(path: &Path) -> Result<(), StoreError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => return Err(StoreError::Folder { path: path.into() }),
        Ok(_) => {}
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(()),
        Err(why) => return Err(StoreError::step("replace", path)(why)),
    }
    if is_mount_point(path) {
        return Err(StoreError::Mounted { path: path.into() });
    }
    // Never removes a file. The kernel looks whether this name may be removed, and only then at what it stands for.
    match fs::remove_dir(path) {
        Err(why) if why.kind() != ErrorKind::NotADirectory => Err(StoreError::step("replace", path)(why)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whether something is mounted at `path` itself. Before Linux 5.8 the kernel does not say.
#[cfg(target_os = "linux")]
fn is_mount_point(path: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::TYPE)
        .is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

#[cfg(not(target_os = "linux"))]
fn is_mount_point(_: &Path) -> bool {
    false
}
