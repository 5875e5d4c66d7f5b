//! The record of a run: an entry for each event, and what the LED did. Printed, it is a transcript: a line
//! per entry, and a strip for the LED with a mark per 100 ms.

use core::fmt;
use core::time::Duration;

use node_core::agent::{Exit, Settings};
use node_core::answer::Answer;
use node_core::outcome::Outcome;
use node_core::time::{Instant, UnixTime, millis};
use node_core::trouble::TroubleKind;

use super::WorldEvent;
use super::pin::Observation;

/// How long the LED is observed: longer than the longest group of flashes.
const LOOK: Duration = Duration::from_millis(4500);

/// The record of a run.
#[derive(Debug)]
pub struct History {
    /// The configuration's settings.
    pub settings: Settings,
    /// Everything that happened, in order.
    pub entries: Vec<Entry>,
    /// How long the run was.
    pub span: Duration,
    start: Instant,
    strip: Option<Observation>,
    look: Option<Observation>,
}

/// An entry of the record.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The time since the start.
    pub at: Duration,
    /// The event.
    pub kind: EntryKind,
}

/// An event of a run.
#[derive(Clone, Debug)]
pub enum EntryKind {
    /// The program started.
    Began,
    /// An event of the scenario.
    Happened {
        /// Its name.
        name: String,
        /// Its effect.
        event: WorldEvent,
    },
    /// The files were read: the node id and a stamp of the keys, or the reason why they cannot be used.
    Read(Result<(String, u64), String>),
    /// The server was asked to validate the node.
    Asked {
        /// The board's clock at that moment.
        wall: UnixTime,
    },
    /// The server was probed.
    Probed,
    /// The server's answer, or the failure of the call.
    Answered(Reply),
    /// The previous setup stays in use, for this reason.
    KeptOldSetup(String),
    /// The outcome changed.
    Shown {
        /// The new outcome.
        outcome: Outcome,
        /// The reason, where there is one.
        reason: Option<String>,
        /// The age of the verdict.
        age: Duration,
    },
    /// The household changed.
    Household(Option<String>),
    /// The agent's next deadline is further away than ever before.
    Sleeps(Duration),
    /// The program ended.
    Ended {
        /// The reason.
        exit: Exit,
        /// Whether the LED was left lit.
        lit: bool,
    },
    /// What the LED did since the previous outcome was shown, 100 ms per mark.
    Strip(String),
    /// What the LED did while it was observed.
    Observed {
        /// When the observation began, since the start.
        since: Duration,
        /// The marks, 100 ms each.
        marks: String,
    },
}

/// The content of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The node is valid.
    Valid,
    /// The node is rejected, for this reason.
    Rejected(String),
    /// The server is reachable: it answered a probe.
    Reachable,
    /// No verdict.
    Inconclusive {
        /// The cause.
        kind: TroubleKind,
        /// How long the server asks to be left alone.
        retry_after: Option<Duration>,
    },
}

impl From<&Answer> for Reply {
    fn from(answer: &Answer) -> Self {
        match answer {
            Answer::Valid(_) => Self::Valid,
            Answer::Rejected(reason) => Self::Rejected(reason.to_string()),
            Answer::Reachable => Self::Reachable,
            Answer::Inconclusive { trouble, retry_after } => {
                Self::Inconclusive { kind: trouble.kind, retry_after: *retry_after }
            }
        }
    }
}

impl History {
    pub(super) fn new(start: Instant, settings: Settings) -> Self {
        let span = Duration::ZERO;
        Self { settings, entries: Vec::new(), span, start, strip: None, look: None }
    }

    /// Adds an entry that nobody can see from outside, so the strip of the LED goes on.
    pub(super) fn remark(&mut self, at: Instant, kind: EntryKind) {
        self.entries.push(Entry { at: at.since(self.start), kind });
    }

    pub(super) fn note(&mut self, at: Instant, kind: EntryKind) {
        self.end_strip(at);
        let looked_at = matches!(kind, EntryKind::Shown { .. });
        self.remark(at, kind);
        if looked_at {
            self.strip = Some(Observation::new(at, LOOK));
        }
    }

