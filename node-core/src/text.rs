//! Text of limited length, which needs no allocator.

use core::fmt;

use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer, de};

const ELLIPSIS: char = '…';

/// At most `N` bytes of printable text for people. Control characters become spaces; longer text is cut between two
/// characters and ends in `…`. A `Text` is safe to log and to show even if it comes from outside (a server's reason, an
/// error's message).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Text<const N: usize> {
    kept: heapless::String<N>,
    full: bool,
    /// Whether a control character was replaced.
    altered: bool,
}

impl<const N: usize> Text<N> {
    /// No text.
    #[must_use]
    pub const fn new() -> Self {
        Self { kept: heapless::String::new(), full: false, altered: false }
    }

    /// Formats `args` and cuts the result to length.
    #[must_use]
    pub fn format(args: fmt::Arguments<'_>) -> Self {
        let mut text = Self::new();
        // Cannot fail: `write_str` below never does, and neither does any value that is formatted here.
        let _ = fmt::write(&mut text, args);
        text
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.kept
    }

    /// Whether the original text is `text`, not only one that became equal to it here.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        !self.full && !self.altered && self.as_str() == text
    }

    /// Whether the original text begins with `text`.
    #[must_use]
    pub fn begins_with(&self, text: &str) -> bool {
        !self.altered && self.as_str().starts_with(text)
    }

    fn append(&mut self, c: char) {
        if self.full {
            return;
        }
        self.altered |= c.is_control();
        let c = if c.is_control() { ' ' } else { c };
        if self.kept.push(c).is_err() {
            self.full = true;
            while self.kept.push(ELLIPSIS).is_err() {
                if self.kept.pop().is_none() {
                    return;
                }
            }
        }
    }
}

impl<const N: usize> From<&str> for Text<N> {
    fn from(s: &str) -> Self {
        let mut text = Self::new();
        s.chars().for_each(|c| text.append(c));
        text
    }
}

impl<const N: usize> fmt::Write for Text<N> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        s.chars().for_each(|c| self.append(c));
        Ok(())
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<const N: usize> Serialize for Text<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de, const N: usize> Deserialize<'de> for Text<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Cut<const N: usize>;
        impl<const N: usize> Visitor<'_> for Cut<N> {
            type Value = Text<N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: de::Error>(self, s: &str) -> Result<Text<N>, E> {
                Ok(Text::from(s))
            }
        }
        deserializer.deserialize_str(Cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_text_is_kept_whole() {
        assert_eq!(Text::<8>::from("12345678").as_str(), "12345678");
    }

    #[test]
    fn long_text_is_cut_at_a_character_and_says_so() {
        assert_eq!(Text::<8>::from("123456789").as_str(), "12345…");
        assert_eq!(Text::<8>::from("ääääääää").as_str(), "ää…");
        assert_eq!(Text::<2>::from("abc").as_str(), "");
    }

    #[test]
    fn nothing_is_appended_after_the_cut() {
        let text = Text::<8>::format(format_args!("{}{}", "1234567890", "x"));
        assert_eq!(text.as_str(), "12345…");
    }

    #[test]
    fn text_that_was_altered_or_cut_equals_no_other() {
        assert!(Text::<8>::from("a b").is("a b") && Text::<8>::from("a b").begins_with("a "));
        assert!(!Text::<8>::from("a\nb").is("a b") && !Text::<8>::from("a\nb").begins_with("a "));
        assert!(
            !Text::<8>::from("123456789").is("12345…") && Text::<8>::from("123456789").begins_with("123")
        );
    }

    #[test]
    fn control_characters_cannot_forge_a_log_line() {
        assert_eq!(Text::<16>::from("a\nb\u{1b}[0m").as_str(), "a b [0m");
    }
}
