//! Doors for the fuzz targets in `fuzz/`: what takes foreign bytes, as thin as it can be had. Exists in no
//! other build.

use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::path::Path;

use node_core::credential::NodeId;
use ureq::http::{HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use crate::auth::{AuthClient, Reply};
use crate::broker::client;
use crate::broker::client::{NoToken, Token};
pub use crate::broker::fuzzing as broker;
pub use crate::cli::fuzzing::parse_arguments;
use crate::commands::enroll;
use crate::commands::enroll::NotEnrolled;
use crate::error::SetupError;
use crate::files::credential::Credential;
use crate::files::credential_file::{Checksum, Modified};
use crate::files::{credential_file, state_file};
use crate::net::http::Response;
pub use crate::net::resolver::fuzzing as resolver;
use crate::net::service_url::ServiceUrl;
pub use crate::net::tls::fuzzing as tls;
use crate::setup;
pub use crate::sts::fuzzing as sts;

/// What is made of what answers at the broker's socket; `None` for what no broker says.
#[must_use]
pub fn read_broker_answer(answer: &[u8]) -> Option<Result<Token, NoToken>> {
    client::read(answer)
}

/// What `client` makes of one whole response.
#[must_use]
pub fn conclude(client: &AuthClient, response: &Answered<'_>, credential: &Credential) -> Reply {
    client.conclude_of(&response.as_read(), credential)
}

/// What `client` makes of what a server sends over `socket`, up to its end.
#[must_use]
pub fn validate_over(client: &AuthClient, socket: OwnedFd, credential: &Credential) -> Reply {
    client.validate_over(TcpStream::from(socket), credential)
}

/// A response, taken apart.
#[derive(Debug)]
pub struct Answered<'a> {
    /// Its status.
    pub status: u16,
    /// Names and values; what can be neither is left out.
    pub headers: Vec<(&'a [u8], &'a [u8])>,
    /// Its body.
    pub body: &'a [u8],
}

impl Answered<'_> {
    fn as_read(&self) -> Response {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
                headers.append(name, value);
            }
        }
        Response { status: self.status, headers, body: self.body.into() }
    }
}

/// The credential in the answer to a registration of `node_id`.
///
/// # Errors
/// As `enroll` has them.
pub fn enrolled(response: &Answered<'_>, node_id: &NodeId) -> Result<Credential, NotEnrolled> {
    enroll::read_answer(&response.as_read(), node_id)
}

/// The provisioning token in `input`.
///
/// # Errors
/// As `enroll` has them.
pub fn read_token(input: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotEnrolled> {
    enroll::read_token(input)
}

/// The app key in the file at `path`.
///
/// # Errors
/// As `setup` has them.
pub fn load_app_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, SetupError> {
    setup::load_app_key(path).map(|(key, _)| key)
}

/// The credential in a file of these bytes, and whether it says that it follows another; `written` is when
/// the file was last written to, in seconds.
///
/// # Errors
/// As `credential_file` has them.
pub fn parse_credential(bytes: &[u8], written: Option<u64>) -> Result<(Credential, bool), SetupError> {
    let modified = written.map(|secs| Modified(i64::try_from(secs).unwrap_or_default(), 0));
    let contents = credential_file::parse(bytes, Path::new("c.json"), modified)?;
    Ok((contents.credential, contents.follows.is_some()))
}

/// The file with `new` in the place of what is in `before`, as one that follows `old`.
///
/// # Errors
/// Of serde.
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
    state_file::parse_serial(bytes)
}

/// Where `url` sends what: validation, heartbeat, registration, and the question for the time.
#[must_use]
pub fn endpoints(url: &ServiceUrl) -> [String; 4] {
    [url.validate_node(), url.heartbeat(), url.register(), url.health()]
}
