//! The claims of a token.

use serde_json::{Map, Value};

/// The claims of a verified token.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// None: not a JSON object.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().map(Self)
    }

    /// A claim of any type.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A claim that is a string.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// A claim that is a time, in seconds since 1970, perhaps with a fraction (RFC 7519, section 2).
    #[must_use]
    pub fn seconds(&self, name: &str) -> Option<f64> {
        self.get(name)?.as_f64()
    }

    /// The audiences: `aud`, a string or a list of strings. Members that are not strings are left out.
    pub fn audiences(&self) -> impl Iterator<Item = &str> {
        let (one, many) = match self.get("aud") {
            Some(Value::Array(many)) => (None, many.as_slice()),
            one => (one, &[][..]),
        };
        one.into_iter().chain(many).filter_map(Value::as_str)
    }
}
