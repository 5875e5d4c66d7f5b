//! Many runs, on as many threads as there are processors.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use super::{Run, Scenario};
use crate::progress::Progress;

/// Runs each scenario with `seeds` seeds (at least 1), from `first` on. Returns the runs that failed, by
/// scenario and seed.
///
/// # Panics
/// When the agent does.
#[must_use]
pub fn run_all<'a>(scenarios: &[&'a Scenario], first: u64, seeds: u64) -> Vec<(&'a Scenario, Run)> {
    run_all_with(scenarios, first, seeds, &Progress::hidden())
}

/// Like [`run_all`], and counts each run.
pub(super) fn run_all_with<'a>(
    scenarios: &[&'a Scenario],
    first: u64,
    seeds: u64,
    progress: &Progress,
) -> Vec<(&'a Scenario, Run)> {
    let next = AtomicU64::new(0);
    let (failed, failures) = mpsc::channel();
    let threads = thread::available_parallelism().map_or(1, core::num::NonZero::get);
    let nth = |n: u64| {
        let scenario = scenarios.get(usize::try_from(n / seeds).ok()?)?;
        Some((*scenario, first + n % seeds))
    };
    thread::scope(|scope| {
        for _ in 0..threads {
            let (next, nth, failed) = (&next, &nth, failed.clone());
            scope.spawn(move || {
                loop {
                    let order = next.fetch_add(1, Ordering::Relaxed);
                    let Some((scenario, seed)) = nth(order) else { break };
                    let run = scenario.run(seed);
                    progress.add(1);
                    if run.failure.is_some() {
                        // The receiver outlives every sender.
                        let _ = failed.send((order, scenario, run));
                    }
                }
            });
        }
        drop(failed);
        let mut all: Vec<_> = failures.into_iter().collect();
        all.sort_by_key(|(order, ..)| *order);
        all.into_iter().map(|(_, scenario, run)| (scenario, run)).collect()
    })
}
