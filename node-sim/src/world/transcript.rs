//! What is written down of a run: a line for each thing that happens, and a strip for what the
//! LED then shows, 100 ms a mark.

use core::convert::Infallible;
use core::fmt::Write;
use core::time::Duration;

use embedded_hal::digital::{ErrorType, OutputPin};
use jarvis_node::time::{Instant, millis};

/// How much of each pattern is written down: more than the longest group of flashes.
const STRIP: Duration = Duration::from_millis(4500);

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

#[derive(Debug, Default)]
pub(super) struct Transcript {
    text: String,
    start: Instant,
    /// Since when the LED is looked at, and what was seen, in runs of light and dark.
    strip: Option<(Instant, Vec<(bool, u64)>)>,
}

impl Transcript {
    pub(super) fn begin(&mut self, start: Instant) {
        self.start = start;
    }

    pub(super) fn note(&mut self, at: Instant, what: &str) {
        self.end_strip();
        self.line(at, what);
    }

    /// A line after which the LED is looked at.
    pub(super) fn outcome(&mut self, at: Instant, what: &str) {
        self.end_strip();
        self.line(at, what);
        self.strip = Some((at, Vec::new()));
    }

    /// Until when the LED is looked at, if it is.
    pub(super) fn looking_until(&mut self) -> Option<Instant> {
        let (since, seen) = self.strip.as_ref()?;
        let looked: u64 = seen.iter().map(|(_, ms)| ms).sum();
        if looked >= millis(STRIP) {
            self.end_strip();
            return None;
        }
        Some(*since + STRIP)
    }

    pub(super) fn look(&mut self, lit: bool, lasts: Duration) {
        if let Some((_, seen)) = &mut self.strip {
            match seen.last_mut() {
                Some((was, ms)) if *was == lit => *ms += millis(lasts),
                Some(_) | None => seen.push((lit, millis(lasts))),
            }
        }
    }

    pub(super) fn finish(mut self) -> String {
        self.end_strip();
        self.text
    }

    fn end_strip(&mut self) {
        let Some((_, seen)) = self.strip.take() else { return };
        let mut end = 0;
        let runs: Vec<(bool, u64)> = seen
            .into_iter()
            .map(|(lit, ms)| {
                end += ms;
                (lit, end)
            })
            .collect();
        let lit_at = |ms: u64| runs.iter().find(|(_, end)| ms < *end).is_some_and(|(lit, _)| *lit);
        let marks: String =
            (0..end / 100).map(|mark| if lit_at(mark * 100 + 50) { '#' } else { '.' }).collect();
        if marks.is_empty() {
            return;
        }
        let _ = writeln!(self.text, "{:>15}  LED {marks}", "");
    }

    fn line(&mut self, at: Instant, what: &str) {
        let ms = millis(at.since(self.start));
        let (s, ms) = (ms / 1000, ms % 1000);
        let clock = format!("{}:{:02}:{:02}.{ms:03}", s / 3600, s / 60 % 60, s % 60);
        let _ = writeln!(self.text, "{clock:>15}  {what}");
    }
}
