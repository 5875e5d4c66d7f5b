//! Files that contain secrets. They are only read if no other user can have read or changed them.

use std::fs::Metadata;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use node_core::plain;
use zeroize::Zeroizing;

use super::form::Form;
use super::{bounded, durable};
use crate::error::SetupError;
use crate::system::environment;

/// In bytes. Larger than any credential, and than a Jarvis `config.json` that contains one.
const MAX_LEN: u64 = 256 * 1024;

/// The path of a configured file. A relative path is where systemd's `LoadCredential=` put a file of this name for the
/// daemon, if it did, otherwise beside the configuration.
#[must_use]
pub fn locate(configured: &Path, config_file: &Path) -> PathBuf {
    // By its components: a slash at the end would make a folder of a file that is not there yet.
    let beside_config = config_file.parent().unwrap_or(Path::new("")).join(configured).components().collect();
    if configured.is_absolute() {
        return beside_config;
    }
    let loaded = credentials_folder().map(|folder| folder.join(configured));
    loaded.filter(|loaded| loaded.exists()).unwrap_or(beside_config)
}

/// The folder of systemd's `LoadCredential=`: for the daemon by its environment, and for other commands the one of the
/// running daemon, so that they find the files that it finds.
fn credentials_folder() -> Option<PathBuf> {
    let of_daemon = || {
        let folder = Path::new("/run/credentials/jarvis-node-agent.service");
        folder.is_dir().then(|| folder.to_owned())
    };
    environment::variable("CREDENTIALS_DIRECTORY").map(PathBuf::from).or_else(of_daemon)
}

/// Reads the file at `path`, which is the `what`. The bytes are wiped when dropped.
///
/// # Errors
/// When the file is missing, unreadable, larger than 256 KiB or open to others, when every user may replace it, or when
/// it belongs to neither root nor the running user (unless that is root).
pub fn read(what: &'static str, path: &Path) -> Result<(Zeroizing<Vec<u8>>, Stamp), SetupError> {
    let unreadable = |why| SetupError::reading(what, path, why);
    // Checks the open file instead of the path, so that the checked file is the one that is read.
    let (mut file, metadata) = bounded::open(path).map_err(unreadable)?;
    let from_systemd = credentials_folder().is_some_and(|folder| path.parent() == Some(&folder));
    let reader = Reader { user: rustix::process::geteuid().as_raw(), from_systemd };
    check_private(what, path, metadata.uid(), metadata.mode(), reader)?;
    let folder = durable::folder(path);
    if durable::is_open_to_all(folder) {
        return Err(SetupError::OpenFolder { what, path: path.into(), folder: folder.into() });
    }
    if metadata.len() > MAX_LEN {
        return Err(SetupError::TooLarge { what, path: path.into() });
    }
    // A buffer that grows leaves unwiped copies behind, so it gets its full size at once.
    let capacity = usize::try_from(metadata.len()).unwrap_or_default() + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    Read::by_ref(&mut file).take(metadata.len()).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok((bytes, Stamp::of(&metadata)))
}

/// Reads the text of the file at `path`, which is the `what`, without a byte order mark. The bytes are wiped when
/// dropped.
///
/// # Errors
/// Those of [`read`], and when it is empty, UTF-16 or has NULs.
pub fn read_text(what: &'static str, path: &Path) -> Result<(Zeroizing<Vec<u8>>, Stamp), SetupError> {
    text(what, path, read(what, path)?)
}

/// Reads the PEM file at `path`, which is the `what`, as [`read_text`] does.
///
/// # Errors
/// Those of [`read_text`], and one of its own for each binary form that can be converted.
pub(crate) fn read_pem(what: &'static str, path: &Path) -> Result<(Zeroizing<Vec<u8>>, Stamp), SetupError> {
    let found = read(what, path)?;
    match Form::of_binary(&found.0) {
        Some(form) => Err(form.error(what, path)),
        None => text(what, path, found),
    }
}

