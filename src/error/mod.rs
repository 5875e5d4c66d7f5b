//! Errors in the node's own files, and warnings about parts that its verdict does not depend on: a sentence each for the
//! trouble and for its fix. Neither holds a secret.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use node_core::credential::ValueError;
use node_core::plain::TextFault;
use node_core::trouble::Trouble;
use thiserror::Error;

pub use self::warning::Warning;

use crate::system::accounts;
use crate::system::failure;
use crate::system::failure::{closed_folder, is_shut_by_unit, own_user, shell_word, shut_by_unit};
use crate::system::own::{fix_by_copy, is_nodes};

mod warning;

/// A path as a sentence shows it: the middle of a long one is left out, so that the sentence is told to its end.
struct Brief<'a>(&'a Path);

/// What follows the path of a file that is missing.
struct LinkTo<'a>(Option<&'a Path>);

impl fmt::Display for LinkTo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |target| write!(f, ", a link to {}", Brief(target)))
    }
}

/// Where the link at `path` leads to.
fn link_target(path: &Path) -> Option<PathBuf> {
    /// As many links in a row as Linux follows.
    const MOST: usize = 40;
    let next = |path: &PathBuf| Some(path.parent()?.join(path.read_link().ok()?));
    std::iter::successors(Some(path.to_owned()), next).skip(1).take(MOST).last()
}

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        node_core::text::Brief(&self.0.to_string_lossy()).fmt(f)
    }
}

/// The files that hold no secret.
const PUBLIC: [&str; 3] = ["configuration", "ca_file", "client_cert_file"];

/// Configuration, credential or app key is missing, unsafe or malformed.
#[derive(Debug, Error)]
pub enum SetupError {
    /// A file does not exist.
    #[error("there is no {what} at {}{}", Brief(.path), LinkTo(.target.as_deref()))]
    Missing {
        /// The file's purpose.
        what: &'static str,
        /// Where it should be.
        path: PathBuf,
        /// Where a link at that place leads to.
        target: Option<PathBuf>,
    },
    /// A file cannot be read.
    #[error("the {what} {} cannot be read: {why}", Brief(.path))]
    Unreadable {
        /// The file's purpose.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
        /// The system's reason.
        why: io::Error,
    },
    /// A file is far too large for its purpose.
    #[error("{} is far too large for the {what}", Brief(.path))]
    TooLarge {
        /// The file's purpose.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
    },
    /// A file is no text that can be read.
    #[error("the {what} {} {why}", Brief(.path))]
    Text {
        /// The file's purpose.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
        /// What it is instead.
        why: TextFault,
    },
    /// A file of certificates or keys is not the PEM form of what belongs there.
    #[error("the {what} {} {why}", Brief(.path))]
    Form {
        /// The file's purpose.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
        /// What it is instead.
        why: &'static str,
        /// The command that converts it, or what belongs there.
        fix: String,
    },
    /// Every user may put another file in the place of one with a secret.
    #[error("every user may replace the {what} {}: its folder is open to all", Brief(.path))]
    OpenFolder {
        /// The file's purpose.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
        /// The folder.
        folder: PathBuf,
    },
    /// Other users may read or write a file with a secret.
    #[error("the {what} {} can be read or changed by other users", Brief(.path))]
    OpenToOthers {
        /// The file's purpose.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
    },
    /// A file with a secret belongs to another user.
    #[error(
        "the {what} {} belongs to user {}, not to root or to user {}, who is to read it",
        Brief(.path), accounts::name_or_number(*owner), accounts::name_or_number(*wanted)
    )]
    WrongOwner {
        /// The file's purpose.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
        /// The user it belongs to.
        owner: u32,
        /// The user it should belong to.
        wanted: u32,
    },
    /// The configuration cannot be used.
    #[error("{}: {why}", Brief(.path))]
    Config {
        /// Where it is.
        path: PathBuf,
        /// A sentence that names the key or the line.
        why: String,
    },
    /// The credential file is not JSON, or lacks a key. Its text is not repeated.
    #[error("the credential file {} {why}", Brief(.path))]
    CredentialForm {
        /// Where it is.
        path: PathBuf,
        /// The problem, and its column.
        why: String,
    },
    /// The credential file still holds the placeholders it was shipped with.
    #[error("this node is not provisioned: {key} in {} is empty or a placeholder", Brief(.path))]
    NotProvisioned {
        /// Where it is.
        path: PathBuf,
        /// The key in it.
        key: &'static str,
    },
    /// A value cannot be sent to the service.
    #[error("the {key} in {} {why}", Brief(.path))]
    Value {
        /// Where it is.
        path: PathBuf,
        /// The key in it, or the file's purpose.
        key: &'static str,
        /// The problem with it.
        why: ValueError,
    },
    /// The credential file cannot be used, nor, for a reason of its own, the one that would take its place.
    #[error("{error}, and {other}")]
    NorOther {
        /// The trouble with the credential file.
        error: Box<SetupError>,
        /// The trouble with the other one.
        other: Box<SetupError>,
    },
    /// The board was to be set up by a file on its boot partition, and was not, for this reason.
    #[error("{}", .0.reason)]
    FirstBoot(Box<Trouble>),
    /// The card was in another board when the node was last accepted.
    #[error("this card was in another board when its node was last accepted (says {})", Brief(.state_file))]
    OtherBoard {
        /// The file that remembers this.
        state_file: PathBuf,
    },
    /// The CA file holds no certificate that can be used.
    #[error("the ca_file {} {why}", Brief(.path))]
    CaFile {
        /// Where it is.
        path: PathBuf,
        /// The problem.
        why: String,
    },
    /// The key that proves this node to the STS cannot be used.
    #[error("{} {why}", Brief(.path))]
    StsKey {
        /// Where it is.
        path: PathBuf,
        /// The problem.
        why: String,
    },
    /// The node's own certificate or its key cannot be used.
    #[error("{} {why}", Brief(.path))]
    ClientCertificate {
        /// The one of the two files that is at fault.
        path: PathBuf,
        /// The problem.
        why: String,
    },
}

