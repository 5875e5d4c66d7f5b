//! What a query to name servers and one to neighbours share: the questions, the socket, and which addresses of an
//! answer can be connected to.

use std::io;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};

use ring::rand::{SecureRandom, SystemRandom};

use super::packet::{Kind, Question};

/// The questions for both kinds of address; `None` for what cannot be a host's name.
pub(super) fn questions(name: &str) -> io::Result<Option<[Question; 2]>> {
    let [a, aaaa] =
        [Question::new(random_id()?, name, Kind::A), Question::new(random_id()?, name, Kind::Aaaa)];
    Ok(a.zip(aaaa).map(Into::into))
}

fn random_id() -> io::Result<u16> {
    let mut id = [0; 2];
    SystemRandom::new().fill(&mut id).map_err(|_| io::Error::other("no random numbers"))?;
    Ok(u16::from_be_bytes(id))
}

/// A non-blocking socket of the family of `peer`. Its port is new for each query, so that nobody can guess where
/// to send a forged answer (RFC 5452, section 9.2).
pub(super) fn open_socket(peer: SocketAddr) -> io::Result<UdpSocket> {
    let any = if peer.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// `None` when there was nothing to receive after all.
pub(super) fn received<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(received) => Ok(Some(received)),
        Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(e) => Err(e),
    }
}

/// What can be connected to. "Nowhere" is how some name servers say that they block a name, and
/// a link-local address means nothing without `scope`, the interface it was heard of by (0: none).
pub(super) fn usable(ip: IpAddr, scope: u32) -> Option<SocketAddr> {
    match ip {
        _ if ip.is_unspecified() || ip.is_multicast() => None,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => {
            (scope != 0).then(|| SocketAddrV6::new(ip, 0, 0, scope).into())
        }
        IpAddr::V4(_) | IpAddr::V6(_) => Some(SocketAddr::new(ip, 0)),
    }
}
