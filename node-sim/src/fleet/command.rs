//! `node-sim fleet`: runs what the arguments ask for.

use core::num::NonZero;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde_json::Value as Json;

use super::figures::{Figures, HEADER};
use super::{FleetArguments, Plan, Policy, Tally, real};
use crate::progress::Progress;

/// The steps of one run that a progress bar counts.
pub(super) const STEPS: u64 = 1000;

/// Runs `node-sim fleet`, and returns the text to print.
///
/// # Errors
/// A sentence about an argument, or about a file that cannot be read or written.
pub fn run(arguments: &FleetArguments) -> Result<String, String> {
    if let Some(target) = arguments.target()? {
        return run_for_real(&target, arguments);
    }
    let plans = arguments.plans()?;
    let policies = arguments.policies();
    let progress = Progress::new((plans.len() * policies.len()) as u64 * STEPS);
    let mut table = HEADER.to_owned();
    let mut figures = Vec::new();
    for plan in &plans {
        let runs = run_all(plan, policies, &progress);
        for (policy, tally) in &runs {
            let figure = Figures::of(plan, *policy, tally);
            table.push_str(&figure.row());
            figures.push(figure.json(plan));
        }
    }
    if arguments.json { Ok(format!("{:#}\n", Json::Array(figures))) } else { Ok(table) }
}

fn run_for_real(target: &real::Target, arguments: &FleetArguments) -> Result<String, String> {
    let plan = arguments.real_plan();
    let tally = real::run(target, &plan)?;
    let figure = Figures::of(&plan, Policy::Ours, &tally);
    let (row, mut json) = (figure.row(), figure.json(&plan));
    json["model"] = "none: a real server".into();
    if arguments.json { Ok(format!("{:#}\n", Json::Array(vec![json]))) } else { Ok(format!("{HEADER}{row}")) }
}

/// Runs each rule on a thread of its own, as far as there are processors.
fn run_all(plan: &Plan, policies: &[Policy], progress: &Progress) -> Vec<(Policy, Tally)> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some((place, policy)) = {
            let place = next.fetch_add(1, Ordering::Relaxed);
            policies.get(place).map(|policy| (place, *policy))
        } {
            let tally = plan.run_with(policy, progress);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((place, policy, tally));
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(policies.len());
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let mut runs = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    runs.sort_unstable_by_key(|(place, ..)| *place);
    runs.into_iter().map(|(_, policy, tally)| (policy, tally)).collect()
}
