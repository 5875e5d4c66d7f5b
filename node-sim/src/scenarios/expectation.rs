//! The expectations of a scenario, and the check of a run against them.

use core::fmt;
use core::time::Duration;

use super::form::{CallsForm, ExpectForm, Seen};
use super::moment::{Moment, Named};
use crate::span::Span;
use crate::world::{EntryKind, History, WorldEvent};

/// An expectation.
#[derive(Clone, Debug)]
pub(super) struct Expectation {
    period: Period,
    demand: Demand,
}

#[derive(Clone, Debug)]
enum Period {
    At(Moment),
    Within(Moment, Moment),
}

#[derive(Clone, Debug)]
enum Demand {
    /// Reached at some moment of the time span.
    Reached(Seen),
    Only(Vec<Seen>),
    Never(Vec<Seen>),
    Led(String),
    Household(String),
    Calls(CallsForm),
}

/// The way in which a run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The earliest moment at which the failure was certain.
    pub at: Duration,
    /// The expected and the actual behaviour. Runs that fail in the same way have equal sentences.
    pub sentence: String,
}

impl Expectation {
    pub(super) fn of(form: ExpectForm) -> Result<Self, String> {
        let ExpectForm { at, from, to, by, outcome, only, never, led, household, calls } = form;
        let mut demands: Vec<Demand> = Vec::new();
        demands.extend(outcome.map(Demand::Reached));
        demands.extend(only.map(Demand::Only));
        demands.extend(never.map(Demand::Never));
        demands.extend(led.map(Demand::Led));
        demands.extend(household.map(Demand::Household));
        demands.extend(calls.map(Demand::Calls));
        let (Some(demand), None) = (demands.pop(), demands.pop()) else {
            return Err(
                "an expectation needs exactly one of outcome, only, never, led, household and calls".into()
            );
        };
        let start = || Moment::START;
        let period = match (&demand, at, from, to, by) {
            (Demand::Reached(_) | Demand::Led(_) | Demand::Household(_), Some(at), None, None, None) => {
                Period::At(at)
            }
            (Demand::Reached(_), None, from, None, Some(by)) => {
                Period::Within(from.unwrap_or_else(start), by)
            }
            (Demand::Only(_) | Demand::Never(_) | Demand::Calls(_), None, from, to, None) => {
                Period::Within(from.unwrap_or_else(start), to.unwrap_or(Moment::END))
            }
            _ => {
                return Err(
                    "outcome goes with `at`, or with `by` and perhaps `from`; led and household go with \
                            `at`; only, never and calls go with `from` and `to`, or neither"
                        .into(),
                );
            }
        };
        if let Demand::Led(marks) = &demand
            && (marks.is_empty() || marks.chars().any(|mark| mark != '#' && mark != '.'))
        {
            return Err(format!(
                "'{marks}' is not a pattern: write one round of it, # for 100 ms of light, . for 100 ms of dark"
            ));
        }
        let expectation = Self { period, demand };
        let inexact = expectation.moments().into_iter().flatten().find(|moment| !moment.is_exact());
        if let Some(moment) = inexact {
            return Err(format!("'{moment}' is not exact, so nothing can be expected at it"));
        }
        Ok(expectation)
    }

    fn moments(&self) -> [Option<&Moment>; 2] {
        match &self.period {
            Period::At(at) => [Some(at), None],
            Period::Within(from, to) => [Some(from), Some(to)],
        }
    }

    /// The events that its moments depend on.
    pub(super) fn refers_to(&self) -> impl Iterator<Item = &str> {
        self.moments().into_iter().flatten().filter_map(Moment::refers_to)
    }

    /// The moment at which the LED has to be observed.
    pub(super) fn look(&self, named: &Named, span: Duration) -> Option<Duration> {
        match (&self.demand, &self.period) {
            (Demand::Led(_), Period::At(at)) => at.place(named, span),
            _ => None,
        }
    }

