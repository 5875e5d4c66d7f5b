//! Opens a TCP connection to the first of several addresses that accepts it (RFC 8305), so that an address
//! family without a route costs a quarter of a second instead of the whole time-out. The attempts are
//! non-blocking and share one `poll`, so no thread is needed for each.

use std::io;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::io::{Errno, FdFlags, fcntl_setfd, ioctl_fionbio};
use rustix::net::{AddressFamily, SocketType, connect, socket, sockopt};

use super::waiting::until_ready;

/// The delay before the next address is tried (RFC 8305, section 5: "Connection Attempt Delay").
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to one of `addresses`. They are tried in order, each a head start after the one before or as soon
/// as that has failed. The stream is non-blocking.
///
/// # Errors
/// The most informative error: refused before timed out before no route.
pub(super) fn dial(addresses: &[SocketAddr], end: Instant) -> io::Result<TcpStream> {
    let mut untried = addresses.iter();
    let mut pending: Vec<OwnedFd> = Vec::new();
    let mut next = Instant::now();
    let mut why = io::Error::from(ErrorKind::AddrNotAvailable);
    loop {
        if Instant::now() >= next
            && let Some(address) = untried.next()
        {
            match begin(*address) {
                Ok(socket) => {
                    pending.push(socket);
                    next = Instant::now() + HEAD_START;
                }
                Err(e) => why = more_telling(why, e),
            }
            continue;
        }
        if pending.is_empty() && untried.as_slice().is_empty() {
            return Err(why);
        }
        let wake = if untried.as_slice().is_empty() { end } else { end.min(next) };
        let mut watched: Vec<_> = pending.iter().map(|socket| PollFd::new(socket, PollFlags::OUT)).collect();
        if !until_ready(&mut watched, wake)? {
            if wake == end {
                return Err(more_telling(why, ErrorKind::TimedOut.into()));
            }
            continue;
        }
        if let Some(done) = watched.iter().position(|socket| !socket.revents().is_empty()) {
            let socket = pending.remove(done);
            match sockopt::socket_error(&socket)? {
                Ok(()) => {
                    let stream = TcpStream::from(socket);
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Err(e) => {
                    why = more_telling(why, e.into());
                    next = Instant::now();
                }
            }
        }
    }
}

/// Starts connecting to `address`.
fn begin(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    // One by one: macOS has no flags for `socket` that set them at once.
    let socket = socket(family, SocketType::STREAM, None)?;
    fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    ioctl_fionbio(&socket, true)?;
    acknowledge_with_data(&socket);
    match connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(socket),
        Err(e) => Err(e.into()),
    }
}

/// Lets acknowledgements wait for data to go with: each alone would be a packet more for the radio. Without it all works
/// as well.
#[cfg(target_os = "linux")]
fn acknowledge_with_data(socket: &OwnedFd) {
    let _ = sockopt::set_tcp_quickack(socket, false);
}

#[cfg(not(target_os = "linux"))]
fn acknowledge_with_data(_: &OwnedFd) {}

fn more_telling(one: io::Error, other: io::Error) -> io::Error {
    #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended")]
    let rank = |e: &io::Error| match e.kind() {
        ErrorKind::ConnectionRefused => 3,
        ErrorKind::TimedOut => 2,
        ErrorKind::AddrNotAvailable => 0,
        _ => 1,
    };
    if rank(&other) > rank(&one) { other } else { one }
}

#[cfg(test)]
pub(super) mod tests;
