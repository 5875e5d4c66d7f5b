//! The addresses of a connection.

use core::net::SocketAddr;

/// The two ends of a connection; stands in the extensions of each request.
#[derive(Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
}
