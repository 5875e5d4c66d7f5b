//! The agent's rule: sense, then ask.

use core::time::Duration;

use super::{Failure, Pacing, Pause, Probed, exponential};
use crate::jitter::{Jitter, RETRY_CAP};
use crate::time::Instant;

/// How long it takes from one look at the server to the next, at most, while nobody is there.
pub const AWAY_RETRY: Duration = Duration::from_secs(1);
/// Who says nothing for so long, and then nothing of use, is overwhelmed.
pub const OVERWHELMED: Duration = Duration::from_secs(10);
/// Who answers a probe within this is at ease.
pub const PROMPT: Duration = Duration::from_secs(2);
/// The first retry window for a server that is overwhelmed.
pub const FIRST_WINDOW: Duration = Duration::from_secs(112);
/// For so long nobody calls once a server answers again that was overwhelmed: a few calls under way keep its
/// deadlock alive, though they leave it time to answer probes.
pub const QUIET: Duration = Duration::from_secs(60);
/// By how much the retry window grows.
const GROWTH: u32 = 3;
/// How many times a retry window is probed...
const PROBES: u32 = 128;
/// ...but more seldom than this only where so many probes a window are more seldom still. A deadlock of half
/// a minute is not to go by unnoticed, and probes are not to be a burden.
const SELDOM: Duration = Duration::from_secs(15);
const FEWEST_PROBES: u32 = 256;
/// If no probe is answered for so long, though somebody is there, it is called all the same: perhaps it only does
/// not answer probes.
const UNHEARD: Duration = Duration::from_secs(3600);
/// A retry window below this is not worth remembering.
const FORGOTTEN: Duration = Duration::from_secs(8);
/// Who says yes within this is at ease: four times what a call takes alone.
const AT_EASE: Duration = Duration::from_secs(2);

/// The agent's rule.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backoff {
    /// The retry window: within what time all who ask the server should be spread. Zero as long as it could cope.
    window: Duration,
    /// How much of that, with the server at ease, is still to be waited.
    left: Duration,
    /// How long the wait is that goes before the next probe.
    waits: Duration,
    /// How many probes in a row were not answered promptly.
    unanswered: u32,
    /// Whether it was overwhelmed when last looked at: one time like that makes the retry window grow once.
    overwhelmed: bool,
    /// When it first was, since the last verdict.
    since: Option<Instant>,
    /// Since when no probe has been answered, though somebody was there.
    unheard: Option<Instant>,
    /// How many calls in a row somebody at ease met with nothing of use.
    refusals: u32,
}

impl Backoff {
    /// How often is probed.
    fn interval(&self) -> Duration {
        (self.window / PROBES).min(SELDOM.max(self.window / FEWEST_PROBES)).max(AWAY_RETRY)
    }

    fn whole_window(&self) -> Duration {
        self.window.max(AWAY_RETRY)
    }

    fn probe_after(&mut self, wait: Duration) -> Pause {
        self.waits = wait;
        Pause::probe(wait)
    }

    /// The server could not cope: the retry window grows, though not by more than four times the time since this
    /// trouble began, and never past a third of the offline grace period.
    fn grow(&mut self, at: Instant, grace: Duration, jitter: &mut Jitter) {
        let troubled = at.since(*self.since.get_or_insert(at));
        let most = (grace / 3).max(RETRY_CAP);
        let grown = (self.window * GROWTH).min(troubled * 4).max(FIRST_WINDOW).min(most);
        self.window = self.window.max(grown);
        self.overwhelmed = true;
        self.left = QUIET + jitter.up_to(self.window);
    }

    /// Probes that are not answered come ever more seldom, up to five minutes: they may be what is too much.
    fn probe_later(&mut self, jitter: &mut Jitter) -> Pause {
        let ceiling = self.interval().saturating_mul(1 << self.unanswered.min(9));
        self.unanswered = self.unanswered.saturating_add(1);
        let wait = jitter.up_to(ceiling.min(RETRY_CAP.max(self.interval())));
        self.probe_after(wait)
    }
}

