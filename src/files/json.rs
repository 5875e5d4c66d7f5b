//! Parses JSON objects.

use serde::Deserialize;
use serde::de::Error as _;

/// Parses `bytes` as an object. serde would also take a list for a struct, with its fields in order, so that
/// a bare `[false]` from any web server would be a rejection.
///
/// # Errors
/// Those of serde.
pub(crate) fn object<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> serde_json::Result<T> {
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(serde_json::Error::custom("a list, where an object belongs"));
    }
    serde_json::from_slice(bytes)
}
