//! Text of limited length, which needs no allocator.

use core::fmt;
use core::fmt::Write as _;

use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer, de};

const ELLIPSIS: char = '…';

/// Foreign text as it may reach a terminal, a log or a page: control characters become spaces, and characters that a
/// reader cannot see, or that change the order of those beside them, are written out, as in `\u{202e}`.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                _ if c.is_control() => f.write_char(' ')?,
                _ if is_hidden(c) => write!(f, "{}", c.escape_unicode())?,
                _ => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Whether `c` leaves no mark of its own: the categories Cf, Zl and Zp and the property `Default_Ignorable_Code_Point` of
/// Unicode 16. Written as ranges, because the full tables would take kilobytes on the device; what lies in their gaps is
/// unassigned or of the same kind.
#[must_use]
pub const fn is_hidden(c: char) -> bool {
    // First what most texts are.
    !c.is_ascii()
        && matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}'
                | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}'
                | '\u{110cd}' | '\u{13430}'..='\u{1345f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// A text of which a long one's middle is left out: a path or a host's name in a sentence that has to be told to its end.
#[derive(Clone, Copy, Debug)]
pub struct Brief<'a>(pub &'a str);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// In bytes. With this much at both ends the longest sentence fits a [`Text`] of a reason.
        const HALF: usize = 40;
        let text = self.0;
        let is_end = |at: &usize| text.is_char_boundary(*at);
        let start = (0..=HALF.min(text.len())).rfind(is_end).unwrap_or(0);
        let end = (text.len().saturating_sub(HALF)..=text.len()).find(is_end).unwrap_or(text.len());
        if start < end {
            write!(f, "{}{ELLIPSIS}{}", Shown(&text[..start]), Shown(&text[end..]))
        } else {
            Shown(text).fmt(f)
        }
    }
}

/// A value of a configuration as a sentence quotes it: in quotation marks, if it looks like a name. What looks like a key
/// or a token is not repeated, because secrets get into the wrong place, and sentences into logs.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a str);

impl<'a> Quoted<'a> {
    /// The value without quotation marks, or `…` in the place of one that does not look like a name.
    #[must_use]
    pub fn bare(self) -> &'a str {
        if self.is_name() { self.0 } else { "…" }
    }

    /// Whether the value looks like the name of something: words of ASCII letters and digits.
    #[must_use]
    pub fn is_name(self) -> bool {
        /// Longer than the words of names, and than any value of a few words is written without separators.
        const LONGEST_WORD: usize = 24;
        let is_letter = |c: char| c.is_ascii_alphanumeric() || "._-:/@~".contains(c);
        let words = || self.0.split(|c: char| !c.is_ascii_alphanumeric());
        !self.0.is_empty()
            && self.0.len() <= 128
            && self.0.chars().all(is_letter)
            && !self.0.contains("-----")
            && words().all(|word| word.len() <= LONGEST_WORD && !is_random(word))
    }
}

/// Whether kinds of characters change in `word` as often as in a random key. A capital letter begins a part of a name,
/// so that only the change to it counts.
fn is_random(word: &str) -> bool {
    /// Shorter ones are names of versions and models: `v2rc1`.
    const SHORTEST: usize = 8;
    let kinds = |c: u8| (c.is_ascii_digit(), c.is_ascii_uppercase());
    let pairs = word.as_bytes().windows(2);
    let changes = pairs
        .filter(|pair| {
            let (before, after) = (kinds(pair[0]), kinds(pair[1]));
            before != after && (before, after) != ((false, true), (false, false))
        })
        .count();
    word.len() >= SHORTEST && changes * 3 > word.len()
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_name() {
            write!(f, "'{}'", self.0)
        } else {
            f.write_str("(not repeated: it may be a secret)")
        }
    }
}

/// At most `N` bytes of printable text for people, as [`Shown`] shows it; longer text is cut between two characters and
/// ends in `…`. A `Text` is safe to log and to show even if it comes from outside (a server's reason, an error's
/// message).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Text<const N: usize> {
    kept: heapless::String<N>,
    full: bool,
    /// Whether a character was replaced.
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
        self.altered |= c.is_control() || is_hidden(c);
        if c.is_control() {
            self.push(' ');
        } else if is_hidden(c) {
            c.escape_unicode().for_each(|c| self.push(c));
        } else {
            self.push(c);
        }
    }

    fn push(&mut self, c: char) {
        if !self.full && self.kept.push(c).is_err() {
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

    #[test]
    fn long_text_in_a_sentence_keeps_both_ends() {
        let brief = |text: &str| std::format!("{}", Brief(text));
        assert_eq!(brief("/etc/app.key"), "/etc/app.key");
        assert_eq!(brief(&"x".repeat(80)), "x".repeat(80));
        let long = std::format!("/{}/app.key", "ä".repeat(100));
        assert!(brief(&long).starts_with("/ä") && brief(&long).ends_with("ä/app.key"), "{}", brief(&long));
        assert!(brief(&long).len() <= 80 + ELLIPSIS.len_utf8());
    }

    #[test]
    fn name_is_quoted_and_a_key_is_not() {
        for name in [
            "pi",
            "jarvis-node-agent",
            "arp-run-gateway",
            "arpRunGatewayV2",
            "https://api.home:8443/runs",
            "urn:arp:gateway:2",
            "user1000",
            "www-data",
            "JarvisNode2Client",
            "node_exporter",
            "11111111-2222-4333-8444-555555555555",
            "~/jarvis/app.key",
            "/home/pi/.config/jarvis-node/credential.json",
        ] {
            assert_eq!(std::format!("{}", Quoted(name)), std::format!("'{name}'"));
        }
        for secret in [
            "",
            "-q3n8Yk1-_bTtWm5xV7cR0pLsD2fGh4jKa6eUi9oNvBwxxxxxxxxxxxxxxxxxxxx",
            "K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=",
            "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxMjM0NTY3ODkwIn0.AAAAAAAAAAAAAAAA",
            "5f4dcc3b5aa765d61d8327deb882cf99",
            "prov_b4QmZ81xkP0",
            "-----BEGIN PRIVATE KEY-----",
            "correct horse",
            "correcthorsebatterystapleandmore",
            "pi\u{202e}",
        ] {
            assert!(!Quoted(secret).is_name(), "{secret}");
        }
    }

    #[test]
    fn characters_that_nobody_sees_are_written_out() {
        for (text, shown) in [
            ("gnp.\u{202e}exe", "gnp.\\u{202e}exe"),
            ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
            ("\u{2066}a\u{2069}", "\\u{2066}a\\u{2069}"),
            ("a\u{2028}b\u{2029}", "a\\u{2028}b\\u{2029}"),
            ("a\u{ad}\u{e0041}\u{fe0f}\u{3164}", "a\\u{ad}\\u{e0041}\\u{fe0f}\\u{3164}"),
            ("Grüße, 世界, e\u{301}, שלום, हिन्दी 🙂", "Grüße, 世界, e\u{301}, שלום, हिन्दी 🙂"),
        ] {
            assert_eq!(std::format!("{}", Shown(text)), shown);
            assert_eq!(Text::<128>::from(text).as_str(), shown);
        }
        assert!(!Text::<32>::from("\u{202e}").is("\\u{202e}"), "it is not the same text");
        assert_eq!(Text::<12>::from("\u{202e}abcdef").as_str(), "\\u{202e}a…");
        assert_eq!(std::format!("{}", Shown("a\nb\u{1b}[2J\u{9b}x")), "a b [2J x");
    }
}
