//! Notices when one file is put in place or written to, without polling it: storing a new credential is enough to
//! make the daemon use it.

#[cfg(target_os = "linux")]
pub(super) use self::linux::Watch;
#[cfg(not(target_os = "linux"))]
pub(super) use self::others::Watch;

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::{CStr, OsStr};
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};

    use rustix::fs::inotify;

    use crate::files::durable::folder;

    /// A watch on at most one file.
    #[derive(Debug)]
    pub(in crate::daemon) struct Watch {
        inotify: OwnedFd,
        followed: Option<(PathBuf, i32)>,
    }

    impl Watch {
        /// A watch on nothing yet.
        ///
        /// # Errors
        /// When the system has none to give.
        pub(in crate::daemon) fn new() -> io::Result<Self> {
            let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
            Ok(Self { inotify: inotify::init(flags)?, followed: None })
        }

        /// Watches the file at `path` from now on, whether or not it exists yet. If its folder cannot be watched,
        /// a change is found only when the file is next read.
        pub(in crate::daemon) fn follow(&mut self, path: &Path) {
            // A replacement replaces the file that a link leads to, not the link.
            let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
            if self.followed.as_ref().is_some_and(|(followed, _)| *followed == path) {
                return;
            }
            if let Some((_, watch)) = self.followed.take() {
                // Fails if the folder is gone, and the watch with it.
                let _ = inotify::remove_watch(&self.inotify, watch);
            }
            let events = inotify::WatchFlags::CLOSE_WRITE | inotify::WatchFlags::MOVED_TO;
            if let Ok(watch) = inotify::add_watch(&self.inotify, folder(&path), events) {
                self.followed = Some((path, watch));
            }
        }

        /// Whether the file was put in place or written to since the last call.
        pub(in crate::daemon) fn has_changed(&mut self) -> bool {
            let name = self.followed.as_ref().and_then(|(path, _)| path.file_name());
            let mut changed = false;
            let mut buffer = [MaybeUninit::uninit(); 1024];
            let mut events = inotify::Reader::new(&self.inotify, &mut buffer);
            let mut folder_is_gone = false;
            while let Ok(event) = events.next() {
                changed |= event.events().contains(inotify::ReadFlags::QUEUE_OVERFLOW);
                // Events of a watch that was given up for another one may still be queued.
                if self.followed.as_ref().is_none_or(|(_, watch)| *watch != event.wd()) {
                    continue;
                }
                changed |= event.file_name().is_some_and(|file| name.is_some_and(|n| n == os_str(file)));
                folder_is_gone |= event.events().contains(inotify::ReadFlags::IGNORED);
            }
            if folder_is_gone {
                self.followed = None;
            }
            changed
        }

        /// A descriptor that is readable once there is an event.
        pub(in crate::daemon) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
            Some(self.inotify.as_fd())
        }
    }

    fn os_str(name: &CStr) -> &OsStr {
        OsStr::from_bytes(name.to_bytes())
    }
}

/// Other systems have no inotify: a change is found when the file is next read.
#[cfg(not(target_os = "linux"))]
mod others {
    use std::io;
    use std::os::fd::BorrowedFd;
    use std::path::Path;

    /// A watch on nothing.
    #[derive(Debug)]
    pub(in crate::daemon) struct Watch;

    impl Watch {
        /// A watch on nothing.
        ///
        /// # Errors
        /// Never.
        pub(in crate::daemon) fn new() -> io::Result<Self> {
            Ok(Self)
        }

        /// Does nothing.
        pub(in crate::daemon) fn follow(&mut self, _path: &Path) {}

        /// Always false.
        pub(in crate::daemon) fn has_changed(&mut self) -> bool {
            false
        }

        /// There is nothing to wait for.
        pub(in crate::daemon) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
            None
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn watch_reports_a_write_and_a_rename_but_no_neighbour() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("credential.json");
        let mut watch = Watch::new().expect("a watch");
        watch.follow(&path);
        assert!(!watch.has_changed());
        fs::write(&path, "one").expect("written");
        assert!(watch.has_changed());
        assert!(!watch.has_changed(), "told once");
        fs::write(dir.path().join("credential.json.new"), "two").expect("written");
        assert!(!watch.has_changed());
        fs::rename(dir.path().join("credential.json.new"), &path).expect("renamed");
        assert!(watch.has_changed());
        fs::read(&path).expect("read");
        assert!(!watch.has_changed());
    }

    #[test]
    fn watch_follows_another_file_and_tolerates_a_missing_folder() {
        let (one, two) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let mut watch = Watch::new().expect("a watch");
        watch.follow(&one.path().join("nowhere/c.json"));
        watch.follow(&one.path().join("c.json"));
        watch.follow(&two.path().join("c.json"));
        fs::write(one.path().join("c.json"), "x").expect("written");
        assert!(!watch.has_changed());
        fs::write(two.path().join("c.json"), "x").expect("written");
        assert!(watch.has_changed());
    }
}
