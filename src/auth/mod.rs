//! One validation, from request to [`Answer`]: by the app's key at the auth service, or by the node's
//! own at the command center, which asks the auth service in its place.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use node_core::agent::OVERWHELMED;
use node_core::answer::Answer;
use node_core::credential::NodeId;
use node_core::household::Household;
use node_core::text::Text;
use node_core::time::UnixTime;
use node_core::trouble::{Trouble, TroubleKind};
use node_core::wire::{
    API_KEY_HEADER, APP_ID_HEADER, APP_KEY_HEADER, HeartbeatRefusal, HeartbeatResponse, ValidateRequest,
    ValidateResponse,
};
use ureq::http::header::{DATE, RETRY_AFTER};
use ureq::http::{HeaderMap, HeaderValue};
use zeroize::Zeroizing;

use crate::config::{Config, Via};
use crate::files::credential::Credential;
use crate::files::json;
use crate::net::http::{HttpClient, JSON, Post, Response};
use crate::net::tls::Tls;

mod delivered;
#[cfg(fuzzing)]
mod fuzzing;

pub use self::delivered::Delivered;

/// Asks one service whether a node is valid.
pub struct AuthClient {
    http: HttpClient,
    endpoint: String,
    mode: AuthMode,
}

/// How it asks.
enum AuthMode {
    /// On behalf of an app.
    App { service_id: String, app_id: String, app_key: Zeroizing<Vec<u8>> },
    /// With nothing but the node's own credential.
    CommandCenter,
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

impl fmt::Debug for AuthClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthClient").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl AuthClient {
    /// A client for the service `config` names. `tls` is used when its URL is `https`; `app_key` is
    /// used when an app asks, and must be visible ASCII.
    #[must_use]
    pub fn new(config: &Config, tls: Tls, app_key: Zeroizing<Vec<u8>>) -> Self {
        let http = HttpClient::new(&config.auth_url, config.connect_timeout, config.request_timeout, tls);
        let (endpoint, mode) = match &config.via {
            Via::App { service_id, app_id, .. } => (
                config.auth_url.validate_node(),
                AuthMode::App { service_id: service_id.clone(), app_id: app_id.clone(), app_key },
            ),
            Via::CommandCenter => (config.auth_url.heartbeat(), AuthMode::CommandCenter),
        };
        Self { http, endpoint, mode }
    }

    /// Asks whether the node with this credential is valid. Returns within the configured
    /// time-outs, whatever the network does.
    #[must_use]
    pub fn validate(&self, credential: &Credential) -> Reply {
        self.ask(credential).map_or_else(Reply::from, |response| self.conclude(&response, credential))
    }

    /// Asks only whether the service has time. Only where nobody is there, or says nothing for long, is that
    /// told; all else is for a call to find out.
    #[must_use]
    pub fn probe(&self) -> Reply {
        self.http
            .probe(OVERWHELMED)
            .map_or_else(Reply::from, |()| Reply { answer: Answer::Reachable, server_time: None })
    }

    fn conclude(&self, response: &Response, credential: &Credential) -> Reply {
        let repeats_a_key = self.repeats_a_key(&response.body, credential);
        let answer = match &self.mode {
            AuthMode::App { app_id, .. } => judge(response, &credential.node_id, app_id, self.http.now()),
            AuthMode::CommandCenter => judge_heartbeat(response, repeats_a_key, self.http.now()),
        };
        Reply {
            answer: if repeats_a_key { withheld(answer) } else { answer },
            server_time: self.http.proven_time(response),
        }
    }

    fn ask(&self, credential: &Credential) -> Result<Response, Trouble> {
        let Credential { node_id, node_key } = credential;
        // Checked long before: neither can hold what has no place there.
        let unfit =
            || Trouble::new(TroubleKind::RequestRefused, format_args!("the request cannot be put together"));
        match &self.mode {
            AuthMode::App { service_id, app_id, app_key } => {
                let request =
                    ValidateRequest { node_id: node_id.as_str(), node_key: node_key.expose(), service_id };
                // Room for all of it at once: a buffer that grows leaves copies of the key behind.
                let mut body = Zeroizing::new(Vec::with_capacity(2048));
                serde_json::to_writer(&mut *body, &request).map_err(|_| unfit())?;
                let id = HeaderValue::from_str(app_id).map_err(|_| unfit())?;
                let mut key = HeaderValue::from_bytes(app_key).map_err(|_| unfit())?;
                key.set_sensitive(true);
                let headers = &[(APP_ID_HEADER, id), (APP_KEY_HEADER, key)];
                self.http
                    .post(&Post { url: &self.endpoint, headers, content_type: JSON, body: &body })
                    .map_err(|e| e.trouble)
            }
            AuthMode::CommandCenter => {
                let mut key =
                    Zeroizing::new(Vec::with_capacity(node_id.as_str().len() + 1 + node_key.expose().len()));
                for part in [node_id.as_str(), ":", node_key.expose()] {
                    key.extend_from_slice(part.as_bytes());
                }
                let mut key = HeaderValue::from_bytes(&key).map_err(|_| unfit())?;
                key.set_sensitive(true);
                let headers = &[(API_KEY_HEADER, key)];
                self.http
                    .post(&Post { url: &self.endpoint, headers, content_type: JSON, body: b"{}" })
                    .map_err(|e| e.trouble)
            }
        }
    }

