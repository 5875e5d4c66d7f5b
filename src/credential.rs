//! Who the node is and how it proves it: checked on the way in, so that nothing the auth
//! service trips over is ever sent (jarvis-auth-wire.md, "POST /internal/validate-node").

#[cfg(feature = "host")]
use alloc::boxed::Box;
use core::fmt;

#[cfg(feature = "host")]
use zeroize::{Zeroize, ZeroizeOnDrop};

/// What Jarvis installations ship in place of a node id and a key: "not provisioned".
pub const PLACEHOLDERS: [&str; 3] = ["your-node-id", "your_api_key_here", ""];

/// A node's name: 1 to 128 bytes, no `:` (services split `node_id:node_key` there), no control
/// characters, no white space at either end.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeId(heapless::String<{ Self::MAX_LEN }>);

/// A node's secret: 1 to 256 visible ASCII characters, since it also travels in a header.
/// Shows only its length, and is wiped when dropped. Lives on the heap, where moving it about leaves
/// no copies behind; the deciding half has no use for it.
#[cfg(feature = "host")]
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct NodeKey(Box<str>);

/// What a node proves itself with.
#[cfg(feature = "host")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The node's name.
    pub node_id: NodeId,
    /// The node's secret.
    pub node_key: NodeKey,
}

/// Why a text cannot be a node id or a node key. Never holds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Longer than this many bytes.
    TooLong(usize),
    /// Empty, or what Jarvis installations ship before a node is registered.
    Placeholder,
    /// Holds a character that has no place there.
    Forbidden(&'static str),
}

impl NodeId {
    /// The longest node id, in bytes.
    pub const MAX_LEN: usize = 128;

    /// Checks `text`, less one trailing newline.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let text = checked_length(text, Self::MAX_LEN)?;
        if text.contains(':') {
            return Err(Malformed::Forbidden("a colon, where services split id and key"));
        }
        if text.contains(char::is_control) {
            return Err(Malformed::Forbidden("a control character"));
        }
        if text.trim() != text {
            return Err(Malformed::Forbidden("white space at its start or end"));
        }
        heapless::String::try_from(text).map(Self).map_err(|_| Malformed::TooLong(Self::MAX_LEN))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(feature = "host")]
impl NodeKey {
    /// The longest node key, in bytes. Real ones have 64; the service answers 500 to 5000.
    pub const MAX_LEN: usize = 256;

    /// Checks `text`, less one trailing newline.
    ///
    /// # Errors
    /// Says what is wrong with it, without repeating any of it.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let text = checked_length(text, Self::MAX_LEN)?;
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Malformed::Forbidden("a character that is not visible ASCII"));
        }
        Ok(Self(text.into()))
    }

    /// The secret itself: only for the request that proves it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

fn checked_length(text: &str, max: usize) -> Result<&str, Malformed> {
    let text = text.strip_suffix('\n').map_or(text, |t| t.strip_suffix('\r').unwrap_or(t));
    if PLACEHOLDERS.contains(&text) {
        return Err(Malformed::Placeholder);
    }
    if text.len() > max { Err(Malformed::TooLong(max)) } else { Ok(text) }
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

#[cfg(feature = "host")]
impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeKey({} bytes)", self.0.len())
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(max) => write!(f, "is longer than {max} bytes"),
            Self::Placeholder => f.write_str("is empty or still the placeholder"),
            Self::Forbidden(what) => write!(f, "holds {what}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_ids_and_keys_pass() {
        assert_eq!(NodeId::parse("kitchen-pi").map(|id| id.0.len()), Ok(10));
        assert!(NodeId::parse("Küche 2").is_ok());
        let key = "-q3n8Yk1-_bTtWm5xV7cR0pLsD2fGh4jKa6eUi9oNvBwxxxxxxxxxxxxxxxxxxxx";
        assert_eq!(NodeKey::parse(key).map(|k| k.0.len()), Ok(64));
    }

    #[test]
    fn one_trailing_newline_is_stripped() {
        assert_eq!(NodeKey::parse("secret\n"), NodeKey::parse("secret"));
        assert_eq!(NodeKey::parse("secret\r\n"), NodeKey::parse("secret"));
        assert!(NodeKey::parse("secret\n\n").is_err());
        assert_eq!(NodeId::parse("pi\n"), NodeId::parse("pi"));
    }

    #[test]
    fn what_breaks_the_service_is_refused() {
        for id in ["a:b", "a\0b", "pi ", " pi", "a\tb"] {
            assert!(matches!(NodeId::parse(id), Err(Malformed::Forbidden(_))), "{id:?}");
        }
        for key in ["a\0b", "a b", "schlüssel", "a\u{7f}"] {
            assert!(matches!(NodeKey::parse(key), Err(Malformed::Forbidden(_))), "{key:?}");
        }
        let long = core::str::from_utf8(&[b'x'; 257]).expect("ASCII");
        assert_eq!(NodeKey::parse(long), Err(Malformed::TooLong(256)));
        assert!(NodeKey::parse(&long[..256]).is_ok());
        assert_eq!(NodeId::parse(&long[..129]), Err(Malformed::TooLong(128)));
    }

    #[test]
    fn placeholders_are_not_credentials() {
        for text in ["", "\n", "your-node-id", "your_api_key_here"] {
            assert_eq!(NodeId::parse(text), Err(Malformed::Placeholder), "{text:?}");
            assert_eq!(NodeKey::parse(text), Err(Malformed::Placeholder), "{text:?}");
        }
    }

    #[cfg(feature = "host")]
    #[test]
    fn a_key_shows_only_its_length() {
        let key = NodeKey::parse("very-secret").expect("a key");
        assert_eq!(std::format!("{key:?}"), "NodeKey(11 bytes)");
    }
}
