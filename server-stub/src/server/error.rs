//! Why a server did not start.

use core::fmt;
use core::net::SocketAddr;
use std::io;

use super::directory::DirectoryError;
use super::faults::FaultError;
use super::pki::PkiError;

/// Why a stub did not start.
#[derive(Debug)]
pub enum StartError {
    /// The address cannot be listened on.
    Listen(SocketAddr, io::Error),
    /// The folder cannot be used.
    Directory(DirectoryError),
    /// One of [`Options::names`] is neither a DNS name nor an IP address.
    Name(String),
    /// No certificate could be made.
    Certificate(String),
    /// The server cannot have one of [`Options::faults`].
    Fault(FaultError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(addr, error) => {
                write!(
                    f,
                    "cannot listen on {addr}: {error}; choose another address, or port 0 for a free one"
                )
            }
            Self::Directory(error) => write!(f, "{error}"),
            Self::Name(name) => {
                write!(f, "{name:?} cannot stand in a certificate; give a DNS name or an IP address")
            }
            Self::Certificate(why) => write!(f, "{why}"),
            Self::Fault(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for StartError {}

impl From<DirectoryError> for StartError {
    fn from(error: DirectoryError) -> Self {
        Self::Directory(error)
    }
}

impl From<PkiError> for StartError {
    fn from(error: PkiError) -> Self {
        match error {
            PkiError::Name(name) => Self::Name(name),
            PkiError::Unusable(_) | PkiError::Library(_) => Self::Certificate(error.to_string()),
        }
    }
}
