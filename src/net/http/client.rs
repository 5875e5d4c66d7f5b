//! The HTTP client for requests with short answers.

use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime};

use node_core::outcome::Outcome;
use node_core::service::Service;
use node_core::time::UnixTime;
use node_core::trouble::{Trouble, TroubleKind};
use ureq::Body;
use ureq::config::Config;
use ureq::http::header::CONTENT_TYPE;
use ureq::http::{HeaderMap, HeaderValue, Response};
use ureq::unversioned::transport::Connector;
use zeroize::Zeroizing;

use super::body::{MAX_ANSWER, read_whole};
use super::redirect::relative;
use super::time;
use crate::net::peer::Peer;
use crate::net::reach::{Reach, Reached};
use crate::net::service_url::ServiceUrl;
use crate::net::tls::{HandshakeError, Purpose, Tls, TlsConnector};
use crate::net::transport::{Deadline, NoLookup, OpenConnection};

/// The media type of requests to Jarvis services.
pub(crate) const JSON: &str = "application/json";

/// In bytes. Enough for a request and for TLS records in pieces; ureq's default of 128 KiB for each buffer
/// would be most of this program's memory.
const BUFFER: usize = 8 * 1024;
/// In bytes. Well below [`BUFFER`], since ureq takes a header that fills its buffer for a closed connection.
const MAX_HEADER: usize = 4 * 1024;

/// A failure within this time shows no overload. A handshake on a slow board takes part of it.
const AT_ONCE: Duration = Duration::from_secs(2);

/// A client of one service.
#[derive(Debug)]
pub(crate) struct HttpClient {
    settings: Config,
    pub(super) tls: Tls,
    reach: Reach,
    pub(super) https: bool,
    pub(super) timeout: Duration,
    /// Where the server can be asked the time without sending a secret.
    pub(super) health: String,
    pub(super) peer: Peer,
}

/// A POST request.
pub(crate) struct Post<'a> {
    pub(crate) url: &'a str,
    pub(crate) headers: &'a [(&'static str, HeaderValue)],
    pub(crate) content_type: &'static str,
    pub(crate) body: &'a [u8],
}

/// A request of either kind.
pub(super) struct Request<'a> {
    url: &'a str,
    headers: &'a [(&'static str, HeaderValue)],
    /// The media type and the body; `None` for GET.
    content: Option<(&'static str, &'a [u8])>,
}

impl<'a> From<&Post<'a>> for Request<'a> {
    fn from(post: &Post<'a>) -> Self {
        Self { url: post.url, headers: post.headers, content: Some((post.content_type, post.body)) }
    }
}

/// The response to a request.
pub(crate) struct HttpResponse {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// May contain a token or a key.
    pub(crate) body: Zeroizing<Vec<u8>>,
}

/// The response to a request that may have been repeated.
pub(crate) struct Posted {
    pub(crate) response: HttpResponse,
    /// Whether it is the second one, after a 500.
    pub(crate) repeated: bool,
}

/// The reason why there is no response.
#[derive(Debug)]
pub(crate) struct HttpError {
    pub(crate) trouble: Trouble,
    /// Whether the server may have received the request.
    pub(crate) sent: bool,
}

impl HttpClient {
    /// Makes a client of `service` at `url`. Connecting takes at most `connect_timeout`, and a whole
    /// request at most `timeout`. It uses `tls` when the URL is `https`.
    pub(crate) fn new(
        service: Service,
        url: &ServiceUrl,
        connect_timeout: Duration,
        timeout: Duration,
        tls: Tls,
    ) -> Self {
        let settings = settings(JSON, BUFFER, MAX_HEADER);
        Self::with_settings(settings, Peer::new(service, url), url, (connect_timeout, timeout), tls)
    }

    pub(super) fn with_settings(
        settings: Config,
        peer: Peer,
        url: &ServiceUrl,
        (connect_timeout, timeout): (Duration, Duration),
        tls: Tls,
    ) -> Self {
        Self {
            settings,
            tls,
            reach: Reach::new(peer.clone(), url, connect_timeout),
            https: url.is_https(),
            timeout,
            health: url.health(),
            peer,
        }
    }

    /// Sends `post` to a server that has authenticated itself, and returns its response, whatever the status.
    ///
    /// # Errors
    /// The reason why there is no response.
    pub(crate) fn post(&self, post: &Post<'_>) -> Result<HttpResponse, HttpError> {
        self.post_until(post, Instant::now() + self.timeout)
    }

