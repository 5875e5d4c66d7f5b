//! The common parts of DNS and multicast DNS queries: the questions, the socket, and the choice of usable
//! addresses.

use std::io;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};

use ring::rand::{SecureRandom, SystemRandom};

use super::packet::{Kind, Question};

/// The queries for both kinds of address; `None` if the name is invalid.
pub(super) fn questions(name: &str) -> io::Result<Option<[Question; 2]>> {
    let [a, aaaa] =
        [Question::new(random_id()?, name, Kind::A), Question::new(random_id()?, name, Kind::Aaaa)];
    Ok(a.zip(aaaa).map(Into::into))
}

pub(super) fn random_id() -> io::Result<u16> {
    let mut id = [0; 2];
    SystemRandom::new().fill(&mut id).map_err(|_| io::Error::other("no random numbers"))?;
    Ok(u16::from_be_bytes(id))
}

/// Opens a non-blocking socket of the address family of `peer`. Each query has a new port, so that a forged
/// answer has to guess it (RFC 5452, section 9.2).
pub(super) fn open_socket(peer: SocketAddr) -> io::Result<UdpSocket> {
    let any = if peer.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// `None` if there was nothing to receive.
pub(super) fn received<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(received) => Ok(Some(received)),
        Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(e) => Err(e),
    }
}

/// The address to connect to. The unspecified address is none: some name servers block a name by it. A
/// link-local address needs `scope`, the index of the interface over which it was learnt (0: none).
pub(super) fn usable(ip: IpAddr, scope: u32) -> Option<SocketAddr> {
    match ip {
        _ if ip.is_unspecified() || ip.is_multicast() => None,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => {
            (scope != 0).then(|| SocketAddrV6::new(ip, 0, 0, scope).into())
        }
        IpAddr::V4(_) | IpAddr::V6(_) => Some(SocketAddr::new(ip, 0)),
    }
}