    /// The failure of this run, if it does not meet the expectation.
    pub(super) fn check(&self, history: &History, named: &Named) -> Option<Failure> {
        let span = history.span;
        let (from, to) = match &self.period {
            Period::At(at) => (at.place(named, span)?, at.place(named, span)?),
            Period::Within(from, to) => (from.place(named, span)?, to.place(named, span)?),
        };
        // The last moment belongs to the next time span.
        let before = |to: Duration| to.saturating_sub(Duration::from_millis(1));
        let fail = |at, was: &str| Some(Failure { at, sentence: format!("{self}; it was {was}") });
        match &self.demand {
            Demand::Reached(wanted) => {
                let seen = shown(history, from, to);
                if seen.iter().any(|(_, seen)| seen == wanted) {
                    return None;
                }
                let last = seen.last().map(|(_, seen)| seen.to_string()).unwrap_or_default();
                fail(to, &last)
            }
            Demand::Only(allowed) => {
                let (at, seen) =
                    shown(history, from, before(to)).into_iter().find(|(_, s)| !allowed.contains(s))?;
                fail(at.max(from), &seen.to_string())
            }
            Demand::Never(forbidden) => {
                let (at, seen) =
                    shown(history, from, before(to)).into_iter().find(|(_, s)| forbidden.contains(s))?;
                fail(at.max(from), &seen.to_string())
            }
            Demand::Led(round) => {
                let look = |kind: &'_ EntryKind| {
                    if let EntryKind::Observed { since, marks } = kind
                        && *since == from
                    {
                        return Some(marks.clone());
                    }
                    None
                };
                let seen = history.entries.iter().find_map(|entry| look(&entry.kind)).unwrap_or_default();
                let seen = seen.as_str();
                let endless = round.repeat(seen.len() / round.len() + 2);
                if !seen.is_empty() && endless.contains(seen) { None } else { fail(to, seen) }
            }
            Demand::Household(wanted) => {
                let mut last = None;
                for entry in history.entries.iter().take_while(|entry| entry.at <= from) {
                    if let EntryKind::Household(household) = &entry.kind {
                        last = household.as_deref();
                    }
                }
                if last == Some(wanted) { None } else { fail(to, last.unwrap_or("unknown")) }
            }
            Demand::Calls(CallsForm { least, most, apart }) => {
                let calls: Vec<Duration> = history
                    .entries
                    .iter()
                    .filter(|entry| matches!(entry.kind, EntryKind::Asked { .. }))
                    .map(|entry| entry.at)
                    .filter(|at| from <= *at && *at < to)
                    .collect();
                let close = |pair: &&[Duration]| apart.is_some_and(|Span(apart)| pair[1] - pair[0] < apart);
                if let Some(one_too_many) = most.and_then(|most| calls.get(most)) {
                    fail(*one_too_many, "more")
                } else if let Some(pair) = calls.windows(2).find(close) {
                    fail(pair[1], "sooner again")
                } else if calls.len() < *least {
                    fail(to, "less")
                } else {
                    None
                }
            }
        }
    }
}

/// The outcomes shown between two moments, each with its start; the first is the one shown at `from`. An
/// outcome that was replaced within the same moment is left out, because nobody could see it.
fn shown(history: &History, from: Duration, to: Duration) -> Vec<(Duration, Seen)> {
    let mut all = vec![(Duration::ZERO, Seen(None))];
    for entry in history.entries.iter().take_while(|entry| entry.at <= to) {
        let Some(seen) = seen(&entry.kind) else { continue };
        // Up to `from` only the last outcome counts.
        if entry.at <= from {
            all.clear();
        }
        if all.last().is_some_and(|(at, _)| *at == entry.at) {
            all.pop();
        }
        all.push((entry.at, seen));
    }
    all
}

fn seen(kind: &EntryKind) -> Option<Seen> {
    if let EntryKind::Shown { outcome, .. } = kind {
        return Some(Seen(Some(*outcome)));
    }
    let off =
        matches!(kind, EntryKind::Ended { .. } | EntryKind::Happened { event: WorldEvent::PowerOff, .. });
    off.then_some(Seen(None))
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |all: &[Seen]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        match (&self.period, &self.demand) {
            (Period::At(at), _) => write!(f, "at {at}: ")?,
            (Period::Within(from, to), Demand::Reached(_)) => write!(f, "from {from}, by {to}: ")?,
            (Period::Within(from, to), _) => write!(f, "from {from} to {to}: ")?,
        }
        match &self.demand {
            Demand::Reached(seen) => write!(f, "{seen} was expected"),
            Demand::Only(all) => write!(f, "nothing but {} was expected", list(all)),
            Demand::Never(all) => write!(f, "never {} was expected", list(all)),
            Demand::Led(round) => write!(f, "the LED {round} was expected"),
            Demand::Household(id) => write!(f, "household {id} was expected"),
            Demand::Calls(CallsForm { least, most, apart }) => {
                write!(f, "at least {least}")?;
                if let Some(most) = most {
                    write!(f, ", at most {most}")?;
                }
                write!(f, " calls were expected")?;
                apart.map_or(Ok(()), |apart| write!(f, ", {apart} apart"))
            }
        }
    }
}
