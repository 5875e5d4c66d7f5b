//! The agent: a state machine that decides what the node does next. It never reads a clock, a socket or a file: the code
//! that runs it passes in events and the time, and carries out the actions that it returns.
//!
//! ```text
//!                      Started
//!                         │ ReadSetup
//!        ReloadRequested  ▼
//!       ┌───────────► Reading ◄──────────────┐
//!       │                 │ SetupRead        │
//!       │     Err ┌───────┴────────┐ Ok      │ after a rejection, or
//!       │         ▼                ▼         │ while the setup is bad
//!       │      Waiting ─────────► Waiting ───┘
//!       │    (to read)            (to call)
//!       │         ▲                │ deadline; the clock is set
//!       │         │ rejected, 401  ▼ Probe, Validate
//!       └─────────┴──────────── Calling ──► Waiting (to call): valid, or trouble and backoff
//! ```

mod event;
mod report;
mod retry;
#[cfg(test)]
mod tests;

use core::time::Duration;

pub use self::event::{Action, Claim, Event, Exit, Remembered, Settings, Setup, Verdict};
pub use self::report::{NOT_CONFIRMED, Report, Source};
use self::retry::{Failure, Retry};
pub use self::retry::{HUNG_RETRY, PROBE_TIMEOUT, REFUSED_RETRY, Step, exponential, probe_interval};
use crate::answer::Answer;
use crate::jitter::Jitter;
use crate::outcome::Outcome;
use crate::time::{Instant, Now};
use crate::trouble::{Trouble, TroubleKind};

/// How long until a setup that could not be used is read again.
pub const SETUP_RECHECK: Duration = Duration::from_secs(30);
/// How long until a clock that is not set is read again.
pub const CLOCK_RECHECK: Duration = Duration::from_secs(5);
/// How long a rejected node or app waits before it reads its files and asks again.
pub const REJECTED_RETRY: Duration = Duration::from_secs(600);
/// How long after its own time-outs an answer counts as lost.
pub const ANSWER_OVERDUE: Duration = Duration::from_secs(60);

/// The actions that follow from one event, in order.
pub type Actions = heapless::Vec<Action, 4>;

/// The agent's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Activity {
    /// Nothing has happened yet.
    NotStarted,
    /// `ReadSetup` was asked for.
    Reading { since: Instant },
    /// Nothing to do before `until`.
    Waiting { until: Instant, then: Next },
    /// `Probe` or `Validate` was asked for. With `stale` the setup may have changed since: the answer is about the old
    /// one and is ignored.
    Calling { since: Instant, lost_at: Instant, stale: bool },
    /// The end was asked for.
    Ended,
}

/// The step after a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Read,
    Call,
}

/// The trouble that stood in the way of a verdict, and when.
#[derive(Clone, Debug)]
struct Obstacle {
    trouble: Trouble,
    at: Instant,
}

/// The agent of one node.
#[derive(Debug)]
pub struct Agent {
    activity: Activity,
    setup: Option<Setup>,
    remembered: Option<Remembered>,
    verdict: Option<Verdict>,
    /// Whether the verdict is of this run, not remembered from an earlier one.
    confirmed: bool,
    obstacle: Option<Obstacle>,
    failures: u32,
    /// How the server is asked next, or is being asked now.
    step: Step,
    retry: Retry,
    jitter: Jitter,
    splay_due: bool,
    shown: Option<Outcome>,
}

