//! Which tokens are there, which are to be fetched and when, and who waits for them. Pure: the time is handed
//! in, and what is to be fetched is handed out.
//!
//! ```text
//!            ask                    next_request             fetched
//!  (nothing) ───► somebody waits ───────────────► in flight ─────────► token ──► end of its life ──► (nothing)
//!                      ▲                              ▲         │        │ asked for since it was fetched,
//!                      │ asked again after the delay  │         ▼        │ and about to end; or refused
//!                      └────────────────────────── failure      └────────┴──► in flight again; the old one
//!                                                                             is handed out meanwhile
//! ```
//!
//! One request is in flight at a time, so one for each token however many ask. What fails for everybody (the
//! STS is away, the client is refused) is tried again for everybody at once, not once for each token.

mod entry;

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use node_core::jitter::Jitter;
use node_core::time::Instant;

use self::entry::{Entry, Failure};
use super::error::{Concern, Flaw, Grant, TokenError};
use super::token::AccessToken;
use super::wanted::Wanted;

/// How many tokens are kept.
const MAX_ENTRIES: usize = 64;
/// How many of them may be exchanged ones, of which callers can want as many as they like.
const MAX_EXCHANGES: usize = 48;
/// How many bytes tokens and the subjects of exchanges may have together.
const MAX_BYTES: usize = 128 * 1024;
/// How long before its end a token is fetched anew; sooner if it lives less than four times that.
const BEFORE_THE_END: Duration = Duration::from_secs(30);
/// How many may wait.
const MAX_WAITERS: usize = 2048;
/// One token is fetched anew at most this often because somebody says that it is refused: services look for
/// new signing keys no more often (arp-wire.md, "Inbound validation").
const REFUSED_AGAIN: Duration = Duration::from_secs(30);

/// What there is for somebody who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A token that is good now.
    Held(Arc<AccessToken>),
    /// None, because of this.
    Failed {
        /// What went wrong the last time.
        error: Arc<TokenError>,
        /// When to ask again; `None` if that is of no use.
        retry_in: Option<Duration>,
    },
    /// It is being fetched: the answer comes out of [`TokenCache::fetched`].
    Waiting,
    /// So many are asked for or waited for that this one cannot be; nobody waits.
    Full,
}

/// Tokens, and those who wait for them. `W` tells a waiter from others.
#[derive(Debug)]
pub struct TokenCache<W> {
    entries: Vec<Entry<W>>,
    in_flight: Option<InFlight>,
    /// What failed for everybody.
    failure: Failure,
    /// What failed for all who want the node's own tokens, and for all who exchange.
    of_grants: [Failure; 2],
    jitter: Jitter,
}

#[derive(Debug)]
struct InFlight {
    wanted: Wanted,
    /// By a configuration that is not in use any more.
    outdated: bool,
    /// Begun before somebody said that what was refused has been mended.
    before_mend: bool,
}

