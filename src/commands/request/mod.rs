//! One request to a service with a token of the daemon's, whose answer is handed on while it comes
//! (arp-wire.md, "Run Gateway").

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use node_core::trouble::Trouble;
use serde::Deserialize;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use ureq::http::{HeaderMap, HeaderValue, Method, Uri};
use zeroize::Zeroizing;

pub use self::data::Data;
pub use self::error::NotRequested;
use crate::broker::client;
use crate::broker::client::{NoToken, Token};
use crate::clock;
use crate::config::Config;
use crate::files::json;
use crate::files::state_file::State;
use crate::net::http::JSON;
use crate::net::http::streaming::{Answering, Ask, StreamingClient};
use crate::net::service_url::ServiceUrl;
use crate::net::tls::Tls;

mod data;
mod error;

/// How long connecting and answering may take where no configuration says so.
const TIMES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(30));
/// What of a refusal is looked at.
const MAX_REFUSAL: usize = 64 * 1024;
/// What a service says that could not look the token's key up: the token may be good.
const NO_KEYS: &str = "Unable to fetch JWKS";

/// What is asked for.
#[derive(Debug)]
pub struct Request {
    /// GET, POST and their likes.
    pub method: String,
    /// Of the resource.
    pub url: String,
    /// Whom the token is for.
    pub audience: String,
    /// What the token is for; `None`: what the configuration says.
    pub scope: Option<String>,
    /// What is sent.
    pub data: Option<Data>,
    /// What that is; `None`: JSON.
    pub content_type: Option<String>,
    /// Where the broker is; `None`: where the configuration says.
    pub socket: Option<PathBuf>,
    /// CA certificates to trust; `None`: those of the configuration, else Mozilla's.
    pub ca_file: Option<PathBuf>,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Done {
    /// The answer's status.
    pub status: u16,
    /// What to do about a refusal, if there is more to say about it.
    pub advice: Option<String>,
}

impl Done {
    /// For the process's end, by sysexits(3).
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self.status {
            200..=299 => 0,
            401 | 403 => 77,
            429 | 500..=599 => 75,
            400..=499 => 65,
            // Redirects, which are not followed, and what HTTP does not have.
            _ => 76,
        }
    }
}

/// Does `request` by the configuration at `config`. `input` is read if it says so. The answer's status is told
/// to `head` and its body written to `out`, as they come. If the service refuses the token it is asked again,
/// once, with a new one.
///
/// # Errors
/// Why there is no answer, or no whole one.
pub fn request(
    request: &Request,
    config: &Path,
    input: impl Read,
    head: &mut dyn FnMut(u16),
    out: &mut dyn Write,
) -> Result<Done, NotRequested> {
    let mut call = Call::prepare(request, config)?;
    if let Some(data) = &request.data {
        call.body = Some(data.read(input)?);
    }
    let socket = client::socket(request.socket.clone(), config);
    let token =
        |refused: Option<&str>| client::token(&socket, &request.audience, request.scope.as_deref(), refused);
    let first = token(None).map_err(NotRequested::NoToken)?;
    let mut answer = call.ask(&first)?;
    let mut refusal = Refusal::read(&mut answer)?;
    let mut advice = None;
    if refusal.as_ref().is_some_and(Refusal::is_about_the_token) {
        match another(&first, token(Some(first.fingerprint()))) {
            Ok(second) => {
                answer = call.ask(&second)?;
                refusal = Refusal::read(&mut answer)?;
            }
            Err(why) => advice = Some(why),
        }
    }
    head(answer.status);
    if let Some(refusal) = refusal {
        advice = advice.or_else(|| refusal.advice().map(ToOwned::to_owned));
        write(out, &refusal.body)?;
    }
    hand_on(&mut answer, out)?;
    Ok(Done { status: answer.status, advice })
}

fn hand_on(answer: &mut Answering<'_>, out: &mut dyn Write) -> Result<(), NotRequested> {
    let mut buffer = [0; 8 * 1024];
    loop {
        let amount = answer.read(&mut buffer).map_err(NotRequested::Broken)?;
        if amount == 0 || !write(out, &buffer[..amount])? {
            return Ok(());
        }
    }
}

/// The token to try again with, or why there is none.
fn another(first: &Token, second: Result<Token, NoToken>) -> Result<Token, String> {
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

/// False when nobody reads any more.
fn write(out: &mut dyn Write, bytes: &[u8]) -> Result<bool, NotRequested> {
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        done => done.map(|()| true).map_err(NotRequested::Output),
    }
}

/// All but the token.
struct Call {
    client: StreamingClient,
    method: Method,
    url: Uri,
    body: Option<Vec<u8>>,
    content_type: HeaderValue,
}