impl SetupError {
    /// The error for a `what` at `path` that could not be opened or read.
    #[must_use]
    pub fn reading(what: &'static str, path: &Path, why: io::Error) -> Self {
        let path = PathBuf::from(path);
        #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended")]
        match why.kind() {
            io::ErrorKind::NotFound => Self::Missing { what, target: link_target(&path), path },
            io::ErrorKind::FileTooLarge => Self::TooLarge { what, path },
            _ => Self::Unreadable { what, path, why },
        }
    }

    /// The file that it is about; empty if it is none of the configured ones.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Missing { path, .. }
            | Self::Unreadable { path, .. }
            | Self::TooLarge { path, .. }
            | Self::Text { path, .. }
            | Self::Form { path, .. }
            | Self::OpenFolder { path, .. }
            | Self::OpenToOthers { path, .. }
            | Self::WrongOwner { path, .. }
            | Self::Config { path, .. }
            | Self::CredentialForm { path, .. }
            | Self::NotProvisioned { path, .. }
            | Self::Value { path, .. }
            | Self::CaFile { path, .. }
            | Self::StsKey { path, .. }
            | Self::ClientCertificate { path, .. }
            | Self::OtherBoard { state_file: path } => path,
            Self::NorOther { error, .. } => error.path(),
            // It is gone by then.
            Self::FirstBoot(_) => Path::new(""),
        }
    }

    /// Whether this program's user may not read a file.
    #[must_use]
    pub fn is_permission_denied(&self) -> bool {
        matches!(self, Self::Unreadable { why, .. } if why.kind() == io::ErrorKind::PermissionDenied)
    }

    /// This error with its fix, as the agent takes it.
    #[must_use]
    pub fn to_trouble(&self) -> Trouble {
        match self {
            Self::Missing { path, target, .. } => Trouble::setup(
                format_args!("{self}"),
                format_args!("Put the file at {}.", target.as_ref().unwrap_or(path).display()),
            ),
            Self::Unreadable { what, path, why } if why.kind() == io::ErrorKind::PermissionDenied => {
                Trouble::setup(format_args!("{self}"), format_args!("{}", fix_denied(what, path)))
            }
            Self::Unreadable { what, path, why } => {
                let fix = failure::fix(why, path).unwrap_or_else(|| {
                    format!(
                        "Let the path of the {what} lead to a regular file that can be read, and leave {} as it is.",
                        path.display()
                    )
                });
                Trouble::setup(format_args!("{self}"), format_args!("{fix}"))
            }
            Self::TooLarge { path, .. } => Trouble::setup(
                format_args!("{self}"),
                format_args!("Check that {} is the right file.", path.display()),
            ),
            Self::Text { path, why: TextFault::Empty | TextFault::Nul(_), .. } => Trouble::setup(
                format_args!("{self}"),
                format_args!("Put its content into {} again.", path.display()),
            ),
            Self::Text { path, why: TextFault::Utf16 | TextFault::NotUtf8(_), .. } => {
                Trouble::setup(format_args!("{self}"), format_args!("Save {} as UTF-8 text.", path.display()))
            }
            Self::Text { path, why: TextFault::Binary, .. } => Trouble::setup(
                format_args!("{self}"),
                format_args!(
                    "Put its text form into {}: of a key or a certificate that is PEM, which `openssl pkey`, `openssl x509` and, \
                     from a .p12 or .pfx file, `openssl pkcs12 -nodes` write.",
                    path.display()
                ),
            ),
            Self::Form { fix, .. } => Trouble::setup(format_args!("{self}"), format_args!("{fix}")),
            Self::OpenFolder { path, folder, .. } => {
                let fix = own_fix(folder, || format!("sudo chmod o-w {}", shell_word(folder)), path, SECRET);
                Trouble::setup(format_args!("{self}"), format_args!("{fix}"))
            }
            Self::OpenToOthers { path, .. } => {
                let fix = own_fix(path, || format!("sudo chmod 600 {}", shell_word(path)), path, SECRET);
                Trouble::setup(format_args!("{self}"), format_args!("{fix}"))
            }
            Self::WrongOwner { path, wanted, .. } => {
                let wanted = accounts::name_or_number(*wanted);
                let fix = own_fix(path, || format!("sudo chown {wanted} {}", shell_word(path)), path, SECRET);
                Trouble::setup(format_args!("{self}"), format_args!("{fix}"))
            }
            Self::Config { path, .. } => Trouble::setup(
                format_args!("{self}"),
                format_args!("Correct {}; every key is described in docs/configuration.md.", path.display()),
            ),
            Self::CredentialForm { path, .. } => Trouble::setup(
                format_args!("{self}"),
                format_args!(
                    "Put {{\"node_id\": …, \"node_key\": …}} as it was issued into {}.",
                    path.display()
                ),
            ),
            Self::NotProvisioned { path, .. } => Trouble::setup(
                format_args!("{self}"),
                format_args!("Register this node and put its node_id and node_key into {}.", path.display()),
            ),
            Self::Value { path, key, .. } => Trouble::setup(
                format_args!("{self}"),
                format_args!("Put the {key} as it was issued into {}.", path.display()),
            ),
            Self::NorOther { other, .. } => Trouble::setup(
                format_args!("{self}"),
                format_args!("To go on with the other one: {}", other.to_trouble().fix),
            ),
            Self::FirstBoot(why) => Trouble::clone(why),
            Self::OtherBoard { .. } => Trouble::setup(
                format_args!("{self}"),
                format_args!(
                    "If this card was cloned, give this board a node of its own: sudo jarvis-node enroll --replace. If it was moved here: sudo jarvis-node check --accept-board"
                ),
            ),
            Self::CaFile { path, .. } => Trouble::setup(
                format_args!("{self}"),
                format_args!("Put the CA's certificate in PEM form into {}.", path.display()),
            ),
            Self::StsKey { path, .. } => Trouble::setup(
                format_args!("{self}"),
                format_args!(
                    "If its key is registered at the STS, put that here as `openssl pkcs8 -topk8 -nocrypt -in OLD` prints it. If there is none, \
                     make one with `jarvis-node keygen --out {}` once that file is out of the way, and register what it prints.",
                    shell_word(path)
                ),
            ),
            Self::ClientCertificate { .. } => Trouble::setup(
                format_args!("{self}"),
                format_args!(
                    "Put the client certificate into client_cert_file and the private key it was issued for into \
                     client_key_file, both in PEM form, and the key without a password (`openssl pkey -in OLD` prints it so)."
                ),
            ),
        }
    }
}

