//! The broker's listening socket: a Unix socket in the file system to which any user may connect. The rules, not the
//! file's permissions, decide who gets a token.

use std::fs::Permissions;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

/// A listening socket. Its file is removed when this is dropped.
#[derive(Debug)]
pub(super) struct SocketFile {
    pub(super) listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the file that was created.
    created: (u64, u64),
}

impl SocketFile {
    /// Listens at `path`. A socket that a killed program left there is replaced.
    ///
    /// # Errors
    /// When another program listens there, the file is no socket, or the folder is missing or cannot be written to.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        remove_stale(path)?;
        let listener = UnixListener::bind(path)?;
        listener.set_nonblocking(true)?;
        fs::set_permissions(path, Permissions::from_mode(0o666))?;
        let created = identity(path)?;
        Ok(Self { listener, path: path.into(), created })
    }

    /// Whether the file at the path is still the one that was created.
    pub(super) fn is_there(&self) -> bool {
        identity(&self.path).is_ok_and(|there| there == self.created)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another program may have put its own socket there meanwhile.
        if self.is_there() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

/// Removes a socket on which no program listens any more.
fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
        Ok(file) if !file.file_type().is_socket() => {
            return Err(io::Error::new(ErrorKind::AlreadyExists, "something that is no socket is there"));
        }
        Ok(_) => {}
    }
    match connect(path) {
        Err(e) if e.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        // A full queue: nobody is accepted for now, but a program listens.
        Err(e) if e.kind() != ErrorKind::WouldBlock => Err(e),
        Ok(()) | Err(_) => Err(io::Error::new(ErrorKind::AddrInUse, "another program listens there")),
    }
}

/// Connects without waiting for room in the queue of connections (unix(7), `EAGAIN`).
fn connect(path: &Path) -> io::Result<()> {
    let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    Ok(rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn socket_is_open_to_all_users_and_removed_at_the_end() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("node.sock");
        let socket = SocketFile::open(&path).expect("a socket");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o666);
        UnixStream::connect(&path).expect("a program listens");
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn only_a_stale_socket_is_replaced() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("node.sock");
        // std leaves the file where it is.
        drop(UnixListener::bind(&path).expect("bound"));
        assert!(path.exists());
        let socket = SocketFile::open(&path).expect("a socket");
        let second = SocketFile::open(&path).expect_err("taken");
        assert_eq!(second.kind(), ErrorKind::AddrInUse);
        UnixStream::connect(&path).expect("the first still listens");
        drop(socket);
        fs::write(&path, "no socket").expect("written");
        SocketFile::open(&path).expect_err("not ours to remove");
        assert_eq!(fs::read(&path).expect("still there"), b"no socket");
        SocketFile::open(&dir.path().join("none/node.sock")).expect_err("no folder");
    }

    #[test]
    fn socket_with_a_full_queue_counts_as_used() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("node.sock");
        let other = UnixListener::bind(&path).expect("bound by another program");
        // A queue of one connection.
        rustix::net::listen(&other, 0).expect("set");
        let _queued = UnixStream::connect(&path).expect("a program listens");
        let (told, tells) = std::sync::mpsc::channel();
        let taken = path.clone();
        std::thread::spawn(move || told.send(SocketFile::open(&taken).map_err(|e| e.kind()).err()));
        let kind = tells.recv_timeout(std::time::Duration::from_secs(20)).expect("no waiting");
        assert_eq!(kind, Some(ErrorKind::AddrInUse));
        assert!(path.exists());
    }

    #[test]
    fn socket_of_another_program_is_not_removed_at_the_end() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("node.sock");
        let socket = SocketFile::open(&path).expect("a socket");
        fs::remove_file(&path).expect("removed by another program");
        let _other = UnixListener::bind(&path).expect("bound by another program");
        drop(socket);
        UnixStream::connect(&path).expect("the other still listens");
    }
}
