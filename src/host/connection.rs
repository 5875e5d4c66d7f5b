//! A connection that is open already, as ureq wants one: name and address are settled before
//! ureq is asked, by parts of this program that can say what went wrong.

use core::fmt;
use core::time::Duration;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

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

/// Hands one open, non-blocking connection over.
#[derive(Debug)]
pub(super) struct Opened {
    stream: Mutex<Option<TcpStream>>,
    end: Instant,
}

impl Opened {
    /// Nothing is waited for beyond `end`.
    pub(super) const fn new(stream: TcpStream, end: Instant) -> Self {
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
        let end = self.end;
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
    end: Instant,
}

/// Does `io`, waiting for the socket as often as it would block, up to `timeout` in all and not beyond
/// `end`: TLS reads many times within one time-out of ureq's, and of none left ureq makes a second.
fn patiently(
    stream: &TcpStream,
    flags: PollFlags,
    timeout: NextTimeout,
    end: Instant,
    mut io: impl FnMut() -> io::Result<usize>,
) -> Result<usize, ureq::Error> {
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
        patiently(stream, PollFlags::OUT, timeout, *end, || {
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
        let amount = patiently(stream, PollFlags::IN, timeout, *end, || (&*stream).read(buffer))?;
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
pub(super) struct Settled;

impl Resolver for Settled {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}
