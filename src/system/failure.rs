//! What a person can do about a failure of the system, by its number (errno(3)): one sentence for each, wherever it is met.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::Access;
use rustix::io::Errno;

use super::{accounts, way};

/// What helps against `why`, which was met at `path`; `None` if that depends on what was tried.
pub(crate) fn fix(why: &io::Error, path: &Path) -> Option<String> {
    let errno = Errno::from_io_error(why)?;
    let file_system = || shell_word(&existing_folder(path));
    Some(match errno {
        Errno::NOSPC => {
            format!("Make room there: `df {0}` and `df -i {0}` show what is full.", file_system())
        }
        Errno::DQUOT => format!(
            "User {} may not use more of that file system: remove some of its files, or raise its quota.",
            own_user()
        ),
        Errno::ROFS => format!(
            "If the whole file system is read-only, `dmesg` says why, and `sudo mount -o remount,rw` followed by its mount \
             point (`findmnt -T {0}`) makes it writable. If only the unit's sandbox is: sudo systemctl edit \
             jarvis-node-agent, with the two lines `[Service]` and `ReadWritePaths={0}`, then a restart.",
            file_system()
        ),
        Errno::NOTDIR => {
            let file = way::to(path).into_iter().find(|place| place.exists() && !place.is_dir());
            let file = file.unwrap_or_else(|| path.into());
            format!(
                "{} is a file where a folder has to be: correct the path, or move that file away.",
                file.display()
            )
        }
        Errno::LOOP => format!("Links on the way to {} lead in a circle: correct them.", path.display()),
        Errno::NAMETOOLONG => {
            "Shorten the path: a name in it may have 255 bytes, and all of it 4,095.".into()
        }
        Errno::FBIG => {
            "Let this program write larger files: LimitFSIZE= in the unit, or `ulimit -f` in a shell.".into()
        }
        Errno::IO => {
            "The card or disk fails, or its connection does: `dmesg` says more. Copy it before it is lost."
                .into()
        }
        _ => return fix_shortage(why).map(Into::into),
    })
}

/// What helps against `why` if this program has been given too little of something.
pub(crate) fn fix_shortage(why: &io::Error) -> Option<&'static str> {
    match Errno::from_io_error(why)? {
        Errno::MFILE => Some(
            "Let this program have more files open: LimitNOFILE= in the unit (sudo systemctl edit jarvis-node-agent), or \
             `ulimit -n` in a shell.",
        ),
        Errno::NFILE => Some(
            "The whole board has as many files open as it may: end what has many (`sudo lsof`), or raise fs.file-max (`sudo \
             sysctl`).",
        ),
        Errno::AFNOSUPPORT => Some(
            "Let this program use IPv4 and IPv6: RestrictAddressFamilies= in the unit must name AF_INET and AF_INET6. An IPv6 \
             address also needs a kernel with IPv6.",
        ),
        Errno::NOMEM => Some("Free memory, or give the unit more (MemoryMax=)."),
        Errno::AGAIN => {
            Some("Let this user have more threads: TasksMax= in the unit, or `ulimit -u` in a shell.")
        }
        _ => None,
    }
}

/// The first folder on the way to `path` that this program's user may not pass, links on the way included.
pub(crate) fn closed_folder(path: &Path) -> Option<PathBuf> {
    let is_folder = |place: &PathBuf| place.symlink_metadata().is_ok_and(|found| found.is_dir());
    let mut way = way::to(path);
    way.pop();
    way.into_iter().find(|place| is_folder(place) && rustix::fs::access(place, Access::EXEC_OK).is_err())
}

/// Whether nobody may do anything in `folder`, which is what systemd puts in the place of one that the unit hides.
pub(crate) fn is_shut_by_unit(folder: &Path) -> bool {
    folder.metadata().is_ok_and(|found| found.mode() & 0o777 == 0)
}

