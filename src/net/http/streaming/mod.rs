//! The HTTP client for responses that take long and are passed on while they arrive.

use std::io::Read;
use std::time::{Duration, Instant};
use std::{fmt, io};

use node_core::service::Service;
use node_core::trouble::{Trouble, TroubleKind};
use ureq::http::{HeaderMap, Method, Request, Uri};
use ureq::{Agent, Body, BodyReader};

use super::HttpClient;
use super::client::settings;
use crate::net::peer::Peer;
use crate::net::service_url::ServiceUrl;
use crate::net::tls::{Purpose, Tls};
use crate::net::transport::Deadline;

/// The longest pause within a response. Event streams have pauses.
const SILENCE: Duration = Duration::from_secs(300);
/// In bytes. A line of the request has to fit, and tokens have up to 16 KiB.
const BUFFER: usize = 32 * 1024;
/// In bytes. Other services and their proxies send longer headers than Jarvis services.
const MAX_HEADER: usize = 16 * 1024;

/// A client of any service.
#[derive(Debug)]
pub(crate) struct StreamingClient {
    http: HttpClient,
    silence: Duration,
}

/// A request.
#[derive(Debug)]
pub(crate) struct StreamingRequest<'a> {
    pub(crate) method: &'a Method,
    pub(crate) url: &'a Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<&'a [u8]>,
}

/// A response whose head has arrived.
pub(crate) struct StreamingResponse<'a> {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    body: BodyReader<'static>,
    deadline: Deadline,
    client: &'a StreamingClient,
}

impl fmt::Debug for StreamingResponse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamingResponse").field("status", &self.status).finish_non_exhaustive()
    }
}

impl StreamingClient {
    /// Makes a client of the service at `url`. Connecting takes at most `connect_timeout`, and everything up
    /// to the end of the response's head at most `timeout`.
    pub(crate) fn new(url: &ServiceUrl, connect_timeout: Duration, timeout: Duration, tls: Tls) -> Self {
        let settings = settings("*/*", BUFFER, MAX_HEADER);
        let peer = Peer::new(Service::REQUESTED, url);
        let http = HttpClient::with_settings(settings, peer, url, (connect_timeout, timeout), tls);
        Self { http, silence: SILENCE }
    }

    /// Sends `ask` to a server that has authenticated itself, and returns its response, whatever the status.
    ///
    /// # Errors
    /// The reason why there is no response.
    pub(crate) fn ask(&self, ask: StreamingRequest<'_>) -> Result<StreamingResponse<'_>, Trouble> {
        let http = &self.http;
        let end = Instant::now() + http.timeout;
        let deadline = Deadline::at(end);
        let response = http
            .exchange_until(Purpose::Calls, end, deadline.clone(), |agent| send(agent, &ask))
            .map_err(|unanswered| unanswered.trouble)?;
        let (head, body) = response.into_parts();
        let body = body.into_reader();
        Ok(StreamingResponse {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
            deadline,
            client: self,
        })
    }

    fn broken(&self, error: &ureq::Error) -> Trouble {
        let Self { http, silence } = self;
        if let ureq::Error::Timeout(_) = error {
            let kind = TroubleKind::Stalled;
            return http.peer.trouble(
                kind,
                format_args!("nothing more came from {} for {} s", http.peer, silence.as_secs()),
            );
        }
        http.transport_trouble(error)
    }
}

impl StreamingResponse<'_> {
    /// Reads the next part of the body, and waits for it if need be. Returns 0 at its end.
    ///
    /// # Errors
    /// When the body breaks off, or when nothing arrives for too long.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Trouble> {
        // The pause counts from now, because the caller may have been busy with the part before.
        self.deadline.put_off(Instant::now() + self.client.silence);
        loop {
            match self.body.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => {
                    return read.map_err(|error| self.client.broken(&ureq::Error::from(error)));
                }
            }
        }
    }
}

/// ureq gets no time-out, because the connection has one.
fn send(agent: &Agent, ask: &StreamingRequest<'_>) -> Result<ureq::http::Response<Body>, ureq::Error> {
    let StreamingRequest { method, url, headers, body } = ask;
    let mut request = Request::builder().method(*method).uri(*url);
    if let Some(all) = request.headers_mut() {
        all.clone_from(headers);
    }
    match body {
        Some(body) => agent.run(request.body(*body)?),
        None => agent.run(request.body(())?),
    }
}

#[cfg(test)]
mod tests;
