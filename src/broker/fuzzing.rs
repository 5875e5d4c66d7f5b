//! A door for the fuzz targets: see `host::fuzzing`.

use super::request;
use super::request::Progress;

/// What is made of what a caller has sent so far.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// More of it is needed.
    Incomplete,
    /// It is answered; in words, whatever is secret in it included.
    Whole(String),
    /// It is refused, with this status and this sentence.
    Refused(u16, String),
}

/// Reads `bytes` as they come from a caller.
#[must_use]
pub fn read_request(bytes: &[u8]) -> Read {
    match request::read(bytes) {
        Ok(Progress::Incomplete { .. }) => Read::Incomplete,
        Ok(Progress::Whole(request)) => Read::Whole(std::format!("{request:?}")),
        Err(refusal) => Read::Refused(refusal.status, refusal.message),
    }
}
