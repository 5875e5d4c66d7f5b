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
    socket: Socket,
    buffers: WipedBuffers,
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
        Self { socket: Socket { stream, end, held_back: false }, buffers, wait }
    }

    /// Sets for how long all that is read and written from now on may last.
    pub(super) fn set_timeout(&mut self, timeout: NextTimeout) {
        self.wait = Wait::at_most(timeout);
    }
}

/// A non-blocking stream, of which no operation lasts beyond `end`.
struct Socket {
    stream: TcpStream,
    end: Deadline,
    /// Whether what is written stays here until an answer is waited for.
    held_back: bool,
}

impl Socket {
    fn read(&mut self, buffer: &mut [u8], wait: Wait) -> Result<usize, ureq::Error> {
        self.io_within(PollFlags::IN, wait, |mut stream| stream.read(buffer))
    }

    /// What is written leaves once a read would block: the end of a handshake of TLS 1.3, the head of a request and its
    /// body in one packet, not in four, each of which costs the radio and the kernel.
    fn write(&mut self, data: &[u8], wait: Wait) -> Result<usize, ureq::Error> {
        self.hold_back(true);
        self.io_within(PollFlags::OUT, wait, |mut stream| stream.write(data))
    }

    fn hold_back(&mut self, held_back: bool) {
        if self.held_back != held_back {
            cork(&self.stream, held_back);
            self.held_back = held_back;
        }
    }

    /// Runs `io`, and waits whenever it would block, as long as `wait` allows. Before it waits for an answer it sends what
    /// is held back.
    fn io_within(
        &mut self,
        flags: PollFlags,
        wait: Wait,
        mut io: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Result<usize, ureq::Error> {
        let end = self.end.end().min(wait.until);
        loop {
            // Checked in each round, because a slow peer always has another byte to read.
            if Instant::now() >= end {
                return Err(ureq::Error::Timeout(wait.reason));
            }
            match io(&self.stream) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    if flags == PollFlags::IN {
                        self.hold_back(false);
                    }
                    if !until_ready(&mut [PollFd::new(&self.stream, flags)], end)? {
                        return Err(ureq::Error::Timeout(wait.reason));
                    }
                }
                done => return Ok(done?),
            }
        }
    }
}

impl Drop for Socket {
    /// Sends what is held back, such as the alert that tells why a handshake has failed: closed with something left to
    /// read, the system would throw it away.
    fn drop(&mut self) {
        self.hold_back(false);
    }
}

/// Lets packets be filled before they leave. Linux keeps none much longer than 200 ms (tcp(7)); without it all works as well.
#[cfg(target_os = "linux")]
fn cork(stream: &TcpStream, corked: bool) {
    let _ = rustix::net::sockopt::set_tcp_cork(stream, corked);
}

#[cfg(not(target_os = "linux"))]
fn cork(_: &TcpStream, _: bool) {}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.read(buffer, self.wait).map_err(ureq::Error::into_io)
    }
}

impl Write for Connection {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.socket.write(data, self.wait).map_err(ureq::Error::into_io)
    }

    fn flush(&mut self) -> io::Result<()> {
        // A read that would block sends all, or the end of the connection.
        Ok(())
    }
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.set_timeout(timeout);
        let mut rest = &self.buffers.output()[..amount];
        while !rest.is_empty() {
            match self.socket.write(rest, self.wait)? {
                0 => return Err(io::Error::from(ErrorKind::WriteZero).into()),
                sent => rest = &rest[sent..],
            }
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.set_timeout(timeout);
        let buffer = self.buffers.input_append_buf();
        if buffer.is_empty() {
            // A read into an empty buffer would look like the end of the connection.
            return Err(ureq::Error::LargeResponseHeader(0, 0));
        }
        let amount = self.socket.read(buffer, self.wait)?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        // A connection serves one request only.
        false
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connection").field(&self.socket.stream).finish()
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

    const MINUTE: Duration = Duration::from_secs(60);

    /// A connection that a request has a minute for, and its other end.
    fn connected() -> (Connection, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let stream = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
        stream.set_nonblocking(true).expect("non-blocking");
        let end = Deadline::at(Instant::now() + MINUTE);
        let connection = Connection::new(stream, WipedBuffers::new(64, 64), end);
        (connection, listener.accept().expect("the other end").0)
    }

    /// Waits until there is something to read.
    fn arrived(connection: &Connection) {
        let end = Instant::now() + MINUTE;
        let mut socket = [PollFd::new(&connection.socket.stream, PollFlags::IN)];
        assert!(until_ready(&mut socket, end).expect("waited"));
    }

    fn within(left: Duration) -> NextTimeout {
        NextTimeout {
            after: time::Duration::Exact(left),
            reason: ureq::Timeout::Global,
            ..NextTimeout::default()
        }
    }

    #[test]
    fn deadline_ends_reading_though_data_is_left() {
        let (mut connection, mut other) = connected();
        other.write_all(b"more").expect("sent");
        let up = connection.await_input(within(Duration::ZERO));
        assert!(matches!(up, Err(ureq::Error::Timeout(ureq::Timeout::Global))), "{up:?}");
        assert!(matches!(connection.await_input(within(MINUTE)), Ok(true)));
        connection.socket.end.put_off(Instant::now());
        let up = connection.await_input(within(MINUTE));
        assert!(matches!(up, Err(ureq::Error::Timeout(ureq::Timeout::Global))), "{up:?}");
    }

    /// Whether the system waits for more.
    #[cfg(target_os = "linux")]
    fn corked(connection: &Connection) -> bool {
        rustix::net::sockopt::tcp_cork(&connection.socket.stream).expect("an option")
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_sent_leaves_when_an_answer_is_waited_for() {
        let (mut connection, mut other) = connected();
        other.write_all(b"!").expect("sent");
        for part in [b"head", b"body"] {
            connection.buffers().output()[..4].copy_from_slice(part);
            connection.transmit_output(4, within(MINUTE)).expect("sent");
        }
        arrived(&connection);
        assert!(matches!(connection.await_input(within(MINUTE)), Ok(true)));
        assert!(corked(&connection));
        let answering = std::thread::spawn(move || {
            let mut request = [0; 8];
            other.read_exact(&mut request).expect("all of it");
            other.write_all(&request).expect("sent");
        });
        assert!(matches!(connection.await_input(within(MINUTE)), Ok(true)));
        assert!(!corked(&connection));
        answering.join().expect("an answer");
        assert_eq!(connection.buffers().input(), b"!headbody");
    }

    #[test]
    fn what_is_held_back_leaves_before_the_end() {
        let (mut connection, mut other) = connected();
        other.write_all(b"left to read").expect("sent");
        arrived(&connection);
        connection.write_all(b"alert").expect("held back");
        drop(connection);
        let mut alert = [0; 5];
        other.read_exact(&mut alert).expect("an alert");
        assert_eq!(&alert, b"alert");
    }
}
