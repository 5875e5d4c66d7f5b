//! One validation, from request to [`Answer`].

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use std::io::ErrorKind;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rustls::ClientConfig;
use ureq::http::header::{CONTENT_TYPE, DATE, RETRY_AFTER};
use ureq::http::{HeaderMap, HeaderValue};
use ureq::unversioned::transport::{ConnectionDetails, Connector, TcpConnector, Transport};
use zeroize::Zeroizing;

use super::config::Config;
use super::resolver::Names;
use super::tls::{self, HandshakeFailed, PortSpeaksTls, Tls, TlsConnector};
use crate::agent::{Answer, Household, Trouble, TroubleKind};
use crate::credential::Credential;
use crate::text::Text;
use crate::time::UnixTime;
use crate::wire::{APP_ID_HEADER, APP_KEY_HEADER, ValidateRequest, ValidateResponse};

/// The documented answer has some 200 bytes; what is longer than this is not one.
const MAX_ANSWER: u64 = 16 * 1024;
/// Enough for the request, and for TLS to hand its records on; ureq's own 128 KiB each would be
/// most of this program's memory.
const BUFFER: usize = 8 * 1024;
/// Well below [`BUFFER`]: a header that fills it would look like a closed connection.
const MAX_HEADER: usize = 4 * 1024;

/// Asks one auth service on behalf of one app.
pub struct AuthClient {
    settings: ureq::config::Config,
    tls: Tls,
    https: bool,
    request_timeout: Duration,
    endpoint: String,
    health: String,
    peer: String,
    service_id: String,
    app_id: String,
    app_key: Zeroizing<Vec<u8>>,
}

/// What came of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What it means for the node.
    pub answer: Answer,
    /// When the server says it answered, if it was proved over TLS who it is.
    pub server_time: Option<UnixTime>,
}

impl From<Trouble> for Reply {
    fn from(trouble: Trouble) -> Self {
        Self { answer: Answer::Inconclusive { trouble, retry_after: None }, server_time: None }
    }
}

/// Status, headers and body.
type Response = (u16, HeaderMap, Vec<u8>);