/// The mode of a copy with a secret, and that of another.
const SECRET: &str = "600";
const READABLE: &str = "644";

/// What makes the file at `path` usable: `command`, if what that changes is the node's own, else a copy.
fn own_fix(changed: &Path, command: impl FnOnce() -> String, path: &Path, mode: &str) -> String {
    if is_nodes(changed) { command() } else { fix_by_copy(path, mode) }
}

/// The commands that let this program's user read the `what` at `path`.
fn fix_denied(what: &str, path: &Path) -> String {
    let user = own_user();
    let mode = if PUBLIC.contains(&what) { READABLE } else { SECRET };
    if let Some(folder) = closed_folder(path) {
        if is_shut_by_unit(&folder) {
            return format!(
                "Move the file to /etc/jarvis-node-agent, and name it there in the configuration: {}.",
                shut_by_unit(&folder)
            );
        }
        let open = || {
            format!(
                "Move the file to /etc/jarvis-node-agent, or let user {user} into its folder: sudo chmod a+x {}",
                shell_word(&folder)
            )
        };
        return own_fix(&folder, open, path, mode);
    }
    let command = || match mode {
        READABLE => format!("sudo chmod a+r {}", shell_word(path)),
        _ => format!("sudo chown {user} {0} && sudo chmod 600 {0}", shell_word(path)),
    };
    own_fix(path, command, path, mode)
}
