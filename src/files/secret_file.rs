//! Files that hold secrets: read whole, and only when nobody else could have read or changed
//! them.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::error::SetupError;

/// Larger than any credential, and than a Jarvis `config.json` that serves as one.
const MAX_LEN: u64 = 256 * 1024;

/// Where a configured file is: absolute as it stands; relative in `$CREDENTIALS_DIRECTORY`
/// where systemd's `LoadCredential=` has put one of that name, else beside the configuration.
#[must_use]
pub fn locate(configured: &Path, config_file: &Path) -> PathBuf {
    let beside_config = config_file.parent().unwrap_or(Path::new("")).join(configured);
    if configured.is_absolute() {
        return beside_config;
    }
    match std::env::var_os("CREDENTIALS_DIRECTORY") {
        Some(dir) => {
            let loaded = Path::new(&dir).join(configured);
            if loaded.exists() { loaded } else { beside_config }
        }
        None => beside_config,
    }
}

/// Reads the `what` at `path`. The bytes are wiped when dropped.
///
/// # Errors
/// When it is not there, cannot be read, is larger than 256 KiB, belongs to neither root nor
/// the running user (unless that is root), or is open to others.
pub fn read(what: &'static str, path: &Path) -> Result<(Zeroizing<Vec<u8>>, Stamp), SetupError> {
    let unreadable = |why| SetupError::reading(what, path, why);
    // Without waiting: to open a pipe that nobody writes to would hold the LED up.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let mut file = File::options().read(true).custom_flags(flags).open(path).map_err(unreadable)?;
    // The open file, not the path: what is checked is what is read.
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(unreadable(std::io::Error::other("it is not a regular file")));
    }
    let from_systemd =
        std::env::var_os("CREDENTIALS_DIRECTORY").is_some_and(|dir| path.parent() == Some(Path::new(&dir)));
    let reader = Reader { user: rustix::process::geteuid().as_raw(), from_systemd };
    check_private(what, path, metadata.uid(), metadata.mode(), reader)?;
    if metadata.len() > MAX_LEN {
        return Err(SetupError::TooLarge { what, path: path.into() });
    }
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let capacity = usize::try_from(metadata.len()).unwrap_or_default() + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    Read::by_ref(&mut file).take(metadata.len()).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok((bytes, Stamp::of(&metadata)))
}

/// The running user's id, and whether the file is one that systemd passed on.
#[derive(Clone, Copy)]
struct Reader {
    user: u32,
    from_systemd: bool,
}

fn check_private(
    what: &'static str,
    path: &Path,
    owner: u32,
    mode: u32,
    reader: Reader,
) -> Result<(), SetupError> {
    // Root can read them all; `sudo jarvis-node check` has to see what the daemon's own user sees.
    if owner != reader.user && owner != 0 && reader.user != 0 {
        return Err(SetupError::Foreign { what, path: path.into(), owner, wanted: reader.user });
    }
    // systemd's own credentials carry an ACL for the unit's user, which shows as group-readable;
    // the directory around them keeps everyone else out.
    let forbidden = if reader.from_systemd { 0o037 } else { 0o077 };
    if mode & forbidden != 0 {
        return Err(SetupError::Open { what, path: path.into() });
    }
    Ok(())
}

/// Tells whether a file was replaced or written since: tells nothing of what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    device: u64,
    inode: u64,
    len: u64,
    modified_secs: i64,
    modified_nanos: i64,
}

impl Stamp {
    /// The stamp of the file at `path`, which need not be a secret one.
    ///
    /// # Errors
    /// When there is none, or it cannot be looked at.
    pub fn of_file(what: &'static str, path: &Path) -> Result<Self, SetupError> {
        let metadata = std::fs::metadata(path).map_err(|why| SetupError::reading(what, path, why))?;
        Ok(Self::of(&metadata))
    }

