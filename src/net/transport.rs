//! Hands ureq a connection that is already open. This program resolves names and connects by itself, so that
//! it can explain what failed.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, io};

use rustix::event::{PollFd, PollFlags};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use super::buffers::WipedBuffers;
use super::waiting::until_ready;

/// An upper limit for every wait; requests end well before.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The end of a request. The request can be extended while its connection is in use.
#[derive(Clone, Debug)]
pub(super) struct Deadline(Arc<Mutex<Instant>>);

impl Deadline {
    pub(super) fn at(end: Instant) -> Self {
        Self(Arc::new(Mutex::new(end)))
    }

    pub(super) fn put_off(&self, end: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = end;
    }

    fn end(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connector that hands over one open, non-blocking connection.
#[derive(Debug)]
pub(super) struct OpenConnection {
    stream: Mutex<Option<TcpStream>>,
    end: Deadline,
}

impl OpenConnection {
    /// No operation waits beyond `end`.
    pub(super) const fn new(stream: TcpStream, end: Deadline) -> Self {
        Self { stream: Mutex::new(Some(stream)), end }
    }
}

impl Connector for OpenConnection {
    type Out = Connection;

    fn connect(
        &self,
        details: &ConnectionDetails,
        _chained: Option<()>,
    ) -> Result<Option<Connection>, ureq::Error> {
        let end = self.end.clone();
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner).take();
        let buffers =
            WipedBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        // A second request would need a second connection.
        stream.map(|stream| Some(Connection::new(stream, buffers, end))).ok_or(ureq::Error::ConnectionFailed)
    }
}

/// A TCP connection. Plain HTTP uses it as a transport, and TLS reads and writes it as it is.
pub(super) struct Connection {
    stream: TcpStream,
    buffers: WipedBuffers,
    end: Deadline,
    wait: Wait,
}

/// How long an operation of ureq's may last, however often it reads or writes.
#[derive(Clone, Copy)]
struct Wait {
    until: Instant,
    reason: ureq::Timeout,
}

impl Wait {
    fn at_most(timeout: NextTimeout) -> Self {
        // ureq turns a time-out of zero into one of a second, for each byte that trickles in.
        let patience = match timeout.not_zero() {
            _ if timeout.after.is_zero() => Duration::ZERO,
            Some(left) => LONGEST_WAIT.min(*left),
            None => LONGEST_WAIT,
        };
        Self { until: Instant::now() + patience, reason: timeout.reason }
    }
}

impl Connection {
    fn new(stream: TcpStream, buffers: WipedBuffers, end: Deadline) -> Self {
        let wait = Wait { until: Instant::now() + LONGEST_WAIT, reason: ureq::Timeout::Global };
        Self { stream, buffers, end, wait }
    }

    /// Sets for how long all that is read and written from now on may last.
    pub(super) fn set_timeout(&mut self, timeout: NextTimeout) {
        self.wait = Wait::at_most(timeout);
    }
}

/// Runs `io`, and waits for the socket whenever it would block, as long as `wait` allows and not beyond `end`.
fn io_within(
    stream: &TcpStream,
    flags: PollFlags,
    wait: Wait,
    end: Instant,
    mut io: impl FnMut() -> io::Result<usize>,
) -> Result<usize, ureq::Error> {
    let end = end.min(wait.until);
    loop {
        // Checked in each round, because a slow peer always has another byte to read.
        if Instant::now() >= end {
            return Err(ureq::Error::Timeout(wait.reason));
        }
        match io() {
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                if !until_ready(&mut [PollFd::new(stream, flags)], end)? {
                    return Err(ureq::Error::Timeout(wait.reason));
                }
            }
            done => return Ok(done?),
        }
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self { stream, end, wait, .. } = self;
        io_within(stream, PollFlags::IN, *wait, end.end(), || (&*stream).read(buffer))
            .map_err(ureq::Error::into_io)
    }
}

impl Write for Connection {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let Self { stream, end, wait, .. } = self;
        io_within(stream, PollFlags::OUT, *wait, end.end(), || (&*stream).write(data))
            .map_err(ureq::Error::into_io)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let Self { stream, buffers, end, .. } = self;
        let mut rest = &buffers.output()[..amount];
        io_within(stream, PollFlags::OUT, Wait::at_most(timeout), end.end(), || {
            while !rest.is_empty() {
                match (&*stream).write(rest)? {
                    0 => return Err(ErrorKind::WriteZero.into()),
                    sent => rest = &rest[sent..],
                }
            }
            Ok(amount)
        })?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let Self { stream, buffers, end, .. } = self;
        let buffer = buffers.input_append_buf();
        if buffer.is_empty() {
            // A read into an empty buffer would look like the end of the connection.
            return Err(ureq::Error::LargeResponseHeader(0, 0));
        }
        let wait = Wait::at_most(timeout);
        let amount = io_within(stream, PollFlags::IN, wait, end.end(), || (&*stream).read(buffer))?;
        buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        // A connection serves one request only.
        false
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connection").field(&self.stream).finish()
    }
}

/// Replaces ureq's resolver, because the connection is already open.
#[derive(Debug)]
pub(super) struct NoLookup;

impl Resolver for NoLookup {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use ureq::unversioned::transport::time;

    use super::*;

    #[test]
    fn deadline_ends_reading_though_data_is_left() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let stream = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
        stream.set_nonblocking(true).expect("non-blocking");
        listener.accept().expect("the other end").0.write_all(b"more").expect("sent");
        let end = Deadline::at(Instant::now() + Duration::from_secs(60));
        let mut connection = Connection::new(stream, WipedBuffers::new(64, 64), end);
        let within = |left| NextTimeout {
            after: time::Duration::Exact(left),
            reason: ureq::Timeout::Global,
            ..NextTimeout::default()
        };
        let up = connection.await_input(within(Duration::ZERO));
        assert!(matches!(up, Err(ureq::Error::Timeout(ureq::Timeout::Global))), "{up:?}");
        assert!(matches!(connection.await_input(within(Duration::from_secs(60))), Ok(true)));
        connection.end.put_off(Instant::now());
        let up = connection.await_input(within(Duration::from_secs(60)));
        assert!(matches!(up, Err(ureq::Error::Timeout(ureq::Timeout::Global))), "{up:?}");
    }
}
