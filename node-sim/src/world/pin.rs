//! The simulated pin, and observations of its LED.

use core::convert::Infallible;
use core::time::Duration;

use embedded_hal::digital::{ErrorType, OutputPin};
use node_core::time::{Instant, millis};

/// The simulated pin.
#[derive(Debug, Default)]
pub(super) struct SimulatedPin {
    high: bool,
}

impl SimulatedPin {
    /// Whether the pin is high.
    pub(super) fn is_high(&self) -> bool {
        self.high
    }
}

impl ErrorType for SimulatedPin {
    type Error = Infallible;
}

impl OutputPin for SimulatedPin {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.high = false;
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.high = true;
        Ok(())
    }
}

/// An observation of the LED.
#[derive(Debug)]
pub(super) struct Observation {
    pub(super) since: Instant,
    pub(super) until: Instant,
    /// Runs of light and dark, and the end of each, in milliseconds since the observation began.
    runs: Vec<(bool, u64)>,
}

impl Observation {
    pub(super) fn new(since: Instant, lasts: Duration) -> Self {
        Self { since, until: since + lasts, runs: Vec::new() }
    }

    pub(super) fn observe(&mut self, lit: bool, lasts: Duration) {
        let end = self.runs.last().map_or(0, |(_, end)| *end) + millis(lasts);
        match self.runs.last_mut() {
            Some((was, until)) if *was == lit => *until = end,
            Some(_) | None => self.runs.push((lit, end)),
        }
    }

    /// A mark for each whole 100 ms: `#` if the LED was lit in the middle of it.
    pub(super) fn marks(&self) -> String {
        let end = self.runs.last().map_or(0, |(_, end)| *end);
        let lit_at = |ms: u64| self.runs.iter().find(|(_, end)| ms < *end).is_some_and(|(lit, _)| *lit);
        (0..end / 100).map(|mark| if lit_at(mark * 100 + 50) { '#' } else { '.' }).collect()
    }
}
