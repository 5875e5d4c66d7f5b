//! TLS to the auth service: our own rustls configuration, and a ureq connector that uses it.
//! ureq builds its own configuration otherwise, with no say about roots or session store.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::time::Instant;

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport, TransportAdapter,
    time,
};

use super::error::SetupError;
use crate::agent::{Trouble, TroubleKind};

/// TLS 1.2 and 1.3 with ring, trusting the certificates in `ca_file` or else Mozilla's roots.
/// Keeps the session of one server, so that revalidations resume it.
///
/// # Errors
/// When `ca_file` cannot be read or holds no certificate.
pub fn client_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, SetupError> {
    let roots = match ca_file {
        Some(path) => roots_from(path)?,
        None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| ca_error(ca_file.unwrap_or(Path::new("")), e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::in_memory_sessions(1);
    Ok(Arc::new(config))
}

fn roots_from(path: &Path) -> Result<RootCertStore, SetupError> {
    let pem = std::fs::read(path).map_err(|why| SetupError::reading("ca_file", path, why))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|e| ca_error(path, format!("is damaged: {e}")))?;
        roots.add(certificate).map_err(|e| ca_error(path, format!("holds an unusable certificate: {e}")))?;
    }
    if roots.is_empty() {
        return Err(ca_error(path, "holds no PEM certificate".to_string()));
    }
    Ok(roots)
}

fn ca_error(path: &Path, why: String) -> SetupError {
    SetupError::CaFile { path: path.into(), why }
}

/// Wraps connections to `https` URLs in TLS.
#[derive(Debug)]
pub(super) struct TlsConnector {
    config: Arc<ClientConfig>,
    /// When the call has to end, and with it the handshake. Not the time for connecting: a server
    /// that accepts and then stalls is overloaded, not unreachable.
    end: Instant,
}

impl TlsConnector {
    pub(super) const fn new(config: Arc<ClientConfig>, end: Instant) -> Self {
        Self { config, end }
    }
}

impl<In: Transport> Connector<In> for TlsConnector {
    type Out = Either<In, TlsTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(transport) = chained else { return Ok(None) };
        if !details.needs_tls() {
            return Ok(Some(Either::A(transport)));
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
        connection.complete_io(&mut socket).map_err(HandshakeFailed::wrap)?;
        let buffers =
            LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(Either::B(TlsTransport { buffers, stream: StreamOwned { conn: connection, sock: socket } })))
    }
}

/// A connection in TLS.
pub(super) struct TlsTransport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.sock.set_timeout(timeout);
        self.stream.write_all(&self.buffers.output()[..amount])?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.sock.set_timeout(timeout);
        let buffer = self.buffers.input_append_buf();
        if buffer.is_empty() {
            // To read nothing into it would look like the end of the connection.
            return Err(ureq::Error::LargeResponseHeader(0, 0));
        }
        let amount = self.stream.read(buffer)?;
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

/// Marks an error as one of the handshake, before anything was asked.
#[derive(Debug)]
pub(super) struct HandshakeFailed(pub(super) io::Error);

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

impl core::error::Error for HandshakeFailed {}

/// The rustls error inside an I/O error, where there is one.
pub(super) fn rustls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// What a rustls error means for the person who has to mend it.
pub(super) fn trouble(error: &rustls::Error) -> Trouble {
    let rustls::Error::InvalidCertificate(why) = error else {
        return Trouble::new(TroubleKind::Handshake, format_args!("the TLS handshake failed: {error}"));
    };
    #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended; all else has one mend")]
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Trouble::new(
            TroubleKind::CertificateExpired,
            format_args!("the server's certificate has expired, by this board's clock"),
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Trouble::new(
            TroubleKind::CertificateNotYetValid,
            format_args!("the server's certificate is not valid yet, by this board's clock"),
        ),
        CertificateError::UnknownIssuer => Trouble::new(
            TroubleKind::CertificateUnknownIssuer,
            format_args!("the server's certificate is not signed by a CA this node trusts"),
        ),
        // What a CA gives that was made anew under its old name.
        CertificateError::BadSignature => Trouble::new(
            TroubleKind::CertificateUnknownIssuer,
            format_args!(
                "the server's certificate is not signed by a CA this node trusts, but by one of the same name"
            ),
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Trouble::new(
            TroubleKind::CertificateWrongName,
            format_args!("the server's certificate is not made out for the name in auth_url{}", names(why)),
        ),
        _ => Trouble::new(
            TroubleKind::CertificateRefused,
            format_args!("the server's certificate was refused: {error}"),
        ),
    }
}

fn names(why: &CertificateError) -> String {
    let CertificateError::NotValidForNameContext { presented, .. } = why else { return String::new() };
    // In rustls's own notation: DnsName("auth.home"), IpAddress(192.0.2.1).
    let bare = |name: &String| {
        let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
        inner.trim_matches('"').to_string()
    };
    let presented: Vec<_> = presented.iter().map(bare).collect();
    if presented.is_empty() { String::new() } else { format!(", but for {}", presented.join(", ")) }
}
