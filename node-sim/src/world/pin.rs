//! The simulated pin, and what is seen of the LED on it.

use core::convert::Infallible;
use core::time::Duration;

use embedded_hal::digital::{ErrorType, OutputPin};
use node_core::time::{Instant, millis};

/// The simulated pin.
#[derive(Debug, Default)]
pub(super) struct Levels {
    high: bool,
}

impl Levels {
    /// Whether the pin is high.
    pub(super) fn is_high(&self) -> bool {
        self.high
    }
}

impl ErrorType for Levels {
    type Error = Infallible;
}

impl OutputPin for Levels {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.high = false;
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.high = true;
        Ok(())
    }
}

/// Somebody who looks at the LED.
#[derive(Debug)]
pub(super) struct Sight {
    pub(super) since: Instant,
    pub(super) until: Instant,
    /// Runs of light and dark, and when each ended, in milliseconds from the first look.
    runs: Vec<(bool, u64)>,
}

impl Sight {
    pub(super) fn new(since: Instant, lasts: Duration) -> Self {
        Self { since, until: since + lasts, runs: Vec::new() }
    }

    pub(super) fn see(&mut self, lit: bool, lasts: Duration) {
        let end = self.runs.last().map_or(0, |(_, end)| *end) + millis(lasts);
        match self.runs.last_mut() {
            Some((was, until)) if *was == lit => *until = end,
            Some(_) | None => self.runs.push((lit, end)),
        }
    }

    /// A mark for each whole 100 ms: `#` where the LED was lit in their middle.
    pub(super) fn marks(&self) -> String {
        let end = self.runs.last().map_or(0, |(_, end)| *end);
        let lit_at = |ms: u64| self.runs.iter().find(|(_, end)| ms < *end).is_some_and(|(lit, _)| *lit);
        (0..end / 100).map(|mark| if lit_at(mark * 100 + 50) { '#' } else { '.' }).collect()
    }
}
