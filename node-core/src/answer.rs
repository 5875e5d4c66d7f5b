//! The result of an attempt to validate.

use core::time::Duration;

use crate::household::Household;
use crate::text::Text;
use crate::trouble::Trouble;

/// The result of one validation or one probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `valid:true`, with our own node id.
    Valid(Household),
    /// `valid:false`, with the server's reason. Nothing else is a rejection.
    Rejected(Text<200>),
    /// The server answers. This is the result of a probe only, and it says nothing about the node.
    Reachable,
    /// Anything else, which says nothing about the node.
    Inconclusive {
        /// The reason why there is no verdict.
        trouble: Trouble,
        /// How long the server asks to wait before the next request.
        retry_after: Option<Duration>,
    },
}
