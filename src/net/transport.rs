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
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

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
            LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        // A second request would need a second connection.
        stream.map(|stream| Some(Connection { stream, buffers, end })).ok_or(ureq::Error::ConnectionFailed)
    }
}

/// A TCP connection.
pub(super) struct Connection {
    stream: TcpStream,
    buffers: LazyBuffers,
    end: Deadline,
}

/// Runs `io`, and waits for the socket whenever it would block, up to `timeout` in total and not beyond
/// `end`: TLS reads many times within one of ureq's time-outs.
fn io_within(
    stream: &TcpStream,
    flags: PollFlags,
    timeout: NextTimeout,
    end: Instant,
    mut io: impl FnMut() -> io::Result<usize>,
) -> Result<usize, ureq::Error> {
    // ureq turns a time-out of zero into one of a second, for each byte that trickles in.
    if timeout.after.is_zero() {
        return Err(ureq::Error::Timeout(timeout.reason));
    }
    let patience = timeout.not_zero().map_or(LONGEST_WAIT, |left| LONGEST_WAIT.min(*left));
    let end = end.min(Instant::now() + patience);
    loop {
        // Checked in each round, because a slow peer always has another byte to read.
        if Instant::now() >= end {
            return Err(ureq::Error::Timeout(timeout.reason));
        }
        match io() {
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                if !until_ready(&mut [PollFd::new(stream, flags)], end)? {
                    return Err(ureq::Error::Timeout(timeout.reason));
                }
            }
            done => return Ok(done?),
        }
    }
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let Self { stream, buffers, end } = self;
        let mut rest = &buffers.output()[..amount];
        io_within(stream, PollFlags::OUT, timeout, end.end(), || {
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
        let Self { stream, buffers, end } = self;
        let buffer = buffers.input_append_buf();
        if buffer.is_empty() {
            // A read into an empty buffer would look like the end of the connection.
            return Err(ureq::Error::LargeResponseHeader(0, 0));
        }
        let amount = io_within(stream, PollFlags::IN, timeout, end.end(), || (&*stream).read(buffer))?;
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
        let mut connection = Connection { stream, buffers: LazyBuffers::new(64, 64), end };
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
