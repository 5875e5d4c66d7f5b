//! Entry points for the fuzz targets: see [`crate::fuzzing`].

use std::time::Duration;

use node_core::time::{Instant, UnixTime};

use super::answer::Answer;
use super::error::{Grant, TokenError};
use super::token::{AccessToken, Bounds, Expected};

/// Reads the answer of a token endpoint to a request of `grant`, sent at `sent` with `secret`, on a board
/// whose clock says `now`.
///
/// # Errors
/// Those of the client.
pub fn read_answer(
    (grant, status, body): (Grant, u16, &[u8]),
    secret: &str,
    expected: &Expected<'_>,
    (sent, now, subject_expires): (Instant, UnixTime, Option<UnixTime>),
) -> Result<AccessToken, TokenError> {
    let secrets = [secret.as_bytes()];
    let answer = Answer {
        grant,
        status,
        body,
        retry_after: Some(Duration::from_secs(1)),
        between: None,
        address: "sts.token_endpoint",
        secrets: &secrets,
    };
    answer.read(expected, Bounds { sent, expires_in: None, now: Some(now), date: None, subject_expires })
}
