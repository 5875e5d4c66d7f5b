//! Reads and writes JSON. serde_json is compiled once for each kind of input and of output, so all reading goes through a
//! slice and all writing through one kind of writer. The fields of others keep their text.

use std::fmt;
use std::io::Write;

use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

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

/// The value that `text` is; null if it is none.
pub(crate) fn value(text: &str) -> Value {
    serde_json::from_slice(text.as_bytes()).unwrap_or_default()
}

/// The string that `text` is.
pub(crate) fn string(text: &str) -> Option<String> {
    serde_json::from_slice(text.as_bytes()).ok()
}

/// Writes `value` to `out`.
///
/// # Errors
/// Those of `out`, and of values that JSON cannot have: maps whose keys are no strings.
pub(crate) fn write(out: &mut dyn Write, value: &(impl Serialize + ?Sized)) -> serde_json::Result<()> {
    serde_json::to_writer(out, value)
}

/// `value` as JSON.
///
/// # Errors
/// As for [`write`].
pub(crate) fn text(value: &(impl Serialize + ?Sized)) -> serde_json::Result<String> {
    let mut out = Vec::new();
    write(&mut out, value)?;
    String::from_utf8(out).map_err(serde_json::Error::custom)
}

/// The [`fault`] of `text`, into which people put comments.
pub(crate) fn fault_in(text: &str, error: &serde_json::Error) -> String {
    let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
    let rest = line.get(error.column().saturating_sub(1)..).unwrap_or_default();
    if error.is_syntax() && ["//", "/*", "#"].iter().any(|comment| rest.starts_with(comment)) {
        return format!("line {}, column {}: JSON has no comments", error.line(), error.column());
    }
    fault(error)
}

/// The error in words that quote no value, which could be a secret in the wrong place. A misspelt key is quoted, if it
/// looks like one.
pub(crate) fn fault(error: &serde_json::Error) -> String {
    let message = error.to_string();
    // What was parsed before has no place any more.
    let place = match error.line() {
        0 => String::new(),
        line => format!("line {line}, column {}: ", error.column()),
    };
    if message.starts_with("invalid type: ") || message.starts_with("invalid value: ") {
        // What was expected stands last, and the value before it.
        let expected = message.rsplit_once(", expected ").map_or("", |(_, expected)| expected);
        let wanted = match () {
            () if expected.contains("string") => "text in quotes",
            () if expected.starts_with('u') => "a whole number, not below 0 and not too large",
            () if expected.contains("boolean") => "true or false",
            () if expected.contains("sequence") => "a list",
            () => "an object",
        };
        return format!("{place}this value must be {wanted}");
    }
    if error.is_syntax() && (error.line(), error.column()) == (1, 1) {
        return "this is not JSON, which begins with {".into();
    }
    let field = message.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`'));
    let is_key =
        |name: &str| name.len() <= 30 && name.bytes().all(|b| b.is_ascii_alphabetic() || b"_-".contains(&b));
    match field {
        Some((name, _)) if is_key(name) => format!("{place}there is no key \"{name}\""),
        Some(_) => format!("{place}there is no such key"),
        None => message,
    }
}

/// The fields of an object, with their values as unparsed text.
pub(crate) struct Fields<'a>(pub(crate) Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsWritten;
        impl<'de> Visitor<'de> for AsWritten {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(AsWritten)
    }
}

/// Writes a JSON object with one field on each line.
pub(crate) struct Object(Zeroizing<Vec<u8>>);

impl Object {
    /// An empty one. A buffer that grows would leave copies of secrets behind, so it gets its full size at once.
    pub(crate) fn with_room(len: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(len)))
    }

    /// Adds a field.
    ///
    /// # Errors
    /// Those of serde.
    pub(crate) fn field(
        &mut self,
        key: &str,
        value: &(impl Serialize + ?Sized),
    ) -> Result<(), serde_json::Error> {
        let before: &[u8] = if self.0.is_empty() { b"{\n  " } else { b",\n  " };
        self.0.extend_from_slice(before);
        write(&mut *self.0, key)?;
        self.0.extend_from_slice(b": ");
        write(&mut *self.0, value)
    }

    /// The text of the whole object.
    pub(crate) fn end(mut self) -> Zeroizing<Vec<u8>> {
        self.0.extend_from_slice(b"\n}\n");
        self.0
    }
}
