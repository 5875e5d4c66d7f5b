//! The addresses of a connection.

use core::net::SocketAddr;

/// The addresses of both ends of a connection. Stored in the extensions of each request.
#[derive(Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
}
