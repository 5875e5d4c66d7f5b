//! The token cache: which tokens there are, which are to be fetched and when, and who waits for them. It is pure:
//! callers pass the time in, and get the next request out.
//!
//! ```text
//!            ask                     next_request            fetched
//!  (nothing) ───► caller waits ────────────────► in flight ─────────► token ──► expired ──► (nothing)
//!                      ▲                             ▲         │        │ in use and about to expire,
//!                      │ asked again after the delay │         ▼        │ or refused by a service
//!                      └───────────────────────── failure      └────────┴──► in flight again; callers get
//!                                                                            the old token meanwhile
//! ```
//!
//! One request is in flight at a time, so there is one request for each token, however many callers wait. A failure
//! of the STS or of this client delays every request, and is retried once for all. A failure of one grant or one
//! request delays only that one.

mod entry;

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use node_core::jitter::Jitter;
use node_core::time::Instant;

use self::entry::{Entry, Failure};
use super::error::{Concern, Grant, InvalidTokenError, TokenError};
use super::token::AccessToken;
use super::wanted::Wanted;

/// The greatest number of entries.
const MAX_ENTRIES: usize = 64;
/// The greatest number of entries for exchanged tokens, of which callers can request any number.
const MAX_EXCHANGES: usize = 48;
/// The greatest total size of tokens and of the subject tokens of exchanges, in bytes.
const MAX_BYTES: usize = 128 * 1024;
/// A token is renewed this long before it expires, or in the last quarter of its life if that is shorter.
const BEFORE_THE_END: Duration = Duration::from_secs(30);
/// The greatest number of waiting callers.
const MAX_WAITERS: usize = 2048;
/// A token that callers report as refused is fetched again at most this often, since services reload their
/// signing keys no more often (docs/wire/arp.md, "Inbound validation").
const REFUSED_AGAIN: Duration = Duration::from_secs(30);

/// The answer to a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A token that has not expired.
    Held(Arc<AccessToken>),
    /// There is no token.
    Failed {
        /// The last error.
        error: Arc<TokenError>,
        /// The time after which a retry makes sense; `None` if it never does.
        retry_in: Option<Duration>,
    },
    /// The token is being fetched: [`TokenCache::fetched`] returns the answer.
    Waiting,
    /// There is no room for another token or another caller. The caller does not wait.
    Full,
}

/// Tokens, and the callers that wait for them. `W` identifies a caller.
#[derive(Debug)]
pub(crate) struct TokenCache<W> {
    entries: Vec<Entry<W>>,
    in_flight: Option<InFlight>,
    /// The failure that blocks every request.
    failure: Failure,
    /// The failures that block every request of one grant: client credentials, exchange.
    grant_failures: [Failure; 2],
    jitter: Jitter,
}

#[derive(Debug)]
struct InFlight {
    wanted: Wanted,
    /// The request was made with a configuration that is no longer in use.
    outdated: bool,
    /// The request began before [`TokenCache::forgive`] was called.
    before_fix: bool,
}

