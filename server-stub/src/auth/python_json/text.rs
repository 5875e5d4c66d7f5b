//! Strings: escapes, surrogate pairs, and what CPython says of bad ones.

use super::{DecodeError, Decoder};

const UNTERMINATED: &str = "Unterminated string starting at";
const BAD_UNICODE: &str = "Invalid \\uXXXX escape";

impl Decoder<'_> {
    /// Reads a string whose opening quote is behind us. `None`: it holds half a surrogate pair.
    pub(super) fn text(&mut self) -> Result<Option<String>, DecodeError> {
        let opening = self.at - 1;
        let mut text = String::new();
        let mut broken = false;
        loop {
            let Some(c) = self.peek() else { return Err(DecodeError::Syntax(UNTERMINATED, opening)) };
            match c {
                '"' => {
                    self.at += 1;
                    return Ok((!broken).then_some(text));
                }
                '\\' => match self.escape(opening)? {
                    Some(c) => text.push(c),
                    None => broken = true,
                },
                '\u{0}'..='\u{1f}' => return self.fail("Invalid control character at"),
                _ => {
                    text.push(c);
                    self.at += 1;
                }
            }
        }
    }

    /// Reads an escape at its backslash. `None`: a surrogate without its other half.
    fn escape(&mut self, opening: usize) -> Result<Option<char>, DecodeError> {
        let letter = self.chars.get(self.at + 1).ok_or(DecodeError::Syntax(UNTERMINATED, opening))?;
        let c = match letter {
            '"' => '"',
            '\\' => '\\',
            '/' => '/',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => return self.unicode_escape(),
            _ => return self.fail("Invalid \\escape"),
        };
        self.at += 2;
        Ok(Some(c))
    }

    fn unicode_escape(&mut self) -> Result<Option<char>, DecodeError> {
        let first = self.four_digits(self.at)?;
        self.at += 6;
        if !(0xd800..0xdc00).contains(&first) {
            return Ok(char::from_u32(first));
        }
        // The other half is looked for only where the string can still end behind it.
        let follows =
            self.chars.len() > self.at + 6 && self.chars[self.at] == '\\' && self.chars[self.at + 1] == 'u';
        if !follows {
            return Ok(None);
        }
        let second = self.four_digits(self.at)?;
        if !(0xdc00..0xe000).contains(&second) {
            return Ok(None);
        }
        self.at += 6;
        Ok(char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)))
    }

    /// The four digits of the `\uXXXX` whose backslash is at `backslash`.
    fn four_digits(&self, backslash: usize) -> Result<u32, DecodeError> {
        let start = backslash + 2;
        if start + 4 >= self.chars.len() {
            return Err(DecodeError::Syntax(BAD_UNICODE, start - 1));
        }
        self.chars[start..start + 4].iter().try_fold(0, |code, c| match c.to_digit(16) {
            Some(digit) => Ok(code * 16 + digit),
            None => Err(DecodeError::Syntax(BAD_UNICODE, start - 1)),
        })
    }
}
