//! `node-sim scenario`: its arguments, and what it prints.

use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use clap::{ArgGroup, Args, Subcommand};

use super::many::run_all_with;
use super::{Failure, Run, Scenario, all, find, shortest};
use crate::progress::Progress;
use crate::span::Span;
use crate::world::clock;

/// How many lines before a failure are printed of the run with the fewest events.
const LINES: usize = 40;

/// What `node-sim scenario` is asked to do.
#[derive(Debug, Subcommand)]
pub enum ScenarioCommand {
    /// List the scenarios that come with the program
    List,
    /// Run scenarios; the exit code is 1 if one does not go as expected
    Run(RunArguments),
}

/// The arguments of `node-sim scenario run`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("which").required(true).args(["scenarios", "all"]))]
pub struct RunArguments {
    /// Names of scenarios, or paths of files
    #[arg(value_name = "NAME|FILE")]
    scenarios: Vec<String>,
    /// Run all scenarios that come with the program
    #[arg(long)]
    all: bool,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many seeds, from the first one on
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Print everything that happens
    #[arg(long)]
    trace: bool,
}

/// Carries out the request and writes the result to `out`. Returns whether everything went as expected.
///
/// # Errors
/// A sentence when there is no such scenario, or its file is invalid.
pub fn carry_out(request: &ScenarioCommand, out: &mut impl Write) -> Result<bool, String> {
    // A reader that closes the pipe early has seen enough.
    let written = |result: io::Result<bool>| result.or(Ok(true));
    match request {
        ScenarioCommand::List => written(list(out).map(|()| true)),
        ScenarioCommand::Run(request) => {
            let scenarios = if request.all {
                all().map_err(|e| e.to_string())?
            } else {
                request.scenarios.iter().map(|name| load(name)).collect::<Result<_, _>>()?
            };
            written(run(&scenarios, request, out))
        }
    }
}

fn load(name: &str) -> Result<Scenario, String> {
    let path = Path::new(name);
    let is_file = path.extension().is_some() || path.components().count() > 1;
    if is_file { Scenario::load(path) } else { find(name) }.map_err(|e| e.to_string())
}

fn list(out: &mut impl Write) -> io::Result<()> {
    for scenario in all().unwrap_or_default() {
        writeln!(out, "{}\n    {}\n    From: {}", scenario.name, scenario.about, scenario.from)?;
    }
    Ok(())
}

fn run(scenarios: &[Scenario], request: &RunArguments, out: &mut impl Write) -> io::Result<bool> {
    let RunArguments { seed, seeds, trace, .. } = *request;
    let progress = Progress::new(seeds.saturating_mul(scenarios.len() as u64));
    let mut failed = 0;
    for scenario in scenarios {
        if trace {
            for seed in seed..seed.saturating_add(seeds) {
                writeln!(out, "# {}, seed {seed}", scenario.name)?;
                write!(out, "{}", scenario.transcript(seed))?;
            }
        }
        let start = Instant::now();
        let failures = run_all_with(&[scenario], seed, seeds, &progress);
        let took = start.elapsed();
        progress.clear();
        match failures.as_slice() {
            [] => writeln!(
                out,
                "ok    {}: {} of {}, in {} ms",
                scenario.name,
                if seeds == 1 { format!("seed {seed}") } else { format!("{seeds} seeds") },
                Span(scenario.span),
                took.as_millis()
            )?,
            [(_, run), more @ ..] => {
                failed += 1;
                writeln!(out, "FAIL  {}: {} of {seeds} seeds", scenario.name, more.len() + 1)?;
                if let Some(failure) = &run.failure {
                    write!(out, "{}", describe_failure(scenario, run, failure))?;
                }
            }
        }
    }
    if scenarios.len() > 1 {
        writeln!(out, "{} scenarios, {failed} of them not as expected", scenarios.len())?;
    }
    Ok(failed == 0)
}

/// Describes a failure: its seed, the fewest events that cause it, the end of the transcript, and the command
/// that prints all of it.
#[must_use]
pub fn describe_failure(scenario: &Scenario, run: &Run, failure: &Failure) -> String {
    let Run { seed, events, .. } = run;
    let mut text = format!("  seed {seed}, at {}: {}\n", clock(failure.at).trim_start(), failure.sentence);
    let fewest = shortest(scenario, run, failure);
    text += &format!("  the fewest events that cause it ({} of {} events):\n", fewest.len(), events.len());
    for event in &fewest {
        text += &format!("  {}  ! {}\n", clock(event.at), event.name);
    }
    let again = scenario.play(*seed, fewest, &run.named);
    let at = again.failure.as_ref().map_or(failure.at, |failure| failure.at);
    let lines = again.history.entries.iter().filter(|entry| entry.at <= at).map(ToString::to_string);
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    text += "  the end of its transcript:\n";
    for line in &lines[lines.len().saturating_sub(LINES)..] {
        text += &format!("  {line}");
    }
    text + &format!(
        "  the whole transcript: node-sim scenario run {} --seed {seed} --trace\n",
        scenario.known_by
    )
}
