//! Retry rules: the device's own, and those it is compared with.

use core::time::Duration;

use node_core::agent::{Backoff, FIRST_RETRY, Failure, Pacing, Pause, Probed, exponential};
use node_core::jitter::{Jitter, RETRY_CAP};

use super::{Plan, Tally, nodes};
use crate::progress::Progress;

/// A retry rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Always ten seconds.
    None,
    /// Two seconds, doubled with each failure up to five minutes; not random.
    Exponential,
    /// Half of the exponential wait, and up to as much again at random.
    EqualJitter,
    /// Between two seconds and three times the previous wait, up to five minutes.
    Decorrelated,
    /// Any time up to the exponential wait.
    FullJitter,
    /// The agent's own rule.
    Ours,
}

impl Policy {
    /// All rules.
    pub const ALL: [Self; 6] =
        [Self::None, Self::Exponential, Self::EqualJitter, Self::Decorrelated, Self::FullJitter, Self::Ours];

    /// The name on the command line and in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Exponential => "exponential",
            Self::EqualJitter => "equal-jitter",
            Self::Decorrelated => "decorrelated",
            Self::FullJitter => "full-jitter",
            Self::Ours => "ours",
        }
    }

    pub(super) fn run(self, plan: &Plan, progress: &Progress) -> Tally {
        match self {
            Self::None => nodes::run(plan, progress, || Published::None),
            Self::Exponential => nodes::run(plan, progress, || Published::Exponential),
            Self::EqualJitter => nodes::run(plan, progress, || Published::EqualJitter),
            Self::Decorrelated => {
                nodes::run(plan, progress, || Published::Decorrelated { before: FIRST_RETRY })
            }
            Self::FullJitter => nodes::run(plan, progress, || Published::FullJitter),
            Self::Ours => nodes::run(plan, progress, Backoff::default),
        }
    }
}

const NO_BACKOFF: Duration = Duration::from_secs(10);

/// The rules of the published comparison ("Exponential Backoff and Jitter", AWS, 2015), all within the same
/// bounds.
#[derive(Clone, Copy, Debug)]
enum Published {
    None,
    Exponential,
    EqualJitter,
    Decorrelated { before: Duration },
    FullJitter,
}

impl Pacing for Published {
    fn after_failure(&mut self, failure: &Failure, jitter: &mut Jitter) -> Pause {
        let ceiling = exponential(failure.in_a_row);
        Pause::validate(match self {
            Self::None => NO_BACKOFF,
            Self::Exponential => ceiling,
            Self::EqualJitter => ceiling / 2 + jitter.up_to(ceiling / 2),
            Self::Decorrelated { before } => {
                let most = if failure.in_a_row == 1 { FIRST_RETRY } else { *before } * 3;
                *before = (FIRST_RETRY + jitter.up_to(most - FIRST_RETRY)).min(RETRY_CAP);
                *before
            }
            Self::FullJitter => jitter.up_to(ceiling),
        })
    }

    fn after_probe(&mut self, _probed: &Probed, _jitter: &mut Jitter) -> Pause {
        Pause::validate(Duration::ZERO)
    }

    fn after_success(&mut self, _took: Duration, regular: Duration, jitter: &mut Jitter) -> Pause {
        Pause::validate(jitter.around(regular))
    }

    fn start_anew(&mut self) {}
}
