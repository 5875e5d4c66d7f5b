//! Connections for ureq: in TLS, or plain with an eye on whether the port wants TLS.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Instant;
use std::{fmt, io};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport, TransportAdapter,
    time,
};

/// Wraps connections to `https` URLs in TLS.
#[derive(Debug)]
pub(crate) struct TlsConnector {
    config: Arc<ClientConfig>,
    /// When the call has to end, and with it the handshake. Not the time for connecting: a server
    /// that accepts and then stalls is overloaded, not unreachable.
    end: Instant,
}

impl TlsConnector {
    pub(crate) const fn new(config: Arc<ClientConfig>, end: Instant) -> Self {
        Self { config, end }
    }
}

impl<In: Transport> Connector<In> for TlsConnector {
    type Out = Either<PlainTransport<In>, TlsTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(transport) = chained else { return Ok(None) };
        if !details.needs_tls() {
            return Ok(Some(Either::A(PlainTransport { transport, looked: false })));
        }
        let host = details.uri.host().unwrap_or_default();
        let name = ServerName::try_from(host.trim_start_matches('[').trim_end_matches(']'))
            .map_err(|_| ureq::Error::BadUri(host.to_string()))?
            .to_owned();
        let mut connection = ClientConnection::new(Arc::clone(&self.config), name)
            .map_err(|e| HandshakeFailed::wrap(io::Error::new(ErrorKind::InvalidData, e)))?;
        let mut socket = TransportAdapter::new(transport.boxed(), Arc::clone(&details.current_time));
        socket.set_timeout(NextTimeout {
            after: time::Duration::Exact(self.end.saturating_duration_since(Instant::now())),
            reason: ureq::Timeout::Global,
            ..NextTimeout::default()
        });
        if let Err(error) = connection.complete_io(&mut socket) {
            return Err(HandshakeFailed::wrap(pending_alert(&mut connection, &mut socket, error)));
        }
        let buffers =
            LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(Either::B(TlsTransport { buffers, stream: StreamOwned { conn: connection, sock: socket } })))
    }
}

/// A connection in TLS.
pub(crate) struct TlsTransport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

/// Why sending failed: what the server said before it hung up tells more than that it did. Our certificate is
/// judged while we still send, and in TLS 1.3 even while we send the request.
fn pending_alert(
    connection: &mut ClientConnection,
    socket: &mut TransportAdapter,
    error: io::Error,
) -> io::Error {
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
            // To read nothing into it would look like the end of the connection.
            return Err(ureq::Error::LargeResponseHeader(0, 0));
        }
        // Reading sends first what could not be sent before.
        let StreamOwned { conn, sock } = &mut self.stream;
        let read = rustls::Stream::new(conn, sock).read(buffer);
        let amount = read.map_err(|error| CutOff::wrap(pending_alert(conn, sock, error)))?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.sock.get_mut().is_open()
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

/// A plain connection.
#[derive(Debug)]
pub(crate) struct PlainTransport<In> {
    transport: In,
    looked: bool,
}

impl<In: Transport> PlainTransport<In> {
    fn look(&mut self) -> Result<(), ureq::Error> {
        if let [kind, major, ..] = *self.transport.buffers().input()
            && !std::mem::replace(&mut self.looked, true)
        {
            // An alert or a handshake message, in the version that every TLS claims (RFC 8446, 5.1).
            if matches!((kind, major), (21 | 22, 3)) {
                return Err(ureq::Error::Other(Box::new(PortSpeaksTls)));
            }
        }
        Ok(())
    }
}

impl<In: Transport> Transport for PlainTransport<In> {
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

/// The answer to plain HTTP was TLS.
#[derive(Debug)]
pub(crate) struct PortSpeaksTls;

impl fmt::Display for PortSpeaksTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the port speaks TLS")
    }
}

impl std::error::Error for PortSpeaksTls {}

/// The connection ended without the close_notify that tells an end from a cut (RFC 8446, section 6.1). By its
/// kind alone ureq takes such an error for the end of a body that has no length.
#[derive(Debug)]
pub(crate) struct CutOff(pub(crate) io::Error);

impl CutOff {
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

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the connection was cut: {}", self.0)
    }
}

impl std::error::Error for CutOff {}

/// Marks an error as one of the handshake, before anything was asked.
#[derive(Debug)]
pub(crate) struct HandshakeFailed(pub(crate) io::Error);

impl HandshakeFailed {
    fn wrap(error: io::Error) -> ureq::Error {
        // What ureq's own transport reports (a time-out, say) travels through rustls as it is.
        let error = ureq::Error::from(error);
        if let ureq::Error::Io(e) = error { ureq::Error::Other(Box::new(Self(e))) } else { error }
    }
}

impl fmt::Display for HandshakeFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLS handshake: {}", self.0)
    }
}

impl std::error::Error for HandshakeFailed {}