impl<W: PartialEq> TokenCache<W> {
    /// Makes an empty cache. `seed` determines its random delays.
    #[must_use]
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            entries: Vec::new(),
            in_flight: None,
            failure: Failure::default(),
            grant_failures: Default::default(),
            jitter: Jitter::new(seed),
        }
    }

    /// Returns the token for `wanted`. If it has to be fetched, `waiter` waits for it.
    pub(crate) fn ask(&mut self, wanted: &Wanted, waiter: W, now: Instant) -> Asked {
        let index = match self.find_or_make(wanted, now) {
            Ok(index) => index,
            Err(none) => return none,
        };
        match self.entries[index].held(now) {
            Some(token) => Asked::Held(token),
            None => self.wait(index, waiter, now),
        }
    }

    /// Whether a call for `wanted` makes the STS be asked once more.
    pub(crate) fn needs_request(&self, wanted: &Wanted, now: Instant) -> bool {
        let needs_one = |entry: &Entry<W>| {
            entry.waiters.is_empty() && !entry.is_good(now) && entry.failure.answer(now).is_none()
        };
        self.shared_failure(wanted, now).is_none()
            && !self.is_in_flight(wanted)
            && self.entries.iter().find(|entry| entry.wanted == *wanted).is_none_or(needs_one)
    }

    /// Returns a token for a caller whose token, with the fingerprint `refused`, a service did not accept.
    /// The caller waits for a new one, unless the cache already has another one or has just fetched one for
    /// this reason. Other callers get the old one meanwhile, since the report may be wrong.
    pub(crate) fn ask_again(&mut self, wanted: &Wanted, refused: &str, waiter: W, now: Instant) -> Asked {
        let index = match self.find_or_make(wanted, now) {
            Ok(index) => index,
            Err(none) => return none,
        };
        let on_its_way = self.is_in_flight(wanted) || !self.entries[index].waiters.is_empty();
        let entry = &mut self.entries[index];
        if let Some(token) = entry.held(now) {
            let fetched_lately = entry.refused.is_some_and(|then| now.since(then) < REFUSED_AGAIN);
            if token.fingerprint() != refused || (fetched_lately && !on_its_way) {
                return Asked::Held(token);
            }
        }
        self.wait(index, waiter, now)
    }

    /// Returns the token to fetch now, if any. Pass the result to [`TokenCache::fetched`].
    pub(crate) fn next_request(&mut self, now: Instant) -> Option<Wanted> {
        self.sweep(now);
        if self.in_flight.is_some() {
            return None;
        }
        let entries = self.entries.iter().enumerate();
        let due = entries.filter(|(_, entry)| self.due(entry).is_some_and(|due| due <= now));
        // Waiting callers come before renewals, and the node's own tokens before exchanges.
        let (first, _) =
            due.min_by_key(|(_, e)| (e.waiters.is_empty(), e.wanted.subject.is_some(), e.waiting_since))?;
        let entry = &mut self.entries[first];
        // Callers wait beside a good token only if a service has refused it.
        if !entry.waiters.is_empty() && entry.is_good(now) {
            entry.refused = Some(now);
        }
        let wanted = entry.wanted.clone();
        self.in_flight = Some(InFlight { wanted: wanted.clone(), outdated: false, before_fix: false });
        Some(wanted)
    }

    /// Takes the result of fetching `wanted`. Returns the callers that waited for it, each with its answer.
    pub(crate) fn fetched(
        &mut self,
        wanted: &Wanted,
        result: Result<AccessToken, TokenError>,
        now: Instant,
    ) -> Vec<(W, Asked)> {
        if !self.is_in_flight(wanted) {
            return Vec::new();
        }
        let Some(InFlight { outdated, before_fix, .. }) = self.in_flight.take() else { return Vec::new() };
        let index = self.entries.iter().position(|entry| entry.wanted == *wanted);
        match (index, result) {
            // The callers go on waiting, for the result of a request with the new configuration.
            (Some(_), _) if outdated => Vec::new(),
            (Some(_), Err(error)) if before_fix && error.is_permanent() => Vec::new(),
            (Some(index), Ok(token)) if now < token.expires() => self.keep(index, token, now),
            (Some(index), Ok(_)) => {
                let error = TokenError::Unusable { grant: wanted.grant(), flaw: InvalidTokenError::Expired };
                self.fail(index, error, now)
            }
            (Some(index), Err(error)) => self.fail(index, error, now),
            (None, _) => Vec::new(),
        }
    }

    /// The time at which [`TokenCache::next_request`] next returns a request; `None` if it needs no wake-up.
    #[must_use]
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.in_flight.is_some() {
            return None;
        }
        self.entries.iter().filter_map(|entry| self.due(entry)).min()
    }

    /// Removes a caller that no longer waits.
    pub(crate) fn forget(&mut self, waiter: &W) {
        for entry in &mut self.entries {
            entry.waiters.retain(|one| one != waiter);
        }
    }

    /// Adapts the cache to a new configuration: drops what the old one produced, and lets the waiting callers
    /// wait for the result of the new one.
    pub(crate) fn start_over(&mut self) {
        if let Some(flight) = &mut self.in_flight {
            flight.outdated = true;
        }
        (self.failure, self.grant_failures) = Default::default();
        let in_flight = self.in_flight.as_ref().map(|flight| &flight.wanted);
        self.entries.retain(|entry| !entry.waiters.is_empty() || in_flight == Some(&entry.wanted));
        self.entries.iter_mut().for_each(Entry::start_over);
    }

    /// Lets all requests be made again at once: a person says that the cause is fixed at the STS.
    pub(crate) fn forgive(&mut self) {
        if let Some(flight) = &mut self.in_flight {
            flight.before_fix = true;
        }
        (self.failure, self.grant_failures) = Default::default();
        self.entries.iter_mut().for_each(|entry| entry.failure = Failure::default());
    }

    /// The last error that blocks every request, and those that block every request of one grant, as long as nothing
    /// shows that it is over.
    pub(crate) fn errors(&self) -> (Option<&TokenError>, impl Iterator<Item = &TokenError>) {
        (self.failure.error(), self.grant_failures.iter().filter_map(Failure::error))
    }

    /// The failures that block `wanted` and possibly others.
    fn shared_failures(&self, wanted: &Wanted) -> [&Failure; 2] {
        [&self.failure, &self.grant_failures[grant_index(wanted.grant())]]
    }

    fn shared_failure(&self, wanted: &Wanted, now: Instant) -> Option<Asked> {
        self.shared_failures(wanted).into_iter().find_map(|failure| failure.answer(now))
    }

    fn is_in_flight(&self, wanted: &Wanted) -> bool {
        self.in_flight.as_ref().is_some_and(|flight| flight.wanted == *wanted)
    }

    /// The time at which the entry's token is to be fetched; `None` if nobody needs it or a request is
    /// pointless.
    fn due(&self, entry: &Entry<W>) -> Option<Instant> {
        let mut due = entry.needed_at()?;
        for failure in self.shared_failures(&entry.wanted).into_iter().chain([&entry.failure]) {
            due = due.max(failure.over()?);
        }
        // An expired token is fetched for a waiting caller only.
        let lapses = |token: &Arc<AccessToken>| entry.waiters.is_empty() && token.expires() <= due;
        (!entry.token.as_ref().is_some_and(lapses)).then_some(due)
    }

    fn wait(&mut self, index: usize, waiter: W, now: Instant) -> Asked {
        let entry = &self.entries[index];
        let failed = self.shared_failure(&entry.wanted, now).or_else(|| entry.failure.answer(now));
        if let Some(failed) = failed {
            return failed;
        }
        if self.entries.iter().map(|entry| entry.waiters.len()).sum::<usize>() >= MAX_WAITERS {
            return Asked::Full;
        }
        let entry = &mut self.entries[index];
        if entry.waiters.is_empty() {
            entry.waiting_since = now;
        }
        entry.waiters.push(waiter);
        Asked::Waiting
    }

    fn keep(&mut self, index: usize, token: AccessToken, now: Instant) -> Vec<(W, Asked)> {
        self.failure = Failure::default();
        self.grant_failures[grant_index(self.entries[index].wanted.grant())] = Failure::default();
        let margin = (token.life() / 4).min(BEFORE_THE_END);
        let margin = margin - self.jitter.up_to(margin / 5);
        let token = Arc::new(token);
        let waiters = self.entries[index].keep(Arc::clone(&token), margin);
        self.make_room(index, now);
        waiters.into_iter().map(|waiter| (waiter, Asked::Held(Arc::clone(&token)))).collect()
    }

    fn fail(&mut self, index: usize, error: TokenError, now: Instant) -> Vec<(W, Asked)> {
        let wanted = self.entries[index].wanted.clone();
        let concern = error.concern();
        let failure = match concern {
            Concern::Sts | Concern::Client => &mut self.failure,
            Concern::Grant => &mut self.grant_failures[grant_index(wanted.grant())],
            Concern::Wanted => &mut self.entries[index].failure,
        };
        let is_willing = error.is_by_a_willing_sts();
        let answer = failure.add(error, &mut self.jitter, now);
        if is_willing {
            self.failure = Failure::default();
            self.grant_failures[grant_index(wanted.grant())] = Failure::default();
        }
        let concerned = self.entries.iter_mut().filter(|entry| match concern {
            Concern::Sts | Concern::Client => true,
            Concern::Grant => entry.wanted.grant() == wanted.grant(),
            Concern::Wanted => entry.wanted == wanted,
        });
        let waiters = concerned.flat_map(|entry| mem::take(&mut entry.waiters));
        waiters.map(|waiter| (waiter, answer.clone())).collect()
    }

    /// The index of the entry for `wanted`, or the answer if there can be none.
    fn find_or_make(&mut self, wanted: &Wanted, now: Instant) -> Result<usize, Asked> {
        let index = match self.entries.iter().position(|entry| entry.wanted == *wanted) {
            Some(index) => index,
            None => {
                // A request that cannot succeed evicts nothing.
                if let Some(failed) = self.shared_failure(wanted, now) {
                    return Err(failed);
                }
                while self.lacks_room_for(wanted) {
                    let victim = self.least_used(now, |entry| {
                        // Tokens exchanged for callers never evict the node's own.
                        wanted.subject.is_none() || entry.wanted.subject.is_some() || !entry.is_good(now)
                    });
                    let victim = victim.ok_or(Asked::Full)?;
                    self.entries.swap_remove(victim);
                }
                self.entries.push(Entry::new(wanted.clone()));
                self.entries.len() - 1
            }
        };
        let entry = &mut self.entries[index];
        (entry.used, entry.asked) = (now, true);
        Ok(index)
    }

    fn lacks_room_for(&self, wanted: &Wanted) -> bool {
        let exchanges = self.entries.iter().filter(|entry| entry.wanted.subject.is_some()).count();
        self.entries.len() >= MAX_ENTRIES
            || (wanted.subject.is_some() && exchanges >= MAX_EXCHANGES)
            || self.bytes() + entry::subject_len(wanted) > MAX_BYTES
    }

    fn bytes(&self) -> usize {
        self.entries.iter().map(Entry::bytes).sum()
    }

    /// Evicts tokens, but not the one at `kept`, until the rest fits or is needed.
    fn make_room(&mut self, kept: usize, now: Instant) {
        let kept = self.entries[kept].wanted.clone();
        while self.bytes() > MAX_BYTES
            && let Some(victim) = self.least_used(now, |entry| entry.wanted != kept)
        {
            self.entries.swap_remove(victim);
        }
    }

    /// Wipes expired tokens, and the subject tokens that no caller uses any more.
    fn sweep(&mut self, now: Instant) {
        let mut entries = mem::take(&mut self.entries);
        entries.retain_mut(|entry| {
            let due = self.due(entry).is_some_and(|due| due <= now);
            let needed = due || !entry.waiters.is_empty() || self.is_in_flight(&entry.wanted);
            needed || entry.held(now).is_some() || !entry.failure.is_obsolete(now)
        });
        self.entries = entries;
    }

    /// The entry to evict, among those without waiting callers that `may_go` allows: first those without a
    /// good token, then exchanged ones, then the least recently used.
    fn least_used(&self, now: Instant, may_go: impl Fn(&Entry<W>) -> bool) -> Option<usize> {
        let idle = |entry: &Entry<W>| entry.waiters.is_empty() && !self.is_in_flight(&entry.wanted);
        let candidates = self.entries.iter().enumerate().filter(|(_, entry)| idle(entry) && may_go(entry));
        Some(candidates.min_by_key(|(_, e)| (e.is_good(now), e.wanted.subject.is_none(), e.used))?.0)
    }
}

/// The index in [`TokenCache::grant_failures`].
const fn grant_index(grant: Grant) -> usize {
    match grant {
        Grant::ClientCredentials => 0,
        Grant::Exchange => 1,
    }
}

#[cfg(test)]
mod tests;
