//! Waits for sockets until a deadline, without interruption by signals.

use std::io;
use std::time::Instant;

use rustix::event::{PollFd, Timespec, poll};
use rustix::io::Errno;

/// Waits until one of `sockets` is ready or has failed. Returns false at `end`.
///
/// # Errors
/// When the system cannot wait.
pub(super) fn until_ready(sockets: &mut [PollFd<'_>], end: Instant) -> io::Result<bool> {
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        match poll(sockets, Some(&timeout)) {
            Ok(ready) => return Ok(ready > 0),
            // The main thread handles signals.
            Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}
