//! Calls from one service to another: HTTP/1.1, over TLS for https, one connection for each call, no
//! redirects.

use core::error::Error;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::uri::Scheme;
use axum::http::{HeaderValue, Method, Request, Response, Uri, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{self, Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::server::error::StartError;

/// Calls other services.
#[derive(Clone)]
pub(crate) struct Outbound(Client<HttpsConnector<HttpConnector>, Body>);

/// The reason why a call had no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("its URL cannot be called")]
    Url,
    /// The connection failed or broke.
    #[error("{0}")]
    Io(io::Error),
    /// The answer is not HTTP, truncated, or too long.
    #[error("its answer is not one in HTTP")]
    Http,
    #[error("it did not answer in time")]
    TimedOut,
}

impl From<legacy::Error> for CallError {
    fn from(error: legacy::Error) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = error.source();
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<io::Error>() {
                return Self::Io(io::Error::new(error.kind(), error.to_string()));
            }
            cause = error.source();
        }
        Self::Http
    }
}

/// Whether [`Outbound`] can call this.
pub(super) fn is_url(text: &str) -> bool {
    let parsed = text.parse::<Uri>();
    parsed.is_ok_and(|uri| is_callable(&uri) && uri.query().is_none()) && !text.contains('#')
}

/// A new call.
pub(crate) fn request(method: Method, url: &str, body: impl Into<Body>) -> Result<Request<Body>, CallError> {
    Request::builder().method(method).uri(url).body(body.into()).map_err(|_| CallError::Url)
}

/// Adds a bearer token to a call.
pub(super) fn authorize(call: &mut Request<Body>, token: &str) -> Result<(), CallError> {
    let mut bearer = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| CallError::Http)?;
    bearer.set_sensitive(true);
    call.headers_mut().insert(header::AUTHORIZATION, bearer);
    Ok(())
}

impl Outbound {
    /// Trusts the certificate authorities in these PEM texts, and no others.
    pub(crate) fn new(own: Option<&str>, authorities: &[String]) -> Result<Self, StartError> {
        let unusable = |error: &dyn core::fmt::Display| {
            StartError::Certificate(format!("a certificate authority to trust is unusable: {error}"))
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
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Ok(Self(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector)))
    }

    /// The answer. The time limit is for its head; the body is streamed.
    pub(crate) async fn call(
        &self,
        call: Request<Body>,
        within: Duration,
    ) -> Result<Response<Body>, CallError> {
        tokio::time::timeout(within, self.send(call)).await.map_err(|_| CallError::TimedOut)?
    }

    /// The answer with its whole body of at most `most` bytes, within the time limit.
    pub(super) async fn call_whole(
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
        if !is_callable(call.uri()) {
            return Err(CallError::Url);
        }
        Ok(self.0.request(call).await?.map(Body::new))
    }
}

/// Whether a URI is http or https and contains no credentials.
fn is_callable(uri: &Uri) -> bool {
    let is_web = uri.scheme().is_some_and(|scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS);
    is_web && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
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
