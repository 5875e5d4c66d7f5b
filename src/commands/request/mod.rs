//! `jarvis-node request`: one request to a service with a token from the daemon. The answer's body is passed on as it
//! arrives (docs/wire/arp.md, "Run Gateway").

use std::fs::File;
use std::io;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use node_core::trouble::Trouble;
use serde_json::Value;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use ureq::http::{HeaderMap, HeaderValue, Method, Uri};
use zeroize::Zeroizing;

pub use self::data::Data;
pub use self::error::RequestError;
use crate::broker::client;
use crate::broker::client::{ClientError, Token};
use crate::config::Config;
use crate::files::json;
use crate::files::state::NodeState;
use crate::net::http::JSON;
use crate::net::http::streaming::{StreamingClient, StreamingRequest, StreamingResponse};
use crate::net::service_url::ServiceUrl;
use crate::net::tls::Tls;
use crate::system::clock;

mod data;
mod error;

/// How long connecting and answering may take if no configuration says so.
const TIMEOUTS: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(30));
/// How much of a refusal's body is read.
const MAX_REFUSAL: usize = 64 * 1024;
/// The messages of services that do not have the STS's public key: it is new, or the STS is away. The token may be good
/// (docs/wire/arp.md, "Inbound validation"; docs/wire/smartem.md).
const NO_KEYS: [&str; 2] = ["Unable to fetch JWKS", "Cannot resolve signing key"];
/// In seconds: how long to wait before the request is repeated to such a service. In all it is longer than the 30 s for
/// which services of ARP do not fetch keys again.
const WAITS: [u64; 3] = [1, 5, 25];
/// How long a string of events may be to be read as one.
const MAX_QUOTED: usize = 16 * 1024 * 1024;

/// The request to be sent.
#[derive(Debug)]
pub struct ServiceRequest {
    /// The HTTP method.
    pub method: String,
    /// The resource.
    pub url: String,
    /// The service the token is for; empty for the configured one.
    pub audience: String,
    /// The token's scope; `None` for the configured one.
    pub scope: Option<String>,
    /// The body, if there is one.
    pub data: Option<Data>,
    /// The body's media type; `None` for JSON.
    pub content_type: Option<String>,
    /// Where the broker is; `None` for where the configuration says.
    pub socket: Option<PathBuf>,
    /// CA certificates to trust; `None` for those of the configuration, else Mozilla's.
    pub ca_file: Option<PathBuf>,
}

/// The result of a request that was answered.
#[derive(Debug, PartialEq, Eq)]
pub struct Done {
    /// The answer's status.
    pub status: u16,
    /// Advice about a refusal, if there is any.
    pub advice: Option<String>,
    /// Whether the service could not check the token, because it does not have the key.
    pub lacks_keys: bool,
}

impl Done {
    /// The program's exit code, by sysexits(3).
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self.status {
            200..=299 => 0,
            401 if self.lacks_keys => 75,
            401 | 403 => 77,
            429 | 500..=599 => 75,
            400..=499 => 65,
            // Redirects, which are not followed, and numbers that HTTP does not define.
            _ => 76,
        }
    }
}

/// Sends `request` as the configuration at `config` says. `input` is read if the request takes its body from there. The
/// answer's status is passed to `head` and its body written to `out` as they arrive. If the service refuses the token the
/// request is repeated once with a new one. If it cannot check it, for want of the key, the request is repeated for half a
/// minute, at last with a new token: the key may be gone for good, as after the import of a realm.
///
/// # Errors
/// Why there is no answer, or no whole one.
pub fn request(
    request: &ServiceRequest,
    config: &Path,
    input: impl Read,
    head: &mut dyn FnMut(u16),
    out: &mut dyn Write,
) -> Result<Done, RequestError> {
    let mut call = Call::prepare(request, config)?;
    if let Some(data) = &request.data {
        call.body = Some(data.read(input)?);
    }
    let socket = client::socket(request.socket.clone(), config);
    let token =
        |refused: Option<&str>| client::token(&socket, &request.audience, request.scope.as_deref(), refused);
    let first = token(None).map_err(RequestError::Token)?;
    let mut answer = call.ask(&first)?;
    let mut refusal = Refusal::read(&mut answer)?;
    let mut advice = None;
    for wait in WAITS {
        if refusal.as_ref().is_some_and(Refusal::lacks_keys) {
            thread::sleep(Duration::from_secs(wait));
            answer = call.ask(&first)?;
            refusal = Refusal::read(&mut answer)?;
        }
    }
    let lacks_keys = refusal.as_ref().is_some_and(Refusal::lacks_keys);
    if lacks_keys || refusal.as_ref().is_some_and(Refusal::is_about_the_token) {
        match replacement(&first, token(Some(first.fingerprint()))) {
            Ok(second) => {
                answer = call.ask(&second)?;
                refusal = Refusal::read(&mut answer)?;
            }
            Err(_) if lacks_keys => {}
            Err(why) => advice = Some(why),
        }
    }
    head(answer.status);
    let lacks_keys = refusal.as_ref().is_some_and(Refusal::lacks_keys);
    if let Some(refusal) = refusal {
        advice = advice.or_else(|| refusal.advice().map(ToOwned::to_owned));
        write(out, &refusal.body)?;
    }
    hand_on(&mut answer, call.url.path().ends_with("/events"), out)?;
    Ok(Done { status: answer.status, advice, lacks_keys })
}