    /// Sends `GET` with these headers to a server that has authenticated itself, and returns its response, whatever the
    /// status.
    ///
    /// # Errors
    /// The reason why there is no response.
    pub(crate) fn get(
        &self,
        url: &str,
        headers: &[(&'static str, HeaderValue)],
    ) -> Result<HttpResponse, HttpError> {
        self.send_until(&Request { url, headers, content: None }, Instant::now() + self.timeout)
    }

    /// Sends `post` as [`Self::post`] does, and waits until `end` at most.
    ///
    /// # Errors
    /// The reason why there is no response.
    pub(crate) fn post_until(&self, post: &Post<'_>, end: Instant) -> Result<HttpResponse, HttpError> {
        self.send_until(&post.into(), end)
    }

    fn send_until(&self, request: &Request<'_>, end: Instant) -> Result<HttpResponse, HttpError> {
        let response = self.send_in_time(request, end)?;
        self.reject_proxy_error(response).map_err(|trouble| HttpError { trouble, sent: true })
    }

    /// Sends `post`, and once more if the server fails at once. The auth service's first call after its database was
    /// restarted does, and the next succeeds; an overloaded service fails late.
    ///
    /// # Errors
    /// The reason why there is no response.
    pub(crate) fn post_again_if_failed_at_once(&self, post: &Post<'_>) -> Result<Posted, HttpError> {
        let start = Instant::now();
        let end = start + self.timeout;
        let response = self.post_until(post, end)?;
        if response.status != 500 || start.elapsed() > AT_ONCE {
            return Ok(Posted { response, repeated: false });
        }
        Ok(match self.post_until(post, end) {
            Ok(response) => Posted { response, repeated: true },
            Err(_) => Posted { response, repeated: false },
        })
    }

    pub(super) fn reject_proxy_error(&self, response: HttpResponse) -> Result<HttpResponse, Trouble> {
        if response.status != 400 {
            return Ok(response);
        }
        self.tls.proxy_trouble(&self.peer, self.https, &response.body).map_or(Ok(response), Err)
    }

    /// The server that is asked.
    pub(crate) const fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The server's time when it responded, if it was authenticated by TLS.
    pub(crate) fn proven_time(&self, response: &HttpResponse) -> Option<UnixTime> {
        time::server_time(&response.headers).filter(|_| self.https)
    }

    /// The server's time, even if the server was not authenticated: not for decisions that a forged date
    /// could influence.
    pub(crate) fn claimed_time(response: &HttpResponse) -> Option<UnixTime> {
        time::server_time(&response.headers)
    }

    /// The time by which certificates are judged, as far as it is known.
    pub(crate) fn now(&self) -> SystemTime {
        self.tls.now()
    }

    fn send_in_time(&self, request: &Request<'_>, end: Instant) -> Result<HttpResponse, HttpError> {
        let ask = || self.exchange(Purpose::Calls, end, |agent| send(agent, request, end));
        if !self.tls.knows_time() {
            self.learn_time(end).map_err(unsent)?;
            return ask().map_err(|unanswered| self.stalled_if_late(unanswered, end));
        }
        let asked = ask();
        let dates_refused = asked.as_ref().is_err_and(|unanswered| {
            matches!(
                unanswered.trouble.kind,
                TroubleKind::CertificateExpired | TroubleKind::CertificateNotYetValid
            )
        });
        // The server's clock may have been set since it told us the time.
        if dates_refused && self.learn_time(end).map_err(unsent)? {
            ask().map_err(|unanswered| self.stalled_if_late(unanswered, end))
        } else {
            asked
        }
    }

    /// The server was reached a moment ago, to be asked the time. If no time is left to reach it again, then
    /// its slow answer is the cause, not the network.
    fn stalled_if_late(&self, unanswered: HttpError, end: Instant) -> HttpError {
        let kind = unanswered.trouble.kind;
        let unreached = matches!(kind, TroubleKind::NameUnknown | TroubleKind::Unreachable);
        let late = unreached && Instant::now() >= end;
        if late { HttpError { trouble: self.stalled(), ..unanswered } } else { unanswered }
    }

    /// Sends `GET /health` without a secret. Not inlined: each copy of it would cost 10 KB of the program.
    ///
    /// # Errors
    /// The reason why there is no response.
    #[inline(never)]
    pub(super) fn get_health(&self, purpose: Purpose, end: Instant) -> Result<Response<Body>, HttpError> {
        self.exchange(purpose, end, |agent| {
            agent.get(&self.health).config().timeout_global(Some(left(end))).build().call()
        })
    }

    /// Makes one request over a connection of its own.
    pub(super) fn exchange<T>(
        &self,
        purpose: Purpose,
        end: Instant,
        request: impl Fn(&ureq::Agent) -> Result<T, ureq::Error>,
    ) -> Result<T, HttpError> {
        self.exchange_until(purpose, end, Deadline::at(end), request)
    }

    /// Makes one request that may extend `deadline`, which is `end` at first.
    pub(super) fn exchange_until<T>(
        &self,
        purpose: Purpose,
        end: Instant,
        deadline: Deadline,
        request: impl Fn(&ureq::Agent) -> Result<T, ureq::Error>,
    ) -> Result<T, HttpError> {
        let (answer, address, name_trouble) = loop {
            let Reached { stream, name_trouble } = self.reach.connect(end).map_err(unsent)?;
            let address = stream.peer_addr();
            let answer = request(&self.agent(stream, purpose, end, deadline.clone()));
            if !answer.as_ref().is_err_and(|error| self.tls.offers_more_after(error)) {
                break (answer, address, name_trouble);
            }
        };
        let answer = answer.map_err(|error| {
            let trouble = self.transport_trouble(&error);
            let not_the_service = matches!(trouble.kind.outcome(), Outcome::Network | Outcome::Tls);
            // Nothing of the request is sent before the handshake is complete.
            let sent = !matches!(&error, ureq::Error::Other(why) if why.is::<HandshakeError>());
            // The remembered address may belong to another machine by now, so the fix is about the name.
            HttpError { trouble: name_trouble.filter(|_| not_the_service).unwrap_or(trouble), sent }
        })?;
        if let Ok(address) = address {
            self.reach.remember(address);
        }
        Ok(answer)
    }

    /// Makes an agent for one connection: no connection outlives its request, and the handshake has to know
    /// the end of this one.
    pub(super) fn agent(
        &self,
        stream: TcpStream,
        purpose: Purpose,
        end: Instant,
        deadline: Deadline,
    ) -> ureq::Agent {
        let tls = TlsConnector::new(self.tls.config(purpose), end);
        let connector = OpenConnection::new(stream, deadline).chain(tls);
        ureq::Agent::with_parts(self.settings.clone(), connector, NoLookup)
    }
}

const fn unsent(trouble: Trouble) -> HttpError {
    HttpError { trouble, sent: false }
}

/// The settings for one request on each connection, of which every status is a response.
pub(super) fn settings(accept: &'static str, buffer: usize, max_header: usize) -> Config {
    ureq::Agent::config_builder()
        // Every status is a response, and no key is sent to the target of a redirect.
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .user_agent(concat!("jarvis-node/", env!("CARGO_PKG_VERSION")))
        .accept(accept)
        // Minutes lie between two requests, and the server closes idle connections after five seconds.
        .max_idle_connections(0)
        .max_response_header_size(max_header)
        .input_buffer_size(buffer)
        .output_buffer_size(buffer)
        .build()
}

pub(super) fn send(
    agent: &ureq::Agent,
    request: &Request<'_>,
    end: Instant,
) -> Result<HttpResponse, ureq::Error> {
    let Request { url, headers, content } = request;
    let response = if let Some((content_type, body)) = content {
        let post = agent.post(*url).config().timeout_global(Some(left(end))).build();
        let post = headers.iter().fold(post, |post, (name, value)| post.header(*name, value));
        post.header(CONTENT_TYPE, *content_type).send(*body)?
    } else {
        let get = agent.get(*url).config().timeout_global(Some(left(end))).build();
        headers.iter().fold(get, |get, (name, value)| get.header(*name, value)).call()?
    };
    let (mut head, body) = response.into_parts();
    relative(&mut head.headers, url);
    let body = read_whole(body.into_with_config().limit(MAX_ANSWER as u64).reader())?;
    Ok(HttpResponse { status: head.status.as_u16(), headers: head.headers, body })
}

/// The rest of a request's time. At least 1 ms, because a socket takes 0 for no limit.
fn left(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::{io, thread};

    use super::*;

    /// The response of a server that sends a body of `len` bytes.
    fn answered(len: usize) -> Result<HttpResponse, HttpError> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a caller");
            let mut lines = BufReader::new(&stream).lines();
            while !lines.next().expect("a line").expect("readable").is_empty() {}
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n");
            // The client hangs up once it has read enough.
            let _ = (&stream).write_all(&[head.as_bytes(), "x".repeat(len).as_bytes()].concat());
            let _ = io::copy(&mut &stream, &mut io::sink());
        });
        let service = ServiceUrl::parse("url", &url, false).expect("a URL");
        let long = Duration::from_secs(60);
        let client = HttpClient::new(Service::AUTH, &service, long, long, Tls::trusting(None).expect("TLS"));
        let response =
            client.post(&Post { url: &url.to_string(), headers: &[], content_type: JSON, body: b"" });
        server.join().expect("served");
        response
    }

    #[test]
    fn answer_longer_than_any_is_not_understood() {
        for len in [0, MAX_ANSWER - 1] {
            assert_eq!(answered(len).unwrap_or_else(|e| panic!("{e:?}")).body.len(), len);
        }
        let refused = answered(MAX_ANSWER + 1).err().expect("too long");
        assert_eq!(refused.trouble.kind, TroubleKind::NotUnderstood);
    }
}