impl fmt::Debug for AuthClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthClient").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl AuthClient {
    /// A client for the service `config` names. `tls` is used when its URL is `https`; `app_key`
    /// must be visible ASCII.
    #[must_use]
    pub fn new(config: &Config, tls: Tls, app_key: Zeroizing<Vec<u8>>) -> Self {
        let settings = ureq::Agent::config_builder()
            // A status is an answer, and no key goes where a redirect points.
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(concat!("jarvis-node/", env!("CARGO_PKG_VERSION")))
            .accept("application/json")
            .timeout_connect(Some(config.connect_timeout))
            // Minutes lie between two calls and the server closes after five idle seconds.
            .max_idle_connections(0)
            .max_response_header_size(MAX_HEADER)
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER)
            .build();
        Self {
            settings,
            tls,
            https: config.auth_url.is_https(),
            request_timeout: config.request_timeout,
            endpoint: config.auth_url.validate_node(),
            health: config.auth_url.health(),
            peer: format!("{}:{}", config.auth_url.host(), config.auth_url.port()),
            service_id: config.service_id.clone(),
            app_id: config.app_id.clone(),
            app_key,
        }
    }

    /// Asks whether the node with this credential is valid. Returns within the configured
    /// time-outs, whatever the network does.
    #[must_use]
    pub fn validate(&self, credential: &Credential) -> Reply {
        let end = Instant::now() + self.request_timeout;
        let (status, headers, body) = match self.exchange(credential, end) {
            Ok(response) => response,
            Err(trouble) => return Reply::from(trouble),
        };
        if status == 400
            && let Some(trouble) = self.tls.proxys_trouble(self.https, &body)
        {
            return Reply::from(trouble);
        }
        let answer = judge(status, &headers, &body, credential, &self.app_id, self.tls.now());
        Reply {
            answer: if self.repeats_a_key(&body, credential) { withheld(answer) } else { answer },
            server_time: time::server_time(&headers).filter(|_| self.https),
        }
    }

    /// Whether the server sends one of our keys back: the real one echoes what it did not
    /// understand, and what it says is shown to everyone.
    fn repeats_a_key(&self, body: &[u8], credential: &Credential) -> bool {
        let holds = |key: &[u8]| body.windows(key.len()).any(|window| window == key);
        holds(credential.node_key.expose().as_bytes()) || holds(&self.app_key)
    }

    /// One request and its response, before `end`, to a server that has proved who it is.
    fn exchange(&self, credential: &Credential, end: Instant) -> Result<Response, Trouble> {
        if !self.tls.knows_time() {
            self.learn_time(end)?;
            return self.ask_after_learning(credential, end);
        }
        let asked = self.ask(credential, end);
        let dates_refused = asked.as_ref().is_err_and(|trouble| {
            matches!(trouble.kind, TroubleKind::CertificateExpired | TroubleKind::CertificateNotYetValid)
        });
        // The server's clock may have been set since it told us the time.
        if dates_refused && self.learn_time(end)? { self.ask_after_learning(credential, end) } else { asked }
    }

    fn ask_after_learning(&self, credential: &Credential, end: Instant) -> Result<Response, Trouble> {
        self.ask(credential, end).map_err(|trouble| {
            let unreached = matches!(trouble.kind, TroubleKind::NameUnknown | TroubleKind::Unreachable);
            // It was reached a moment ago, and took so long that no time is left to reach it again.
            if unreached && Instant::now() >= end { self.stalled() } else { trouble }
        })
    }

    fn ask(&self, credential: &Credential, end: Instant) -> Result<Response, Trouble> {
        self.post(credential, end).map_err(|error| self.transport_trouble(&error))
    }

    fn post(&self, credential: &Credential, end: Instant) -> Result<Response, ureq::Error> {
        let request = ValidateRequest {
            node_id: credential.node_id.as_str(),
            node_key: credential.node_key.expose(),
            service_id: &self.service_id,
        };
        // Room for all of it at once: a buffer that grows leaves copies of the key behind.
        let mut body = Zeroizing::new(Vec::with_capacity(2048));
        serde_json::to_writer(&mut *body, &request).map_err(|e| ureq::Error::Other(e.into()))?;
        let mut app_key = HeaderValue::from_bytes(&self.app_key).map_err(|e| ureq::Error::Http(e.into()))?;
        app_key.set_sensitive(true);
        let response = self
            .agent(self.tls.for_calls(), end)
            .post(&self.endpoint)
            .header(APP_ID_HEADER, &self.app_id)
            .header(APP_KEY_HEADER, app_key)
            .header(CONTENT_TYPE, "application/json")
            .config()
            .timeout_global(Some(left(end)))
            .build()
            .send(body.as_slice())?;
        let (head, body) = response.into_parts();
        let body = body.into_with_config().limit(MAX_ANSWER).read_to_vec()?;
        Ok((head.status.as_u16(), head.headers, body))
    }

    /// Made anew for each connection: none outlives its call, and the handshake must know when that
    /// has to end.
    fn agent(&self, tls: Arc<ClientConfig>, end: Instant) -> ureq::Agent {
        let connector = ().chain(Dial::default()).chain(TlsConnector::new(tls, end));
        ureq::Agent::with_parts(self.settings.clone(), connector, Names::default())
    }

    fn transport_trouble(&self, error: &ureq::Error) -> Trouble {
        let peer = &self.peer;
        #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended; the rest is bad HTTP")]
        match error {
            ureq::Error::HostNotFound | ureq::Error::Timeout(ureq::Timeout::Resolve) => {
                Trouble::new(TroubleKind::NameUnknown, format_args!("no address can be found for {peer}"))
            }
            ureq::Error::Timeout(ureq::Timeout::Connect) => {
                Trouble::new(TroubleKind::Unreachable, format_args!("{peer} does not answer"))
            }
            ureq::Error::Timeout(_) => self.stalled(),
            ureq::Error::Io(e) => self.io_trouble(e),
            ureq::Error::LargeResponseHeader(..) | ureq::Error::BodyExceedsLimit(_) => Trouble::new(
                TroubleKind::NotUnderstood,
                format_args!("what {peer} answered is far too long for a Jarvis auth service"),
            ),
            ureq::Error::Other(e) => match e.downcast_ref::<HandshakeFailed>() {
                Some(HandshakeFailed(e)) => {
                    self.tls.handshake_trouble(peer, e).unwrap_or_else(|| self.io_trouble(e))
                }
                None if e.is::<PortSpeaksTls>() => tls::port_speaks_tls(),
                None => not_http(peer),
            },
            _ => not_http(peer),
        }
    }

    fn stalled(&self) -> Trouble {
        Trouble::new(
            TroubleKind::Stalled,
            format_args!("{} took the connection but did not answer in time", self.peer),
        )
    }

    fn io_trouble(&self, error: &std::io::Error) -> Trouble {
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

/// What is left of a call's time. Never nothing, which a socket takes for no limit.
fn left(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}

fn not_http(peer: &str) -> Trouble {
    Trouble::new(TroubleKind::NotUnderstood, format_args!("what {peer} answered is not proper HTTP"))
}

/// The same answer without the text the server put into it.
fn withheld(answer: Answer) -> Answer {
    match answer {
        Answer::Denied(_) => Answer::Denied(Text::from("(not shown: the answer repeats a key)")),
        Answer::Valid(household) => Answer::Valid(Household { id: None, ..household }),
        inconclusive @ Answer::Inconclusive { .. } => inconclusive,
    }
}

/// Opens the TCP connection. Whatever time runs out while it does, the server was not reached.
#[derive(Debug, Default)]
struct Dial(TcpConnector);

impl<In: Transport> Connector<In> for Dial {
    type Out = <TcpConnector as Connector<In>>::Out;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        self.0.connect(details, chained).map_err(|error| {
            if matches!(error, ureq::Error::Timeout(_)) {
                ureq::Error::Timeout(ureq::Timeout::Connect)
            } else {
                error
            }
        })
    }
}

