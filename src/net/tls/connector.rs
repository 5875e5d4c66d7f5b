//! ureq connectors: TLS, and plain TCP that notices when the port expects TLS.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Instant;
use std::{fmt, io};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use thiserror::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, NextTimeout, Transport, time,
};

use crate::net::buffers::WipedBuffers;
use crate::net::transport::Connection;

/// Wraps connections to `https` URLs in TLS.
pub(in crate::net) struct TlsConnector {
    config: Arc<ClientConfig>,
    /// The end of the request, and with it of the handshake. Not the connect time-out: a server that accepts
    /// a connection and then stalls is overloaded, not unreachable.
    end: Instant,
}

impl TlsConnector {
    pub(in crate::net) const fn new(config: Arc<ClientConfig>, end: Instant) -> Self {
        Self { config, end }
    }
}

impl Connector<Connection> for TlsConnector {
    type Out = Either<PlainTransport, TlsTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<Connection>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(mut socket) = chained else { return Ok(None) };
        if !details.needs_tls() {
            return Ok(Some(Either::A(PlainTransport { transport: socket, looked: false })));
        }
        let host = details.uri.host().unwrap_or_default();
        let name = ServerName::try_from(host.trim_start_matches('[').trim_end_matches(']'))
            .map_err(|_| ureq::Error::BadUri(host.to_string()))?
            .to_owned();
        let mut connection = ClientConnection::new(Arc::clone(&self.config), name)
            .map_err(|e| HandshakeError::wrap(io::Error::new(ErrorKind::InvalidData, e)))?;
        socket.set_timeout(NextTimeout {
            after: time::Duration::Exact(self.end.saturating_duration_since(Instant::now())),
            reason: ureq::Timeout::Global,
            ..NextTimeout::default()
        });
        if let Err(error) = connection.complete_io(&mut socket) {
            return Err(HandshakeError::wrap(pending_alert(&mut connection, &mut socket, error)));
        }
        let buffers =
            WipedBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(Either::B(TlsTransport { buffers, stream: StreamOwned { conn: connection, sock: socket } })))
    }
}

/// ureq wants to be able to print it, and never does; what is in it would take rustls's whole configuration along.
impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsConnector")
    }
}

/// A TLS connection.
pub(in crate::net) struct TlsTransport {
    buffers: WipedBuffers,
    stream: StreamOwned<ClientConnection, Connection>,
}

/// The alert that the server sent before it closed the connection, if there is one: it explains a failed
/// write better. A server checks our certificate while we are still sending, in TLS 1.3 even while we send
/// the request.
fn pending_alert(connection: &mut ClientConnection, socket: &mut Connection, error: io::Error) -> io::Error {
    if !matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) {
        return error;
    }
    while matches!(connection.read_tls(socket), Ok(amount) if amount > 0) {
        if let Err(said) = connection.process_new_packets() {
            return io::Error::new(ErrorKind::InvalidData, said);
        }
    }
    error
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.sock.set_timeout(timeout);
        let StreamOwned { conn, sock } = &mut self.stream;
        let sent = rustls::Stream::new(conn, sock).write_all(&self.buffers.output()[..amount]);
        sent.map_err(|error| pending_alert(conn, sock, error).into())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.sock.set_timeout(timeout);
        let buffer = self.buffers.input_append_buf();
        if buffer.is_empty() {
            // A read into an empty buffer would look like the end of the connection.
            return Err(ureq::Error::LargeResponseHeader(0, 0));
        }
        // A read first sends pending data, so it can fail like a write.
        let StreamOwned { conn, sock } = &mut self.stream;
        let read = rustls::Stream::new(conn, sock).read(buffer);
        let amount = read.map_err(|error| CutOffError::wrap(pending_alert(conn, sock, error)))?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.sock.is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsTransport")
    }
}

/// A plain TCP connection.
#[derive(Debug)]
pub(in crate::net) struct PlainTransport {
    transport: Connection,
    looked: bool,
}

impl PlainTransport {
    fn look(&mut self) -> Result<(), ureq::Error> {
        if let [kind, major, ..] = *self.transport.buffers().input()
            && !std::mem::replace(&mut self.looked, true)
        {
            // An alert or a handshake record, with the version that every TLS record has (RFC 8446, section
            // 5.1).
            if matches!((kind, major), (21 | 22, 3)) {
                return Err(ureq::Error::Other(Box::new(PlainPortError)));
            }
        }
        Ok(())
    }
}

impl Transport for PlainTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.transport.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.transport.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let progress = self.transport.await_input(timeout)?;
        self.look()?;
        Ok(progress)
    }

    fn is_open(&mut self) -> bool {
        self.transport.is_open()
    }
}

/// The server answered plain HTTP in TLS.
#[derive(Debug, Error)]
#[error("the port speaks TLS")]
pub(in crate::net) struct PlainPortError;

/// The connection ended without close_notify, which tells the end of the data from a cut (RFC 8446, section
/// 6.1). By its kind alone, ureq would take this error for the end of a body without a length.
#[derive(Debug, Error)]
#[error("the connection was cut: {0}")]
pub(in crate::net) struct CutOffError(pub(in crate::net) io::Error);

impl CutOffError {
    fn wrap(error: io::Error) -> ureq::Error {
        #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended; the rest ends nothing")]
        match error.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => {
                ureq::Error::Other(Box::new(Self(error)))
            }
            _ => error.into(),
        }
    }
}

/// Marks an error of the handshake, before the request was sent.
#[derive(Debug, Error)]
#[error("TLS handshake: {0}")]
pub(in crate::net) struct HandshakeError(pub(in crate::net) io::Error);

impl HandshakeError {
    fn wrap(error: io::Error) -> ureq::Error {
        // Errors of ureq's own transport pass through rustls unchanged. After a time-out, too, nothing has been sent.
        #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended")]
        match ureq::Error::from(error) {
            ureq::Error::Io(e) => ureq::Error::Other(Box::new(Self(e))),
            ureq::Error::Timeout(_) => ureq::Error::Other(Box::new(Self(ErrorKind::TimedOut.into()))),
            other => other,
        }
    }
}
