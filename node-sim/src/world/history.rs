//! What is written down of a run: an entry for each thing that happens, and what the LED was seen to do.
//! Written out it is a transcript: a line an entry, and a strip for the LED, 100 ms a mark.

use core::fmt;
use core::time::Duration;

use node_core::agent::{Exit, Settings};
use node_core::answer::Answer;
use node_core::outcome::Outcome;
use node_core::time::{Instant, UnixTime, millis};
use node_core::trouble::TroubleKind;

use super::Happening;
use super::pin::Sight;

/// For how long the LED is looked at: more than the longest group of flashes.
const LOOK: Duration = Duration::from_millis(4500);

/// A run, from beginning to end.
#[derive(Debug)]
pub struct History {
    /// What the configuration said.
    pub settings: Settings,
    /// What happened, in order.
    pub entries: Vec<Entry>,
    /// How long it was.
    pub span: Duration,
    start: Instant,
    strip: Option<Sight>,
    look: Option<Sight>,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When, since the beginning.
    pub at: Duration,
    /// What.
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum What {
    /// The program began.
    Began,
    /// The world did something to it.
    Befell {
        /// What it is called.
        name: String,
        /// What it is.
        happening: Happening,
    },
    /// The files were read: whose they are and a stamp of the keys in them, or why not.
    Read(Result<(String, u64), String>),
    /// The server was asked, with this on the board's clock.
    Asked {
        /// The board's clock.
        wall: UnixTime,
    },
    /// It was asked whether it has time.
    Probed,
    /// It answered.
    Answered(Said),
    /// The setup before stays in use, for this reason.
    KeptOldSetup(String),
    /// The outcome is another one.
    Shown {
        /// Which.
        outcome: Outcome,
        /// Why, where there is something to say.
        reason: Option<String>,
        /// How old that is.
        age: Duration,
    },
    /// The household is another one.
    Household(Option<String>),
    /// The next thing that the agent does of itself is so far away, further than ever before.
    Sleeps(Duration),
    /// The program ended.
    Ended {
        /// Why.
        exit: Exit,
        /// Whether it left the LED lit.
        lit: bool,
    },
    /// What the LED did since the outcome before was shown, 100 ms a mark.
    Strip(String),
    /// What it did while somebody looked.
    Look {
        /// Since when, from the beginning.
        since: Duration,
        /// 100 ms a mark.
        marks: String,
    },
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The node is valid.
    Yes,
    /// It is not, for this reason.
    No(String),
    /// That it has time.
    Open,
    /// Nothing about the node.
    Nothing {
        /// What stood in the way.
        kind: TroubleKind,
        /// For how long the server asks to be left alone.
        retry_after: Option<Duration>,
    },
}

impl From<&Answer> for Said {
    fn from(answer: &Answer) -> Self {
        match answer {
            Answer::Valid(_) => Self::Yes,
            Answer::Rejected(reason) => Self::No(reason.to_string()),
            Answer::Reachable => Self::Open,
            Answer::Inconclusive { trouble, retry_after } => {
                Self::Nothing { kind: trouble.kind, retry_after: *retry_after }
            }
        }
    }
}

impl History {
    pub(super) fn new(start: Instant, settings: Settings) -> Self {
        let span = Duration::ZERO;
        Self { settings, entries: Vec::new(), span, start, strip: None, look: None }
    }

    /// Writes down what nobody sees: the LED is looked at all the while.
    pub(super) fn remark(&mut self, at: Instant, what: What) {
        self.entries.push(Entry { at: at.since(self.start), what });
    }

    pub(super) fn note(&mut self, at: Instant, what: What) {
        self.end_strip(at);
        let looked_at = matches!(what, What::Shown { .. });
        self.remark(at, what);
        if looked_at {
            self.strip = Some(Sight::new(at, LOOK));
        }
    }

    /// Somebody comes to look at the LED.
    pub(super) fn begin_look(&mut self, at: Instant) {
        self.end_look(at);
        self.look = Some(Sight::new(at, LOOK));
    }

    /// Until when the LED is looked at, if it is.
    pub(super) fn looking_until(&mut self, now: Instant) -> Option<Instant> {
        if self.strip.as_ref().is_some_and(|sight| sight.until <= now) {
            self.end_strip(now);
        }
        if self.look.as_ref().is_some_and(|sight| sight.until <= now) {
            self.end_look(now);
        }
        [&self.strip, &self.look].into_iter().flatten().map(|sight| sight.until).min()
    }

    pub(super) fn see(&mut self, lit: bool, lasts: Duration) {
        for sight in [&mut self.strip, &mut self.look].into_iter().flatten() {
            sight.see(lit, lasts);
        }
    }

    pub(super) fn finish(mut self, at: Instant) -> Self {
        self.end_strip(at);
        self.end_look(at);
        self.span = at.since(self.start);
        self
    }

    fn end_strip(&mut self, at: Instant) {
        let marks = self.strip.take().map(|sight| sight.marks()).unwrap_or_default();
        if !marks.is_empty() {
            self.remark(at, What::Strip(marks));
        }
    }

    fn end_look(&mut self, at: Instant) {
        if let Some(sight) = self.look.take() {
            let since = sight.since.since(self.start);
            self.remark(at, What::Look { since, marks: sight.marks() });
        }
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries.iter().try_for_each(|entry| write!(f, "{entry}"))
    }
}

impl fmt::Display for Entry {
    /// A line, if it is one of those that are worth one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = clock(self.at);
        match &self.what {
            What::Began | What::Household(_) | What::Sleeps(_) | What::Look { .. } => Ok(()),
            What::Befell { name, .. } => writeln!(f, "{at}  ! {name}"),
            What::Read(Ok((node_id, _))) => writeln!(f, "{at}  reads its files: {node_id}"),
            What::Read(Err(reason)) => writeln!(f, "{at}  reads its files: {reason}"),
            What::Asked { .. } => writeln!(f, "{at}  asks the server"),
            What::Probed => writeln!(f, "{at}  knock"),
            What::Answered(said) => writeln!(f, "{at}  answer {said}"),
            What::KeptOldSetup(reason) => writeln!(f, "{at}  keeps the setup before: {reason}"),
            What::Shown { outcome, reason, age } => {
                write!(f, "{at}  = {outcome}")?;
                if let Some(reason) = reason {
                    write!(f, ": {reason}")?;
                }
                if !age.is_zero() {
                    write!(f, " (as of {} s ago)", millis(*age) / 1000)?;
                }
                writeln!(f)
            }
            What::Ended { exit: Exit::Asked, .. } => writeln!(f, "{at}  ends, LED dark"),
            What::Ended { exit: Exit::AnswerLost, .. } => writeln!(f, "{at}  ends: an answer was lost"),
            What::Strip(marks) => writeln!(f, "{:>15}  LED {marks}", ""),
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("open"),
            Self::Yes => f.write_str("valid:true"),
            Self::No(reason) => write!(f, "valid:false, {reason}"),
            Self::Nothing { kind, retry_after: None } => write!(f, "{kind:?}"),
            Self::Nothing { kind, retry_after: Some(after) } => {
                write!(f, "{kind:?}, to be left alone for {} s", after.as_secs())
            }
        }
    }
}

/// A moment of a run: hours, minutes, seconds, in a column.
#[must_use]
pub fn clock(at: Duration) -> String {
    let (s, ms) = (millis(at) / 1000, millis(at) % 1000);
    let clock = format!("{}:{:02}:{:02}.{ms:03}", s / 3600, s / 60 % 60, s % 60);
    format!("{clock:>15}")
}
