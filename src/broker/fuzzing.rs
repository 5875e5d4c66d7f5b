//! The entry point of the fuzz targets: see [`crate::fuzzing`].

use super::request;
use super::request::Progress;

/// The conclusion from the bytes that a caller has sent so far.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// More bytes are needed.
    Incomplete,
    /// The request, as text that includes its secrets.
    Whole(String),
    /// The request is refused with this status and this sentence.
    Refused(u16, String),
}

/// Reads `bytes` as the broker does.
#[must_use]
pub fn read_request(bytes: &[u8]) -> Read {
    match request::read(bytes) {
        Ok(Progress::Incomplete { .. }) => Read::Incomplete,
        Ok(Progress::Whole(request)) => Read::Whole(format!("{request:?}")),
        Err(refusal) => Read::Refused(refusal.status, refusal.message),
    }
}
