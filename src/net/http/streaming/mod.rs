//! A request whose answer may take long, so that it is handed on while it comes.

use std::io::Read;
use std::time::{Duration, Instant};
use std::{fmt, io};

use node_core::trouble::{Trouble, TroubleKind};
use ureq::http::{HeaderMap, Method, Request, Uri};
use ureq::{Agent, Body, BodyReader};

use super::{HttpClient, settings};
use crate::net::service_url::ServiceUrl;
use crate::net::tls::Tls;
use crate::net::transport::Deadline;

/// How long nothing may come of an answer that has begun: events have pauses.
const SILENCE: Duration = Duration::from_secs(300);
/// A line of the request has to fit, and tokens are up to 16 KiB long.
const BUFFER: usize = 32 * 1024;
/// Foreign services and what stands before them are more talkative than Jarvis's.
const MAX_HEADER: usize = 16 * 1024;

/// Calls one service of whatever kind.
#[derive(Debug)]
pub(crate) struct StreamingClient {
    http: HttpClient,
    silence: Duration,
}

/// What is asked.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a Method,
    pub(crate) url: &'a Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<&'a [u8]>,
}

/// An answer, of which the head is there.
pub(crate) struct Answering<'a> {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    body: BodyReader<'static>,
    deadline: Deadline,
    client: &'a StreamingClient,
}

impl fmt::Debug for Answering<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answering").field("status", &self.status).finish_non_exhaustive()
    }
}

impl StreamingClient {
    /// A client of the service at `url`. Connecting takes at most `connect_timeout`, and everything up to the
    /// end of an answer's head at most `timeout`.
    pub(crate) fn new(url: &ServiceUrl, connect_timeout: Duration, timeout: Duration, tls: Tls) -> Self {
        let http = HttpClient::new(url, connect_timeout, timeout, tls);
        Self { http: HttpClient { settings: settings("*/*", BUFFER, MAX_HEADER), ..http }, silence: SILENCE }
    }

    /// Sends `ask` to a server that has proved who it is, and gives its answer, whatever its status.
    ///
    /// # Errors
    /// What stood in the way of an answer.
    pub(crate) fn ask(&self, ask: Ask<'_>) -> Result<Answering<'_>, Trouble> {
        let http = &self.http;
        let end = Instant::now() + http.timeout;
        let deadline = Deadline::at(end);
        let response = http
            .exchange_until(http.tls.for_calls(), end, deadline.clone(), |agent| send(agent, ask))
            .map_err(|unanswered| unanswered.trouble)?;
        let (head, body) = response.into_parts();
        let body = body.into_reader();
        Ok(Answering { status: head.status.as_u16(), headers: head.headers, body, deadline, client: self })
    }

    fn broken(&self, error: &ureq::Error) -> Trouble {
        let Self { http, silence } = self;
        if let ureq::Error::Timeout(_) = error {
            let kind = TroubleKind::Stalled;
            return Trouble::new(
                kind,
                format_args!("nothing more came from {} for {} s", http.peer, silence.as_secs()),
            );
        }
        http.transport_trouble(error)
    }
}

impl Answering<'_> {
    /// Reads what there is of the body, waiting for it if need be; 0 is its end.
    ///
    /// # Errors
    /// When it broke off, or when nothing came for too long.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Trouble> {
        // From now on: whoever reads may have been busy with what came before.
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

/// No time-out of ureq's: the connection has its own.
fn send(agent: &Agent, ask: Ask<'_>) -> Result<ureq::http::Response<Body>, ureq::Error> {
    let Ask { method, url, headers, body } = ask;
    let mut request = Request::builder().method(method).uri(url);
    if let Some(all) = request.headers_mut() {
        *all = headers;
    }
    match body {
        Some(body) => agent.run(request.body(body)?),
        None => agent.run(request.body(())?),
    }
}

#[cfg(test)]
mod tests;
