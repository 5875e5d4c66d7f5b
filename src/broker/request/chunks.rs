//! Bodies in chunks (RFC 9112, 7.1), as clients send that do not know the length before.

use zeroize::Zeroizing;

use super::head::{MAX_BODY, body_too_large};
use crate::broker::answer::Refusal;

/// The longest body with all that is between its chunks, in bytes.
const MAX_CHUNKED: usize = 2 * MAX_BODY;

/// The body of which these bytes have arrived so far; `None` if some are missing. What follows its end is ignored.
///
/// # Errors
/// As soon as it is certain that it will be refused.
pub(super) fn body(arrived: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Refusal> {
    let malformed = || Refusal::bad_request("the body is not in chunks as in RFC 9112, section 7.1");
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut body = Zeroizing::new(Vec::with_capacity(arrived.len().min(MAX_BODY)));
    let incomplete = if arrived.len() > MAX_CHUNKED { Err(body_too_large()) } else { Ok(None) };
    let mut rest = arrived;
    loop {
        let (start, len) = match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return incomplete,
            Err(_) => return Err(malformed()),
        };
        rest = &rest[start..];
        if len == 0 {
            // Trailers say nothing here. The body ends with an empty line.
            let ended = rest.starts_with(b"\r\n") || rest.windows(4).any(|end| end == b"\r\n\r\n");
            return if ended { Ok(Some(body)) } else { incomplete };
        }
        let len = usize::try_from(len)
            .ok()
            .filter(|len| *len <= MAX_BODY - body.len())
            .ok_or_else(body_too_large)?;
        let Some(chunk) = rest.get(..len) else { return incomplete };
        body.extend_from_slice(chunk);
        rest = &rest[len..];
        match rest {
            [b'\r', b'\n', after @ ..] => rest = after,
            [] | [b'\r'] => return incomplete,
            _ => return Err(malformed()),
        }
    }
}