    /// Whether the server sends one of our keys back: the real one echoes what it did not
    /// understand, and what it says is shown to everyone.
    fn repeats_a_key(&self, body: &[u8], credential: &Credential) -> bool {
        let unescaped = unescaped(body);
        let holds = |key: &[u8]| [body, &unescaped].iter().any(|b| b.windows(key.len()).any(|w| w == key));
        let app_keys = match &self.mode {
            AuthMode::App { app_key, .. } => Some(app_key.as_slice()),
            AuthMode::CommandCenter => None,
        };
        holds(credential.node_key.expose().as_bytes()) || app_keys.is_some_and(holds)
    }
}

const NOT_SHOWN: &str = "not shown: the answer repeats a key";

/// JSON with its escapes undone, as far as they can be part of a key.
fn unescaped(json: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(json.len()));
    let mut rest = json;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'\\', [b'u', a, b, c, d, after @ ..]) => {
                let digits = [*a, *b, *c, *d];
                let code = std::str::from_utf8(&digits).ok().and_then(|d| u8::from_str_radix(d, 16).ok());
                // Beyond ASCII there is nothing of a key.
                text.push(code.unwrap_or_default());
                rest = after;
            }
            (b'\\', [escaped, after @ ..]) => {
                text.push(*escaped);
                rest = after;
            }
            (byte, _) => text.push(*byte),
        }
    }
    text
}

/// The same answer without the text the server put into it.
fn withheld(answer: Answer) -> Answer {
    match answer {
        Answer::Rejected(_) => Answer::Rejected(Text::format(format_args!("({NOT_SHOWN})"))),
        Answer::Valid(household) => Answer::Valid(Household { id: None, ..household }),
        told_nothing @ (Answer::Reachable | Answer::Inconclusive { .. }) => told_nothing,
    }
}

/// The rules of the verdict (jarvis-auth-wire.md, "What follows from it"): only a 200 with
/// `valid:false` is a denial, a 401 is about the app key, and all else says nothing of the node.
fn judge(response: &Response, node_id: &NodeId, app_id: &str, now: SystemTime) -> Answer {
    match response.status {
        200 => match json::object::<ValidateResponse>(&response.body) {
            Ok(verdict) => verdict.into_answer(node_id),
            Err(_) => not_understood(response, now),
        },
        401 => inconclusive(
            response,
            now,
            TroubleKind::AppRejected,
            format_args!("the auth service refused the app key of '{app_id}' (401)"),
        ),
        _ => no_verdict(response, now),
    }
}

/// The same at the command center (jarvis-auth-wire.md, "How nodes are used around it"): there a 401
/// carries the auth service's reason, but also the news that it could not be asked.
fn judge_heartbeat(response: &Response, repeats_a_key: bool, now: SystemTime) -> Answer {
    match response.status {
        200 => match json::object::<HeartbeatResponse>(&response.body) {
            Ok(beat) if beat.is_ok() => Answer::Valid(Household::default()),
            Ok(_) | Err(_) => not_understood(response, now),
        },
        401 => match json::object::<HeartbeatRefusal>(&response.body) {
            Ok(refusal) if refusal.is_rejection() => Answer::Rejected(refusal.detail),
            Ok(refusal) if refusal.is_outage() => inconclusive(
                response,
                now,
                TroubleKind::Busy,
                format_args!(
                    "the command center cannot ask the auth service ({})",
                    if repeats_a_key { NOT_SHOWN } else { refusal.detail.as_str() }
                ),
            ),
            Ok(_) | Err(_) => inconclusive(
                response,
                now,
                TroubleKind::NotUnderstood,
                format_args!("the command center answered 401, but with none of the auth service's reasons"),
            ),
        },
        _ => no_verdict(response, now),
    }
}

fn not_understood(response: &Response, now: SystemTime) -> Answer {
    let reason = format_args!("the answer is not the JSON of a Jarvis service");
    inconclusive(response, now, TroubleKind::NotUnderstood, reason)
}

/// What a status means that is no verdict, whoever was asked.
fn no_verdict(response: &Response, now: SystemTime) -> Answer {
    let status = response.status;
    let because = |kind, reason: fmt::Arguments<'_>| inconclusive(response, now, kind, reason);
    match status {
        429 => because(
            TroubleKind::Busy,
            format_args!("the auth service is asked too often and wants to be left alone (429)"),
        ),
        500..=599 => because(
            TroubleKind::Busy,
            format_args!("the auth service, or a proxy before it, failed ({status})"),
        ),
        300..=399 => because(
            TroubleKind::Redirected,
            format_args!("the auth service points elsewhere ({status}), and keys are not sent after it"),
        ),
        400 | 413 | 422 => because(
            TroubleKind::RequestRefused,
            format_args!("the auth service did not understand the request ({status})"),
        ),
        _ => because(
            TroubleKind::NotTheService,
            format_args!("status {status}, which the auth service never gives here"),
        ),
    }
}

fn inconclusive(
    response: &Response,
    now: SystemTime,
    kind: TroubleKind,
    reason: fmt::Arguments<'_>,
) -> Answer {
    let trouble = Trouble::new(kind, reason);
    Answer::Inconclusive { trouble, retry_after: retry_after(&response.headers, now) }
}

/// `Retry-After` as seconds or as a date (RFC 9110, 10.2.3); a date is measured against the
/// server's own `Date`, since this board's clock may be anywhere.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
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