impl<W: PartialEq> TokenCache<W> {
    /// An empty one. `seed` decides its random delays.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            entries: Vec::new(),
            in_flight: None,
            failure: Failure::default(),
            of_grants: Default::default(),
            jitter: Jitter::new(seed),
        }
    }

    /// Whether there is a token; if one has to be fetched, `waiter` waits for it.
    pub fn ask(&mut self, wanted: &Wanted, waiter: W, now: Instant) -> Asked {
        let index = match self.find_or_make(wanted, now) {
            Ok(index) => index,
            Err(none) => return none,
        };
        match self.entries[index].held(now) {
            Some(token) => Asked::Held(token),
            None => self.wait(index, waiter, now),
        }
    }

    /// The same for somebody whom a service has refused the token with the fingerprint `refused`: waits for a
    /// new one, unless there is one by now or one was fetched for this reason a moment ago. Others get the old
    /// one meanwhile: whoever says so may be wrong.
    pub fn ask_again(&mut self, wanted: &Wanted, refused: &str, waiter: W, now: Instant) -> Asked {
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

    /// What is to be fetched now, if anything: what comes of it is to be handed to [`TokenCache::fetched`].
    pub fn next_request(&mut self, now: Instant) -> Option<Wanted> {
        self.sweep(now);
        if self.in_flight.is_some() {
            return None;
        }
        let entries = self.entries.iter().enumerate();
        let due = entries.filter(|(_, entry)| self.due(entry).is_some_and(|due| due <= now));
        // Those who wait before those who can do without, the node's own tokens before exchanges.
        let (first, _) =
            due.min_by_key(|(_, e)| (e.waiters.is_empty(), e.wanted.subject.is_some(), e.waiting_since))?;
        let entry = &mut self.entries[first];
        // Who waits though there is a good token has been refused it.
        if !entry.waiters.is_empty() && entry.is_good(now) {
            entry.refused = Some(now);
        }
        let wanted = entry.wanted.clone();
        self.in_flight = Some(InFlight { wanted: wanted.clone(), outdated: false, before_mend: false });
        Some(wanted)
    }

    /// Takes what came of fetching `wanted`; returns who waited for it, with what there is for them.
    pub fn fetched(
        &mut self,
        wanted: &Wanted,
        result: Result<AccessToken, TokenError>,
        now: Instant,
    ) -> Vec<(W, Asked)> {
        if !self.is_in_flight(wanted) {
            return Vec::new();
        }
        let Some(InFlight { outdated, before_mend, .. }) = self.in_flight.take() else { return Vec::new() };
        let index = self.entries.iter().position(|entry| entry.wanted == *wanted);
        match (index, result) {
            // Those who wait still do, for what comes of the new configuration.
            (Some(_), _) if outdated => Vec::new(),
            (Some(_), Err(error)) if before_mend && error.is_permanent() => Vec::new(),
            (Some(index), Ok(token)) if now < token.expires() => self.keep(index, token, now),
            (Some(index), Ok(_)) => {
                let error = TokenError::Unusable { grant: wanted.grant(), flaw: Flaw::Expired };
                self.fail(index, error, now)
            }
            (Some(index), Err(error)) => self.fail(index, error, now),
            (None, _) => Vec::new(),
        }
    }

    /// When [`TokenCache::next_request`] next has something to fetch; `None` while there is nothing to wake up
    /// for.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        if self.in_flight.is_some() {
            return None;
        }
        self.entries.iter().filter_map(|entry| self.due(entry)).min()
    }

    /// `waiter` does not wait any more.
    pub fn forget(&mut self, waiter: &W) {
        for entry in &mut self.entries {
            entry.waiters.retain(|one| one != waiter);
        }
    }

    /// The configuration has changed: what came of the old one is dropped, and those who wait now wait for
    /// what comes of the new one.
    pub fn start_over(&mut self) {
        if let Some(flight) = &mut self.in_flight {
            flight.outdated = true;
        }
        (self.failure, self.of_grants) = Default::default();
        let in_flight = self.in_flight.as_ref().map(|flight| &flight.wanted);
        self.entries.retain(|entry| !entry.waiters.is_empty() || in_flight == Some(&entry.wanted));
        self.entries.iter_mut().for_each(Entry::start_over);
    }

    /// Somebody says that what the STS refused for good has been mended there: it is asked for again by those
    /// who want it.
    pub fn forgive(&mut self) {
        if let Some(flight) = &mut self.in_flight {
            flight.before_mend = true;
        }
        self.failure.forgive();
        self.of_grants.iter_mut().for_each(Failure::forgive);
        self.entries.iter_mut().for_each(|entry| entry.failure.forgive());
    }

    /// What may have failed for others and stands in the way of `wanted` all the same.
    fn of_all(&self, wanted: &Wanted) -> [&Failure; 2] {
        [&self.failure, &self.of_grants[place(wanted.grant())]]
    }

    fn failed_for_all(&self, wanted: &Wanted, now: Instant) -> Option<Asked> {
        self.of_all(wanted).into_iter().find_map(|failure| failure.answer(now))
    }

    fn is_in_flight(&self, wanted: &Wanted) -> bool {
        self.in_flight.as_ref().is_some_and(|flight| flight.wanted == *wanted)
    }

    /// When the entry's token is to be fetched; `None` while nobody needs it or it is of no use.
    fn due(&self, entry: &Entry<W>) -> Option<Instant> {
        let mut due = entry.needed_at()?;
        for failure in self.of_all(&entry.wanted).into_iter().chain([&entry.failure]) {
            due = due.max(failure.over()?);
        }
        // Once it has ended it is fetched for those who ask, not before.
        let lapses = |token: &Arc<AccessToken>| entry.waiters.is_empty() && token.expires() <= due;
        (!entry.token.as_ref().is_some_and(lapses)).then_some(due)
    }

    fn wait(&mut self, index: usize, waiter: W, now: Instant) -> Asked {
        let entry = &self.entries[index];
        let failed = self.failed_for_all(&entry.wanted, now).or_else(|| entry.failure.answer(now));
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
        self.of_grants[place(self.entries[index].wanted.grant())] = Failure::default();
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
            Concern::Grant => &mut self.of_grants[place(wanted.grant())],
            Concern::Wanted => &mut self.entries[index].failure,
        };
        let answer = failure.add(error, &mut self.jitter, now);
        let concerned = self.entries.iter_mut().filter(|entry| match concern {
            Concern::Sts | Concern::Client => true,
            Concern::Grant => entry.wanted.grant() == wanted.grant(),
            Concern::Wanted => entry.wanted == wanted,
        });
        let waiters = concerned.flat_map(|entry| mem::take(&mut entry.waiters));
        waiters.map(|waiter| (waiter, answer.clone())).collect()
    }

    /// The place of `wanted`, or what is to be said where there is none.
    fn find_or_make(&mut self, wanted: &Wanted, now: Instant) -> Result<usize, Asked> {
        let index = match self.entries.iter().position(|entry| entry.wanted == *wanted) {
            Some(index) => index,
            None => {
                // What cannot be had anyway pushes nothing out.
                if let Some(failed) = self.failed_for_all(wanted, now) {
                    return Err(failed);
                }
                while self.lacks_room_for(wanted) {
                    let victim = self.least_used(now, |entry| {
                        // What callers want on others' behalf does not push the node's own tokens out.
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

    /// Drops tokens, but not the one at `kept`, until what is left fits or is needed.
    fn make_room(&mut self, kept: usize, now: Instant) {
        let kept = self.entries[kept].wanted.clone();
        while self.bytes() > MAX_BYTES
            && let Some(victim) = self.least_used(now, |entry| entry.wanted != kept)
        {
            self.entries.swap_remove(victim);
        }
    }

    /// Wipes tokens that have ended, and subjects that nobody asks for any more.
    fn sweep(&mut self, now: Instant) {
        let mut entries = mem::take(&mut self.entries);
        entries.retain_mut(|entry| {
            let due = self.due(entry).is_some_and(|due| due <= now);
            let needed = due || !entry.waiters.is_empty() || self.is_in_flight(&entry.wanted);
            needed || entry.held(now).is_some() || !entry.failure.is_over_and_done_with(now)
        });
        self.entries = entries;
    }

    /// Of those that nobody waits for and that `may_go`: what holds no good token first, and then exchanges.
    fn least_used(&self, now: Instant, may_go: impl Fn(&Entry<W>) -> bool) -> Option<usize> {
        let idle = |entry: &Entry<W>| entry.waiters.is_empty() && !self.is_in_flight(&entry.wanted);
        let candidates = self.entries.iter().enumerate().filter(|(_, entry)| idle(entry) && may_go(entry));
        Some(candidates.min_by_key(|(_, e)| (e.is_good(now), e.wanted.subject.is_none(), e.used))?.0)
    }
}

/// Where [`TokenCache`] keeps what failed for it.
const fn place(grant: Grant) -> usize {
    match grant {
        Grant::ClientCredentials => 0,
        Grant::Exchange => 1,
    }
}

#[cfg(test)]
mod tests;
