//! Stores the node's credential so that neither a power cut nor a failed write loses it.
//!
//! | file | content |
//! |---|---|
//! | `credential.json` | the credential in use |
//! | `credential.json.prev` | the one before |
//! | `credential.json.new` | one that is being written; after a power cut it may be complete |
//! | `credential.json.damaged` | one that could not be read, unchanged |
//!
//! At every moment of a replacement one of the first three contains the old credential or the new one, complete.
//! Reading never writes, so the daemon may read while another process replaces. Writers lock the folder.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};
use std::{fs, io, thread};

use log::warn;
use node_core::plain;
use rustix::fs::{FlockOperation, flock};
use zeroize::Zeroizing;

pub use self::error::StoreError;
use super::credential_file::{Contents, Modified};
use super::durable::{beside, folder};
use super::secret_file::Stamp;
use super::{bounded, credential_file, durable, secret_file};
use crate::error::SetupError;
use crate::files::credential::Credential;
use crate::system::clock;

/// How long to wait for the lock of another process.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// The credential in use.
#[derive(Debug)]
pub struct Found {
    /// The credential.
    pub credential: Credential,
    /// The file that contains it.
    pub file: PathBuf,
    /// The stamp of that file.
    pub stamp: Stamp,
}

/// Reads the newest complete credential of the store at `path`. If it is in another file than `path` itself,
/// the log says in which and why. Writes nothing.
///
/// # Errors
/// When the file is missing or damaged and no other generation is complete. When the file is open to others,
/// cannot be read or contains placeholders: then no older generation is used.
pub fn load(path: &Path) -> Result<Found, SetupError> {
    let Generations { current, unfinished, previous } = Generations::read(path);
    let found = |generation: Generation, suffix: &str| Found {
        credential: generation.contents.credential,
        file: beside(path, suffix),
        stamp: generation.stamp,
    };
    match (current, unfinished, previous) {
        (Ok(current), Some(new), _) if new.is_next_after(&current) => {
            warn!(
                "a replacement of the credential was cut short after it was written: {} is used",
                beside(path, NEW).display()
            );
            Ok(found(new, NEW))
        }
        (Ok(current), _, _) => Ok(found(current, "")),
        // For the first credential: shipped files contain placeholders.
        (Err(SetupError::NotProvisioned { .. }), Some(new), _) if new.contents.follows.is_none() => {
            warn!("the first credential was not put in place: {} is used", beside(path, NEW).display());
            Ok(found(new, NEW))
        }
        (Err(error), Some(new), _) if may_be_damage(&error) => {
            warn!("{error}; the newer credential in {} is used", beside(path, NEW).display());
            Ok(found(new, NEW))
        }
        (Err(error), None, Some(previous)) if may_be_damage(&error) => {
            warn!("{error}; the one before it, in {}, is used", beside(path, PREVIOUS).display());
            Ok(found(previous, PREVIOUS))
        }
        (Err(error), None, None) if may_be_damage(&error) => Err(nor_other(error, path)),
        (Err(error), _, _) => Err(error),
    }
}

/// `error` of the file at `path`, with that of another generation which may be complete but must not be read.
fn nor_other(error: SetupError, path: &Path) -> SetupError {
    let others =
        [NEW, PREVIOUS].into_iter().filter_map(|ending| Generation::read(&beside(path, ending)).err());
    let mut closed = others.filter(|other| {
        matches!(
            other,
            SetupError::Unreadable { .. }
                | SetupError::OpenFolder { .. }
                | SetupError::OpenToOthers { .. }
                | SetupError::WrongOwner { .. }
        )
    });
    match closed.next() {
        Some(other) => SetupError::NorOther { error: error.into(), other: other.into() },
        None => error,
    }
}

/// The store at one path, locked against other writers until this is dropped.
#[derive(Debug)]
pub struct Locked<'a> {
    path: &'a Path,
    default_owner_of: &'a Path,
    _lock: File,
}