fn text(
    what: &'static str,
    path: &Path,
    (mut bytes, stamp): (Zeroizing<Vec<u8>>, Stamp),
) -> Result<(Zeroizing<Vec<u8>>, Stamp), SetupError> {
    let text = plain::bytes(&bytes).map_err(|why| SetupError::Text { what, path: path.into(), why })?;
    let mark = bytes.len() - text.len();
    bytes.drain(..mark);
    Ok((bytes, stamp))
}

/// The running user's id, and whether systemd passed the file on.
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
    // Root may read every file: `sudo jarvis-node check` has to see what the daemon's user sees.
    if owner != reader.user && owner != 0 && reader.user != 0 {
        return Err(SetupError::WrongOwner { what, path: path.into(), owner, wanted: reader.user });
    }
    // systemd's credentials have an ACL for the unit's user, which appears as group-readable. The directory
    // keeps all others out.
    let forbidden = if reader.from_systemd { 0o037 } else { 0o077 };
    if mode & forbidden != 0 {
        return Err(SetupError::OpenToOthers { what, path: path.into() });
    }
    Ok(())
}

/// Shows whether a file was replaced or written to. It reveals nothing of the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    len: u64,
    modified_secs: i64,
    modified_nanos: i64,
}

impl Stamp {
    /// The stamp of any file at `path`.
    ///
    /// # Errors
    /// When the file is missing or cannot be opened.
    pub fn of_file(what: &'static str, path: &Path) -> Result<Self, SetupError> {
        let (_, metadata) = bounded::open(path).map_err(|why| SetupError::reading(what, path, why))?;
        Ok(Self::of(&metadata))
    }

    /// The modification time: seconds since 1970, and nanoseconds.
    #[must_use]
    pub(super) const fn modified(&self) -> (i64, i64) {
        (self.modified_secs, self.modified_nanos)
    }

