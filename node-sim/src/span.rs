//! Lengths of time as people write them: `90s`, `10m`, `1h30m`, `7d`.
//!
//! Not humantime: it reads `5M` as five months, gives a year 365.25 days, and prints blanks between units.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A length of time, read from such text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// Units and their milliseconds; a year has 365 days.
const UNITS: [(&str, u64); 7] = [
    ("ms", 1),
    ("s", 1000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
    ("y", 31_536_000_000),
];

/// The text is not a length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a length of time; write it like 200ms, 90s, 10m, 1h30m, 7d or 1y")]
pub struct InvalidSpan(String);

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        let no = || InvalidSpan(text.to_owned());
        let (mut ms, mut rest) = (0_u64, text);
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(no)?;
            let (number, after) = rest.split_at(digits);
            let letters = after.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(after.len());
            let (unit, after) = after.split_at(letters);
            let (_, worth) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(no)?;
            let number: u64 = number.parse().map_err(|_| no())?;
            ms = number.checked_mul(*worth).and_then(|more| ms.checked_add(more)).ok_or_else(no)?;
            rest = after;
        }
        if text.is_empty() { Err(no()) } else { Ok(Self(Duration::from_millis(ms))) }
    }
}

impl fmt::Display for Span {
    /// Uses the fewest units that are exact.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ms = node_core::time::millis(self.0);
        if ms == 0 {
            return f.write_str("0s");
        }
        // Weeks and years are only read: a result in them would be hard to compare with others.
        for (unit, worth) in UNITS[..5].iter().rev() {
            if ms >= *worth {
                write!(f, "{}{unit}", ms / worth)?;
                ms %= worth;
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Deserializes a field in which `null` and absence differ.
pub(crate) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn span_is_read_and_printed() {
        for (text, ms, again) in [
            ("0s", 0, "0s"),
            ("200ms", 200, "200ms"),
            ("90s", 90_000, "1m30s"),
            ("1h30m", 5_400_000, "1h30m"),
            ("2w", 1_209_600_000, "14d"),
            ("1y", 31_536_000_000, "365d"),
        ] {
            let span: Span = text.parse().expect(text);
            assert_eq!((span.0, span.to_string().as_str()), (Duration::from_millis(ms), again), "{text}");
            assert_eq!(again.parse(), Ok(span));
        }
    }

    #[test]
    fn span_without_number_or_unit_is_refused() {
        for text in [
            "",
            "5",
            "m",
            "5 m",
            "-5m",
            "1.5h",
            "5min",
            "5M",
            "1h30",
            "99999999999999999999s",
            "9999999999999y",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
