//! One request to one service, within its time: name, connection, TLS, HTTP, and in what words to tell
//! a person that one of them failed.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use std::{io, mem};

use node_core::outcome::Outcome;
use node_core::time::UnixTime;
use node_core::trouble::{Trouble, TroubleKind};
use rustls::ClientConfig;
use ureq::http::header::CONTENT_TYPE;
use ureq::http::{HeaderMap, HeaderValue};
use ureq::unversioned::transport::Connector;
use zeroize::Zeroizing;

use super::reach::{Reach, Reached};
use super::service_url::ServiceUrl;
use super::tls;
use super::tls::{CutOff, HandshakeFailed, PortSpeaksTls, Tls, TlsConnector};
use super::transport::{Deadline, Opened, Settled};

#[cfg(fuzzing)]
mod fuzzing;
mod probe;
pub(crate) mod streaming;
mod time;

/// The body of a call to a Jarvis service.
pub(crate) const JSON: &str = "application/json";

/// The documented answers have some 200 bytes; what is longer than this is none of them.
const MAX_ANSWER: usize = 16 * 1024;
/// Enough for a request, and for TLS to hand its records on; ureq's own 128 KiB each would be
/// most of this program's memory.
const BUFFER: usize = 8 * 1024;
/// Well below [`BUFFER`]: a header that fills it would look like a closed connection.
const MAX_HEADER: usize = 4 * 1024;

/// Calls one service.
#[derive(Debug)]
pub(crate) struct HttpClient {
    settings: ureq::config::Config,
    tls: Tls,
    reach: Reach,
    https: bool,
    timeout: Duration,
    /// Where the time can be asked for without showing a secret.
    health: String,
    peer: String,
}

/// A request with a body.
pub(crate) struct Post<'a> {
    pub(crate) url: &'a str,
    pub(crate) headers: &'a [(&'static str, HeaderValue)],
    pub(crate) content_type: &'static str,
    pub(crate) body: &'a [u8],
}

/// What came back.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct Unanswered {
    pub(crate) trouble: Trouble,
    /// Whether the request may have arrived all the same.
    pub(crate) sent: bool,
}

impl HttpClient {
    /// A client of the service at `url`. Connecting takes at most `connect_timeout`, a whole call at
    /// most `timeout`. `tls` is used when the URL is `https`.
    pub(crate) fn new(url: &ServiceUrl, connect_timeout: Duration, timeout: Duration, tls: Tls) -> Self {
        Self {
            settings: settings(JSON, BUFFER, MAX_HEADER),
            tls,
            reach: Reach::new(url, connect_timeout),
            https: url.is_https(),
            timeout,
            health: url.health(),
            peer: format!("{}:{}", url.host(), url.port()),
        }
    }

    /// Sends `post` to a server that has proved who it is, and gives its answer, whatever its status.
    ///
    /// # Errors
    /// What stood in the way of an answer.
    pub(crate) fn post(&self, post: &Post<'_>) -> Result<Response, Unanswered> {
        let end = Instant::now() + self.timeout;
        let response = self.post_in_time(post, end)?;
        self.unless_a_proxys(response).map_err(|trouble| Unanswered { trouble, sent: true })
    }

    fn unless_a_proxys(&self, response: Response) -> Result<Response, Trouble> {
        match self.tls.proxys_trouble(self.https, &response.body) {
            Some(trouble) if response.status == 400 => Err(trouble),
            Some(_) | None => Ok(response),
        }
    }

    /// When the server says that it answered, if it was proved over TLS who it is.
    pub(crate) fn proven_time(&self, response: &Response) -> Option<UnixTime> {
        time::server_time(&response.headers).filter(|_| self.https)
    }

    /// The same, whoever it was: not for anything that a liar could use.
    pub(crate) fn told_time(response: &Response) -> Option<UnixTime> {
        time::server_time(&response.headers)
    }

    /// The time that certificates are judged by, as far as it is known.
    pub(crate) fn now(&self) -> SystemTime {
        self.tls.now()
    }

    fn post_in_time(&self, post: &Post<'_>, end: Instant) -> Result<Response, Unanswered> {
        let ask = || self.exchange(self.tls.for_calls(), end, |agent| send(agent, post, end));
        if !self.tls.knows_time() {
            self.learn_time(end).map_err(unsent)?;
            return ask().map_err(|unanswered| self.unless_late(unanswered, end));
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
            ask().map_err(|unanswered| self.unless_late(unanswered, end))
        } else {
            asked
        }
    }

