//! Entry points of the fuzz targets in `fuzz/`: the functions that take bytes from outside, with as little around them
//! as possible. Exists in no other build.

use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::path::Path;

use node_core::credential::NodeId;
use ureq::http::{HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use crate::auth::{AuthClient, Reply};
use crate::broker::client;
use crate::broker::client::{ClientError, Token};
pub use crate::broker::fuzzing as broker;
pub use crate::cli::fuzzing::parse_arguments;
use crate::commands::enroll;
use crate::commands::enroll::EnrollError;
use crate::config::Indicators;
use crate::error::SetupError;
use crate::files::credential::Credential;
use crate::files::credential_file::{Checksum, Modified};
use crate::files::{credential_file, state};
use crate::net::http::{HttpResponse, Posted};
pub use crate::net::resolver::fuzzing as resolver;
use crate::net::service_url::ServiceUrl;
pub use crate::net::tls::fuzzing as tls;
use crate::setup;
pub use crate::sts::fuzzing as sts;

/// Reads an answer from the broker's socket; `None` if no broker can have sent it.
#[must_use]
pub fn read_broker_answer(answer: &[u8]) -> Option<Result<Token, ClientError>> {
    client::read(answer)
}

/// The indicators in the configuration at `path`, whatever else is wrong with it.
#[must_use]
pub fn load_indicators(path: &Path) -> Indicators {
    Indicators::load_lenient(path)
}

/// The conclusion of `client` from one whole response.
#[must_use]
pub fn conclude(client: &AuthClient, response: &Answered<'_>, credential: &Credential) -> Reply {
    client.conclude_of(&response.as_read(), credential)
}

/// The conclusion of `client` from one whole response to a heartbeat.
#[must_use]
pub fn hear(client: &AuthClient, response: &Answered<'_>, credential: &Credential) -> Reply {
    client.hear_of(&response.as_read(), credential)
}

/// The conclusion of `client` from everything that a server sends over `socket`.
#[must_use]
pub fn validate_over(client: &AuthClient, socket: OwnedFd, credential: &Credential) -> Reply {
    client.validate_over(TcpStream::from(socket), credential)
}

/// A response, taken apart.
#[derive(Debug)]
pub struct Answered<'a> {
    /// Its status.
    pub status: u16,
    /// Names and values; those that HTTP does not allow are left out.
    pub headers: Vec<(&'a [u8], &'a [u8])>,
    /// Its body.
    pub body: &'a [u8],
}

impl Answered<'_> {
    fn as_read(&self) -> HttpResponse {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
                headers.append(name, value);
            }
        }
        HttpResponse { status: self.status, headers, body: Vec::from(self.body).into() }
    }
}

/// The credential in the answer to a registration of `node_id`.
///
/// # Errors
/// Those of `enroll`.
pub fn enrolled(response: &Answered<'_>, node_id: &NodeId, token: &[u8]) -> Result<Credential, EnrollError> {
    let posted = Posted { response: response.as_read(), repeated: false };
    enroll::read_answer(&posted, node_id, token)
}

/// The provisioning token in `input`.
///
/// # Errors
/// Those of `enroll`.
pub fn read_token(input: &[u8]) -> Result<Zeroizing<Vec<u8>>, EnrollError> {
    enroll::read_token(input)
}

/// The app key in the file at `path`.
///
/// # Errors
/// Those of `setup`.
pub fn load_app_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, SetupError> {
    setup::load_app_key(path).map(|(key, _)| key)
}

/// The credential in a file of these bytes, and whether it says that it follows another one. `written` is the time of
/// the file's last modification, in seconds.
///
/// # Errors
/// Those of `credential_file`.
pub fn parse_credential(bytes: &[u8], written: Option<u64>) -> Result<(Credential, bool), SetupError> {
    let modified = written.map(|secs| Modified(i64::try_from(secs).unwrap_or_default(), 0));
    let contents = credential_file::parse(bytes, Path::new("c.json"), modified)?;
    Ok((contents.credential, contents.follows.is_some()))
}

/// The file `before` with `new` in it as the credential that follows `old`.
///
/// # Errors
/// Those of serde.
pub fn render_credential(
    new: &Credential,
    old: Option<&Credential>,
    written: u64,
    before: &[u8],
) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
    let follows = old.map(|old| Checksum::of(old, None));
    credential_file::render(new, follows.as_ref(), written, before)
}

/// The board's serial number, as the device tree has it.
#[must_use]
pub fn parse_serial(bytes: &[u8]) -> Option<String> {
    state::parse_serial(bytes)
}

/// The addresses for validation, heartbeat, registration and health at `url`.
#[must_use]
pub fn endpoints(url: &ServiceUrl) -> [String; 4] {
    [url.validate_node(), url.heartbeat(), url.register(), url.health()]
}
