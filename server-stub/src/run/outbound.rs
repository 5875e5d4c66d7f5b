//! Calls from one service to another: HTTP/1.1, over TLS where the URL says so, one connection a call,
//! no redirects.

use core::fmt;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::uri::{Authority, Scheme};
use axum::http::{HeaderValue, Method, Request, Response, Uri, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::server::error::StartError;

/// Calls other services.
#[derive(Clone)]
pub(crate) struct Outbound {
    tls: Arc<ClientConfig>,
}

/// Why a call had no answer.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The URL cannot be called.
    Url,
    /// No connection, or it broke.
    Io(io::Error),
    /// What came is not HTTP, or was cut off, or is too long.
    Http,
    /// It took too long.
    TimedOut,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url => f.write_str("its URL cannot be called"),
            Self::Io(error) => write!(f, "{error}"),
            Self::Http => f.write_str("its answer is not one in HTTP"),
            Self::TimedOut => f.write_str("it did not answer in time"),
        }
    }
}

impl core::error::Error for CallError {}

impl From<io::Error> for CallError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<hyper::Error> for CallError {
    fn from(_: hyper::Error) -> Self {
        Self::Http
    }
}

/// Whether [`Outbound`] can call this.
pub(crate) fn is_url(text: &str) -> bool {
    let parsed = text.parse::<Uri>();
    parsed.is_ok_and(|uri| site(&uri).is_ok() && uri.query().is_none()) && !text.contains('#')
}

/// A call being put together.
pub(crate) fn request(method: Method, url: &str, body: impl Into<Body>) -> Result<Request<Body>, CallError> {
    Request::builder().method(method).uri(url).body(body.into()).map_err(|_| CallError::Url)
}

/// Gives a call a bearer.
pub(crate) fn authorize(call: &mut Request<Body>, token: &str) -> Result<(), CallError> {
    let mut bearer = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| CallError::Http)?;
    bearer.set_sensitive(true);
    call.headers_mut().insert(header::AUTHORIZATION, bearer);
    Ok(())
}

impl Outbound {
    /// Trusts the certificate authorities in these PEM texts, and no others.
    pub(crate) fn new(own: Option<&str>, authorities: &[String]) -> Result<Self, StartError> {
        let unusable = |error: &dyn fmt::Display| {
            StartError::Certificate(format!("a certificate authority to trust is no use: {error}"))
        };
        let mut roots = RootCertStore::empty();
        for pem in own.into_iter().chain(authorities.iter().map(String::as_str)) {
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate = certificate.map_err(|error| unusable(&error))?;
                roots.add(certificate).map_err(|error| unusable(&error))?;
            }
        }
        let provider = Arc::new(crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(&error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: Arc::new(tls) })
    }

    /// The answer, whose head must be there in time; its body comes as it is produced.
    pub(crate) async fn call(
        &self,
        call: Request<Body>,
        within: Duration,
    ) -> Result<Response<Body>, CallError> {
        tokio::time::timeout(within, self.send(call)).await.map_err(|_| CallError::TimedOut)?
    }

    /// The answer with its whole body, of at most `most` bytes, in time.
    pub(crate) async fn call_whole(
        &self,
        call: Request<Body>,
        within: Duration,
        most: usize,
    ) -> Result<Response<Bytes>, CallError> {
        let whole = async {
            let (head, body) = self.send(call).await?.into_parts();
            let body = axum::body::to_bytes(body, most).await.map_err(|_| CallError::Http)?;
            Ok(Response::from_parts(head, body))
        };
        tokio::time::timeout(within, whole).await.map_err(|_| CallError::TimedOut)?
    }

    async fn send(&self, call: Request<Body>) -> Result<Response<Body>, CallError> {
        let (https, authority) = site(call.uri())?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(if https { 443 } else { 80 });
        let authority = authority.as_str().to_owned();
        let stream = TcpStream::connect((host.as_str(), port)).await?;
        stream.set_nodelay(true)?;
        if !https {
            return exchange(stream, &authority, call).await;
        }
        let name = ServerName::try_from(host).map_err(|_| CallError::Url)?;
        let stream = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await?;
        exchange(stream, &authority, call).await
    }
}

/// Whether it is https, and where it is.
fn site(uri: &Uri) -> Result<(bool, &Authority), CallError> {
    let https = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => true,
        Some(scheme) if *scheme == Scheme::HTTP => false,
        Some(_) | None => return Err(CallError::Url),
    };
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
    authority.map(|authority| (https, authority)).ok_or(CallError::Url)
}

async fn exchange<S>(stream: S, authority: &str, mut call: Request<Body>) -> Result<Response<Body>, CallError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends when the answer has been read or nobody wants it any more; its errors show in the answer.
    tokio::spawn(connection);
    let host = HeaderValue::from_str(authority).map_err(|_| CallError::Url)?;
    call.headers_mut().insert(header::HOST, host);
    let path = call.uri().path_and_query().map_or("/", |path| path.as_str());
    *call.uri_mut() = path.parse().map_err(|_| CallError::Url)?;
    Ok(sender.send_request(call).await?.map(Body::new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_can_be_called() {
        for good in ["http://127.0.0.1:8081", "https://sts.test/realms/arp-dev", "http://[::1]:1/"] {
            assert!(is_url(good), "{good}");
        }
        for bad in
            ["", "sts.test", "/v1", "ftp://x/", "http://", "http://u:p@x/", "http://x/?a=b", "http://x/#a"]
        {
            assert!(!is_url(bad), "{bad}");
        }
    }
}
