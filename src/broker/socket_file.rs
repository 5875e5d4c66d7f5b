//! The broker's door: a Unix socket in the file system that anyone may knock at, since who may have what is
//! decided by who knocks.

use std::fs::Permissions;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

/// A listening socket. Its file goes with it.
#[derive(Debug)]
pub(super) struct SocketFile {
    pub(super) listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the file that we made.
    made: (u64, u64),
}

impl SocketFile {
    /// Listens at `path`. What a program that was killed has left there is replaced.
    ///
    /// # Errors
    /// When another program listens there, something other than a socket is there, or the folder is missing or
    /// not ours to write to.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        make_way(path)?;
        let listener = UnixListener::bind(path)?;
        listener.set_nonblocking(true)?;
        fs::set_permissions(path, Permissions::from_mode(0o666))?;
        let made = identity(path)?;
        Ok(Self { listener, path: path.into(), made })
    }

    /// Whether its file is still the one that was made.
    pub(super) fn is_there(&self) -> bool {
        identity(&self.path).is_ok_and(|there| there == self.made)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody else may have put theirs there meanwhile.
        if self.is_there() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

/// Removes a socket that nobody listens on any more.
fn make_way(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
        Ok(file) if !file.file_type().is_socket() => {
            return Err(io::Error::new(ErrorKind::AlreadyExists, "something that is no socket is there"));
        }
        Ok(_) => {}
    }
    match probe(path) {
        Err(e) if e.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        // Nobody is let in for now, but somebody is there.
        Err(e) if e.kind() != ErrorKind::WouldBlock => Err(e),
        Ok(()) | Err(_) => Err(io::Error::new(ErrorKind::AddrInUse, "another program listens there")),
    }
}

/// Connects, but does not wait until there is room in the queue before the door (unix(7), `EAGAIN`).
fn probe(path: &Path) -> io::Result<()> {
    let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    Ok(rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn anyone_may_knock_whatever_the_umask_and_the_file_goes_with_the_door() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("node.sock");
        let door = SocketFile::open(&path).expect("a door");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o666);
        UnixStream::connect(&path).expect("somebody listens");
        drop(door);
        assert!(!path.exists());
    }

    #[test]
    fn what_a_killed_program_left_is_replaced_and_what_another_uses_is_not() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("node.sock");
        // std leaves the file where it is.
        drop(UnixListener::bind(&path).expect("bound"));
        assert!(path.exists());
        let door = SocketFile::open(&path).expect("a door");
        let second = SocketFile::open(&path).expect_err("taken");
        assert_eq!(second.kind(), ErrorKind::AddrInUse);
        UnixStream::connect(&path).expect("the first still listens");
        drop(door);
        fs::write(&path, "no socket").expect("written");
        SocketFile::open(&path).expect_err("not ours to remove");
        assert_eq!(fs::read(&path).expect("still there"), b"no socket");
        SocketFile::open(&dir.path().join("none/node.sock")).expect_err("no folder");
    }

    #[test]
    fn whether_another_listens_is_found_out_without_waiting_for_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("node.sock");
        let other = UnixListener::bind(&path).expect("bound by somebody");
        // One may knock before it is let in, and no more.
        rustix::net::listen(&other, 0).expect("set");
        let _knocks = UnixStream::connect(&path).expect("somebody listens");
        let (told, tells) = std::sync::mpsc::channel();
        let taken = path.clone();
        std::thread::spawn(move || told.send(SocketFile::open(&taken).map_err(|e| e.kind()).err()));
        let kind = tells.recv_timeout(std::time::Duration::from_secs(20)).expect("no waiting");
        assert_eq!(kind, Some(ErrorKind::AddrInUse));
        assert!(path.exists());
    }

    #[test]
    fn the_door_of_another_is_not_removed_at_the_end() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("node.sock");
        let door = SocketFile::open(&path).expect("a door");
        fs::remove_file(&path).expect("removed by somebody");
        let _other = UnixListener::bind(&path).expect("bound by somebody");
        drop(door);
        UnixStream::connect(&path).expect("the other still listens");
    }
}
