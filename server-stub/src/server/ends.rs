//! The addresses of a connection.

use core::net::SocketAddr;

/// The addresses of both ends of a connection. Stored in the extensions of each request.
#[derive(Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
}

impl Ends {
    /// Whether the peer is on this machine. An IPv4 peer of an IPv6 socket has a mapped address.
    pub(crate) fn peer_is_here(&self) -> bool {
        self.peer.ip().to_canonical().is_loopback()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peer_of_this_machine_is_known_in_each_family() {
        let of = |peer: &str| {
            let addr = |text: &str| text.parse::<SocketAddr>().expect("an address");
            Ends { peer: addr(peer), local: addr("[::]:1") }.peer_is_here()
        };
        assert!(of("127.0.0.1:9") && of("[::1]:9") && of("[::ffff:127.0.0.1]:9"));
        assert!(!of("10.0.0.1:9") && !of("[::ffff:10.0.0.1]:9"));
    }
}
