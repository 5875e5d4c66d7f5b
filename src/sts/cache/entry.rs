//! One cached token, its waiting callers and its last failure.

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
use crate::sts::{SubjectToken, Wanted};

/// While the board's clock is not set it is checked this often. A board sets its clock soon after it has a
/// network.
const CLOCK_AGAIN: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Entry<W> {
    pub(super) wanted: Wanted,
    pub(super) token: Option<Arc<AccessToken>>,
    /// Whether a caller has asked for it since it was last fetched. A token without callers is not renewed.
    pub(super) asked: bool,
    /// The time of the last call for it.
    pub(super) used: Instant,
    pub(super) waiters: Vec<W>,
    /// The time of the first of the waiting calls.
    pub(super) waiting_since: Instant,
    /// The time of the last fetch that was made because a service refused the token.
    pub(super) refused: Option<Instant>,
    pub(super) failure: Failure,
    renew_at: Instant,
}

/// The last failure, how many came in a row, and how long it blocks the next request.
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

    /// Returns the token if it has not expired. Wipes it if it has.
    pub(super) fn held(&mut self, now: Instant) -> Option<Arc<AccessToken>> {
        if self.token.as_ref().is_some_and(|token| token.expires() <= now) {
            self.token = None;
        }
        self.token.clone()
    }

    /// Whether it holds a token that has not expired.
    pub(super) fn is_good(&self, now: Instant) -> bool {
        self.token.as_ref().is_some_and(|token| now < token.expires())
    }

    /// Stores a new token, which is to be renewed `margin` before it expires. Returns the waiting callers.
    pub(super) fn keep(&mut self, token: Arc<AccessToken>, margin: Duration) -> Vec<W> {
        self.renew_at = Instant::from_millis(token.expires().as_millis().saturating_sub(millis(margin)));
        self.token = Some(token);
        self.asked = false;
        self.failure = Failure::default();
        mem::take(&mut self.waiters)
    }

    /// The time at which a new token is needed; `None` if none is.
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
    /// Records another failure. Returns the answer for the waiting callers.
    pub(super) fn add(&mut self, error: TokenError, jitter: &mut Jitter, now: Instant) -> Asked {
        // No request reached the STS, so backing off would spare nobody.
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

    /// The last error, if nothing has succeeded since.
    pub(super) fn error(&self) -> Option<&TokenError> {
        self.last.as_ref().map(|(error, _)| &**error)
    }

    /// The answer for new callers while the failure blocks requests.
    pub(super) fn answer(&self, now: Instant) -> Option<Asked> {
        let (error, until) = self.last.as_ref()?;
        let retry_in = match until {
            Until::Never => None,
            Until::At(end) if now < *end => Some(end.since(now)),
            Until::At(_) => return None,
        };
        Some(Asked::Failed { error: Arc::clone(error), retry_in })
    }

    /// Whether the failure blocks nothing and is so old that the next one counts as the first.
    pub(super) fn is_obsolete(&self, now: Instant) -> bool {
        self.last.is_none() || self.over().is_some_and(|over| over + RETRY_CAP * 2 <= now)
    }

    /// The time at which the failure stops blocking requests; `None` if it never does.
    pub(super) fn over(&self) -> Option<Instant> {
        match self.last {
            None => Some(Instant::default()),
            Some((_, Until::At(end))) => Some(end),
            Some((_, Until::Never)) => None,
        }
    }
}
