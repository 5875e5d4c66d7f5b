//! The node's credential in memory.

use std::fmt;

use node_core::credential::{NodeId, ValueError, checked_length};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The node's secret: 1 to 256 visible ASCII characters, because it also travels in a header. It shows only
/// its length and is wiped when dropped. It lives on the heap, so that moving it leaves no copies behind.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct NodeKey(Box<str>);

/// The credential with which a node proves who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The node's id.
    pub node_id: NodeId,
    /// The node's secret.
    pub node_key: NodeKey,
    /// Whether other software on the board has the same identity. Then the home must not be told that this program is
    /// that node, and no update of that node is this program's.
    pub shared: bool,
}

impl Credential {
    /// A credential that no other software has.
    #[must_use]
    pub const fn new(node_id: NodeId, node_key: NodeKey) -> Self {
        Self { node_id, node_key, shared: false }
    }

    /// Whether a command center may be shown that this node is alive: the identity is this program's alone, and the id is
    /// one that it can tell from the key (docs/wire/jarvis-home.md).
    pub(crate) fn may_be_shown_alive(&self) -> bool {
        !self.shared && !self.node_id.as_str().contains(':')
    }

    /// Whether this one proves what `other` proves, and is known to be shared if that one is.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.node_id == other.node_id && self.node_key == other.node_key && (self.shared || !other.shared)
    }
}

impl NodeKey {
    /// The greatest length in bytes. Issued keys have 64; the service answers 500 to keys of 5000.
    pub const MAX_LEN: usize = 256;

    /// Checks `text` without its trailing newline, if there is one.
    ///
    /// # Errors
    /// Names the fault without repeating any of the text.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let text = checked_length(text, Self::MAX_LEN)?;
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ValueError::Forbidden("a character that is not visible ASCII"));
        }
        Ok(Self(text.into()))
    }

    /// The secret itself. Use it only in the request that proves the node.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeKey({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_key_of_a_real_node_is_accepted() {
        let key = "-q3n8Yk1-_bTtWm5xV7cR0pLsD2fGh4jKa6eUi9oNvBwxxxxxxxxxxxxxxxxxxxx";
        assert_eq!(NodeKey::parse(key).map(|k| k.0.len()), Ok(64));
    }

    #[test]
    fn node_key_with_one_trailing_newline_is_stripped() {
        assert_eq!(NodeKey::parse("secret\n"), NodeKey::parse("secret"));
        assert_eq!(NodeKey::parse("secret\r\n"), NodeKey::parse("secret"));
        assert!(NodeKey::parse("secret\n\n").is_err());
    }

    #[test]
    fn node_key_that_breaks_the_service_is_refused() {
        for key in ["a\0b", "a b", "schlüssel", "a\u{7f}"] {
            assert!(matches!(NodeKey::parse(key), Err(ValueError::Forbidden(_))), "{key:?}");
        }
        let long = "x".repeat(257);
        assert_eq!(NodeKey::parse(&long), Err(ValueError::TooLong(256)));
        assert!(NodeKey::parse(&long[..256]).is_ok());
    }

    #[test]
    fn node_key_of_a_placeholder_is_refused() {
        for text in ["", "\n", "your-node-id", "your_api_key_here"] {
            assert_eq!(NodeKey::parse(text), Err(ValueError::Placeholder), "{text:?}");
        }
    }

    #[test]
    fn node_key_in_debug_shows_only_its_length() {
        let key = NodeKey::parse("very-secret").expect("a key");
        assert_eq!(format!("{key:?}"), "NodeKey(11 bytes)");
    }
}