/// Passes the body on. The published coordinator quotes its events, which are lines, as a JSON string, and the published
/// gateway quotes that once more: of such a body the lines are passed on.
fn hand_on(
    answer: &mut StreamingResponse<'_>,
    mut may_be_quoted: bool,
    out: &mut dyn Write,
) -> Result<(), RequestError> {
    let mut buffer = [0; 8 * 1024];
    let mut held = Vec::new();
    loop {
        let amount = match answer.read(&mut buffer) {
            Ok(amount) => amount,
            Err(broken) => {
                write(out, &held)?;
                return Err(RequestError::Broken(broken));
            }
        };
        held.extend_from_slice(&buffer[..amount]);
        if may_be_quoted && amount > 0 && held.len() < MAX_QUOTED && held[0] == b'"' {
            continue;
        }
        if may_be_quoted {
            held = unquoted(held);
            may_be_quoted = false;
        }
        if !write(out, &held)? || amount == 0 {
            return Ok(());
        }
        held.clear();
    }
}

/// The text in a JSON string, or in a string within a string, and so on. What is no string stays as it is.
fn unquoted(mut text: Vec<u8>) -> Vec<u8> {
    while let Ok(Value::String(inner)) = serde_json::from_slice(&text) {
        text = inner.into_bytes();
    }
    text
}

/// The token to try again with, or a sentence that says why there is none.
fn replacement(first: &Token, second: Result<Token, ClientError>) -> Result<Token, String> {
    match second {
        Ok(second) if second.fingerprint() != first.fingerprint() => Ok(second),
        Ok(_) => {
            Err("the service refuses a token that was fetched less than 30 s ago: a new one would fare no \
                      better; compare audience and issuer with what the service expects"
                .into())
        }
        Err(why) => Err(format!("the service refuses the token, and there is no new one: {why}")),
    }
}

/// Writes `bytes` out; false if the reading end is closed.
fn write(out: &mut dyn Write, bytes: &[u8]) -> Result<bool, RequestError> {
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        done => done.map(|()| true).map_err(RequestError::Output),
    }
}

/// A request that is ready but for its token.
struct Call {
    client: StreamingClient,
    method: Method,
    url: Uri,
    body: Option<Vec<u8>>,
    content_type: HeaderValue,
}

impl Call {
    fn prepare(request: &ServiceRequest, config: &Path) -> Result<Self, RequestError> {
        let method = method(&request.method)?;
        if request.data.is_some() && [Method::GET, Method::HEAD].contains(&method) {
            return Err(RequestError::Refused(format!("{method} takes no --data")));
        }
        let content_type = HeaderValue::from_str(request.content_type.as_deref().unwrap_or(JSON))
            .map_err(|_| RequestError::Refused("--content-type is no media type".into()))?;
        let url = request.url.parse::<Uri>();
        let url = url.map_err(|why| RequestError::Refused(format!("URL cannot be used: {why}")))?;
        let origin = origin(&url)?;
        let ca_file = request.ca_file.as_deref();
        let (times, ca_file, clock_floor) = match Config::load(config) {
            Ok(config) => {
                if origin.is_server_of(&config.auth_url) {
                    return Err(RequestError::Refused(format!(
                        "{} is the node's own auth service or command center, which no token may go to",
                        config.auth_url.as_str()
                    )));
                }
                let configured = config.sts.and_then(|sts| sts.ca_file).or(config.tls.ca_file);
                // Most users may not read the state file. For them the clock counts as set from the time of the build on.
                let state =
                    File::open(&config.state_file).is_ok().then(|| NodeState::load(&config.state_file));
                (
                    (config.connect_timeout, config.request_timeout),
                    ca_file.map(Path::to_path_buf).or(configured),
                    state.unwrap_or_default().clock_floor(),
                )
            }
            // A user who names the CA knows which service this is.
            Err(_) if ca_file.is_some() => {
                (TIMEOUTS, ca_file.map(Path::to_path_buf), NodeState::default().clock_floor())
            }
            Err(why) => return Err(RequestError::NoConfig(why)),
        };
        if origin.is_https() && clock::now().wall < clock_floor {
            return Err(RequestError::Clock(Trouble::clock()));
        }
        let tls = Tls::trusting(ca_file.as_deref()).map_err(RequestError::Setup)?;
        let client = StreamingClient::new(&origin, times.0, times.1, tls);
        // These methods need a body, if only an empty one.
        let body = [Method::POST, Method::PUT, Method::PATCH].contains(&method).then(Vec::new);
        Ok(Self { client, method, url, body, content_type })
    }