/// The sentence about such a folder, without its full stop.
pub(crate) fn shut_by_unit(folder: &Path) -> String {
    format!(
        "nobody may enter {}, as ProtectHome= or InaccessiblePaths= of the unit make it",
        folder.display()
    )
}

/// A path as one word of a command.
pub(crate) fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+@%:,=".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Whether the folder or file at `path` is the system's, so that another owner would do harm.
pub(super) fn is_systems(path: &Path) -> bool {
    let real = way::to(path).pop().unwrap_or_default();
    let systems =
        ["/bin", "/boot", "/dev", "/etc", "/lib", "/proc", "/root", "/run", "/sbin", "/sys", "/usr"];
    // `/srv` and `/var/lib` are, but not `/srv/node`.
    let depth = real.components().count() - usize::from(real.starts_with("/var"));
    depth <= 2 || systems.iter().any(|folder| real.starts_with(folder))
}

/// This program's user, by name if it has one.
pub(crate) fn own_user() -> String {
    accounts::name_or_number(rustix::process::geteuid().as_raw())
}

/// The folder of `path`, or the nearest one above it that is there.
fn existing_folder(path: &Path) -> PathBuf {
    let folders = path.ancestors().skip(1);
    folders.into_iter().find(|folder| folder.is_dir()).unwrap_or(Path::new("/")).into()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn path_in_a_command_is_one_word() {
        for (path, word) in [
            ("/etc/jarvis-node-agent/app.key", "/etc/jarvis-node-agent/app.key"),
            ("/srv/name space/app.key", "'/srv/name space/app.key'"),
            ("/srv/it's;x/$HOME", r"'/srv/it'\''s;x/$HOME'"),
        ] {
            assert_eq!(shell_word(Path::new(path)), word);
        }
    }

    #[test]
    fn each_failure_has_a_fix_of_its_own() {
        let path = Path::new("/nowhere/at/all/state.json");
        for (errno, says) in [
            (Errno::NOSPC, "`df /`"),
            (Errno::DQUOT, "quota"),
            (Errno::ROFS, "ReadWritePaths=/"),
            (Errno::MFILE, "LimitNOFILE="),
            (Errno::NFILE, "fs.file-max"),
            (Errno::LOOP, "circle"),
            (Errno::NAMETOOLONG, "255"),
            (Errno::FBIG, "LimitFSIZE="),
            (Errno::IO, "dmesg"),
            (Errno::AFNOSUPPORT, "RestrictAddressFamilies="),
            (Errno::NOMEM, "MemoryMax="),
            (Errno::AGAIN, "TasksMax="),
        ] {
            let fix = fix(&errno.into(), path).expect("known");
            assert!(fix.contains(says), "{errno}: {fix}");
            assert!(!fix.contains("chown"), "{errno}: {fix}");
        }
        for errno in [Errno::NOENT, Errno::ACCESS, Errno::PERM, Errno::ISDIR] {
            assert!(fix(&errno.into(), path).is_none(), "{errno}");
        }
    }

    #[test]
    fn no_folder_of_the_system_is_given_away() {
        for (path, systems) in [
            ("/", true),
            ("/tmp", true),
            ("/var/lib", true),
            ("/etc/jarvis-node-agent", true),
            ("/proc/1", true),
            ("/root/node", true),
            ("/srv/node", false),
            ("/var/lib/jarvis-node-agent", false),
            ("/srv/node/../../etc", true),
        ] {
            assert_eq!(is_systems(Path::new(path)), systems, "{path}");
        }
    }

    #[test]
    fn file_in_the_place_of_a_folder_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let (file, path) = (dir.path().join("file"), dir.path().join("file/state.json"));
        fs::write(&file, "").expect("written");
        let why = fs::read(&path).expect_err("no folder");
        let fix = fix(&why, &path).expect("known");
        assert!(fix.starts_with(&format!("{} is a file", file.display())), "{fix}");
    }
}
