//! The fewest events that make a run fail in the same way.

use core::time::Duration;
use std::time::Instant;

use super::expectation::Failure;
use super::plan::Drawn;
use super::{Run, Scenario};

/// The limit for the search, because somebody waits for the result.
const PATIENCE: Duration = Duration::from_secs(5);

/// A search with fewer and fewer events.
struct Search<'a> {
    scenario: &'a Scenario,
    run: &'a Run,
    failure: &'a Failure,
    until: Instant,
}

/// The events of `run`, without those that its failure does not depend on. Events at the end are dropped
/// first, then any others, in halves, quarters and so on (delta debugging, Zeller and Hildebrandt, 2002).
#[must_use]
pub fn shortest(scenario: &Scenario, run: &Run, failure: &Failure) -> Vec<Drawn> {
    let search = Search { scenario, run, failure, until: Instant::now() + PATIENCE };
    let before = |event: &Drawn| event.at <= failure.at;
    let mut events: Vec<Drawn> = run.events.iter().filter(|event| before(event)).cloned().collect();
    if !search.fails(&events) {
        // The failure depends on later events.
        events.clone_from(&run.events);
    }
    let mut step = events.len().div_ceil(2);
    while step > 0 {
        let fewer = &events[..events.len().saturating_sub(step)];
        if fewer.len() < events.len() && search.fails(fewer) {
            events.truncate(fewer.len());
        } else {
            step /= 2;
        }
    }
    let mut parts = 2;
    while parts <= events.len() {
        let size = events.len().div_ceil(parts);
        let without = (0..parts).map(|part| {
            let (from, to) = ((part * size).min(events.len()), ((part + 1) * size).min(events.len()));
            [&events[..from], &events[to..]].concat()
        });
        match without.filter(|fewer| fewer.len() < events.len()).find(|fewer| search.fails(fewer)) {
            Some(fewer) => (events, parts) = (fewer, (parts - 1).max(2)),
            None if size == 1 => break,
            None => parts = (parts * 2).min(events.len()),
        }
    }
    if events.len() == 1 && search.fails(&[]) {
        events.clear();
    }
    events
}

impl Search<'_> {
    fn fails(&self, events: &[Drawn]) -> bool {
        if Instant::now() > self.until {
            return false;
        }
        let again = self.scenario.play(self.run.seed, events.to_vec(), &self.run.named);
        again.failure.is_some_and(|failure| failure.sentence == self.failure.sentence)
    }
}
