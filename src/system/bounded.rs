//! Reads files without ever waiting for one, and only up to a length: the run loop's thread reads some of them, and a
//! path may lead to a pipe, to a device or to a file of a gigabyte. (A network file system that hangs does stop the
//! reader: see docs/threat-model.md.)

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::{fs, io};

use rustix::fs::OFlags;

/// In bytes. Larger than any configuration and any list of users or groups of a board.
pub(crate) const MAX_TEXT: u64 = 256 * 1024;
/// In bytes. Twice as large as the longest public bundle of CA certificates with comments.
pub(crate) const MAX_CERTIFICATES: u64 = 2 * 1024 * 1024;

/// Opens the regular file at `path`, or the one that a link there leads to, without blocking.
///
/// # Errors
/// Those of the system, and when it is not a regular file.
pub(crate) fn open(path: &Path) -> io::Result<(File, Metadata)> {
    // Before it is opened: to open a device can have effects, such as starting a watchdog.
    check_regular(&fs::metadata(path)?)?;
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    // Another file may have taken its place: the one that is checked must be the one that is read.
    let metadata = file.metadata()?;
    check_regular(&metadata)?;
    Ok((file, metadata))
}

fn check_regular(metadata: &Metadata) -> io::Result<()> {
    let kind = metadata.file_type();
    let found = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => "a folder",
        () if kind.is_fifo() => "a pipe",
        () if kind.is_socket() => "a socket",
        () => "a device",
    };
    Err(io::Error::other(format!("it is {found}, not a regular file")))
}

/// Reads the regular file at `path`.
///
/// # Errors
/// Those of [`open`], and `FileTooLarge` when it is longer than `max_len` bytes.
pub(crate) fn read(path: &Path, max_len: u64) -> io::Result<Vec<u8>> {
    let too_large =
        || io::Error::new(ErrorKind::FileTooLarge, format!("it is longer than {} KiB", max_len / 1024));
    let (file, metadata) = open(path)?;
    if metadata.len() > max_len {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default() + 1);
    // The file may grow meanwhile, and those of /proc have the length 0.
    file.take(max_len + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_len { Err(too_large()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_up_to_the_limit_is_read() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("file");
        fs::write(&path, "12345678").expect("written");
        assert_eq!(read(&path, 8).expect("read"), b"12345678");
        assert_eq!(read(&path, 7).expect_err("refused").kind(), ErrorKind::FileTooLarge);
        // The length of such a file is unknown until it is read.
        assert!(read(Path::new("/proc/self/status"), MAX_TEXT).is_ok_and(|text| !text.is_empty()));
        assert_eq!(
            read(Path::new("/proc/self/status"), 9).expect_err("refused").kind(),
            ErrorKind::FileTooLarge
        );
    }

    #[test]
    fn other_than_a_regular_file_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let socket = dir.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("bound");
        for (path, says) in [
            (dir.path(), "it is a folder"),
            (Path::new("/dev/zero"), "it is a device"),
            (Path::new("/dev/null"), "it is a device"),
            (&socket, "it is a socket"),
        ] {
            let error = read(path, 8).expect_err(says);
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