impl Call {
    fn prepare(request: &Request, config: &Path) -> Result<Self, NotRequested> {
        let method = method(&request.method)?;
        if request.data.is_some() && [Method::GET, Method::HEAD].contains(&method) {
            return Err(NotRequested::Refused(format!("{method} takes no --data")));
        }
        let content_type = HeaderValue::from_str(request.content_type.as_deref().unwrap_or(JSON))
            .map_err(|_| NotRequested::Refused("--content-type is no media type".into()))?;
        let url = request.url.parse::<Uri>();
        let url = url.map_err(|why| NotRequested::Refused(format!("URL cannot be used: {why}")))?;
        let origin = origin(&url)?;
        let ca_file = request.ca_file.as_deref();
        let (times, ca_file, clock_floor) = match Config::load(config) {
            Ok(config) => {
                if origin.has_origin_of(&config.auth_url) {
                    return Err(NotRequested::Refused(format!(
                        "{} is the node's own auth service or command center, which no token may go to",
                        config.auth_url.as_str()
                    )));
                }
                let configured = config.sts.and_then(|sts| sts.ca_file).or(config.ca_file);
                // Most of those who ask may not read it: then the time of the build counts.
                let state = File::open(&config.state_file).is_ok().then(|| State::load(&config.state_file));
                (
                    (config.connect_timeout, config.request_timeout),
                    ca_file.map(Path::to_path_buf).or(configured),
                    state.unwrap_or_default().clock_floor(),
                )
            }
            // Whoever names the CA knows whose service it is.
            Err(_) if ca_file.is_some() => {
                (TIMES, ca_file.map(Path::to_path_buf), State::default().clock_floor())
            }
            Err(why) => return Err(NotRequested::NoConfig(why)),
        };
        if origin.is_https() && clock::now().wall < clock_floor {
            return Err(NotRequested::Clock(Trouble::clock()));
        }
        let tls = Tls::trusting(ca_file.as_deref()).map_err(NotRequested::Setup)?;
        let client = StreamingClient::new(&origin, times.0, times.1, tls);
        // These have to have one.
        let body = [Method::POST, Method::PUT, Method::PATCH].contains(&method).then(Vec::new);
        Ok(Self { client, method, url, body, content_type })
    }

    fn ask(&self, token: &Token) -> Result<Answering<'_>, NotRequested> {
        let bearer = Zeroizing::new(format!("Bearer {}", token.expose()));
        // A token is visible ASCII.
        let mut bearer = HeaderValue::from_str(&bearer)
            .map_err(|_| NotRequested::Refused("the token cannot be sent".into()))?;
        bearer.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, bearer);
        if self.body.as_ref().is_some_and(|body| !body.is_empty()) {
            headers.insert(CONTENT_TYPE, self.content_type.clone());
        }
        let ask = Ask { method: &self.method, url: &self.url, headers, body: self.body.as_deref() };
        self.client.ask(ask).map_err(NotRequested::Unanswered)
    }
}

/// Not CONNECT, nor TRACE, which sends the token back for whoever reads the answer.
fn method(text: &str) -> Result<Method, NotRequested> {
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
        NotRequested::Refused("METHOD is GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS".into())
    })
}

/// Whom `url` goes to.
fn origin(url: &Uri) -> Result<ServiceUrl, NotRequested> {
    let (scheme, authority) = (url.scheme_str().unwrap_or_default(), url.authority());
    let authority = authority.map(|authority| authority.as_str()).unwrap_or_default();
    let origin = ServiceUrl::parse("the address", &format!("{scheme}://{authority}"), true);
    let origin = origin.map_err(NotRequested::Refused)?;
    if origin.is_https() || origin.is_loopback() {
        return Ok(origin);
    }
    Err(NotRequested::Refused(
        "plain HTTP would show the token to everyone on the network: use https:// (http:// is for this machine \
         itself, by localhost or a loopback address)"
            .into(),
    ))
}

/// A 401, read to its end unless that is far.
struct Refusal {
    body: Vec<u8>,
    /// What WWW-Authenticate says (RFC 9110, 11.6.1).
    challenge: Option<String>,
}

/// As the Jarvis services tell an error.
#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow)]
    error: Error<'a>,
}

#[derive(Deserialize)]
struct Error<'a> {
    #[serde(borrow, default)]
    code: Cow<'a, str>,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
}

impl Refusal {
    /// `None` for any other answer, which is left as it is.
    fn read(answer: &mut Answering<'_>) -> Result<Option<Self>, NotRequested> {
        if answer.status != 401 {
            return Ok(None);
        }
        let (mut body, mut len) = (std::vec![0; MAX_REFUSAL], 0);
        while len < body.len() {
            match answer.read(&mut body[len..]).map_err(NotRequested::Broken)? {
                0 => break,
                amount => len += amount,
            }
        }
        body.truncate(len);
        let challenge = answer.headers.get(WWW_AUTHENTICATE);
        let challenge = challenge.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        Ok(Some(Self { body, challenge }))
    }

    fn error(&self) -> Option<Error<'_>> {
        json::object::<Told<'_>>(&self.body).ok().map(|told| told.error)
    }

    /// Whether the service could not look the token's key up.
    fn is_for_want_of_keys(&self) -> bool {
        self.challenge.as_ref().is_some_and(|challenge| challenge.contains(NO_KEYS))
            || self.error().is_some_and(|error| error.message.contains(NO_KEYS))
    }

    /// Whether another token may help. A service that passes on what one behind it says about a token of its
    /// own sends neither the header nor the code.
    fn is_about_the_token(&self) -> bool {
        let ours = self.challenge.is_some() || self.error().is_some_and(|error| error.code == "unauthorized");
        ours && !self.is_for_want_of_keys()
    }

    fn advice(&self) -> Option<&'static str> {
        if self.is_for_want_of_keys() {
            Some(
                "the service could not fetch the keys that tokens are checked with, and the token may be good: \
                  wait 30 s and try again",
            )
        } else if self.is_about_the_token() {
            Some(
                "the service refuses a token that was fetched a moment ago: compare audience and issuer with \
                  what the service expects, and its clock with the STS's",
            )
        } else {
            Some("this is not about the token that was sent: the service has trouble with one of its own")
        }
    }
}

#[cfg(test)]
mod tests;