/// The rules of the verdict (jarvis-auth-wire.md, "What follows from it"): only a 200 with
/// `valid:false` is a denial, a 401 is about the app key, and all else says nothing of the node.
fn judge(
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    credential: &Credential,
    app_id: &str,
    now: SystemTime,
) -> Answer {
    let inconclusive = |kind, reason: fmt::Arguments<'_>| Answer::Inconclusive {
        trouble: Trouble::new(kind, reason),
        retry_after: retry_after(headers, now),
    };
    match status {
        200 => match serde_json::from_slice::<ValidateResponse>(body) {
            Ok(response) => response.into_answer(&credential.node_id),
            Err(_) => inconclusive(
                TroubleKind::NotUnderstood,
                format_args!("the answer is not the JSON of a Jarvis auth service"),
            ),
        },
        401 => inconclusive(
            TroubleKind::AppRejected,
            format_args!("the auth service refused the app key of '{app_id}' (401)"),
        ),
        429 => inconclusive(
            TroubleKind::Busy,
            format_args!("the auth service is asked too often and wants to be left alone (429)"),
        ),
        500..=599 => inconclusive(
            TroubleKind::Busy,
            format_args!("the auth service, or a proxy before it, failed ({status})"),
        ),
        300..=399 => inconclusive(
            TroubleKind::Redirected,
            format_args!("the auth service points elsewhere ({status}), and keys are not sent after it"),
        ),
        400 | 413 | 422 => inconclusive(
            TroubleKind::RequestRefused,
            format_args!("the auth service did not understand the request ({status})"),
        ),
        _ => inconclusive(
            TroubleKind::NotTheService,
            format_args!("status {status}, which the auth service never gives here"),
        ),
    }
}

/// `Retry-After` as seconds or as a date (RFC 9110, 10.2.3); a date is measured against the
/// server's own `Date`, since this board's clock may be anywhere.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(secs) = text.parse() {
        return Some(Duration::from_secs(secs));
    }
    let date = |text: &str| httpdate::parse_http_date(text).ok();
    let server_now = headers.get(DATE).and_then(|d| date(d.to_str().ok()?)).unwrap_or(now);
    let until = date(text)?;
    Some(until.duration_since(server_now.max(UNIX_EPOCH)).unwrap_or_default())
}

mod time;

#[cfg(test)]
mod tests;
