//! Notices when a file that was read is replaced, written to, or made readable, without polling it: storing a new
//! credential or key is enough to make the daemon use it.

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
    use std::path::PathBuf;

    use rustix::fs::inotify;

    use crate::files::durable::folder;

    /// A watch on some files.
    #[derive(Debug)]
    pub(in crate::daemon) struct Watch {
        inotify: OwnedFd,
        /// Each file, and the watch on its folder.
        followed: Vec<(PathBuf, i32)>,
    }

    impl Watch {
        /// A watch on nothing yet.
        ///
        /// # Errors
        /// When the system has none to give.
        pub(in crate::daemon) fn new() -> io::Result<Self> {
            let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
            Ok(Self { inotify: inotify::init(flags)?, followed: Vec::new() })
        }

        /// Watches the files at `paths` and no others from now on, whether or not they exist yet. If a folder cannot be
        /// watched, a change in it is found only when the file is next read.
        pub(in crate::daemon) fn follow(&mut self, paths: &[PathBuf]) {
            // A link can be replaced, and so can the file that it leads to.
            let targets = paths.iter().filter_map(|path| std::fs::canonicalize(path).ok());
            let mut wanted: Vec<_> = paths.iter().cloned().chain(targets).collect();
            // By their bytes: paths are compared by their components, which takes long.
            wanted.sort_unstable_by(|one, other| one.as_os_str().cmp(other.as_os_str()));
            wanted.dedup_by(|one, other| one.as_os_str() == other.as_os_str());
            let followed = self.followed.iter().map(|(path, _)| path.as_os_str());
            if followed.eq(wanted.iter().map(|path| path.as_os_str())) {
                return;
            }
            let events = inotify::WatchFlags::CLOSE_WRITE
                | inotify::WatchFlags::MOVED_TO
                | inotify::WatchFlags::MOVED_FROM
                | inotify::WatchFlags::DELETE
                // Who may read it: its owner or mode was changed, or those of its folder.
                | inotify::WatchFlags::ATTRIB
                // Another folder may come in the place of this one.
                | inotify::WatchFlags::MOVE_SELF;
            let before = std::mem::take(&mut self.followed);
            for path in wanted {
                // Gives the same number again for a folder that is watched already.
                if let Ok(watch) = inotify::add_watch(&self.inotify, folder(&path), events) {
                    self.followed.push((path, watch));
                }
            }
            let mut unused: Vec<_> = before.into_iter().map(|(_, watch)| watch).collect();
            unused.retain(|watch| self.followed.iter().all(|(_, used)| used != watch));
            unused.sort_unstable();
            unused.dedup();
            for watch in unused {
                // Fails if the folder is gone, and the watch with it.
                let _ = inotify::remove_watch(&self.inotify, watch);
            }
        }

        /// Whether one of the files was put in place, written to, removed, or given another owner or mode since the last
        /// call, or its folder was moved, removed, or given another owner or mode. After that it has to be told again
        /// what to follow.
        pub(in crate::daemon) fn has_changed(&mut self) -> bool {
            let mut changed = false;
            let mut gone = Vec::new();
            let mut buffer = [MaybeUninit::uninit(); 1024];
            let mut events = inotify::Reader::new(&self.inotify, &mut buffer);
            while let Ok(event) = events.next() {
                changed |= event.events().contains(inotify::ReadFlags::QUEUE_OVERFLOW);
                if event.events().intersects(inotify::ReadFlags::IGNORED | inotify::ReadFlags::MOVE_SELF) {
                    gone.push(event.wd());
                }
                // Events of a watch that was given up may still be queued. Those without a name are of the folder.
                let file = event.file_name().map(os_str);
                let mut watched = self.followed.iter().filter(|(_, watch)| *watch == event.wd());
                changed |= watched.any(|(path, _)| file.is_none() || path.file_name() == file);
            }
            for watch in &gone {
                // Fails if the system has removed it with its folder.
                let _ = inotify::remove_watch(&self.inotify, *watch);
            }
            self.followed.retain(|(_, watch)| !gone.contains(watch));
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
    use std::path::PathBuf;

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
        pub(in crate::daemon) fn follow(&mut self, _paths: &[PathBuf]) {}

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
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn watch_reports_each_kind_of_change_but_no_neighbour() {
        let dir = tempfile::tempdir().expect("a folder");
        let [one, two] = ["credential.json", "app.key"].map(|name| dir.path().join(name));
        let mut watch = Watch::new().expect("a watch");
        watch.follow(&[one.clone(), two.clone()]);
        assert!(!watch.has_changed());
        fs::write(&one, "one").expect("written");
        assert!(watch.has_changed());
        assert!(!watch.has_changed(), "told once");
        fs::write(&two, "two").expect("written");
        assert!(watch.has_changed());
        fs::write(dir.path().join("credential.json.new"), "three").expect("written");
        assert!(!watch.has_changed());
        fs::rename(dir.path().join("credential.json.new"), &one).expect("renamed");
        assert!(watch.has_changed());
        fs::set_permissions(&one, fs::Permissions::from_mode(0o640)).expect("mode set");
        assert!(watch.has_changed());
        fs::read(&one).expect("read");
        assert!(!watch.has_changed());
        fs::remove_file(&one).expect("removed");
        assert!(watch.has_changed());
    }

    #[test]
    fn watch_follows_other_files_and_tolerates_a_missing_folder() {
        let (one, two) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let [old, kept, new] = [one.path().join("old"), one.path().join("kept"), two.path().join("new")];
        let mut watch = Watch::new().expect("a watch");
        watch.follow(&[one.path().join("nowhere/c.json"), old.clone()]);
        watch.follow(&[kept.clone(), new.clone()]);
        fs::write(&old, "x").expect("written");
        assert!(!watch.has_changed());
        for path in [&new, &kept] {
            fs::write(path, "x").expect("written");
            assert!(watch.has_changed());
        }
        watch.follow(std::slice::from_ref(&new));
        fs::write(&kept, "x").expect("written");
        assert!(!watch.has_changed());
        fs::remove_dir_all(two.path()).expect("removed");
        fs::create_dir(two.path()).expect("made");
        watch.has_changed();
        watch.follow(std::slice::from_ref(&new));
        fs::write(&new, "x").expect("written");
        assert!(watch.has_changed(), "the folder was made anew");
    }

    #[test]
    fn folder_that_is_replaced_or_closed_is_noticed() {
        let dir = tempfile::tempdir().expect("a folder");
        let (run, moved) = (dir.path().join("run"), dir.path().join("moved"));
        let socket = run.join("node.sock");
        fs::create_dir(&run).expect("made");
        let mut watch = Watch::new().expect("a watch");
        watch.follow(std::slice::from_ref(&socket));
        fs::set_permissions(&run, fs::Permissions::from_mode(0o777)).expect("mode set");
        assert!(watch.has_changed());
        assert!(!watch.has_changed(), "told once");
        fs::rename(&run, &moved).expect("moved");
        fs::create_dir(&run).expect("made");
        assert!(watch.has_changed());
        watch.follow(std::slice::from_ref(&socket));
        watch.has_changed();
        fs::write(moved.join("node.sock"), "").expect("written");
        assert!(!watch.has_changed(), "the old one is given up");
        fs::write(&socket, "").expect("written");
        assert!(watch.has_changed(), "the new one is followed");
    }

    #[test]
    fn link_and_its_target_are_both_watched() {
        let (links, files) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let (link, target) = (links.path().join("ca.pem"), files.path().join("ca-1.pem"));
        fs::write(&target, "x").expect("written");
        std::os::unix::fs::symlink(&target, &link).expect("linked");
        let mut watch = Watch::new().expect("a watch");
        watch.follow(std::slice::from_ref(&link));
        fs::write(&target, "y").expect("written");
        assert!(watch.has_changed());
        std::os::unix::fs::symlink("elsewhere", links.path().join("new")).expect("linked");
        fs::rename(links.path().join("new"), &link).expect("renamed");
        assert!(watch.has_changed());
    }
}
