//! Secrets come through standard input, never as an argument or a variable: other users could read those.

mod silent;

use std::io;
use std::io::{ErrorKind, IsTerminal, Read, Write};

use node_core::plain;
use node_core::plain::TextFault;
use node_core::text::Shown;
use thiserror::Error;
use zeroize::Zeroizing;

use self::silent::SilentTerminal;

/// Longer than any secret, and than a Jarvis `config.json` that serves as a credential.
const MAX_LEN: usize = 256 * 1024;

/// Why standard input was not read. The sentence continues "standard input".
#[derive(Debug, Error)]
pub(crate) enum InputError {
    /// The system's error.
    #[error("cannot be read: {0}")]
    Io(io::Error),
    /// It is longer than anything that makes sense.
    #[error("holds more than {MAX_LEN} bytes, far more than any secret")]
    TooLong,
    /// It is of another encoding, or damaged.
    #[error(transparent)]
    Text(TextFault),
}

/// Standard input. A terminal does not show what is typed, and a line says what is to be entered.
pub(crate) fn typed(what: &str) -> Box<dyn Read> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Box::new(stdin.lock());
    }
    let silent = SilentTerminal::open();
    let hint = if silent.is_ok() { " (it is not shown)" } else { "" };
    tell(&format!("{what}{hint}:"));
    silent.map_or_else(|_| Box::new(stdin.lock()) as Box<dyn Read>, |silent| Box::new(silent))
}

/// Shows a person a line.
pub(super) fn tell(line: &str) {
    // With standard error closed nobody can read it anyway.
    let _ = writeln!(io::stderr(), "{}", Shown(line));
}

/// Asks the person at the terminal for something that may be shown.
///
/// # Errors
/// See [`InputError`].
pub(super) fn ask(question: &str) -> Result<String, InputError> {
    tell(question);
    let line = read_line(io::stdin().lock())?;
    Ok(String::from_utf8_lossy(&line).trim().to_owned())
}

/// Reads all of `input`. The bytes are wiped when dropped.
///
/// # Errors
/// See [`InputError`].
pub(super) fn read(input: impl Read) -> Result<Zeroizing<Vec<u8>>, InputError> {
    without_mark(read_until(input, |_| false)?)
}

/// Reads the first line of `input`, or all of it if it has no line end: at a terminal Enter is enough.
///
/// # Errors
/// See [`InputError`].
pub(super) fn read_line(input: impl Read) -> Result<Zeroizing<Vec<u8>>, InputError> {
    let mut line = read_until(input, |bytes| bytes.contains(&b'\n'))?;
    if let Some(end) = line.iter().position(|byte| *byte == b'\n') {
        line.truncate(end);
    }
    without_mark(line)
}

/// PowerShell pipes text with a byte order mark, or as UTF-16.
fn without_mark(mut bytes: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, InputError> {
    let mark = plain::mark_len(&bytes).map_err(InputError::Text)?;
    bytes.drain(..mark);
    Ok(bytes)
}

fn read_until(
    mut input: impl Read,
    enough: impl Fn(&[u8]) -> bool,
) -> Result<Zeroizing<Vec<u8>>, InputError> {
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(vec![0; MAX_LEN]);
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
            Err(e) => return Err(InputError::Io(e)),
        }
    }
    Err(InputError::TooLong)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A terminal at which nothing more is typed.
    struct Never;

    impl Read for Never {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("waited for more");
        }
    }

    #[test]
    fn input_is_read_to_its_end_or_up_to_the_limit() {
        let text = read(b"one ".chain(&b"two"[..])).expect("read");
        assert_eq!(text.as_slice(), b"one two");
        assert!(matches!(read(io::repeat(b'x')), Err(InputError::TooLong)));
        let line = read_line(b"one ".chain(&b"two\nthree"[..]).chain(Never)).expect("read");
        assert_eq!(line.as_slice(), b"one two");
        assert_eq!(read_line(&b"one"[..]).expect("read").as_slice(), b"one");
        assert!(matches!(read(io::empty()), Ok(nothing) if nothing.is_empty()));
    }

    #[test]
    fn byte_order_mark_is_dropped_and_utf_16_named() {
        assert_eq!(read(&b"\xEF\xBB\xBFone"[..]).expect("read").as_slice(), b"one");
        assert_eq!(read_line(&b"\xEF\xBB\xBFone\r\n"[..]).expect("read").as_slice(), b"one\r");
        for input in [&b"\xFF\xFEo\0n\0e\0\n\0"[..], b"o\0n\0e\0\n\0"] {
            for refused in [read(input), read_line(input)] {
                let told = refused.expect_err("UTF-16").to_string();
                assert!(told.contains("UTF-16") || told.contains("NUL"), "{told}");
            }
        }
    }
}
