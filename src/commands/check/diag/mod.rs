//! `jarvis-node diag`: one archive for whoever helps, with all that `doctor` and the system say of this node, and none of its
//! secrets. They are replaced before anything is written, and what is written stays in memory until the archive is made.

mod configuration;
mod lines;
mod random;
mod secrets;

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use thiserror::Error;

use self::secrets::Secrets;
use super::doctor::{self, Diagnosis};
use super::{Target, status};
use crate::commands::installed::{UNIT, printed_by};
use crate::files::status::boot_id;
use crate::files::{bounded, json};
use crate::system::clock;

/// The archive, unless another is named.
const DEFAULT_OUT: &str = "jarvis-node-diag.tar.gz";
/// The folder in it.
const NAME: &str = "jarvis-node-diag";
/// How many of the unit's lines are kept.
const LINES: &str = "1000";

/// Why there is no archive.
#[derive(Debug, Error)]
pub(crate) enum DiagError {
    /// The archive cannot be written.
    #[error("{} cannot be written: {why}; name a file that is not there yet (--out)", .out.display())]
    Out {
        /// Where it was to be.
        out: PathBuf,
        /// The system's reason.
        why: io::Error,
    },
    /// What it is made of cannot be brought together.
    #[error("no archive can be made: {0}")]
    System(#[from] io::Error),
}

impl DiagError {
    /// The program's exit code, by sysexits(3).
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Out { .. } => 73,
            Self::System(_) => 71,
        }
    }
}

/// An archive.
pub(crate) struct Made {
    out: PathBuf,
    /// Why the journal and the unit are not in it.
    lacks: Option<String>,
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { out, lacks } = self;
        write!(
            f,
            "{} has no secret that this program knows of; look at it before you pass it on",
            out.display()
        )?;
        lacks.iter().try_for_each(|why| write!(f, "; {why}"))
    }
}

/// Makes the archive at `out`.
///
/// # Errors
/// When something is there already, or the system lacks memory or `tar`.
pub(crate) fn diag(target: impl Fn() -> Target, out: Option<PathBuf>) -> Result<Made, DiagError> {
    let out = out.unwrap_or_else(|| DEFAULT_OUT.into());
    let about = target();
    let mut secrets = Secrets::find(&about);
    let found = doctor::examine(&target, false)?;
    let folder = Folder::make()?;
    for (name, text) in contents(&about, &found, &mut secrets) {
        fs::write(folder.0.join(NAME).join(name), text)?;
    }
    let unwritten = |why| DiagError::Out { out: out.clone(), why };
    let archive =
        fs::File::options().write(true).create_new(true).mode(0o600).open(&out).map_err(unwritten)?;
    let packed = Command::new("tar")
        .args(["--owner=0", "--group=0", "-czf", "-", "-C"])
        .arg(&folder.0)
        .arg(NAME)
        .stdin(Stdio::null())
        .stdout(archive)
        .status();
    match packed {
        Ok(ended) if ended.success() => Ok(Made { out, lacks: secrets.unknown().map(left_out) }),
        packed => {
            // Half of an archive is of no use.
            let _ = fs::remove_file(&out);
            Err(unwritten(packed.err().unwrap_or_else(|| io::Error::other("tar could not pack it"))))
        }
    }
}

fn left_out(why: &str) -> String {
    format!(
        "the journal and the unit are left out, because secrets that this program does not know may be in them: {why}"
    )
}

/// The files of the archive, without secrets.
fn contents(about: &Target, found: &Diagnosis, secrets: &mut Secrets) -> Vec<(&'static str, String)> {
    let boot_id = boot_id();
    let status = status::find(about.config_file()).map(|found| found.record.view(&boot_id, clock::instant()));
    if let Some(id) = status.as_ref().ok().and_then(|view| view.household_id.as_deref()) {
        secrets.keep(id);
    }
    let status = status.map_or_else(|why| why.to_string(), |view| json::text(&view).unwrap_or_default());
    let said = |program: &str, arguments: &[&str]| match printed_by(Path::new(program), arguments) {
        Ok(text) => text.to_string(),
        Err(why) => format!("{program} says nothing: {why}\n"),
    };
    let (unit, journal) = match secrets.unknown() {
        Some(why) => {
            let told = left_out(why) + "\n";
            (told.clone(), told)
        }
        None => (
            said("systemctl", &["show", "--no-pager", UNIT])
                + &said("systemctl", &["cat", "--no-pager", UNIT]),
            said("journalctl", &["--no-pager", "-q", "-o", "short-iso", "-n", LINES, "-u", UNIT]),
        ),
    };
    let mut files = vec![
        ("doctor.txt", found.in_words()),
        ("doctor.json", json::text(found).unwrap_or_default()),
        ("status.json", status),
        ("unit.txt", lines::without_variables(&unit)),
        ("journal.txt", journal),
        ("versions.txt", versions(&said("systemctl", &["--version"]))),
    ];
    for (_, text) in &mut files {
        *text = secrets.replaced_in(text);
    }
    files.push(("config.json", secrets.replaced_by_value(&configuration::shown(about.config_file()))));
    files
}

fn versions(systemd: &str) -> String {
    let system = rustix::system::uname();
    let release = bounded::read(Path::new("/etc/os-release"), bounded::MAX_TEXT).unwrap_or_default();
    let release = String::from_utf8_lossy(&release).into_owned();
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or_default();
    format!(
        "jarvis-node {}\n{} {} {}\n{name}\n{}\n",
        env!("CARGO_PKG_VERSION"),
        system.sysname().to_string_lossy(),
        system.release().to_string_lossy(),
        system.machine().to_string_lossy(),
        systemd.lines().next().unwrap_or("no systemd"),
    )
}

/// A folder in memory that no other user may enter. It is removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn make() -> io::Result<Self> {
        let parent = if rustix::process::geteuid().is_root() { "/run" } else { "/dev/shm" };
        Self::make_at(Path::new(parent).join(format!("{NAME}.{}", std::process::id())))
    }

    fn make_at(path: PathBuf) -> io::Result<Self> {
        // It fails where somebody has put something else there, which is not ours to remove.
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        let folder = Self(path);
        fs::DirBuilder::new().mode(0o700).create(folder.0.join(NAME))?;
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A failure cannot be handled here.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_is_removed_only_if_it_was_made_here() {
        let dir = tempfile::tempdir().expect("a folder");
        let other = dir.path().join("other");
        fs::create_dir(&other).expect("made");
        fs::write(other.join("file"), "").expect("written");
        assert!(Folder::make_at(other.clone()).is_err());
        assert!(other.join("file").exists());
        let own = dir.path().join("own");
        let folder = Folder::make_at(own.clone()).expect("made");
        assert!(own.join(NAME).is_dir());
        drop(folder);
        assert!(!own.exists());
    }
}