    /// When the file was last written to: seconds since 1970, and nanoseconds.
    #[must_use]
    pub const fn modified(&self) -> (i64, i64) {
        (self.modified_secs, self.modified_nanos)
    }

    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            len: metadata.len(),
            modified_secs: metadata.mtime(),
            modified_nanos: metadata.mtime_nsec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn file(mode: u32) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("secret");
        fs::write(&path, "abc").expect("written");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("mode set");
        (dir, path)
    }

    #[test]
    fn a_private_file_is_read() {
        for mode in [0o600, 0o400, 0o700] {
            let (_dir, path) = file(mode);
            assert_eq!(read("key", &path).expect("readable").0.as_slice(), b"abc", "{mode:o}");
        }
    }

    #[test]
    fn an_open_file_is_refused_with_the_chmod_that_mends_it() {
        for mode in [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644] {
            let (_dir, path) = file(mode);
            let error = read("key", &path).expect_err("refused");
            assert!(matches!(error, SetupError::Open { .. }), "{mode:o}: {error}");
            let fix = error.to_trouble().fix;
            assert_eq!(fix.as_str(), std::format!("sudo chmod 600 {}", path.display()));
        }
    }

    #[test]
    fn a_file_of_somebody_else_is_refused_with_the_chown_that_mends_it() {
        let reader = Reader { user: 990, from_systemd: false };
        let check = |owner| check_private("key", Path::new("/k"), owner, 0o100_600, reader);
        assert!(check(990).is_ok());
        assert!(check(0).is_ok());
        let error = check(1000).expect_err("refused");
        assert_eq!(error.to_trouble().fix.as_str(), "sudo chown 990 /k");
    }

    #[test]
    fn root_reads_the_files_of_the_daemons_user_but_no_open_ones() {
        let reader = Reader { user: 0, from_systemd: false };
        assert!(check_private("key", Path::new("/k"), 990, 0o100_600, reader).is_ok());
        let open = check_private("key", Path::new("/k"), 990, 0o100_640, reader);
        assert!(matches!(open, Err(SetupError::Open { .. })), "{open:?}");
    }

    #[test]
    fn only_what_systemd_passed_on_may_be_readable_for_the_group() {
        for (mode, from_systemd, sound) in
            [(0o440, true, true), (0o440, false, false), (0o460, true, false), (0o444, true, false)]
        {
            let reader = Reader { user: 990, from_systemd };
            let checked = check_private("key", Path::new("/k"), 0, 0o100_000 | mode, reader);
            assert_eq!(checked.is_ok(), sound, "{mode:o} {from_systemd}");
        }
    }

    #[test]
    fn a_missing_or_huge_file_says_so() {
        let (dir, path) = file(0o600);
        let error = read("key", &dir.path().join("nowhere")).expect_err("missing");
        assert!(matches!(error, SetupError::Missing { .. }), "{error}");
        File::options().write(true).open(&path).and_then(|f| f.set_len(MAX_LEN + 1)).expect("grown");
        assert!(matches!(read("key", &path), Err(SetupError::TooLarge { .. })));
    }

    #[test]
    fn a_pipe_or_a_folder_is_refused_and_not_waited_for() {
        let dir = tempfile::tempdir().expect("a folder");
        let pipe = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&pipe).status();
        assert!(made.expect("mkfifo is there").success());
        for path in [&pipe, dir.path()] {
            let error = read("key", path).expect_err("refused");
            assert!(matches!(error, SetupError::Unreadable { .. }), "{error}");
        }
    }

    #[test]
    fn a_replaced_file_has_another_stamp() {
        let (dir, path) = file(0o600);
        let before = read("key", &path).expect("readable").1;
        assert_eq!(read("key", &path).expect("readable").1, before);
        let (_other, new) = file(0o600);
        fs::rename(new, &path).expect("replaced");
        assert_ne!(read("key", &path).expect("readable").1, before);
        drop(dir);
    }
}