impl Agent {
    /// An agent to which nothing has happened yet; `seed` decides its random delays.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            activity: Activity::NotStarted,
            setup: None,
            remembered: None,
            verdict: None,
            confirmed: false,
            obstacle: None,
            failures: 0,
            step: Step::Validate,
            retry: Retry::default(),
            jitter: Jitter::new(seed),
            splay_due: true,
            shown: None,
        }
    }

    /// When [`Event::DeadlineReached`] is due. An agent always has a deadline.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let activity = match self.activity {
            Activity::NotStarted => Instant::default(),
            Activity::Reading { since } => since + ANSWER_OVERDUE,
            Activity::Waiting { until, .. } => until,
            Activity::Calling { lost_at, .. } => lost_at,
            Activity::Ended => return Instant::from_millis(u64::MAX),
        };
        match self.good_until() {
            // Once it has passed, the end of the offline grace period changes nothing more.
            Some(end) if self.shown == Some(Outcome::ValidCached) => activity.min(end),
            _ => activity,
        }
    }

    /// Takes an event and returns the actions that follow from it.
    pub fn handle(&mut self, event: Event, now: Now) -> Actions {
        let mut actions = Actions::new();
        if self.activity == Activity::Ended {
            return actions;
        }
        let before = self.activity;
        match event {
            Event::Started(remembered) => {
                self.remembered = remembered;
                self.read_setup(now, &mut actions);
            }
            Event::SetupRead(read) => match (self.activity, read) {
                (Activity::Reading { .. }, Ok(setup)) => self.use_setup(setup, now, &mut actions),
                (Activity::Reading { .. }, Err(trouble)) => self.do_without_setup(trouble, now, &mut actions),
                // Not asked for: acting on it could start a second call beside the one under way.
                _ => {}
            },
            Event::Answered(answer) => self.take_answer(answer, now, &mut actions),
            Event::DeadlineReached => self.take_deadline(now, &mut actions),
            Event::ReloadRequested => self.reload(now, &mut actions),
            Event::StopRequested => {
                self.activity = Activity::Ended;
                act(&mut actions, Action::Exit(Exit::Asked));
                return actions;
            }
        }
        let outcome = self.outcome(now.instant);
        if self.shown != Some(outcome) {
            self.shown = Some(outcome);
            // Published first: it must survive a power cut right after the change is seen.
            act(&mut actions, Action::Publish);
            act(&mut actions, Action::Show(outcome));
        } else if self.activity != before && !self.has_begun_to_call(before) {
            act(&mut actions, Action::Publish);
        }
        actions
    }

    /// That a call has begun needs no publishing: when it is due was published before, and its answer will be.
    const fn has_begun_to_call(&self, before: Activity) -> bool {
        matches!((before, self.activity), (Activity::Waiting { .. }, Activity::Calling { .. }))
    }

    /// The outcome follows from the verdict and the last trouble. Only a rejection or the end of the offline grace period
    /// ends a good verdict, and only a verdict of this run is `Valid`.
    fn outcome(&self, now: Instant) -> Outcome {
        let trouble = self.obstacle.as_ref().map(|o| o.trouble.kind.outcome());
        match &self.verdict {
            Some(Verdict::Rejected { .. }) if trouble != Some(Outcome::Setup) => Outcome::NodeRejected,
            Some(Verdict::Valid { .. }) if self.good_until().is_some_and(|end| now < end) => {
                if self.confirmed && trouble.is_none() { Outcome::Valid } else { Outcome::ValidCached }
            }
            Some(Verdict::Valid { .. } | Verdict::Rejected { .. }) | None => {
                trouble.unwrap_or(Outcome::Starting)
            }
        }
    }

    /// When a good verdict stops counting. Between two validations it counts even without an offline grace period.
    fn good_until(&self) -> Option<Instant> {
        let Some(Verdict::Valid { at, .. }) = self.verdict else { return None };
        let settings = self.setup.as_ref()?.settings;
        let undisturbed = self.confirmed && self.obstacle.is_none();
        let between = settings.revalidate + settings.revalidate / 10 + settings.lost_after();
        let grace = if undisturbed { settings.offline_grace.max(between) } else { settings.offline_grace };
        Some(at + grace)
    }

    fn has_good_verdict(&self, now: Now) -> bool {
        self.good_until().is_some_and(|end| now.instant < end)
    }

    fn read_setup(&mut self, now: Now, actions: &mut Actions) {
        self.activity = Activity::Reading { since: now.instant };
        act(actions, Action::ReadSetup);
    }

    fn use_setup(&mut self, setup: Setup, now: Now, actions: &mut Actions) {
        if let Some(Remembered { claim, verdict }) = self.remembered.take() {
            self.verdict = kept(verdict, &claim, &setup.claim);
            self.confirmed = false;
        } else if let Some(before) = &self.setup {
            self.verdict = self.verdict.take().and_then(|v| kept(v, &before.claim, &setup.claim));
        }
        if self.obstacle.as_ref().is_some_and(|o| o.trouble.kind == TroubleKind::Setup) {
            self.obstacle = None;
        }
        let splay = setup.settings.start_splay;
        self.setup = Some(setup);
        if core::mem::take(&mut self.splay_due) && !splay.is_zero() {
            let until = now.instant + self.jitter.up_to(splay);
            self.activity = Activity::Waiting { until, then: Next::Call };
        } else {
            self.call(now, actions);
        }
    }

    fn do_without_setup(&mut self, trouble: Trouble, now: Now, actions: &mut Actions) {
        self.splay_due = false;
        if self.has_good_verdict(now) {
            act(actions, Action::KeepOldSetup(trouble));
            self.call(now, actions);
        } else {
            // A good verdict that has run out may count again under the next setup, but then as an old one.
            self.confirmed &= !matches!(self.verdict, Some(Verdict::Valid { .. }));
            self.obstacle = Some(Obstacle { trouble, at: now.instant });
            self.wait(SETUP_RECHECK, Next::Read, now);
        }
    }

    fn call(&mut self, now: Now, actions: &mut Actions) {
        let Some(setup) = &self.setup else { return self.read_setup(now, actions) };
        if setup.settings.clock_floor.is_some_and(|floor| now.wall < floor) {
            self.obstacle = Some(Obstacle { trouble: Trouble::clock(), at: now.instant });
            return self.wait(CLOCK_RECHECK, Next::Call, now);
        }
        let lost_at = now.instant + setup.settings.lost_after();
        self.activity = Activity::Calling { since: now.instant, lost_at, stale: false };
        let action = match self.step {
            Step::Validate => Action::Validate,
            Step::Probe => Action::Probe,
        };
        act(actions, action);
    }

    fn take_answer(&mut self, answer: Answer, now: Now, actions: &mut Actions) {
        let Activity::Calling { since, stale, .. } = self.activity else { return };
        if stale {
            return self.read_setup(now, actions);
        }
        let at = now.instant;
        let settings = self.setup.as_ref().map(|setup| setup.settings);
        match answer {
            Answer::Valid(household) => {
                self.record(Verdict::Valid { at, household });
                let revalidate = settings.map_or(SETUP_RECHECK, |settings| settings.revalidate);
                self.wait_about(revalidate, Next::Call, now);
            }
            Answer::Rejected(reason) => {
                self.record(Verdict::Rejected { at, reason });
                self.wait_about(REJECTED_RETRY, Next::Read, now);
            }
            Answer::Reachable => {
                self.step = Step::Validate;
                let spread = settings.map_or(Duration::ZERO, |settings| settings.spread);
                let wait = self.retry.after_probe(at, spread, &mut self.jitter);
                self.wait(wait, self.after_trouble(), now);
            }
            Answer::Inconclusive { trouble, retry_after } => {
                let kind = trouble.kind;
                self.obstacle = Some(Obstacle { trouble, at });
                self.failures = self.failures.saturating_add(1);
                if kind == TroubleKind::AppRejected {
                    self.step = Step::Validate;
                    self.wait_about(REJECTED_RETRY, Next::Read, now);
                } else {
                    let (step, took) = (self.step, at.since(since));
                    let spread = settings.map_or(Duration::ZERO, |settings| settings.spread);
                    let failure = Failure { kind, step, at, took, retry_after, spread };
                    let (step, wait) = self.retry.after_failure(&failure, &mut self.jitter);
                    self.step = step;
                    self.wait(wait, self.after_trouble(), now);
                }
            }
        }
    }

    /// A rejected credential may have been replaced while the server was away.
    const fn after_trouble(&self) -> Next {
        if matches!(self.verdict, Some(Verdict::Rejected { .. })) { Next::Read } else { Next::Call }
    }

    fn record(&mut self, verdict: Verdict) {
        self.verdict = Some(verdict);
        self.confirmed = true;
        self.obstacle = None;
        self.ask_anew();
    }

    /// Somebody has answered, or changed something: what failed before counts no more.
    fn ask_anew(&mut self) {
        self.failures = 0;
        self.step = Step::Validate;
        self.retry = Retry::default();
    }

    fn take_deadline(&mut self, now: Now, actions: &mut Actions) {
        match self.activity {
            Activity::Waiting { until, then } if until <= now.instant => match then {
                Next::Read => self.read_setup(now, actions),
                Next::Call => self.call(now, actions),
            },
            Activity::Calling { lost_at, .. } if lost_at <= now.instant => {
                self.activity = Activity::Ended;
                act(actions, Action::Exit(Exit::AnswerLost));
            }
            Activity::NotStarted => self.read_setup(now, actions),
            Activity::Reading { since } if since + ANSWER_OVERDUE <= now.instant => {
                self.read_setup(now, actions);
            }
            // The end of the offline grace period, or an early call: only the outcome may change.
            Activity::Waiting { .. }
            | Activity::Calling { .. }
            | Activity::Reading { .. }
            | Activity::Ended => {}
        }
    }

    fn reload(&mut self, now: Now, actions: &mut Actions) {
        self.ask_anew();
        if let Activity::Calling { stale, .. } = &mut self.activity {
            *stale = true;
        } else {
            self.splay_due = false;
            self.read_setup(now, actions);
        }
    }

    fn wait(&mut self, delay: Duration, then: Next, now: Now) {
        self.activity = Activity::Waiting { until: now.instant + delay, then };
    }

    fn wait_about(&mut self, delay: Duration, then: Next, now: Now) {
        let delay = self.jitter.around(delay);
        self.wait(delay, then, now);
    }
}

/// The verdict on `before`, if it still holds for the claim `after`: a good verdict is about the node, a rejection also
/// about its key.
fn kept(verdict: Verdict, before: &Claim, after: &Claim) -> Option<Verdict> {
    let holds = match &verdict {
        Verdict::Valid { .. } => before.is_same_subject(after),
        Verdict::Rejected { .. } => before == after,
    };
    holds.then_some(verdict)
}

fn act(actions: &mut Actions, action: Action) {
    let full = actions.push(action).is_err();
    debug_assert!(!full, "an event leads to at most four actions");
}
