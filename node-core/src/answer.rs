//! What an attempt to validate came to.

use core::time::Duration;

use crate::household::Household;
use crate::text::Text;
use crate::trouble::Trouble;

/// What came of one validation, or of one knock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `valid:true`, with our own node id.
    Valid(Household),
    /// `valid:false`, with the server's reason: the only denial there is.
    Rejected(Text<200>),
    /// Somebody is there. Only a knock is answered so, and it says nothing about the node.
    Reachable,
    /// Anything else: says nothing about the node.
    Inconclusive {
        /// What it was.
        trouble: Trouble,
        /// How long the server asks to be left alone.
        retry_after: Option<Duration>,
    },
}