    /// Starts an observation of the LED.
    pub(super) fn begin_observation(&mut self, at: Instant) {
        self.end_observation(at);
        self.look = Some(Observation::new(at, LOOK));
    }

    /// When the current observation of the LED ends, if there is one.
    pub(super) fn observed_until(&mut self, now: Instant) -> Option<Instant> {
        if self.strip.as_ref().is_some_and(|observation| observation.until <= now) {
            self.end_strip(now);
        }
        if self.look.as_ref().is_some_and(|observation| observation.until <= now) {
            self.end_observation(now);
        }
        [&self.strip, &self.look].into_iter().flatten().map(|observation| observation.until).min()
    }

    pub(super) fn observe(&mut self, lit: bool, lasts: Duration) {
        for observation in [&mut self.strip, &mut self.look].into_iter().flatten() {
            observation.observe(lit, lasts);
        }
    }

    pub(super) fn finish(mut self, at: Instant) -> Self {
        self.end_strip(at);
        self.end_observation(at);
        self.span = at.since(self.start);
        self
    }

    fn end_strip(&mut self, at: Instant) {
        let marks = self.strip.take().map(|observation| observation.marks()).unwrap_or_default();
        if !marks.is_empty() {
            self.remark(at, EntryKind::Strip(marks));
        }
    }

    fn end_observation(&mut self, at: Instant) {
        if let Some(observation) = self.look.take() {
            let since = observation.since.since(self.start);
            self.remark(at, EntryKind::Observed { since, marks: observation.marks() });
        }
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries.iter().try_for_each(|entry| write!(f, "{entry}"))
    }
}

impl fmt::Display for Entry {
    /// Prints an entry as a line. Some kinds of entry are not printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = clock(self.at);
        match &self.kind {
            EntryKind::Began
            | EntryKind::Household(_)
            | EntryKind::Sleeps(_)
            | EntryKind::Observed { .. } => Ok(()),
            EntryKind::Happened { name, .. } => writeln!(f, "{at}  ! {name}"),
            EntryKind::Read(Ok((node_id, _))) => writeln!(f, "{at}  reads its files: {node_id}"),
            EntryKind::Read(Err(reason)) => writeln!(f, "{at}  reads its files: {reason}"),
            EntryKind::Asked { .. } => writeln!(f, "{at}  asks the server"),
            EntryKind::Probed => writeln!(f, "{at}  probes the server"),
            EntryKind::Answered(said) => writeln!(f, "{at}  answer {said}"),
            EntryKind::KeptOldSetup(reason) => writeln!(f, "{at}  keeps the previous setup: {reason}"),
            EntryKind::Shown { outcome, reason, age } => {
                write!(f, "{at}  = {outcome}")?;
                if let Some(reason) = reason {
                    write!(f, ": {reason}")?;
                }
                if !age.is_zero() {
                    write!(f, " (as of {} s ago)", millis(*age) / 1000)?;
                }
                writeln!(f)
            }
            EntryKind::Ended { exit: Exit::Asked, .. } => writeln!(f, "{at}  ends, LED dark"),
            EntryKind::Ended { exit: Exit::AnswerLost, .. } => writeln!(f, "{at}  ends: an answer was lost"),
            EntryKind::Strip(marks) => writeln!(f, "{:>15}  LED {marks}", ""),
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reachable => f.write_str("reachable"),
            Self::Valid => f.write_str("valid:true"),
            Self::Rejected(reason) => write!(f, "valid:false, {reason}"),
            Self::Inconclusive { kind, retry_after: None } => write!(f, "{kind:?}"),
            Self::Inconclusive { kind, retry_after: Some(after) } => {
                write!(f, "{kind:?}, asks for a pause of {} s", after.as_secs())
            }
        }
    }
}

/// A moment of a run, as hours, minutes and seconds in a column.
#[must_use]
pub fn clock(at: Duration) -> String {
    let (s, ms) = (millis(at) / 1000, millis(at) % 1000);
    let clock = format!("{}:{:02}:{:02}.{ms:03}", s / 3600, s / 60 % 60, s % 60);
    format!("{clock:>15}")
}
