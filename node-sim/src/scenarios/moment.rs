//! Moments of a run: `10m`, `10m..20m`, `5m after NAME`, `end`.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;
use std::collections::BTreeMap;

use node_core::jitter::Jitter;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::span::{InvalidSpan, Span};

/// The times of named events, in a run with its seed.
pub(super) type Named = BTreeMap<String, Duration>;

/// A length of time, or a range of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Between {
    least: Duration,
    most: Duration,
}

/// A moment of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    offset: Between,
    base: Base,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Base {
    Start,
    /// After the last event with this name.
    After(String),
    End,
}

impl Between {
    const ZERO: Self = Self { least: Duration::ZERO, most: Duration::ZERO };

    pub(super) fn draw(self, chance: &mut Jitter) -> Duration {
        self.least + chance.up_to(self.most.saturating_sub(self.least))
    }

    pub(super) fn is_never_zero(self) -> bool {
        !self.least.is_zero()
    }
}

impl FromStr for Between {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        let (Span(least), Span(most)) = (least.parse()?, most.parse()?);
        Ok(Self { least, most: most.max(least) })
    }
}

impl FromStr for Moment {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        if text == "end" {
            return Ok(Self { offset: Between::ZERO, base: Base::End });
        }
        match text.split_once(" after ") {
            Some((offset, name)) => Ok(Self { offset: offset.parse()?, base: Base::After(name.to_owned()) }),
            None => Ok(Self { offset: text.parse()?, base: Base::Start }),
        }
    }
}

impl Moment {
    pub(super) const START: Self = Self { offset: Between::ZERO, base: Base::Start };
    pub(super) const END: Self = Self { offset: Between::ZERO, base: Base::End };

    /// The event it depends on.
    pub(super) fn refers_to(&self) -> Option<&str> {
        match &self.base {
            Base::After(name) => Some(name),
            Base::Start | Base::End => None,
        }
    }

    /// Whether it is independent of the seed, apart from the event it depends on.
    pub(super) fn is_exact(&self) -> bool {
        self.offset.least == self.offset.most
    }

    /// Its time in a run of this length; `None` when no event has that name.
    pub(super) fn draw(&self, named: &Named, span: Duration, chance: &mut Jitter) -> Option<Duration> {
        let base = match &self.base {
            Base::Start => Duration::ZERO,
            Base::After(name) => *named.get(name)?,
            Base::End => span,
        };
        Some(base + self.offset.draw(chance))
    }

    /// Its time, if it is exact.
    pub(super) fn place(&self, named: &Named, span: Duration) -> Option<Duration> {
        self.draw(named, span, &mut Jitter::new(0))
    }
}

impl fmt::Display for Between {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Span(self.least))?;
        if self.least == self.most { Ok(()) } else { write!(f, "..{}", Span(self.most)) }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.base {
            Base::Start => write!(f, "{}", self.offset),
            Base::After(name) => write!(f, "{} after {name}", self.offset),
            Base::End => f.write_str("end"),
        }
    }
}

impl<'de> Deserialize<'de> for Between {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