impl<'a> Locked<'a> {
    /// Locks the store at `path`. A first credential gets the owner of `default_owner_of`, if root writes it.
    ///
    /// # Errors
    /// When another process holds the lock for ten seconds, or the system refuses.
    pub fn lock(path: &'a Path, default_owner_of: &'a Path) -> Result<Self, StoreError> {
        Ok(Self { path, default_owner_of, _lock: lock(path)? })
    }

    /// Replaces the credential atomically, and reads it back from the SD card. Keeps the one before beside
    /// it, if it is of the same node. Fields of other programs in the file keep their text. A file that is no
    /// credential is moved aside, not overwritten.
    ///
    /// # Errors
    /// When a person has to look at the existing file first, or the system refuses. Which credential is in use then, the
    /// old one or already the new one, [`load`] tells.
    pub fn replace(&self, credential: &Credential) -> Result<(), StoreError> {
        let Self { path, default_owner_of, .. } = *self;
        self.check_replaceable()?;
        finish(path)?;
        let (prev, new) = (beside(path, PREVIOUS), beside(path, NEW));
        let current_file = CurrentFile::of(path)?;
        let mut credential = credential.clone();
        let (before, follows) = match &current_file {
            CurrentFile::Sound(current) => (current.bytes.as_slice(), Some(&current.contents.checksum)),
            CurrentFile::Placeholder(bytes) => (bytes.as_slice(), None),
            CurrentFile::Damaged | CurrentFile::Absent => (&[][..], None),
        };
        if let CurrentFile::Sound(current) = &current_file {
            // A new key makes no new node: whoever else was this one still is.
            let Credential { node_id, shared, .. } = &current.contents.credential;
            credential.shared |= *shared && *node_id == credential.node_id;
        }
        // Even seconds, which every file system can store.
        let written = clock::now().wall.0 & !1;
        let bytes = credential_file::render(&credential, follows, written, before)
            .map_err(|e| StoreError::step("write", &new)(e.into()))?;
        durable::remove(&new).map_err(StoreError::step("remove", &new))?;
        let like = if matches!(current_file, CurrentFile::Absent) { default_owner_of } else { path };
        let written = UNIX_EPOCH + Duration::from_secs(written);
        durable::create(&new, &bytes, like, Some(written)).map_err(StoreError::step("write", &new))?;
        if read_uncached(&new, bytes.len()).map_err(StoreError::step("read", &new))? != bytes {
            return Err(StoreError::Different { path: new });
        }
        // The checks of a reader: together with other programs' fields, the file may be too large.
        Generation::read(&new).map_err(StoreError::Untouchable)?;
        match &current_file {
            CurrentFile::Sound(_) => keep_previous(path, &prev)?,
            CurrentFile::Damaged => move_aside(path)?,
            CurrentFile::Placeholder(_) | CurrentFile::Absent => {}
        }
        promote(&new, path)?;
        if read_uncached(path, bytes.len()).map_err(StoreError::step("read", path))? != bytes {
            return Err(StoreError::Different { path: path.into() });
        }
        forget_other_nodes(&prev, &credential)
    }

    /// Checks that a credential could be stored: the folder is writable, and each file of the store may be
    /// replaced. For callers that can request a credential only once.
    ///
    /// # Errors
    /// Those of [`Locked::replace`].
    pub fn check_writable(&self) -> Result<(), StoreError> {
        CurrentFile::of(self.path)?;
        self.check_replaceable()?;
        let probe = beside(self.path, ".probe");
        durable::remove(&probe).map_err(StoreError::step("remove", &probe))?;
        durable::create(&probe, &[0; 4096], self.default_owner_of, None)
            .map_err(StoreError::step("write", &probe))?;
        durable::remove(&probe).map_err(StoreError::step("remove", &probe))
    }

