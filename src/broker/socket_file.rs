//! The broker's listening socket: a Unix socket in the file system to which any user may connect. The rules, not the
//! file's permissions, decide who gets a token.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rustix::fs::Mode;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};
use rustix::process::umask;

use crate::files::durable;

/// How many callers wait to be accepted. A caller behind a full queue of those that connect and leave waits for all of
/// them, so it is shorter than the system's 4,096; further callers wait in their order, if they block.
const QUEUE: i32 = 128;

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
        check_form(path)?;
        remove_stale(path)?;
        // It gets its name only once it listens: a caller that finds it is never refused.
        let unnamed = unnamed(path);
        remove_stale(&unnamed)?;
        // With its final mode from the start: by the path it could be changed only later, and then the path may lead
        // elsewhere. No other thread minds: each file that this program creates has a mode of its own.
        let before = umask(Mode::XUSR | Mode::XGRP | Mode::XOTH);
        let bound = UnixListener::bind(&unnamed);
        umask(before);
        let listener = bound?;
        let named = listener
            .set_nonblocking(true)
            .and_then(|()| Ok(rustix::net::listen(&listener, QUEUE)?))
            // Unlike a rename this replaces nothing that has come there meanwhile.
            .and_then(|()| fs::hard_link(&unnamed, path));
        fs::remove_file(&unnamed)?;
        named?;
        let created = identity(path)?;
        Ok(Self { listener, path: path.into(), created })
    }

    /// Whether the file at the path is still the one that was created, and all users may connect to it.
    pub(super) fn is_open_to_all(&self) -> bool {
        let connect = 0o666;
        self.is_there()
            && fs::symlink_metadata(&self.path).is_ok_and(|there| there.mode() & connect == connect)
    }

    /// Whether the file at the path is still the one that was created.
    fn is_there(&self) -> bool {
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

/// Checks, as far as it shows without doing so, that this program could listen at `path`. Another program that listens
/// there may be the daemon.
///
/// # Errors
/// Those of [`SocketFile::open`].
pub(super) fn check(path: &Path) -> io::Result<()> {
    check_form(path)?;
    check_is_socket(path)?;
    durable::check_folder(path)
}

/// The path of a socket that does not listen yet.
fn unnamed(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    path.with_file_name(name)
}

/// In bytes. Linux has room for 108 with a NUL at the end (unix(7)), and [`unnamed`] adds one.
const MAX_PATH: usize = 106;

fn check_form(path: &Path) -> io::Result<()> {
    let len = path.as_os_str().len();
    if len > MAX_PATH {
        return Err(io::Error::other(format!(
            "its path is too long for a socket: {len} bytes, of {MAX_PATH} at most"
        )));
    }
    Ok(())
}

/// The first folder on the way to the socket in which somebody else could put another socket in its place, and get what
/// callers send: their own tokens.
pub(super) fn open_folder(path: &Path) -> Option<PathBuf> {
    let folder = fs::canonicalize(path.parent()?).ok()?;
    let open = folder.ancestors().find(|folder| fs::metadata(folder).is_ok_and(|folder| is_open(&folder)));
    open.map(PathBuf::from)
}

fn is_open(folder: &fs::Metadata) -> bool {
    let (own_user, own_group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let (sticky, others, group) = (0o1000, 0o002, 0o020);
    let trusted = |id: u32, own: u32| id == 0 || id == own;
    let writers =
        folder.mode() & others != 0 || (folder.mode() & group != 0 && !trusted(folder.gid(), own_group));
    !trusted(folder.uid(), own_user) || (writers && folder.mode() & sticky == 0)
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

/// Whether there is a socket at `path`.
///
/// # Errors
/// That of the system, and when there is something else.
fn check_is_socket(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
        Ok(file) if !file.file_type().is_socket() => {
            Err(io::Error::new(ErrorKind::AlreadyExists, "something that is no socket is there"))
        }
        Ok(_) => Ok(true),
    }
}

/// Removes a socket on which no program listens any more.
fn remove_stale(path: &Path) -> io::Result<()> {
    if !check_is_socket(path)? {
        return Ok(());
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
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};
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
    fn socket_that_is_found_always_listens() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("node.sock");
        let caller = {
            let path = path.clone();
            std::thread::spawn(move || {
                (0..200)
                    .map(|_| {
                        loop {
                            match UnixStream::connect(&path) {
                                Err(e) if e.kind() == ErrorKind::NotFound => std::hint::spin_loop(),
                                done => break done.map(drop),
                            }
                        }
                    })
                    .find(Result::is_err)
            })
        };
        while !caller.is_finished() {
            let socket = SocketFile::open(&path).expect("a socket");
            // Named as it is at the start: a socket whose program has ended refuses as well.
            fs::remove_file(&path).expect("there");
            drop(socket);
        }
        let refused = caller.join().expect("no panic");
        assert!(refused.is_none(), "{refused:?}");
        assert_eq!(fs::read_dir(&dir).expect("a folder").count(), 0);
    }

    #[test]
    fn path_that_is_no_place_for_a_socket_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let room = MAX_PATH - dir.path().as_os_str().len() - 1;
        let at = |len: usize| dir.path().join("s".repeat(len));
        check(&at(room)).expect("fits");
        drop(SocketFile::open(&at(room)).expect("fits"));
        fs::write(dir.path().join("file"), "").expect("written");
        for (path, says) in [
            (at(room + 1), "too long for a socket"),
            (dir.path().join("file"), "no socket"),
            (dir.path().to_owned(), "no socket"),
            (dir.path().join("nowhere/node.sock"), "No such file"),
            (dir.path().join("file/node.sock"), "Not a directory"),
        ] {
            for error in [check(&path).expect_err(says), SocketFile::open(&path).expect_err(says)] {
                assert!(error.to_string().contains(says), "{error}");
            }
        }
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

    #[test]
    fn socket_is_never_made_through_a_link() {
        let dir = tempfile::tempdir().expect("a folder");
        let (secret, path) = (dir.path().join("secret"), dir.path().join("node.sock"));
        fs::write(&secret, "s3cret").expect("written");
        fs::set_permissions(&secret, Permissions::from_mode(0o600)).expect("set");
        for target in [&secret, &dir.path().join("nothing")] {
            symlink(target, &path).expect("linked");
            SocketFile::open(&path).expect_err("it is a link");
            fs::remove_file(&path).expect("still there");
        }
        assert_eq!(fs::metadata(&secret).expect("there").permissions().mode() & 0o777, 0o600);
        assert!(!dir.path().join("nothing").exists());
    }

    #[test]
    fn folder_that_others_may_write_to_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let (top, folder) = (dir.path().join("top"), dir.path().join("top/folder"));
        fs::create_dir_all(&folder).expect("made");
        let set = |path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).expect("set");
        let open = || open_folder(&folder.join("node.sock"));
        for (top_mode, mode, named) in [
            (0o755, 0o755, None),
            (0o755, 0o777, Some(&folder)),
            (0o755, 0o757, Some(&folder)),
            (0o755, 0o1777, None),
            (0o777, 0o700, Some(&top)),
        ] {
            set(&top, top_mode);
            set(&folder, mode);
            let named = named.map(|path| fs::canonicalize(path).expect("there"));
            assert_eq!(open(), named, "{mode:o} in {top_mode:o}");
        }
    }
}