impl Pacing for Backoff {
    /// - Nobody there: probes, every second or as often as the retry window says, and a sixteenth of a millisecond
    ///   more seldom with each failure, so that a day's outage ends at some six seconds.
    /// - Overwhelmed: probes, and calls once the server has answered promptly for a minute and then a random
    ///   part of the retry window.
    /// - All else: calls any time up to two seconds, doubled with each failure up to five minutes, or up to the
    ///   retry window. Never sooner than the server asks.
    fn after_failure(&mut self, failure: &Failure, jitter: &mut Jitter) -> Pause {
        if failure.is_of_nobody() {
            if failure.in_a_row == 1 {
                self.left = jitter.up_to(self.whole_window());
            }
            (self.overwhelmed, self.unanswered) = (false, 0);
            (self.unheard, self.refusals) = (None, 0);
            let wearied = Duration::from_millis((failure.in_a_row / 16).into());
            let wait = jitter.up_to(self.interval() + wearied);
            // Nothing of the retry window passes while nobody is there.
            self.waits = Duration::ZERO;
            return Pause::probe(wait);
        }
        if failure.is_of_somebody_overwhelmed() {
            if self.overwhelmed && failure.probed {
                self.left = self.left.max(QUIET);
            } else {
                self.grow(failure.at, failure.grace, jitter);
            }
            if failure.probed {
                let unheard = *self.unheard.get_or_insert(failure.at);
                if failure.at.since(unheard) >= UNHEARD {
                    self.unheard = None;
                    return Pause::validate(jitter.up_to(UNHEARD / 4));
                }
            }
            let asked = failure.retry_after.map_or(Duration::ZERO, |asked| asked.min(RETRY_CAP));
            let pause = self.probe_later(jitter);
            self.waits = Duration::ZERO;
            return Pause { wait: pause.wait.max(asked), ..pause };
        }
        self.refusals = self.refusals.saturating_add(1);
        Pause::validate(jitter.retry(exponential(self.refusals).max(self.window), failure.retry_after))
    }

    /// Who answers promptly is called, by this node when its time has come. Who answers late is as good as
    /// overwhelmed; but where that is always so, behind a slow line, say, it is called all the same.
    fn after_probe(&mut self, probed: &Probed, jitter: &mut Jitter) -> Pause {
        self.unheard = None;
        let passed = core::mem::take(&mut self.waits);
        self.left = self.left.saturating_sub(passed);
        if probed.took < PROMPT {
            (self.overwhelmed, self.unanswered) = (false, 0);
            let interval = self.interval();
            if self.left <= interval {
                return Pause::validate(Duration::ZERO);
            }
            // Half of it, and up to as much again as it is.
            let wait = interval / 2 + jitter.up_to(interval);
            return self.probe_after(wait);
        }
        if !self.overwhelmed {
            self.grow(probed.at, probed.grace, jitter);
        } else if self.left.is_zero() {
            return Pause::validate(jitter.up_to(OVERWHELMED));
        }
        self.unanswered = self.unanswered.min(3);
        self.probe_later(jitter)
    }

    /// The whole fleet asks within two retry windows, if that is longer than what is configured. The retry window shrinks
    /// when the server is at ease: by a sixteenth, or while it holds this node up by so little that the fleet
    /// does not creep back into what it learnt from.
    fn after_success(&mut self, took: Duration, regular: Duration, jitter: &mut Jitter) -> Pause {
        (self.left, self.waits, self.unanswered) = (Duration::ZERO, Duration::ZERO, 0);
        (self.overwhelmed, self.since) = (false, None);
        (self.unheard, self.refusals) = (None, 0);
        let between = regular.max(self.window * 2);
        let wait = jitter.around(between);
        let pause = if between > regular { Pause::probe(wait) } else { Pause::validate(wait) };
        if took < AT_EASE {
            self.window -= self.window / if between > regular { 64 } else { 16 };
        }
        if self.window < FORGOTTEN {
            self.window = Duration::ZERO;
        }
        pause
    }

    fn start_anew(&mut self) {
        *self = Self::default();
    }
}