    /// Before the first change: a store that gets stuck in the middle would keep a credential that nothing can replace.
    fn check_replaceable(&self) -> Result<(), StoreError> {
        [self.path.into(), beside(self.path, NEW), beside(self.path, PREVIOUS)]
            .iter()
            .try_for_each(|file| writable::check(file))
    }
}

/// Removes another node's credential. If it was used after this node's was damaged, a cloned SD card would
/// act as the original board.
fn forget_other_nodes(prev: &Path, credential: &Credential) -> Result<(), StoreError> {
    match Generation::read(prev) {
        Ok(kept) if kept.contents.credential.node_id != credential.node_id => {
            durable::remove(prev).map_err(StoreError::step("remove", prev))?;
            durable::sync_folder(folder(prev)).map_err(StoreError::step("sync", folder(prev)))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

const PREVIOUS: &str = ".prev";
const NEW: &str = ".new";
const DAMAGED: &str = ".damaged";

/// One complete file of the store.
struct Generation {
    bytes: Zeroizing<Vec<u8>>,
    contents: Contents,
    stamp: Stamp,
}

impl Generation {
    fn read(path: &Path) -> Result<Self, SetupError> {
        let (mut bytes, stamp) = secret_file::read("credential file", path)?;
        let mark = plain::mark_len(&bytes)
            .map_err(|why| SetupError::CredentialForm { path: path.into(), why: why.to_string() })?;
        bytes.drain(..mark);
        let (secs, nanos) = stamp.modified();
        let contents = credential_file::parse(&bytes, path, Some(Modified(secs, nanos)))?;
        Ok(Self { bytes, contents, stamp })
    }

    /// Nothing follows a file that was put in place by hand meanwhile.
    fn is_next_after(&self, other: &Self) -> bool {
        self.contents.follows.as_ref() == Some(&other.contents.checksum)
    }
}

struct Generations {
    current: Result<Generation, SetupError>,
    unfinished: Option<Generation>,
    previous: Option<Generation>,
}

impl Generations {
    fn read(path: &Path) -> Self {
        let current = Generation::read(path);
        let mut all = Self {
            current,
            unfinished: Generation::read(&beside(path, NEW)).ok(),
            previous: Generation::read(&beside(path, PREVIOUS)).ok(),
        };
        if matches!(all.current, Err(SetupError::Missing { .. })) {
            // On a file system without hard links, the file is missing for a moment while it is replaced.
            all.current = Generation::read(path);
        }
        all
    }
}

/// Whether the SD card, a power cut or another program's rewrite can cause this error. If a person has to
/// decide, no older generation is used.
fn may_be_damage(error: &SetupError) -> bool {
    match error {
        SetupError::Missing { .. } | SetupError::CredentialForm { .. } | SetupError::Value { .. } => true,
        SetupError::Unreadable { .. }
        | SetupError::TooLarge { .. }
        | SetupError::Text { .. }
        | SetupError::Form { .. }
        | SetupError::OpenFolder { .. }
        | SetupError::OpenToOthers { .. }
        | SetupError::WrongOwner { .. }
        | SetupError::Config { .. }
        | SetupError::NotProvisioned { .. }
        | SetupError::NorOther { .. }
        | SetupError::OtherBoard { .. }
        | SetupError::CaFile { .. }
        | SetupError::StsKey { .. }
        | SetupError::FirstBoot(_)
        | SetupError::ClientCertificate { .. } => false,
    }
}

/// The file that is to be replaced.
enum CurrentFile {
    Sound(Box<Generation>),
    /// A file as shipped, possibly with other programs' fields.
    Placeholder(Zeroizing<Vec<u8>>),
    Damaged,
    Absent,
}

impl CurrentFile {
    fn of(path: &Path) -> Result<Self, StoreError> {
        match Generation::read(path) {
            Ok(current) => Ok(Self::Sound(current.into())),
            Err(SetupError::Missing { .. }) => Ok(Self::Absent),
            Err(SetupError::NotProvisioned { .. }) => {
                let (bytes, _) =
                    secret_file::read_text("credential file", path).map_err(StoreError::Untouchable)?;
                Ok(Self::Placeholder(bytes))
            }
            Err(error) if may_be_damage(&error) => Ok(Self::Damaged),
            Err(error) => Err(StoreError::Untouchable(error)),
        }
    }
}

/// Completes an interrupted replacement, by the same rules as [`load`].
fn finish(path: &Path) -> Result<(), StoreError> {
    let new = beside(path, NEW);
    match Generations::read(path) {
        Generations { current: Ok(current), unfinished: Some(next), .. } if next.is_next_after(&current) => {
            keep_previous(path, &beside(path, PREVIOUS))?;
            promote(&new, path)
        }
        Generations { current: Err(SetupError::NotProvisioned { .. }), unfinished: Some(first), .. }
            if first.contents.follows.is_none() =>
        {
            promote(&new, path)
        }
        Generations { current: Err(error), unfinished: Some(_), .. } if may_be_damage(&error) => {
            if !matches!(error, SetupError::Missing { .. }) {
                move_aside(path)?;
            }
            promote(&new, path)
        }
        Generations { .. } => Ok(()),
    }
}

/// Gives the file at `path` a second name, so that it is never missing.
fn keep_previous(path: &Path, prev: &Path) -> Result<(), StoreError> {
    durable::remove(prev).map_err(StoreError::step("remove", prev))?;
    if fs::hard_link(path, prev).is_err() {
        // On a file system without hard links, for a moment only `.new` contains the new credential and
        // `.prev` the old one.
        fs::rename(path, prev).map_err(StoreError::step("rename", path))?;
    }
    durable::sync_folder(folder(path)).map_err(StoreError::step("sync", folder(path)))
}

fn promote(new: &Path, path: &Path) -> Result<(), StoreError> {
    fs::rename(new, path).map_err(StoreError::step("rename", new))?;
    durable::sync_folder(folder(path)).map_err(StoreError::step("sync", folder(path)))
}

/// Keeps an unreadable file, so that a person can look at it.
fn move_aside(path: &Path) -> Result<(), StoreError> {
    let mut names = std::iter::once(beside(path, DAMAGED))
        .chain((2..100).map(|n| beside(path, &format!("{DAMAGED}-{n}"))));
    let free = names.find(|name| !name.exists()).unwrap_or_else(|| beside(path, DAMAGED));
    warn!("the damaged {} is kept as {}", path.display(), free.display());
    fs::rename(path, &free).map_err(StoreError::step("rename", path))
}

/// Reads the file, of which `len` bytes are expected, from the SD card instead of the page cache.
fn read_uncached(path: &Path, len: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let (mut file, _) = bounded::open(path)?;
    // This is only advice: if the kernel ignores it, the bytes come from the page cache.
    #[cfg(target_os = "linux")]
    let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
    let mut bytes = Zeroizing::new(Vec::with_capacity(len + 1));
    Read::by_ref(&mut file).take(len as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Locks the folder of the file at `path` against other writers.
fn lock(path: &Path) -> Result<File, StoreError> {
    // Root replaces files in a folder of the daemon's user, so a link there must not lead root elsewhere.
    if fs::symlink_metadata(path).is_ok_and(|file| file.is_symlink()) {
        return Err(StoreError::Link { path: path.into() });
    }
    let folder = folder(path);
    let failed = StoreError::step("open", folder);
    let file = File::open(folder).map_err(failed)?;
    let end = Instant::now() + LOCK_PATIENCE;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(e) if io::Error::from(e).kind() != ErrorKind::WouldBlock => {
                return Err(StoreError::step("lock", folder)(e.into()));
            }
            Err(_) if Instant::now() >= end => return Err(StoreError::Busy { folder: folder.into() }),
            Err(_) => thread::sleep(Duration::from_millis(50)),
        }
    }
}

mod error;
mod writable;

#[cfg(test)]
mod tests;
