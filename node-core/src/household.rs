//! The household a node belongs to.

use core::fmt;

use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::text::Text;

/// The household a valid node belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Household {
    /// Its UUID, as the server wrote it.
    pub id: Option<Text<64>>,
    /// Its members' user ids.
    pub member_ids: Option<MemberIds>,
}

/// User ids of a household's members. Only the first [`MemberIds::KEPT`] are kept: a long list must not make a verdict
/// unreadable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberIds(heapless::Vec<i64, { Self::KEPT }>);

impl MemberIds {
    /// How many ids are kept.
    pub const KEPT: usize = 32;

    /// The ids.
    #[must_use]
    pub fn as_slice(&self) -> &[i64] {
        &self.0
    }
}

impl FromIterator<i64> for MemberIds {
    fn from_iter<I: IntoIterator<Item = i64>>(ids: I) -> Self {
        Self(ids.into_iter().take(Self::KEPT).collect())
    }
}

impl Serialize for MemberIds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.as_slice())
    }
}

impl<'de> Deserialize<'de> for MemberIds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct First;
        impl<'de> Visitor<'de> for First {
            type Value = MemberIds;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of user ids")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<MemberIds, A::Error> {
                let mut kept = heapless::Vec::new();
                while !kept.is_full() {
                    let Some(id) = seq.next_element()? else { return Ok(MemberIds(kept)) };
                    // Cannot fail: the list is not full.
                    let _ = kept.push(id);
                }
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(MemberIds(kept))
            }
        }
        deserializer.deserialize_seq(First)
    }
}
