//! Secrets that come through standard input: never an argument or a variable, which others can read.

use std::io::{ErrorKind, Read};
use std::{fmt, io};

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
pub fn read(input: impl Read) -> Result<Zeroizing<Vec<u8>>, Unread> {
    read_until(input, |_| false)
}

/// Reads the first line of `input`, or all there is; a person need not end the input.
///
/// # Errors
/// See [`Unread`].
pub fn read_line(input: impl Read) -> Result<Zeroizing<Vec<u8>>, Unread> {
    let mut line = read_until(input, |bytes| bytes.contains(&b'\n'))?;
    if let Some(end) = line.iter().position(|byte| *byte == b'\n') {
        line.truncate(end);
    }
    Ok(line)
}

fn read_until(mut input: impl Read, enough: impl Fn(&[u8]) -> bool) -> Result<Zeroizing<Vec<u8>>, Unread> {
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(std::vec![0; MAX_LEN]);
    let mut len = 0;
    while len < bytes.len() {
        match input.read(&mut bytes[len..]) {
            Ok(more) => {
                len += more;
                if more == 0 || enough(&bytes[len - more..len]) {
                    bytes.truncate(len);
                    return Ok(bytes);
                }
            }
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

impl std::error::Error for Unread {}

#[cfg(test)]
mod tests {
    use super::*;

    /// A terminal whose person has nothing more to say.
    struct Never;

    impl Read for Never {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("waited for more");
        }
    }

    #[test]
    fn input_is_read_to_its_end_and_no_further_than_it_can_make_sense() {
        let text = read(b"one ".chain(&b"two"[..])).expect("read");
        assert_eq!(text.as_slice(), b"one two");
        assert!(matches!(read(io::repeat(b'x')), Err(Unread::TooLong)));
        let line = read_line(b"one ".chain(&b"two\nthree"[..]).chain(Never)).expect("read");
        assert_eq!(line.as_slice(), b"one two");
        assert_eq!(read_line(&b"one"[..]).expect("read").as_slice(), b"one");
        assert!(matches!(read(io::empty()), Ok(nothing) if nothing.is_empty()));
    }
}
