//! Why a server did not start.

use core::net::SocketAddr;
use std::io;

use super::directory::DirectoryError;
use super::faults::FaultError;
use super::pki::PkiError;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}; choose another address, or port 0 for a free one")]
    Listen(SocketAddr, io::Error),
    /// The folder cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// One of the names is neither a DNS name nor an IP address.
    #[error("{0:?} cannot stand in a certificate; give a DNS name or an IP address")]
    Name(String),
    /// The config service cannot be announced.
    #[error("cannot announce the config service: {0}")]
    Announcement(mdns_sd::Error),
    /// The folder's certificate authority has another kind of key than was asked for.
    #[error(
        "the folder has a certificate authority with another kind of key; leave --key-type out, or choose another folder"
    )]
    OtherKeyType,
    /// No certificate could be made.
    #[error("{0}")]
    Certificate(String),
    /// The server cannot have one of the faults.
    #[error(transparent)]
    Fault(#[from] FaultError),
}

impl From<PkiError> for StartError {
    fn from(error: PkiError) -> Self {
        match error {
            PkiError::Name(name) => Self::Name(name),
            PkiError::Unusable(_) | PkiError::Library(_) => Self::Certificate(error.to_string()),
        }
    }
}