    /// The trouble of a server that was reached a moment ago, to be asked the time: what took so long
    /// that no time is left to reach it again was the server, not the network.
    fn unless_late(&self, unanswered: Unanswered, end: Instant) -> Unanswered {
        let kind = unanswered.trouble.kind;
        let unreached = matches!(kind, TroubleKind::NameUnknown | TroubleKind::Unreachable);
        let late = unreached && Instant::now() >= end;
        if late { Unanswered { trouble: self.stalled(), ..unanswered } } else { unanswered }
    }

    /// One connection for one request.
    fn exchange<T>(
        &self,
        tls: Arc<ClientConfig>,
        end: Instant,
        request: impl FnOnce(&ureq::Agent) -> Result<T, ureq::Error>,
    ) -> Result<T, Unanswered> {
        self.exchange_until(tls, end, Deadline::at(end), request)
    }

    /// The same, where `request` may put off what was `end` at first.
    fn exchange_until<T>(
        &self,
        tls: Arc<ClientConfig>,
        end: Instant,
        deadline: Deadline,
        request: impl FnOnce(&ureq::Agent) -> Result<T, ureq::Error>,
    ) -> Result<T, Unanswered> {
        let Reached { stream, name_trouble } = self.reach.connect(end).map_err(unsent)?;
        let address = stream.peer_addr();
        let answer = request(&self.agent(stream, tls, end, deadline)).map_err(|error| {
            let trouble = self.transport_trouble(&error);
            let not_the_service = matches!(trouble.kind.outcome(), Outcome::Network | Outcome::Tls);
            // Only after its handshake did anything of the request leave.
            let sent = !matches!(&error, ureq::Error::Other(why) if why.is::<HandshakeFailed>());
            // A remembered address may be another machine's by now. The name is what needs mending.
            Unanswered { trouble: name_trouble.filter(|_| not_the_service).unwrap_or(trouble), sent }
        })?;
        if let Ok(address) = address {
            self.reach.remember(address);
        }
        Ok(answer)
    }

    /// Made anew for each connection: none outlives its request, and the handshake must know when that
    /// has to end.
    fn agent(
        &self,
        stream: TcpStream,
        tls: Arc<ClientConfig>,
        end: Instant,
        deadline: Deadline,
    ) -> ureq::Agent {
        let connector = Opened::new(stream, deadline).chain(TlsConnector::new(tls, end));
        ureq::Agent::with_parts(self.settings.clone(), connector, Settled)
    }

    fn transport_trouble(&self, error: &ureq::Error) -> Trouble {
        let peer = &self.peer;
        #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended; the rest is bad HTTP")]
        match error {
            ureq::Error::Timeout(_) => self.stalled(),
            ureq::Error::Io(e) => self.io_trouble(e),
            ureq::Error::LargeResponseHeader(..) | ureq::Error::BodyExceedsLimit(_) => Trouble::new(
                TroubleKind::NotUnderstood,
                format_args!("what {peer} answered is far too long for a Jarvis service"),
            ),
            ureq::Error::Other(e) => {
                if let Some(HandshakeFailed(e)) = e.downcast_ref() {
                    self.tls.handshake_trouble(peer, e).unwrap_or_else(|| self.io_trouble(e))
                } else if let Some(CutOff(e)) = e.downcast_ref() {
                    self.io_trouble(e)
                } else if e.is::<PortSpeaksTls>() {
                    tls::port_speaks_tls()
                } else {
                    not_http(peer)
                }
            }
            _ => not_http(peer),
        }
    }

    fn stalled(&self) -> Trouble {
        let peer = &self.peer;
        Trouble::new(
            TroubleKind::Stalled,
            format_args!("{peer} took the connection but did not answer in time"),
        )
    }

    fn io_trouble(&self, error: &io::Error) -> Trouble {
        let peer = &self.peer;
        if let Some(trouble) = self.tls.trouble(error) {
            return trouble;
        }
        #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended")]
        match error.kind() {
            ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe => Trouble::new(
                TroubleKind::ClosedEarly,
                format_args!("{peer} closed the connection before its answer was complete"),
            ),
            kind => Trouble::new(TroubleKind::Unreachable, format_args!("no connection to {peer}: {kind}")),
        }
    }
}

const fn unsent(trouble: Trouble) -> Unanswered {
    Unanswered { trouble, sent: false }
}