    fn ask(&self, token: &Token) -> Result<StreamingResponse<'_>, RequestError> {
        let bearer = Zeroizing::new(format!("Bearer {}", token.expose()));
        // Cannot fail: a token is visible ASCII.
        let mut bearer = HeaderValue::from_str(&bearer)
            .map_err(|_| RequestError::Refused("the token cannot be sent".into()))?;
        bearer.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, bearer);
        if self.body.as_ref().is_some_and(|body| !body.is_empty()) {
            headers.insert(CONTENT_TYPE, self.content_type.clone());
        }
        let ask =
            StreamingRequest { method: &self.method, url: &self.url, headers, body: self.body.as_deref() };
        self.client.ask(ask).map_err(RequestError::Unanswered)
    }
}

/// The method, if it may be used: not CONNECT, and not TRACE, whose answer repeats the token.
fn method(text: &str) -> Result<Method, RequestError> {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    known.into_iter().find(|method| method.as_str() == text).ok_or_else(|| {
        RequestError::Refused("METHOD is GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS".into())
    })
}

/// The server that `url` names.
fn origin(url: &Uri) -> Result<ServiceUrl, RequestError> {
    let (scheme, authority) = (url.scheme_str().unwrap_or_default(), url.authority());
    let authority = authority.map(|authority| authority.as_str()).unwrap_or_default();
    let origin = ServiceUrl::parse("the address", &format!("{scheme}://{authority}"), true);
    let origin = origin.map_err(RequestError::Refused)?;
    if origin.is_https() || origin.is_loopback() {
        return Ok(origin);
    }
    Err(RequestError::Refused(
        "plain HTTP would show the token to everyone on the network: use https:// (http:// is for this machine \
         itself, by localhost or a loopback address)"
            .into(),
    ))
}

/// A 401, with the beginning of its body.
struct Refusal {
    body: Vec<u8>,
    /// The header fields WWW-Authenticate (RFC 9110, 11.6.1).
    challenge: Option<String>,
}

impl Refusal {
    /// Reads the refusal; `None` for any other answer, of which nothing is read.
    fn read(answer: &mut StreamingResponse<'_>) -> Result<Option<Self>, RequestError> {
        if answer.status != 401 {
            return Ok(None);
        }
        let (mut body, mut len) = (vec![0; MAX_REFUSAL], 0);
        while len < body.len() {
            match answer.read(&mut body[len..]).map_err(RequestError::Broken)? {
                0 => break,
                amount => len += amount,
            }
        }
        body.truncate(len);
        let challenges = answer.headers.get_all(WWW_AUTHENTICATE).iter();
        let challenges: Vec<_> = challenges.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        Ok(Some(Self { body, challenge: (!challenges.is_empty()).then(|| challenges.join(", ")) }))
    }

    /// What the body says of the error, as Jarvis services write it: its code, and its message, which other services call
    /// the detail.
    fn error(&self) -> Option<[String; 2]> {
        let body = json::object::<Value>(&self.body).ok()?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let error = &body["error"];
        Some([text(&error["code"]), text(error.get("message").unwrap_or(&body["detail"]))])
    }

    /// Whether the service does not have the key to check the token with.
    fn lacks_keys(&self) -> bool {
        let says = |text: &str| NO_KEYS.iter().any(|known| text.contains(known));
        self.challenge.as_deref().is_some_and(says) || self.error().is_some_and(|[_, message]| says(&message))
    }

    /// Whether another token may help. If a service only passes on what the next service says about the service's own
    /// token, it sends neither the header nor the code.
    fn is_about_the_token(&self) -> bool {
        let ours = self.asks_for(true) || self.error().is_some_and(|[code, _]| code == "unauthorized");
        ours && !self.lacks_keys()
    }

    /// Whether it asks for a token, or only for another proof: a name and a password.
    fn asks_for(&self, token: bool) -> bool {
        // RFC 6750 and RFC 9449.
        let of_tokens = |challenge: &str| ["bearer", "dpop"].iter().any(|scheme| challenge.contains(scheme));
        self.challenge.as_ref().is_some_and(|challenge| of_tokens(&challenge.to_ascii_lowercase()) == token)
    }

    fn advice(&self) -> Option<&'static str> {
        if self.lacks_keys() {
            Some(
                "the service does not have the key that the token is checked with, and the token may be good: try again \
                 when the service reaches the STS, and compare issuer with what the service expects",
            )
        } else if self.is_about_the_token() {
            Some(
                "the service refuses a token that was fetched a moment ago: compare audience and issuer with \
                  what the service expects, and its clock with the STS's",
            )
        } else if self.asks_for(false) {
            Some(
                "this is not about the token that was sent: something between here and the service, or in its place, wants a \
                 log-in of another kind; check the address, and what is on the way (a proxy, a portal)",
            )
        } else {
            Some("this is not about the token that was sent: the service has trouble with one of its own")
        }
    }
}

#[cfg(test)]
mod tests;
