//! Reading a JSON object into a struct.

use serde::Deserialize;
use serde::de::Error as _;

/// What `bytes` say. Lists are refused: serde takes one for a struct too, its fields in their order, so that
/// a bare `[false]` from any web server would be a denial.
///
/// # Errors
/// Of serde.
pub(crate) fn object<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> serde_json::Result<T> {
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(serde_json::Error::custom("a list, where an object belongs"));
    }
    serde_json::from_slice(bytes)
}
