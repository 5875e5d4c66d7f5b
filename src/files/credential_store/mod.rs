//! Where the node's credential is kept, so that neither a power cut nor a bad write loses it.
//!
//! | file | what |
//! |---|---|
//! | `credential.json` | the credential in use |
//! | `credential.json.prev` | the one before it |
//! | `credential.json.new` | one being written; after a power cut, perhaps whole |
//! | `credential.json.damaged` | one that could not be read, as it was found |
//!
//! At every moment of a replacement one of the first three holds the old credential or the new one,
//! whole. Reading never writes, so the daemon may read while another process replaces; whoever
//! replaces holds a lock on the folder.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::{Duration, Instant, UNIX_EPOCH};
use std::{fs, io, thread};

use log::warn;
use rustix::fs::{FlockOperation, flock};
use zeroize::Zeroizing;

pub use self::error::StoreError;
use super::credential_file::{Contents, Modified};
use super::durable::{beside, folder};
use super::secret_file::Stamp;
use super::{credential_file, durable, secret_file};
use crate::clock;
use crate::error::SetupError;
use crate::files::credential::Credential;

/// How long another process may hold the folder's lock before we give up.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// The credential to use.
#[derive(Debug)]
pub struct Found {
    /// What it is.
    pub credential: Credential,
    /// Of the file it was found in.
    pub stamp: Stamp,
}

/// Reads the credential kept at `path`: the newest that is whole. When that is not the file at `path`
/// itself, the log says which and why. Writes nothing.
///
/// # Errors
/// When the file is missing or damaged and no other generation is whole; when it is open to others or
/// cannot be read, which is not made up for by an older one; when it says "not provisioned".
pub fn load(path: &Path) -> Result<Found, SetupError> {
    let Generations { current, unfinished, previous } = Generations::read(path);
    let found = |generation: Generation| Found {
        credential: generation.contents.credential,
        stamp: generation.stamp,
    };
    match (current, unfinished, previous) {
        (Ok(current), Some(new), _) if new.is_next_after(&current) => {
            warn!(
                "a replacement of the credential was cut short after it was written: {} is used",
                beside(path, NEW).display()
            );
            Ok(found(new))
        }
        (Ok(current), _, _) => Ok(found(current)),
        // The first credential of all: shipped files have placeholders in its place.
        (Err(SetupError::NotProvisioned { .. }), Some(new), _) if new.contents.follows.is_none() => {
            warn!("the first credential was not put in place: {} is used", beside(path, NEW).display());
            Ok(found(new))
        }
        (Err(error), Some(new), _) if may_be_damage(&error) => {
            warn!("{error}; the newer credential in {} is used", beside(path, NEW).display());
            Ok(found(new))
        }
        (Err(error), None, Some(previous)) if may_be_damage(&error) => {
            warn!("{error}; the one before it, in {}, is used", beside(path, PREVIOUS).display());
            Ok(found(previous))
        }
        (Err(error), _, _) => Err(error),
    }
}

/// The store at one path, locked against other writers for as long as this lives.
#[derive(Debug)]
pub struct Locked<'a> {
    path: &'a Path,
    default_owner_of: &'a Path,
    _lock: File,
}

impl<'a> Locked<'a> {
    /// Locks the store at `path`. A credential that is the first there belongs to whoever owns
    /// `default_owner_of`, where root can give it away.
    ///
    /// # Errors
    /// When another process is at it for ten seconds, or the system refuses.
    pub fn lock(path: &'a Path, default_owner_of: &'a Path) -> Result<Self, StoreError> {
        Ok(Self { path, default_owner_of, _lock: lock(path)? })
    }

    /// Replaces the credential, whole or not at all, and reads it back from the card. The one before it
    /// is kept beside it, if it is of the same node. In a file that other programs use too, their keys
    /// stay as they are. A file that cannot be read as a credential is moved aside and not written over.
    ///
    /// # Errors
    /// When the old file may not be touched before a person has looked at it, or the system refuses; the
    /// old credential is then still in use.
    pub fn replace(&self, credential: &Credential) -> Result<(), StoreError> {
        let Self { path, default_owner_of, .. } = *self;
        finish(path)?;
        let (prev, new) = (beside(path, PREVIOUS), beside(path, NEW));
        let standing = Standing::of(path)?;
        let (before, follows) = match &standing {
            Standing::Sound(current) => (current.bytes.as_slice(), Some(&current.contents.checksum)),
            Standing::Placeholder(bytes) => (bytes.as_slice(), None),
            Standing::Damaged | Standing::Absent => (&[][..], None),
        };
        // Even seconds: what every file system can keep.
        let written = clock::now().wall.0 & !1;
        let bytes = credential_file::render(credential, follows, written, before)
            .map_err(|e| StoreError::step("write", &new)(e.into()))?;
        durable::remove(&new).map_err(StoreError::step("remove", &new))?;
        let like = if matches!(standing, Standing::Absent) { default_owner_of } else { path };
        let written = UNIX_EPOCH + Duration::from_secs(written);
        durable::create(&new, &bytes, like, Some(written)).map_err(StoreError::step("write", &new))?;
        if from_the_card(&new, bytes.len()).map_err(StoreError::step("read", &new))? != bytes {
            return Err(StoreError::Different { path: new });
        }
        // As it will be read: with what is kept beside it, it may have grown too large.
        Generation::read(&new).map_err(StoreError::Untouchable)?;
        match &standing {
            Standing::Sound(_) => keep_previous(path, &prev)?,
            Standing::Damaged => move_aside(path)?,
            Standing::Placeholder(_) | Standing::Absent => {}
        }
        promote(&new, path)?;
        if from_the_card(path, bytes.len()).map_err(StoreError::step("read", path))? != bytes {
            return Err(StoreError::Different { path: path.into() });
        }
        forget_other_nodes(&prev, credential)
    }

