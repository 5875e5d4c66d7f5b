//! The node's name and the rules for its key, checked on the way in: nothing the auth service cannot handle is ever
//! sent (docs/wire/jarvis-auth.md, "POST /internal/validate-node").

use core::fmt;

/// Values that Jarvis installations ship in place of a node id and a key, in whatever case: they mean "not provisioned".
pub const PLACEHOLDERS: [&str; 3] = ["your-node-id", "your_api_key_here", ""];

/// A node's name: 1 to 255 characters, as many as the auth service keeps, no control characters, no white space at
/// either end.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeId(heapless::String<{ Self::CAPACITY }>);

/// Why a text cannot be a node id or a node key. Never holds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Longer than this many characters.
    #[error("is longer than {0} characters")]
    TooLong(usize),
    /// Empty, or what Jarvis installations ship before a node is registered.
    #[error("is empty or still the placeholder")]
    Placeholder,
    /// Holds a character that has no place there.
    #[error("holds {0}")]
    Forbidden(&'static str),
}

impl NodeId {
    /// The longest node id, in characters.
    pub const MAX_CHARS: usize = 255;
    /// Room for that many of the longest characters, in bytes.
    const CAPACITY: usize = 4 * Self::MAX_CHARS;

    /// Checks `text`, less one trailing newline.
    ///
    /// # Errors
    /// When it breaks one of these rules.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let text = checked_length(text, Self::MAX_CHARS)?;
        if text.contains(char::is_control) {
            return Err(ValueError::Forbidden("a control character"));
        }
        if text.trim() != text {
            return Err(ValueError::Forbidden("white space at its start or end"));
        }
        heapless::String::try_from(text).map(Self).map_err(|_| ValueError::TooLong(Self::MAX_CHARS))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `text` less one trailing newline, if it may be a node id or a key of at most `max` characters.
///
/// # Errors
/// When it is a placeholder or too long.
pub fn checked_length(text: &str, max: usize) -> Result<&str, ValueError> {
    let text = text.strip_suffix('\n').map_or(text, |t| t.strip_suffix('\r').unwrap_or(t));
    // Documentation writes what is to be replaced in angle brackets.
    if PLACEHOLDERS.iter().any(|placeholder| text.eq_ignore_ascii_case(placeholder))
        || (text.starts_with('<') && text.ends_with('>'))
    {
        return Err(ValueError::Placeholder);
    }
    if text.chars().count() > max { Err(ValueError::TooLong(max)) } else { Ok(text) }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_id_of_a_real_node_is_accepted() {
        assert_eq!(NodeId::parse("kitchen-pi").map(|id| id.0.len()), Ok(10));
        assert!(NodeId::parse("Küche 2").is_ok());
    }

    #[test]
    fn node_id_with_one_trailing_newline_is_stripped() {
        assert_eq!(NodeId::parse("pi\n"), NodeId::parse("pi"));
    }

    #[test]
    fn node_id_that_breaks_the_service_is_refused() {
        for id in ["a\0b", "pi ", " pi", "a\tb"] {
            assert!(matches!(NodeId::parse(id), Err(ValueError::Forbidden(_))), "{id:?}");
        }
    }

    #[test]
    fn node_id_may_be_as_long_as_the_service_keeps() {
        for byte in ["x", ":", "ä", "€", "😀"] {
            let mut long = heapless::String::<{ 4 * 256 }>::new();
            (0..255).for_each(|_| long.push_str(byte).expect("room"));
            assert_eq!(NodeId::parse(&long).as_ref().map(NodeId::as_str), Ok(long.as_str()));
            long.push_str(byte).expect("room");
            assert_eq!(NodeId::parse(&long), Err(ValueError::TooLong(255)));
        }
    }

    #[test]
    fn node_id_of_a_placeholder_is_refused() {
        for text in
            ["", "\n", "your-node-id", "YOUR-NODE-ID", "your_api_key_here", "YOUR_API_KEY_HERE", "<node-id>"]
        {
            assert_eq!(NodeId::parse(text), Err(ValueError::Placeholder), "{text:?}");
        }
    }
}
