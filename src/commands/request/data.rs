//! What is sent.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::NotRequested;

/// It is kept for a second try.
const MOST: u64 = 16 * 1024 * 1024;

/// Where it comes from.
#[derive(Debug, PartialEq, Eq)]
pub enum Data {
    /// The arguments.
    Text(String),
    /// A file.
    File(PathBuf),
    /// Standard input.
    Input,
}

impl From<String> for Data {
    /// As curl's `--data-binary` takes it.
    fn from(said: String) -> Self {
        match said.strip_prefix('@') {
            Some("-") => Self::Input,
            Some(path) => Self::File(path.into()),
            None => Self::Text(said),
        }
    }
}

impl Data {
    /// All of it. Standard input is `input`.
    ///
    /// # Errors
    /// When it cannot be read or is too long.
    pub(super) fn read(&self, input: impl Read) -> Result<Vec<u8>, NotRequested> {
        match self {
            Self::Text(text) => Ok(text.as_bytes().into()),
            Self::File(path) => match File::open(path) {
                Ok(file) => all(file, path),
                Err(why) => Err(NotRequested::Unreadable { path: path.clone(), why }),
            },
            Self::Input => all(input, Path::new("standard input")),
        }
    }
}

fn all(from: impl Read, path: &Path) -> Result<Vec<u8>, NotRequested> {
    let mut bytes = Vec::new();
    from.take(MOST + 1)
        .read_to_end(&mut bytes)
        .map_err(|why| NotRequested::Unreadable { path: path.into(), why })?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len <= MOST) {
        Ok(bytes)
    } else {
        Err(NotRequested::TooLong(MOST))
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
    fn more_than_can_be_kept_is_not_sent() {
        assert_eq!(Data::Input.read(io::repeat(b' ').take(MOST)).map(|data| data.len()).ok(), Some(16 << 20));
        let endless = Data::Input.read(io::repeat(b' ')).expect_err("endless");
        assert_eq!(endless.exit_code(), 65);
    }
}