    /// Whether a credential could be stored: the folder can be written to, and what stands there may be
    /// replaced. For those who have one chance to get a credential.
    ///
    /// # Errors
    /// As [`Locked::replace`].
    pub fn check_writable(&self) -> Result<(), StoreError> {
        Standing::of(self.path)?;
        let probe = beside(self.path, ".probe");
        durable::remove(&probe).map_err(StoreError::step("remove", &probe))?;
        durable::create(&probe, &[0; 4096], self.default_owner_of, None)
            .map_err(StoreError::step("write", &probe))?;
        durable::remove(&probe).map_err(StoreError::step("remove", &probe))
    }
}

/// What was another node's is no help once this one's credential is damaged: on a cloned card it would
/// be the original board's.
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

/// One file of the store, read and found whole.
struct Generation {
    bytes: Zeroizing<Vec<u8>>,
    contents: Contents,
    stamp: Stamp,
}

impl Generation {
    fn read(path: &Path) -> Result<Self, SetupError> {
        let (bytes, stamp) = secret_file::read("credential file", path)?;
        let (secs, nanos) = stamp.modified();
        let contents = credential_file::parse(&bytes, path, Some(Modified(secs, nanos)))?;
        Ok(Self { bytes, contents, stamp })
    }

    /// A file that somebody put in place since has nothing after it.
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
            // On a file system without links it is away for a moment while it is replaced.
            all.current = Generation::read(path);
        }
        all
    }
}

/// Whether a card, a power cut or a rewrite by another program can have done this to the file. What a
/// person has to decide about is not made up for by an older generation.
fn may_be_damage(error: &SetupError) -> bool {
    match error {
        SetupError::Missing { .. } | SetupError::CredentialForm { .. } | SetupError::Value { .. } => true,
        SetupError::Unreadable { .. }
        | SetupError::TooLarge { .. }
        | SetupError::Open { .. }
        | SetupError::Foreign { .. }
        | SetupError::Config { .. }
        | SetupError::NotProvisioned { .. }
        | SetupError::OtherBoard { .. }
        | SetupError::CaFile { .. }
        | SetupError::StsKey { .. }
        | SetupError::ClientCertificate { .. } => false,
    }
}

/// What stands at the path of a file that is to be replaced.
enum Standing {
    Sound(Generation),
    /// As it was shipped, with other programs' keys perhaps.
    Placeholder(Zeroizing<Vec<u8>>),
    Damaged,
    Absent,
}

impl Standing {
    fn of(path: &Path) -> Result<Self, StoreError> {
        match Generation::read(path) {
            Ok(current) => Ok(Self::Sound(current)),
            Err(SetupError::Missing { .. }) => Ok(Self::Absent),
            Err(SetupError::NotProvisioned { .. }) => {
                let (bytes, _) =
                    secret_file::read("credential file", path).map_err(StoreError::Untouchable)?;
                Ok(Self::Placeholder(bytes))
            }
            Err(error) if may_be_damage(&error) => Ok(Self::Damaged),
            Err(error) => Err(StoreError::Untouchable(error)),
        }
    }
}

/// Ends a replacement that was cut short, as [`load`] takes it.
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

/// Gives the file at `path` a second name, so that it is never away.
fn keep_previous(path: &Path, prev: &Path) -> Result<(), StoreError> {
    durable::remove(prev).map_err(StoreError::step("remove", prev))?;
    if fs::hard_link(path, prev).is_err() {
        // A file system without links: for a moment only `.new` holds the new one and `.prev` the old.
        fs::rename(path, prev).map_err(StoreError::step("rename", path))?;
    }
    durable::sync_folder(folder(path)).map_err(StoreError::step("sync", folder(path)))
}

fn promote(new: &Path, path: &Path) -> Result<(), StoreError> {
    fs::rename(new, path).map_err(StoreError::step("rename", new))?;
    durable::sync_folder(folder(path)).map_err(StoreError::step("sync", folder(path)))
}

/// What could not be read is kept for whoever wants to look at it.
fn move_aside(path: &Path) -> Result<(), StoreError> {
    let mut names = std::iter::once(beside(path, DAMAGED))
        .chain((2..100).map(|n| beside(path, &format!("{DAMAGED}-{n}"))));
    let free = names.find(|name| !name.exists()).unwrap_or_else(|| beside(path, DAMAGED));
    warn!("the damaged {} is kept as {}", path.display(), free.display());
    fs::rename(path, &free).map_err(StoreError::step("rename", path))
}

/// The file's bytes, `len` of them expected, not as memory remembers them but as the card gives them.
fn from_the_card(path: &Path, len: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut file = durable::open(path)?;
    // Advice only: where it is not taken, the bytes come from memory.
    #[cfg(target_os = "linux")]
    let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
    let mut bytes = Zeroizing::new(Vec::with_capacity(len + 1));
    Read::by_ref(&mut file).take(len as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Locks the folder of the file at `path` against other writers.
fn lock(path: &Path) -> Result<File, StoreError> {
    // Root replaces files in a folder of the daemon's user. A link there must not lead root elsewhere.
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

#[cfg(test)]
mod tests;
