//! The socket of a connection, as far as [`super::Connection`] needs it.

use std::io;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt;

/// The other end of a connection.
pub(in crate::broker) trait Peer: Read + Write {
    /// Whether all blocks that were written are read, or nobody is there any more to read them.
    fn has_read(&self) -> bool;

    /// Takes no more bytes. The caller's next attempt to write fails.
    fn stop_input(&self);
}

impl Peer for UnixStream {
    fn has_read(&self) -> bool {
        let mut socket = [PollFd::new(self, PollFlags::OUT)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut socket, Some(&at_once)).is_ok() && socket[0].revents().contains(PollFlags::OUT)
    }

    fn stop_input(&self) {
        // Fails if the caller is gone.
        let _ = self.shutdown(Shutdown::Read);
    }
}

/// Prepares the socket of a new caller.
///
/// # Errors
/// When the system refuses.
pub(in crate::broker) fn prepare(stream: &UnixStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    // The smallest that there is: see `BLOCK`.
    Ok(sockopt::set_socket_send_buffer_size(stream, 0)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::answer::BLOCK;

    #[test]
    fn block_counts_as_unread_until_its_last_byte_is_read() {
        for blocks in 1..=2 {
            let (mut own, mut other) = UnixStream::pair().expect("a pair");
            prepare(&own).expect("prepared");
            for _ in 0..blocks {
                assert_eq!(own.write(&[0; BLOCK]).expect("room"), BLOCK);
            }
            other.shutdown(Shutdown::Both).expect("shut down");
            for left in (0..blocks * BLOCK).rev() {
                assert!(!own.has_read(), "{left} of {blocks} blocks");
                assert_eq!(other.read(&mut [0]).expect("there"), 1);
            }
            assert!(own.has_read());
        }
    }

    #[test]
    fn no_more_than_two_blocks_are_ever_unread() {
        let (mut own, other) = UnixStream::pair().expect("a pair");
        prepare(&own).expect("prepared");
        let blocks = (0..10).take_while(|_| own.write(&[0; BLOCK]).is_ok()).count();
        assert!((1..=2).contains(&blocks), "{blocks}");
        drop(other);
        assert!(own.has_read(), "nobody is left to read them");
    }
}
