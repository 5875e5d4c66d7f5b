//! `node-sim scenario`: what is asked for, and telling it.

use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use lexopt::prelude::*;

use super::{Failure, Run, Scenario, all, find, run_all, shortest};
use crate::world::clock;

/// So many lines before a failure are shown of the run with the fewest events.
const LINES: usize = 40;

/// What `node-sim scenario` is asked to do.
#[derive(Debug)]
pub enum Request {
    /// Tell what stories there are.
    List,
    /// Tell some.
    Run {
        /// Their names or files; none for all.
        stories: Vec<String>,
        /// The first seed.
        seed: u64,
        /// How many of them.
        seeds: u64,
        /// Whether to show all that happens.
        trace: bool,
    },
}

impl Request {
    /// Reads what follows `scenario` on the command line.
    ///
    /// # Errors
    /// Wrong usage.
    pub fn parse(arguments: &mut lexopt::Parser) -> Result<Self, lexopt::Error> {
        match arguments.next()? {
            Some(Value(word)) if word == "list" => match arguments.next()? {
                None => Ok(Self::List),
                Some(more) => Err(more.unexpected()),
            },
            Some(Value(word)) if word == "run" => Self::parse_run(arguments),
            Some(other) => Err(other.unexpected()),
            None => Err("scenario needs list or run".into()),
        }
    }

    fn parse_run(arguments: &mut lexopt::Parser) -> Result<Self, lexopt::Error> {
        let (mut stories, mut everything, mut seed, mut seeds, mut trace) = (Vec::new(), false, 1, 1, false);
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("all") => everything = true,
                Long("seed") => seed = arguments.value()?.parse()?,
                Long("seeds") => seeds = arguments.value()?.parse()?,
                Long("trace") => trace = true,
                Value(story) => stories.push(story.string()?),
                Long(_) | Short(_) => return Err(argument.unexpected()),
            }
        }
        if stories.is_empty() != everything {
            return Err("scenario run needs the name of a story, or its file, or --all".into());
        }
        if seeds == 0 {
            return Err("--seeds needs at least 1".into());
        }
        Ok(Self::Run { stories, seed, seeds, trace })
    }
}

/// Does it, and tells on `out`. Returns whether everything was as expected.
///
/// # Errors
/// A sentence when there is no such story, or it cannot be told.
pub fn carry_out(request: &Request, out: &mut impl Write) -> Result<bool, String> {
    // Whoever reads may have had enough.
    let told = |result: io::Result<bool>| result.or(Ok(true));
    match request {
        Request::List => told(list(out).map(|()| true)),
        Request::Run { stories, seed, seeds, trace } => {
            let stories = if stories.is_empty() {
                all().map_err(|e| e.to_string())?
            } else {
                stories.iter().map(|story| named(story)).collect::<Result<_, _>>()?
            };
            told(run(&stories, *seed, *seeds, *trace, out))
        }
    }
}

fn named(story: &str) -> Result<Scenario, String> {
    let path = Path::new(story);
    let is_file = path.extension().is_some() || path.components().count() > 1;
    if is_file { Scenario::load(path) } else { find(story) }.map_err(|e| e.to_string())
}

fn list(out: &mut impl Write) -> io::Result<()> {
    for scenario in all().unwrap_or_default() {
        writeln!(out, "{}\n    {}\n    From: {}", scenario.name, scenario.about, scenario.from)?;
    }
    Ok(())
}

fn run(stories: &[Scenario], seed: u64, seeds: u64, trace: bool, out: &mut impl Write) -> io::Result<bool> {
    let mut failed = 0;
    for scenario in stories {
        if trace {
            for seed in seed..seed.saturating_add(seeds) {
                writeln!(out, "# {}, seed {seed}", scenario.name)?;
                write!(out, "{}", scenario.transcript(seed))?;
            }
        }
        let start = Instant::now();
        let failures = run_all(&[scenario], seed, seeds);
        let took = start.elapsed();
        match failures.as_slice() {
            [] => writeln!(
                out,
                "ok    {}: {} of {}, in {} ms",
                scenario.name,
                if seeds == 1 { format!("seed {seed}") } else { format!("{seeds} seeds") },
                crate::span::Span(scenario.span),
                took.as_millis()
            )?,
            [(_, run), more @ ..] => {
                failed += 1;
                writeln!(out, "FAIL  {}: {} of {seeds} seeds", scenario.name, more.len() + 1)?;
                if let Some(failure) = &run.failure {
                    write!(out, "{}", tell_failure(scenario, run, failure))?;
                }
            }
        }
    }
    if stories.len() > 1 {
        writeln!(out, "{} stories, {failed} of them not as they should be", stories.len())?;
    }
    Ok(failed == 0)
}

/// A failure for people: its seed, the least that has to happen for it, what then happens, and how to see it
/// again.
#[must_use]
pub fn tell_failure(scenario: &Scenario, run: &Run, failure: &Failure) -> String {
    let Run { seed, events, .. } = run;
    let mut told = format!("  seed {seed}, at {}: {}\n", clock(failure.at).trim_start(), failure.sentence);
    let fewest = shortest(scenario, run, failure);
    told +=
        &format!("  the least that has to happen for it ({} of {} events):\n", fewest.len(), events.len());
    for event in &fewest {
        told += &format!("  {}  ! {}\n", clock(event.at), event.name);
    }
    let again = scenario.play(*seed, fewest, &run.named);
    let at = again.failure.as_ref().map_or(failure.at, |failure| failure.at);
    let lines = again.history.entries.iter().filter(|entry| entry.at <= at).map(ToString::to_string);
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    told += "  what then happens:\n";
    for line in &lines[lines.len().saturating_sub(LINES)..] {
        told += &format!("  {line}");
    }
    told + &format!("  all of it: node-sim scenario run {} --seed {seed} --trace\n", scenario.known_by)
}
