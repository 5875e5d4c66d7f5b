//! One validation, from request to [`Answer`].

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rustls::ClientConfig;
use ureq::http::header::{CONTENT_TYPE, DATE, RETRY_AFTER};
use ureq::http::{HeaderMap, HeaderValue};
use ureq::unversioned::transport::Connector;
use zeroize::Zeroizing;

use super::config::Config;
use super::connection::{Opened, Settled};
use super::reach::{Reach, Reached};
use super::tls::{self, HandshakeFailed, TlsConnector};
use crate::agent::{Answer, Household, Outcome, Trouble, TroubleKind};
use crate::credential::Credential;
use crate::text::Text;
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
    tls: Arc<ClientConfig>,
    reach: Reach,
    request_timeout: Duration,
    endpoint: String,
    peer: String,
    service_id: String,
    app_id: String,
    app_key: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for AuthClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthClient").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl AuthClient {
    /// A client for the service `config` names. `tls` is used when its URL is `https`; `app_key`
    /// must be visible ASCII.
    #[must_use]
    pub fn new(config: &Config, tls: Arc<ClientConfig>, app_key: Zeroizing<Vec<u8>>) -> Self {
        let settings = ureq::Agent::config_builder()
            // A status is an answer, and no key goes where a redirect points.
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(concat!("jarvis-node/", env!("CARGO_PKG_VERSION")))
            .accept("application/json")
            // Minutes lie between two calls and the server closes after five idle seconds.
            .max_idle_connections(0)
            .max_response_header_size(MAX_HEADER)
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER)
            .build();
        Self {
            settings,
            tls,
            reach: Reach::new(&config.auth_url, config.connect_timeout),
            request_timeout: config.request_timeout,
            endpoint: config.auth_url.validate_node(),
            peer: format!("{}:{}", config.auth_url.host(), config.auth_url.port()),
            service_id: config.service_id.clone(),
            app_id: config.app_id.clone(),
            app_key,
        }
    }

    /// Asks whether the node with this credential is valid. Returns within the configured
    /// time-outs, whatever the network does.
    #[must_use]
    pub fn validate(&self, credential: &Credential) -> Answer {
        match self.exchange(credential) {
            Ok((status, headers, body)) => {
                let answer = judge(status, &headers, &body, credential, &self.app_id);
                if self.repeats_a_key(&body, credential) { withheld(answer) } else { answer }
            }
            Err(trouble) => Answer::Inconclusive { trouble, retry_after: None },
        }
    }

    /// Whether the server sends one of our keys back: the real one echoes what it did not
    /// understand, and what it says is shown to everyone.
    fn repeats_a_key(&self, body: &[u8], credential: &Credential) -> bool {
        let holds = |key: &[u8]| body.windows(key.len()).any(|window| window == key);
        holds(credential.node_key.expose().as_bytes()) || holds(&self.app_key)
    }

    fn exchange(&self, credential: &Credential) -> Result<(u16, HeaderMap, Vec<u8>), Trouble> {
        let end = Instant::now() + self.request_timeout;
        let Reached { stream, name_trouble } = self.reach.connect(end)?;
        let address = stream.peer_addr();
        let answer = self.ask(credential, stream, end).map_err(|error| {
            let trouble = self.transport_trouble(&error);
            let not_the_service = matches!(trouble.kind.outcome(), Outcome::Network | Outcome::Tls);
            // A remembered address may be another machine's by now. The name is what needs mending.
            name_trouble.filter(|_| not_the_service).unwrap_or(trouble)
        })?;
        if let Ok(address) = address {
            self.reach.remember(address);
        }
        Ok(answer)
    }

    fn ask(
        &self,
        credential: &Credential,
        stream: TcpStream,
        end: Instant,
    ) -> Result<(u16, HeaderMap, Vec<u8>), ureq::Error> {
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
        // Made anew for each call: no connection outlives one, and the handshake must know when
        // the call has to end.
        let connector = Opened::new(stream).chain(TlsConnector::new(Arc::clone(&self.tls), end));
        let response = ureq::Agent::with_parts(self.settings.clone(), connector, Settled)
            .post(&self.endpoint)
            .config()
            .timeout_global(Some(end.saturating_duration_since(Instant::now())))
            .build()
            .header(APP_ID_HEADER, &self.app_id)
            .header(APP_KEY_HEADER, app_key)
            .header(CONTENT_TYPE, "application/json")
            .send(body.as_slice())?;
        let (head, body) = response.into_parts();
        let body = body.into_with_config().limit(MAX_ANSWER).read_to_vec()?;
        Ok((head.status.as_u16(), head.headers, body))
    }

    fn transport_trouble(&self, error: &ureq::Error) -> Trouble {
        let peer = &self.peer;
        #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended; the rest is bad HTTP")]
        match error {
            ureq::Error::Timeout(_) => Trouble::new(
                TroubleKind::Stalled,
                format_args!("{peer} took the connection but did not answer in time"),
            ),
            ureq::Error::Io(e) => self.io_trouble(e),
            ureq::Error::LargeResponseHeader(..) | ureq::Error::BodyExceedsLimit(_) => Trouble::new(
                TroubleKind::NotUnderstood,
                format_args!("what {peer} answered is far too long for a Jarvis auth service"),
            ),
            ureq::Error::Other(e) => match e.downcast_ref::<HandshakeFailed>() {
                Some(HandshakeFailed(e)) => self.io_trouble(e),
                None => not_http(peer),
            },
            _ => not_http(peer),
        }
    }

    fn io_trouble(&self, error: &std::io::Error) -> Trouble {
        let peer = &self.peer;
        if let Some(error) = tls::rustls_error(error) {
            return tls::trouble(error);
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

/// The rules of the verdict (jarvis-auth-wire.md, "What follows from it"): only a 200 with
/// `valid:false` is a denial, a 401 is about the app key, and all else says nothing of the node.
fn judge(status: u16, headers: &HeaderMap, body: &[u8], credential: &Credential, app_id: &str) -> Answer {
    let inconclusive = |kind, reason: fmt::Arguments<'_>| Answer::Inconclusive {
        trouble: Trouble::new(kind, reason),
        retry_after: retry_after(headers, SystemTime::now()),
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

#[cfg(test)]
mod tests;
