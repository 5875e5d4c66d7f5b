//! An LED that is recorded in place of being lit.

use core::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use embedded_hal::digital::{ErrorType, OutputPin};

/// A pin that notes each change of its level. Clones share one record.
#[derive(Clone, Debug, Default)]
pub struct RecordingPin(Arc<Mutex<Vec<(Instant, bool)>>>);

impl RecordingPin {
    /// When the level changed, and whether it is high since then.
    ///
    /// # Panics
    /// If another thread has panicked in this pin.
    pub fn edges(&self) -> Vec<(Instant, bool)> {
        self.0.lock().unwrap().clone()
    }

    /// How often the level has changed.
    ///
    /// # Panics
    /// If another thread has panicked in this pin.
    pub fn changes(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Whether the level is high.
    ///
    /// # Panics
    /// If another thread has panicked in this pin.
    pub fn is_lit(&self) -> bool {
        self.0.lock().unwrap().last().is_some_and(|(_, lit)| *lit)
    }

    /// Begins a new record, with the present level as its first entry.
    ///
    /// # Panics
    /// If another thread has panicked in this pin.
    pub fn begin_again(&self) {
        let mut edges = self.0.lock().unwrap();
        let last = edges.last().copied();
        edges.clear();
        edges.extend(last.map(|(_, lit)| (Instant::now(), lit)));
    }

    fn set(&self, lit: bool) {
        let mut edges = self.0.lock().unwrap();
        // A level that is set once more is no change.
        if edges.last().is_none_or(|(_, was)| *was != lit) {
            edges.push((Instant::now(), lit));
        }
    }
}

impl ErrorType for RecordingPin {
    type Error = Infallible;
}

impl OutputPin for RecordingPin {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.set(false);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.set(true);
        Ok(())
    }
}