    /// All fields in the order of their declaration, little-endian. This layout must not change: a hash of it is
    /// kept across restarts.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 40] {
        let fields = [
            self.device.to_le_bytes(),
            self.inode.to_le_bytes(),
            self.len.to_le_bytes(),
            self.modified_secs.to_le_bytes(),
            self.modified_nanos.to_le_bytes(),
        ];
        let mut bytes = [0; 40];
        bytes.iter_mut().zip(fields.as_flattened()).for_each(|(byte, field)| *byte = *field);
        bytes
    }

    #[cfg(test)]
    pub(crate) const fn from_fields(device: u64, inode: u64, len: u64, secs: i64, nanos: i64) -> Self {
        Self { device, inode, len, modified_secs: secs, modified_nanos: nanos }
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
    use std::fs::{File, Permissions};
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
    fn configured_path_names_a_file_even_with_a_slash_at_its_end() {
        let locate = |path: &str| locate(Path::new(path), Path::new("/etc/node/config.json"));
        for (path, found) in
            [("s.json", "s.json"), ("s.json/", "s.json"), ("./s.json", "s.json"), ("../s.json", "../s.json")]
        {
            assert_eq!(locate(path).as_os_str(), Path::new("/etc/node").join(found).as_os_str(), "{path}");
        }
        assert_eq!(locate("/srv//s.json/").as_os_str(), "/srv/s.json");
    }

    #[test]
    fn private_file_is_read() {
        for mode in [0o600, 0o400, 0o700] {
            let (_dir, path) = file(mode);
            assert_eq!(read("key", &path).expect("readable").0.as_slice(), b"abc", "{mode:o}");
        }
    }

    #[test]
    fn open_file_is_refused_with_a_chmod_fix() {
        for mode in [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644] {
            let (_dir, path) = file(mode);
            let error = read("key", &path).expect_err("refused");
            assert!(matches!(error, SetupError::OpenToOthers { .. }), "{mode:o}: {error}");
            let fix = error.to_trouble().fix;
            assert_eq!(fix.as_str(), std::format!("sudo chmod 600 {}", path.display()));
        }
    }

    #[test]
    fn fix_leaves_a_file_as_it_is_that_others_need() {
        let (dir, path) = file(0o644);
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).expect("linked");
        for path in [link.as_path(), Path::new("/etc/passwd")] {
            let fix = read("key", path).expect_err("refused").to_trouble().fix;
            let fix = fix.as_str();
            assert!(fix.contains("a copy of its own") && !fix.contains("chmod"), "{fix}");
        }
        for path in [dir.path(), Path::new("/dev/null")] {
            let fix = read("key", path).expect_err("refused").to_trouble().fix;
            assert!(fix.as_str().contains(&format!("leave {} as it is", path.display())), "{fix}");
        }
    }

    #[test]
    fn file_in_a_folder_open_to_all_is_refused() {
        let (dir, path) = file(0o600);
        for (mode, sound) in [(0o1777, true), (0o777, false)] {
            fs::set_permissions(&dir, Permissions::from_mode(mode)).expect("mode set");
            let error = read("key", &path).map(|_| ()).err();
            assert_eq!(error.is_none(), sound, "{mode:o}");
            if let Some(error) = error {
                let fix = error.to_trouble().fix;
                assert_eq!(fix.as_str(), format!("sudo chmod o-w {}", dir.path().display()));
            }
        }
    }

    #[test]
    fn foreign_file_is_refused_with_a_chown_fix() {
        let reader = Reader { user: 990, from_systemd: false };
        let own = Path::new("/etc/jarvis-node-agent/k");
        let check = |path, owner| check_private("key", path, owner, 0o100_600, reader);
        assert!(check(own, 990).is_ok());
        assert!(check(own, 0).is_ok());
        let fix = |path| check(path, 1000).expect_err("refused").to_trouble().fix;
        assert_eq!(fix(own).as_str(), "sudo chown 990 /etc/jarvis-node-agent/k");
        let fix = fix(Path::new("/home/pi/k"));
        assert!(fix.as_str().contains("sudo install -m 600 -o"), "{fix}");
    }

    #[test]
    fn root_reads_private_files_of_the_daemon_user() {
        let reader = Reader { user: 0, from_systemd: false };
        assert!(check_private("key", Path::new("/k"), 990, 0o100_600, reader).is_ok());
        let open = check_private("key", Path::new("/k"), 990, 0o100_640, reader);
        assert!(matches!(open, Err(SetupError::OpenToOthers { .. })), "{open:?}");
    }

    #[test]
    fn only_systemd_credentials_may_be_group_readable() {
        for (mode, from_systemd, sound) in
            [(0o440, true, true), (0o440, false, false), (0o460, true, false), (0o444, true, false)]
        {
            let reader = Reader { user: 990, from_systemd };
            let checked = check_private("key", Path::new("/k"), 0, 0o100_000 | mode, reader);
            assert_eq!(checked.is_ok(), sound, "{mode:o} {from_systemd}");
        }
    }

    #[test]
    fn missing_or_huge_file_is_reported() {
        let (dir, path) = file(0o600);
        let error = read("key", &dir.path().join("nowhere")).expect_err("missing");
        assert!(matches!(error, SetupError::Missing { .. }), "{error}");
        let (link, second) = (dir.path().join("link"), dir.path().join("second"));
        std::os::unix::fs::symlink("second", &link).expect("linked");
        std::os::unix::fs::symlink("nowhere", &second).expect("linked");
        let trouble = read("key", &link).expect_err("dangling").to_trouble();
        let target = dir.path().join("nowhere");
        assert!(trouble.reason.as_str().contains("/link, a link to "), "{}", trouble.reason);
        assert_eq!(trouble.fix.as_str(), format!("Put the file at {}.", target.display()));
        File::options().write(true).open(&path).and_then(|f| f.set_len(MAX_LEN + 1)).expect("grown");
        assert!(matches!(read("key", &path), Err(SetupError::TooLarge { .. })));
    }

    #[test]
    fn pipe_or_folder_is_refused_without_blocking() {
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
    fn replaced_file_has_another_stamp() {
        let (dir, path) = file(0o600);
        let before = read("key", &path).expect("readable").1;
        assert_eq!(read("key", &path).expect("readable").1, before);
        let (_other, new) = file(0o600);
        fs::rename(new, &path).expect("replaced");
        assert_ne!(read("key", &path).expect("readable").1, before);
        drop(dir);
    }
}
