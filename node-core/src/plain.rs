//! The text of files that people write and copy. Their editors and tools leave a byte order mark, save UTF-16, or, after
//! a power cut, NULs. Parsers report all of these as "unexpected character"; this says what it is.

use core::fmt;

/// The byte order mark of UTF-8, which some editors put first.
const BOM: &[u8] = b"\xEF\xBB\xBF";
/// The byte order marks of UTF-16, little-endian and big-endian.
const UTF_16_BOMS: [&[u8]; 2] = [b"\xFF\xFE", b"\xFE\xFF"];
/// Enough to tell UTF-16 without a mark, or what is no text, from a file with a few NULs.
const SAMPLE: usize = 64;

/// Why bytes are not the text of a file. The sentence continues the file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFault {
    /// Nothing but white space.
    Empty,
    /// Another encoding.
    Utf16,
    /// No text at all.
    Binary,
    /// A NUL, on the line with this number.
    Nul(usize),
    /// Another encoding than UTF-8, on the line with this number.
    NotUtf8(usize),
}

impl fmt::Display for TextFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::Utf16 => f.write_str("is UTF-16 text, where UTF-8 belongs"),
            Self::Binary => f.write_str("is binary, where text belongs"),
            Self::Nul(line) => {
                write!(f, "has a NUL byte on line {line}, as a power cut or a failing card can leave")
            }
            Self::NotUtf8(line) => write!(f, "has a character on line {line} that is not UTF-8"),
        }
    }
}

impl core::error::Error for TextFault {}

/// The length of the byte order mark at the start of `bytes`; 0 without one.
///
/// # Errors
/// For UTF-16, what is no text, and NULs.
pub fn mark_len(bytes: &[u8]) -> Result<usize, TextFault> {
    if UTF_16_BOMS.iter().any(|mark| bytes.starts_with(mark)) || is_unmarked_utf_16(bytes) {
        return Err(TextFault::Utf16);
    }
    match bytes.iter().position(|byte| *byte == 0) {
        Some(_) if has_controls(bytes) => Err(TextFault::Binary),
        Some(at) => Err(TextFault::Nul(line_of(bytes, at))),
        None if bytes.starts_with(BOM) => Ok(BOM.len()),
        None => Ok(0),
    }
}

/// The text in `bytes`, without a byte order mark. Its encoding is not looked at further: in many files only comments
/// are not ASCII.
///
/// # Errors
/// For UTF-16, NULs and text of nothing but white space.
pub fn bytes(bytes: &[u8]) -> Result<&[u8], TextFault> {
    let text = bytes.get(mark_len(bytes)?..).unwrap_or_default();
    if text.trim_ascii().is_empty() { Err(TextFault::Empty) } else { Ok(text) }
}

/// The text in `bytes`, without a byte order mark.
///
/// # Errors
/// Those of [`bytes`], and when it is not UTF-8.
pub fn text(whole: &[u8]) -> Result<&str, TextFault> {
    let text = bytes(whole)?;
    core::str::from_utf8(text).map_err(|e| TextFault::NotUtf8(line_of(text, e.valid_up_to())))
}

/// Whether every other byte at the start is 0, as in UTF-16 of ASCII.
fn is_unmarked_utf_16(bytes: &[u8]) -> bool {
    let sample = bytes.get(..SAMPLE).unwrap_or(bytes);
    let is_text = |zero: usize| {
        sample.len() >= 4 && sample.iter().enumerate().all(|(at, byte)| (*byte == 0) == (at % 2 == zero))
    };
    is_text(0) || is_text(1)
}

/// Whether control characters that no text has are at the start, as in every key and certificate in DER form.
fn has_controls(bytes: &[u8]) -> bool {
    bytes.iter().take(SAMPLE).any(|byte| (1..9).contains(byte))
}

/// The number of the line that byte `at` is on, from 1.
#[must_use]
pub fn line_of(bytes: &[u8], at: usize) -> usize {
    1 + bytes.iter().take(at).filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use std::string::ToString;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn byte_order_mark_is_no_part_of_the_text() {
        assert_eq!(text(b"\xEF\xBB\xBFone\r\ntwo"), Ok("one\r\ntwo"));
        assert_eq!(text(b"one\n"), Ok("one\n"));
        assert_eq!(text(b"\xEF\xBB\xBF \r\n"), Err(TextFault::Empty));
        assert_eq!(text(b""), Err(TextFault::Empty));
    }

    #[test]
    fn utf_16_is_recognised_with_and_without_a_mark() {
        for (mark, swap) in [(&b"\xFF\xFE"[..], false), (b"\xFE\xFF", true), (b"", false), (b"", true)] {
            let units = "{\"a\": 1}".bytes().flat_map(|b| if swap { [0, b] } else { [b, 0] });
            let whole: Vec<u8> = mark.iter().copied().chain(units).collect();
            assert_eq!(text(&whole), Err(TextFault::Utf16), "{whole:?}");
        }
    }

    #[test]
    fn fault_names_its_line() {
        assert_eq!(text(b"one\ntwo\n\0\0"), Err(TextFault::Nul(3)));
        assert_eq!(text(b"\0\0\0\0\0\0"), Err(TextFault::Nul(1)));
        assert_eq!(text(b"one\ncaf\xe9"), Err(TextFault::NotUtf8(2)));
        assert_eq!(text(b"0\x2e\x02\x01\0\x30\x05\x06\x03\x2b"), Err(TextFault::Binary), "a key in DER form");
        assert_eq!(bytes(b"one\ncaf\xe9"), Ok(&b"one\ncaf\xe9"[..]));
        assert!(TextFault::Nul(3).to_string().contains("on line 3"));
    }
}
