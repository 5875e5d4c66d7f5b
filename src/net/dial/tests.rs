use std::net::TcpListener;
use std::os::fd::IntoRawFd;

use rustix::net::{bind, listen};

use super::*;

const SOON: Duration = Duration::from_secs(30);

fn open() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

/// A port that nobody else is given while the socket is open: it is bound to it and does not listen. Connections are
/// refused unless a listener with SO_REUSEADDR is there, as the standard library's are.
pub(in crate::net) fn held_port() -> (OwnedFd, SocketAddr) {
    let held = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    sockopt::set_socket_reuseaddr(&held, true).expect("an option");
    bind(&held, &SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
    let address = rustix::net::getsockname(&held).expect("an address").try_into().expect("IPv4");
    (held, address)
}

/// An address that refuses connections until the tests end.
fn refusing() -> SocketAddr {
    let (held, address) = held_port();
    let _ = held.into_raw_fd();
    address
}

/// An address that neither accepts nor refuses a connection, because its queue is full.
fn silent() -> (OwnedFd, Vec<OwnedFd>, SocketAddr) {
    let listener = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    bind(&listener, &SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
    listen(&listener, 0).expect("listening");
    let address = rustix::net::getsockname(&listener).expect("an address").try_into().expect("IPv4");
    let mut queued = Vec::new();
    loop {
        let socket = begin(address).expect("a socket");
        let end = Instant::now() + Duration::from_millis(300);
        let taken = until_ready(&mut [PollFd::new(&socket, PollFlags::OUT)], end).expect("waited");
        if taken {
            acknowledge(&socket);
        }
        queued.push(socket);
        if !taken {
            return (listener, queued, address);
        }
    }
}

/// Lets a connection take its place in the queue of the listener, whose acknowledgement otherwise waits for data.
#[cfg(target_os = "linux")]
fn acknowledge(socket: &OwnedFd) {
    sockopt::set_tcp_quickack(socket, true).expect("an option");
}

#[cfg(not(target_os = "linux"))]
fn acknowledge(_: &OwnedFd) {}

fn error(addresses: &[SocketAddr], timeout: Duration) -> ErrorKind {
    dial(addresses, Instant::now() + timeout).expect_err("no connection").kind()
}

#[test]
fn dial_uses_first_address_that_accepts() {
    let ((_one, first), (_two, second)) = (open(), open());
    let stream = dial(&[first, second], Instant::now() + SOON).expect("a connection");
    assert_eq!(stream.peer_addr().expect("an address"), first);
    assert!(stream.nodelay().expect("an option"));
}

#[test]
fn dial_passes_over_refusing_addresses() {
    let (_listener, last) = open();
    let addresses = [refusing(), "[::]:0".parse().expect("an address"), refusing(), last];
    let stream = dial(&addresses, Instant::now() + SOON).expect("a connection");
    assert_eq!(stream.peer_addr().expect("an address"), last);
}

#[test]
fn silent_address_costs_one_head_start() {
    let ((_listener, address), (_one, _queued, silent)) = (open(), silent());
    let start = Instant::now();
    let stream = dial(&[silent, silent, address], start + SOON).expect("a connection");
    assert_eq!(stream.peer_addr().expect("an address"), address);
    let took = start.elapsed();
    assert!(took >= 2 * HEAD_START && took < SOON / 3, "{took:?}");
}

#[test]
fn dial_reports_most_informative_error() {
    let (_listener, _queued, silent) = silent();
    let short = Duration::from_millis(700);
    assert_eq!(error(&[silent], short), ErrorKind::TimedOut);
    assert_eq!(error(&[refusing(), silent], short), ErrorKind::ConnectionRefused);
    assert_eq!(error(&[refusing(), refusing()], SOON), ErrorKind::ConnectionRefused);
    assert_eq!(error(&[], SOON), ErrorKind::AddrNotAvailable);
    let broadcast = "255.255.255.255:9".parse().expect("an address");
    assert_ne!(error(&[broadcast], SOON), ErrorKind::AddrNotAvailable);
    assert_eq!(error(&[broadcast, refusing()], SOON), ErrorKind::ConnectionRefused);
}

#[cfg(target_os = "linux")]
#[test]
fn acknowledgements_of_a_connection_wait_for_data() {
    let (_listener, connecting, _) = silent();
    // Linux goes back to its own ways later, where it finds them better.
    assert_eq!(sockopt::tcp_quickack(connecting.last().expect("one that connects")), Ok(false));
}
