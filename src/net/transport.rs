//! A connection that is open already, as ureq wants one: name and address are settled before
//! ureq is asked, by parts of this program that can say what went wrong.

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

/// No wait is longer, whatever ureq allows: a whole request ends well before.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Until when a connection is waited for. Whoever uses it can put that off, while it is in use.
#[derive(Clone, Debug)]
pub(crate) struct Deadline(Arc<Mutex<Instant>>);

impl Deadline {
    pub(crate) fn at(end: Instant) -> Self {
        Self(Arc::new(Mutex::new(end)))
    }

    pub(crate) fn put_off(&self, end: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = end;
    }

    fn end(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands one open, non-blocking connection over.
#[derive(Debug)]
pub(crate) struct Opened {
    stream: Mutex<Option<TcpStream>>,
    end: Deadline,
}

impl Opened {
    /// Nothing is waited for beyond `end`.
    pub(crate) const fn new(stream: TcpStream, end: Deadline) -> Self {
        Self { stream: Mutex::new(Some(stream)), end }
    }
}

impl Connector for Opened {
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
pub(crate) struct Connection {
    stream: TcpStream,
    buffers: LazyBuffers,
    end: Deadline,
}

/// Does `io`, waiting for the socket as often as it would block, up to `timeout` in all and not beyond
/// `end`: TLS reads many times within one time-out of ureq's.
fn patiently(
    stream: &TcpStream,
    flags: PollFlags,
    timeout: NextTimeout,
    end: Instant,
    mut io: impl FnMut() -> io::Result<usize>,
) -> Result<usize, ureq::Error> {
    // ureq makes a second of no time left, and another for each byte of a trickle.
    if timeout.after.is_zero() {
        return Err(ureq::Error::Timeout(timeout.reason));
    }
    let patience = timeout.not_zero().map_or(LONGEST_WAIT, |left| LONGEST_WAIT.min(*left));
    let end = end.min(Instant::now() + patience);
    loop {
        // Looked at each time: a peer that drips always has another byte to read.
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
        patiently(stream, PollFlags::OUT, timeout, end.end(), || {
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
            // To read nothing into it would look like the end of the connection.
            return Err(ureq::Error::LargeResponseHeader(0, 0));
        }
        let amount = patiently(stream, PollFlags::IN, timeout, end.end(), || (&*stream).read(buffer))?;
        buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        // No connection is used twice.
        false
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connection").field(&self.stream).finish()
    }
}

/// Stands where ureq would look a name up.
#[derive(Debug)]
pub(crate) struct Settled;

impl Resolver for Settled {
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
    fn when_the_time_is_up_it_is_up_though_there_is_more_to_read() {
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
