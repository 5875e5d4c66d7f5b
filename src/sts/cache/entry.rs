//! One token that was asked for, and what failed.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use node_core::agent::exponential;
use node_core::jitter::{Jitter, RETRY_CAP};
use node_core::outcome::Outcome;
use node_core::time::{Instant, millis};

use super::Asked;
use crate::sts::error::TokenError;
use crate::sts::token::AccessToken;
use crate::sts::wanted::{SubjectToken, Wanted};

/// When the board's clock is looked at again while it is not set: it is before long, once there is a network.
const CLOCK_AGAIN: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Entry<W> {
    pub(super) wanted: Wanted,
    pub(super) token: Option<Arc<AccessToken>>,
    /// Whether anybody has asked for it since it was last fetched: what nobody asks for lapses.
    pub(super) asked: bool,
    /// When somebody last asked for it.
    pub(super) used: Instant,
    pub(super) waiters: Vec<W>,
    /// When the first of them came.
    pub(super) waiting_since: Instant,
    /// When it was last fetched because a service was said to refuse it.
    pub(super) refused: Option<Instant>,
    pub(super) failure: Failure,
    renew_at: Instant,
}

/// What failed, how often in a row, and until when that stands.
#[derive(Debug, Default)]
pub(super) struct Failure {
    count: u32,
    last: Option<(Arc<TokenError>, Until)>,
}

#[derive(Clone, Copy, Debug)]
enum Until {
    At(Instant),
    Never,
}

impl<W> Entry<W> {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            token: None,
            asked: false,
            used: Instant::default(),
            waiters: Vec::new(),
            waiting_since: Instant::default(),
            refused: None,
            failure: Failure::default(),
            renew_at: Instant::default(),
        }
    }

    /// The token, if it is still good; wipes it if it is not.
    pub(super) fn held(&mut self, now: Instant) -> Option<Arc<AccessToken>> {
        if self.token.as_ref().is_some_and(|token| token.expires() <= now) {
            self.token = None;
        }
        self.token.clone()
    }

    /// Whether it holds a token that is still good.
    pub(super) fn is_good(&self, now: Instant) -> bool {
        self.token.as_ref().is_some_and(|token| now < token.expires())
    }

    /// Takes a new token, to be renewed `margin` before its end; returns who waited for it.
    pub(super) fn keep(&mut self, token: Arc<AccessToken>, margin: Duration) -> Vec<W> {
        self.renew_at = Instant::from_millis(token.expires().as_millis().saturating_sub(millis(margin)));
        self.token = Some(token);
        self.asked = false;
        self.failure = Failure::default();
        mem::take(&mut self.waiters)
    }

    /// When a new token is needed; `None` while none is.
    pub(super) fn needed_at(&self) -> Option<Instant> {
        if !self.waiters.is_empty() {
            return Some(self.waiting_since);
        }
        let token = self.token.as_ref()?;
        (self.asked && !token.ends_with_its_subject()).then_some(self.renew_at)
    }

    pub(super) fn start_over(&mut self) {
        self.token = None;
        self.refused = None;
        self.failure = Failure::default();
    }

    pub(super) fn bytes(&self) -> usize {
        self.token.as_ref().map_or(0, |token| token.len()) + subject_len(&self.wanted)
    }
}

pub(super) fn subject_len(wanted: &Wanted) -> usize {
    wanted.subject.as_ref().map_or(0, |subject: &SubjectToken| subject.expose().len())
}

impl Failure {
    /// Notes that it failed again; what those who wait are told.
    pub(super) fn add(&mut self, error: TokenError, jitter: &mut Jitter, now: Instant) -> Asked {
        // Nobody was asked, so nobody is spared by waiting longer each time.
        let unasked = error.outcome() == Outcome::Clock;
        self.count = self.count.saturating_add(u32::from(!unasked));
        let error = Arc::new(error);
        let (until, retry_in) = if error.is_permanent() {
            (Until::Never, None)
        } else if unasked {
            (Until::At(now + CLOCK_AGAIN), Some(CLOCK_AGAIN))
        } else {
            let delay = jitter.retry(exponential(self.count), error.retry_after());
            (Until::At(now + delay), Some(delay))
        };
        self.last = Some((Arc::clone(&error), until));
        Asked::Failed { error, retry_in }
    }

    /// Whoever was refused for good may ask again.
    pub(super) fn forgive(&mut self) {
        if matches!(self.last, Some((_, Until::Never))) {
            *self = Self::default();
        }
    }

    /// What those who ask now are told, while it stands.
    pub(super) fn answer(&self, now: Instant) -> Option<Asked> {
        let (error, until) = self.last.as_ref()?;
        let retry_in = match until {
            Until::Never => None,
            Until::At(end) if now < *end => Some(end.since(now)),
            Until::At(_) => return None,
        };
        Some(Asked::Failed { error: Arc::clone(error), retry_in })
    }

    /// Whether it stands in the way of nothing, and is so long ago that another is the first again.
    pub(super) fn is_over_and_done_with(&self, now: Instant) -> bool {
        self.last.is_none() || self.over().is_some_and(|over| over + RETRY_CAP * 2 <= now)
    }

    /// When it no longer stands in the way; `None` for never.
    pub(super) fn over(&self) -> Option<Instant> {
        match self.last {
            None => Some(Instant::default()),
            Some((_, Until::At(end))) => Some(end),
            Some((_, Until::Never)) => None,
        }
    }
}
