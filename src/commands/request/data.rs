//! The body of a request: `--data`.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::RequestError;

/// The most bytes that are sent. All of them are kept in memory, for a second attempt.
const MAX_LEN: u64 = 16 * 1024 * 1024;

/// Where the body comes from.
#[derive(Debug, PartialEq, Eq)]
pub enum Data {
    /// The argument itself.
    Text(String),
    /// A file.
    File(PathBuf),
    /// Standard input.
    Input,
}

impl From<String> for Data {
    /// In the form of curl's `--data-binary`: text, `@FILE` or `@-`.
    fn from(argument: String) -> Self {
        match argument.strip_prefix('@') {
            Some("-") => Self::Input,
            Some(path) => Self::File(path.into()),
            None => Self::Text(argument),
        }
    }
}

impl Data {
    /// The whole body. Standard input is read from `input`.
    ///
    /// # Errors
    /// When it cannot be read or is too long.
    pub(super) fn read(&self, input: impl Read) -> Result<Vec<u8>, RequestError> {
        match self {
            Self::Text(text) => Ok(text.as_bytes().into()),
            Self::File(path) => match File::open(path) {
                Ok(file) => all(file, path),
                Err(why) => Err(RequestError::Unreadable { path: path.clone(), why }),
            },
            Self::Input => all(input, Path::new("standard input")),
        }
    }
}

fn all(from: impl Read, path: &Path) -> Result<Vec<u8>, RequestError> {
    let mut bytes = Vec::new();
    from.take(MAX_LEN + 1)
        .read_to_end(&mut bytes)
        .map_err(|why| RequestError::Unreadable { path: path.into(), why })?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len <= MAX_LEN) {
        Ok(bytes)
    } else {
        Err(RequestError::TooLong(MAX_LEN))
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn data_is_text_or_a_file_or_standard_input() {
        let of = |said: &str| Data::from(String::from(said));
        assert_eq!(of("{}"), Data::Text("{}".into()));
        assert_eq!(of("@a b"), Data::File("a b".into()));
        assert_eq!(of("@-"), Data::Input);
        assert_eq!(of("@-").read(&b"\0x"[..]).expect("read"), b"\0x");
        let missing = of("@/nowhere/at-all").read(io::empty()).expect_err("no such file");
        assert_eq!(missing.exit_code(), 66);
        assert!(missing.to_string().contains("/nowhere/at-all"), "{missing}");
    }

    #[test]
    fn data_beyond_the_limit_is_refused() {
        assert_eq!(
            Data::Input.read(io::repeat(b' ').take(MAX_LEN)).map(|data| data.len()).ok(),
            Some(16 << 20)
        );
        let endless = Data::Input.read(io::repeat(b' ')).expect_err("endless");
        assert_eq!(endless.exit_code(), 65);
    }
}
