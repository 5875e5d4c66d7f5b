//! What tells a changed file from the one that was read.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Tells a file from what it was before, even if only its owner or mode was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    device: u64,
    inode: u64,
    len: u64,
    changed: (i64, i64),
}

impl Version {
    /// The version of the file at `path`; `None` if it cannot be found.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        let changed = (found.ctime(), found.ctime_nsec());
        Some(Self { device: found.dev(), inode: found.ino(), len: found.len(), changed })
    }
}
