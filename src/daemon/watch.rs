//! Hears of one file being put in place or written to, without looking at it time and again: whatever
//! puts a new credential there has told the daemon by doing so.

#[cfg(target_os = "linux")]
pub use self::linux::Watch;
#[cfg(not(target_os = "linux"))]
pub use self::others::Watch;

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
    pub struct Watch {
        inotify: OwnedFd,
        followed: Option<(PathBuf, i32)>,
    }

    impl Watch {
        /// A watch on nothing yet.
        ///
        /// # Errors
        /// When the system has none to give.
        pub fn new() -> io::Result<Self> {
            let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
            Ok(Self { inotify: inotify::init(flags)?, followed: None })
        }

        /// Watches the file at `path` from now on, whether or not there is one yet. Where its folder
        /// cannot be watched nothing is heard of it; it is then found when it is next read anyway.
        pub fn follow(&mut self, path: &Path) {
            // The file a link leads to is the one that is replaced.
            let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
            if self.followed.as_ref().is_some_and(|(followed, _)| *followed == path) {
                return;
            }
            if let Some((_, watch)) = self.followed.take() {
                // Gone already when the folder is.
                let _ = inotify::remove_watch(&self.inotify, watch);
            }
            let events = inotify::WatchFlags::CLOSE_WRITE | inotify::WatchFlags::MOVED_TO;
            if let Ok(watch) = inotify::add_watch(&self.inotify, folder(&path), events) {
                self.followed = Some((path, watch));
            }
        }

        /// Whether the file was put in place or written to since this was last asked.
        pub fn has_changed(&mut self) -> bool {
            let name = self.followed.as_ref().and_then(|(path, _)| path.file_name());
            let mut changed = false;
            let mut buffer = [MaybeUninit::uninit(); 1024];
            let mut events = inotify::Reader::new(&self.inotify, &mut buffer);
            let mut folder_is_gone = false;
            while let Ok(event) = events.next() {
                changed |= event.events().contains(inotify::ReadFlags::QUEUE_OVERFLOW);
                // The last words of a watch that was given up for another one may still be there.
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

        /// Readable once something has happened.
        pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
            Some(self.inotify.as_fd())
        }
    }

    fn os_str(name: &CStr) -> &OsStr {
        OsStr::from_bytes(name.to_bytes())
    }
}

/// Elsewhere than on a board nothing is heard: what is put in place is found when it is next read.
#[cfg(not(target_os = "linux"))]
mod others {
    use std::io;
    use std::os::fd::BorrowedFd;
    use std::path::Path;

    /// A watch on nothing.
    #[derive(Debug)]
    pub struct Watch;

    impl Watch {
        /// A watch on nothing.
        ///
        /// # Errors
        /// Never.
        pub fn new() -> io::Result<Self> {
            Ok(Self)
        }

        /// Does nothing.
        pub fn follow(&mut self, _path: &Path) {}

        /// Never.
        pub fn has_changed(&mut self) -> bool {
            false
        }

        /// Nothing to wait for.
        pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
            None
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_is_written_or_put_in_place_is_heard_of_and_its_neighbours_are_not() {
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
    fn another_file_can_be_followed_and_one_in_no_folder_does_no_harm() {
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
