//! What can be wrong with the node's own files: one sentence each for what is the matter and
//! for what to do about it. Never holds a secret.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use node_core::credential::Malformed;
use node_core::trouble::Trouble;

/// Configuration, credential or app key is missing, unsafe or malformed.
#[derive(Debug)]
pub enum SetupError {
    /// A file is not there.
    Missing {
        /// What it is for.
        what: &'static str,
        /// Where it should be.
        path: PathBuf,
    },
    /// A file cannot be read.
    Unreadable {
        /// What it is for.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
        /// Why not.
        why: io::Error,
    },
    /// A file that is far too large to be what it should be.
    TooLarge {
        /// What it is for.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
    },
    /// A file with a secret that others may read or write.
    Open {
        /// What it is for.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
    },
    /// A file with a secret that belongs to somebody else.
    Foreign {
        /// What it is for.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who should own it.
        wanted: u32,
    },
    /// The configuration is not what it should be; the sentence names key or line.
    Config {
        /// Where it is.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The credential file is not JSON, or lacks a key. Its text is not repeated.
    CredentialForm {
        /// Where it is.
        path: PathBuf,
        /// What is wrong, and where.
        why: String,
    },
    /// The credential file still holds what it was shipped with.
    NotProvisioned {
        /// Where it is.
        path: PathBuf,
        /// The key in it.
        key: &'static str,
    },
    /// A value that would break the service.
    Value {
        /// Where it is.
        path: PathBuf,
        /// The key in it, or what the file is.
        key: &'static str,
        /// What is wrong with it.
        why: Malformed,
    },
    /// The card was in another board when the node was last accepted.
    OtherBoard {
        /// Where that is remembered.
        state_file: PathBuf,
    },
    /// The CA file holds no certificate that can be used.
    CaFile {
        /// Where it is.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The key that proves this node to the STS cannot be used.
    StsKey {
        /// Where it is.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The node's own certificate or its key cannot be used.
    ClientCertificate {
        /// Which of the two files.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

impl SetupError {
    /// Why the `what` at `path` could not be opened or read.
    #[must_use]
    pub fn reading(what: &'static str, path: &Path, why: io::Error) -> Self {
        if why.kind() == io::ErrorKind::NotFound {
            Self::Missing { what, path: path.into() }
        } else {
            Self::Unreadable { what, path: path.into(), why }
        }
    }

    /// The same for the agent, with the sentence that mends it.
    #[must_use]
    pub fn to_trouble(&self) -> Trouble {
        match self {
            Self::Missing { path, .. } => {
                Trouble::setup(format_args!("{self}"), format_args!("Put the file at {}.", path.display()))
            }
            Self::Unreadable { path, why, .. } if why.kind() == io::ErrorKind::PermissionDenied => {
                Trouble::setup(
                    format_args!("{self}"),
                    format_args!(
                        "Run this with sudo; for the daemon, let {} belong to the user it runs as.",
                        path.display()
                    ),
                )
            }
            Self::Unreadable { path, .. } => Trouble::setup(
                format_args!("{self}"),
                format_args!("Make {} a file that can be read.", path.display()),
            ),
            Self::TooLarge { path, .. } => Trouble::setup(
                format_args!("{self}"),
                format_args!("Check that {} is the right file.", path.display()),
            ),
            Self::Open { path, .. } => {
                Trouble::setup(format_args!("{self}"), format_args!("sudo chmod 600 {}", path.display()))
            }
            Self::Foreign { path, wanted, .. } => {
                Trouble::setup(format_args!("{self}"), format_args!("sudo chown {wanted} {}", path.display()))
            }
            Self::Config { path, .. } => Trouble::setup(
                format_args!("{self}"),
                format_args!("Correct {}; every key is described in the README.", path.display()),
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
                    "Make a key with `jarvis-node keygen --out {}` once that file is out of the way, and register what it prints at the STS.",
                    path.display()
                ),
            ),
            Self::ClientCertificate { .. } => Trouble::setup(
                format_args!("{self}"),
                format_args!(
                    "Put the client certificate into client_cert_file and the private key it was issued for into \
                     client_key_file, both in PEM form."
                ),
            ),
        }
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { what, path } => write!(f, "there is no {what} at {}", path.display()),
            Self::Unreadable { what, path, why } => {
                write!(f, "the {what} {} cannot be read: {why}", path.display())
            }
            Self::TooLarge { what, path } => {
                write!(f, "{} is far too large for the {what}", path.display())
            }
            Self::Open { what, path } => {
                write!(f, "the {what} {} can be read or changed by other users", path.display())
            }
            Self::Foreign { what, path, owner, wanted } => write!(
                f,
                "the {what} {} belongs to user {owner}, not to root or to user {wanted} this program runs as",
                path.display()
            ),
            Self::Config { path, why } => write!(f, "{}: {why}", path.display()),
            Self::CredentialForm { path, why } => {
                write!(f, "the credential file {} {why}", path.display())
            }
            Self::NotProvisioned { path, key } => write!(
                f,
                "this node is not provisioned: {key} in {} is empty or a placeholder",
                path.display()
            ),
            Self::Value { path, key, why } => write!(f, "the {key} in {} {why}", path.display()),
            Self::OtherBoard { state_file } => write!(
                f,
                "this card was in another board when its node was last accepted (says {})",
                state_file.display()
            ),
            Self::CaFile { path, why } => write!(f, "the ca_file {} {why}", path.display()),
            Self::StsKey { path, why } | Self::ClientCertificate { path, why } => {
                write!(f, "{} {why}", path.display())
            }
        }
    }
}

impl std::error::Error for SetupError {}