/// One request for each connection, and whatever comes back is an answer.
fn settings(accept: &'static str, buffer: usize, max_header: usize) -> ureq::config::Config {
    ureq::Agent::config_builder()
        // A status is an answer, and no key goes where a redirect points.
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .user_agent(concat!("jarvis-node/", env!("CARGO_PKG_VERSION")))
        .accept(accept)
        // Minutes lie between two calls and the server closes after five idle seconds.
        .max_idle_connections(0)
        .max_response_header_size(max_header)
        .input_buffer_size(buffer)
        .output_buffer_size(buffer)
        .build()
}

fn send(agent: &ureq::Agent, post: &Post<'_>, end: Instant) -> Result<Response, ureq::Error> {
    let request = agent.post(post.url).config().timeout_global(Some(left(end))).build();
    let request = post.headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
    let response = request.header(CONTENT_TYPE, post.content_type).send(post.body)?;
    let (head, body) = response.into_parts();
    // All at once and wiped if it is cut off: it may hold a token, and a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_ANSWER + 1));
    body.into_with_config().limit(MAX_ANSWER as u64).reader().read_to_end(&mut bytes)?;
    Ok(Response { status: head.status.as_u16(), headers: head.headers, body: mem::take(&mut *bytes) })
}

/// What is left of a call's time. Never nothing, which a socket takes for no limit.
fn left(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}

fn not_http(peer: &str) -> Trouble {
    Trouble::new(TroubleKind::NotUnderstood, format_args!("what {peer} answered is not proper HTTP"))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// The answer to one request whose body has `len` bytes.
    fn answered(len: usize) -> Result<Response, Unanswered> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a caller");
            let mut lines = BufReader::new(&stream).lines();
            while !lines.next().expect("a line").expect("readable").is_empty() {}
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n");
            // Whoever has read enough may hang up.
            let _ = (&stream).write_all(&[head.as_bytes(), "x".repeat(len).as_bytes()].concat());
            let _ = io::copy(&mut &stream, &mut io::sink());
        });
        let service = ServiceUrl::parse("url", &url, false).expect("a URL");
        let long = Duration::from_secs(60);
        let client = HttpClient::new(&service, long, long, Tls::trusting(None).expect("TLS"));
        let response =
            client.post(&Post { url: &url.to_string(), headers: &[], content_type: JSON, body: b"" });
        server.join().expect("served");
        response
    }

    #[test]
    fn an_answer_is_read_into_one_buffer_that_never_grows_and_one_too_long_is_refused() {
        for len in [0, 100, MAX_ANSWER - 1] {
            let Response { body, .. } = answered(len).unwrap_or_else(|e| panic!("{e:?}"));
            assert_eq!((body.len(), body.capacity()), (len, MAX_ANSWER + 1));
        }
        let refused = answered(MAX_ANSWER + 1).err().expect("too long");
        assert_eq!(refused.trouble.kind, TroubleKind::NotUnderstood);
    }

    /// What a knock comes to whose server says this, or nothing for as long as it is waited for.
    fn knocked(says: Option<&'static str>) -> Result<(), TroubleKind> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a caller");
            let mut lines = BufReader::new(&stream).lines();
            let asked = lines.next().expect("a line").expect("readable");
            assert_eq!(asked, "GET /health HTTP/1.1");
            while !lines.next().expect("a line").expect("readable").is_empty() {}
            if let Some(says) = says {
                let _ = (&stream).write_all(says.as_bytes());
            } else {
                let _ = io::copy(&mut &stream, &mut io::sink());
            }
        });
        let service = ServiceUrl::parse("url", &url, false).expect("a URL");
        let long = Duration::from_secs(60);
        let client = HttpClient::new(&service, long, long, Tls::trusting(None).expect("TLS"));
        let patience = if says.is_some() { long } else { Duration::from_millis(200) };
        let knocked = client.probe(patience).map_err(|trouble| trouble.kind);
        server.join().expect("served");
        knocked
    }

    #[test]
    fn whatever_a_knock_is_answered_somebody_is_there_and_who_says_nothing_in_time_is_stalled() {
        for says in [
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 9\r\n\r\nshort",
            "SSH-2.0-OpenSSH_9.2\r\n",
            "",
        ] {
            assert_eq!(knocked(Some(says)), Ok(()), "{says}");
        }
        assert_eq!(knocked(None), Err(TroubleKind::Stalled));
    }

    #[test]
    fn a_knock_finds_out_that_nobody_is_there() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        drop(listener);
        let service = ServiceUrl::parse("url", &url, false).expect("a URL");
        let long = Duration::from_secs(60);
        let client = HttpClient::new(&service, long, long, Tls::trusting(None).expect("TLS"));
        assert_eq!(client.probe(long).map_err(|trouble| trouble.kind), Err(TroubleKind::Unreachable));
    }
}
