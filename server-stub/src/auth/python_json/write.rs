//! Writing values back as Python's `json.dumps` does with the service's settings: compact, not
//! ASCII-only, no `NaN`.

use super::Value;
// serde_json escapes in a string exactly what Python does with these settings.
use crate::server::answer::quoted;

/// The value cannot be written: Python raises, and the service answers 500.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unwritable;

impl Value {
    /// The value as compact JSON.
    pub(crate) fn write(&self) -> Result<String, Unwritable> {
        let mut out = String::new();
        self.write_to(&mut out)?;
        Ok(out)
    }

    fn write_to(&self, out: &mut String) -> Result<(), Unwritable> {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Number(number) => out.push_str(number),
            Self::NotFinite | Self::BrokenText => return Err(Unwritable),
            Self::Text(text) => out.push_str(&quoted(text)),
            Self::Array(items) => {
                out.push('[');
                for (n, item) in items.iter().enumerate() {
                    out.push_str(if n == 0 { "" } else { "," });
                    item.write_to(out)?;
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (n, (key, value)) in members.iter().enumerate() {
                    out.push_str(if n == 0 { "" } else { "," });
                    out.push_str(&quoted(key.as_ref().ok_or(Unwritable)?));
                    out.push(':');
                    value.write_to(out)?;
                }
                out.push('}');
            }
        }
        Ok(())
    }
}

/// A finite float as Python's `repr` writes it: the shortest digits that read back as the same
/// number, with an exponent below 1e-4 and from 1e16.
pub(super) fn float(number: f64) -> String {
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        Ok(-4..=15) => format!("{number:?}"),
        Ok(exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
        }
        Err(_) => scientific,
    }
}
