//! Secrets that come through standard input: never an argument or a variable, which others can read.

use alloc::vec::Vec;
use core::fmt;
use std::io::{self, ErrorKind, Read};

use zeroize::Zeroizing;

/// Longer than any secret, and than a Jarvis `config.json` that serves as a credential.
const MAX_LEN: usize = 256 * 1024;

/// Why nothing was read. Continues "standard input".
#[derive(Debug)]
pub enum Unread {
    /// The system refused.
    Io(io::Error),
    /// There is no end to it.
    TooLong,
}

/// Reads all of `input`. The bytes are wiped when dropped.
///
/// # Errors
/// See [`Unread`].
pub fn read(mut input: impl Read) -> Result<Zeroizing<Vec<u8>>, Unread> {
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(alloc::vec![0; MAX_LEN]);
    let mut len = 0;
    while len < bytes.len() {
        match input.read(&mut bytes[len..]) {
            Ok(0) => {
                bytes.truncate(len);
                return Ok(bytes);
            }
            Ok(more) => len += more,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(Unread::Io(e)),
        }
    }
    Err(Unread::TooLong)
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot be read: {error}"),
            Self::TooLong => write!(f, "holds more than {MAX_LEN} bytes, far more than any secret"),
        }
    }
}

impl core::error::Error for Unread {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_is_read_to_its_end_and_no_further_than_it_can_make_sense() {
        let text = read(b"one ".chain(&b"two"[..])).expect("read");
        assert_eq!(text.as_slice(), b"one two");
        assert!(matches!(read(io::repeat(b'x')), Err(Unread::TooLong)));
        assert!(matches!(read(io::empty()), Ok(nothing) if nothing.is_empty()));
    }
}
