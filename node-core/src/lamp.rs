//! Drives any output pin through the patterns of [`crate::led`].

use embedded_hal::digital::{OutputPin, PinState};

use crate::led::Pattern;
use crate::outcome::Outcome;
use crate::time::Instant;

/// An LED on a pin. The pin is set only when its level has to change.
#[derive(Debug)]
pub struct Lamp<P> {
    pin: P,
    lit_level: PinState,
    shown: Option<(Pattern, Instant)>,
    lit: Option<bool>,
}

impl<P: OutputPin> Lamp<P> {
    /// A lamp whose LED is lit while `pin` is at `lit_level`. Leaves the pin alone until
    /// something is shown.
    pub fn new(pin: P, lit_level: PinState) -> Self {
        Self { pin, lit_level, shown: None, lit: None }
    }

    /// Starts the pattern of `outcome`, unless it is shown already.
    ///
    /// # Errors
    /// The pin's error.
    pub fn show(&mut self, outcome: Outcome, now: Instant) -> Result<(), P::Error> {
        self.show_pattern(Pattern::of(outcome), now)
    }

    /// Starts the pattern, unless it is shown already.
    ///
    /// # Errors
    /// The pin's error.
    pub fn show_pattern(&mut self, pattern: Pattern, now: Instant) -> Result<(), P::Error> {
        if self.shown.is_none_or(|(shown, _)| shown != pattern) {
            self.shown = Some((pattern, now));
        }
        self.refresh(now).map(|_| ())
    }

    /// Sets the pin as the pattern has it now; returns when it next has to change.
    ///
    /// # Errors
    /// The pin's error.
    pub fn refresh(&mut self, now: Instant) -> Result<Option<Instant>, P::Error> {
        let Some((pattern, start)) = self.shown else { return Ok(None) };
        let phase = pattern.phase(now.since(start));
        self.set(phase.lit)?;
        Ok(phase.lasts.map(|lasts| now + lasts))
    }

    /// The pin it drives.
    pub const fn pin(&self) -> &P {
        &self.pin
    }

    /// Sets the pin even if it should be set already: another program may have changed it.
    ///
    /// # Errors
    /// The pin's error.
    pub fn reassert(&mut self, now: Instant) -> Result<(), P::Error> {
        self.lit = None;
        self.refresh(now).map(|_| ())
    }

    /// Ends the pattern and turns the LED off.
    ///
    /// # Errors
    /// The pin's error.
    pub fn dark(&mut self) -> Result<(), P::Error> {
        self.shown = None;
        self.set(false)
    }

    fn set(&mut self, lit: bool) -> Result<(), P::Error> {
        if self.lit != Some(lit) {
            self.pin.set_state(if lit { self.lit_level } else { !self.lit_level })?;
            self.lit = Some(lit);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use core::convert::Infallible;

    use super::*;

    #[derive(Default)]
    struct Levels(heapless::Vec<bool, 16>);

    impl embedded_hal::digital::ErrorType for Levels {
        type Error = Infallible;
    }

    impl OutputPin for Levels {
        fn set_low(&mut self) -> Result<(), Infallible> {
            self.0.push(false).expect("room");
            Ok(())
        }

        fn set_high(&mut self) -> Result<(), Infallible> {
            self.0.push(true).expect("room");
            Ok(())
        }
    }

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    #[test]
    fn pin_follows_the_pattern_from_the_moment_it_is_shown() {
        let mut lamp = Lamp::new(Levels::default(), PinState::High);
        let Ok(()) = lamp.show(Outcome::Network, at(5000));
        let mut next = at(5000);
        for _ in 0..4 {
            let Ok(edge) = lamp.refresh(next);
            next = edge.expect("a change");
        }
        assert_eq!(lamp.pin.0, [true, false, true, false]);
        assert_eq!(next, at(5000 + 200 + 200 + 200 + 1200));
    }

    #[test]
    fn steady_light_is_set_once_and_needs_no_refresh() {
        let mut lamp = Lamp::new(Levels::default(), PinState::High);
        let Ok(()) = lamp.show(Outcome::Valid, at(0));
        assert_eq!(lamp.refresh(at(100_000)), Ok(None));
        assert_eq!(lamp.pin.0, [true]);
    }

    #[test]
    fn pattern_shown_again_is_not_restarted() {
        let mut lamp = Lamp::new(Levels::default(), PinState::High);
        let Ok(()) = lamp.show(Outcome::Server, at(0));
        let Ok(()) = lamp.show(Outcome::Server, at(250));
        assert_eq!(lamp.refresh(at(250)), Ok(Some(at(400))));
    }

    #[test]
    fn reassert_undoes_a_change_by_another_program() {
        let mut lamp = Lamp::new(Levels::default(), PinState::High);
        let Ok(()) = lamp.show(Outcome::Valid, at(0));
        let Ok(()) = lamp.pin.set_low();
        let Ok(()) = lamp.reassert(at(300_000));
        assert_eq!(lamp.pin.0, [true, false, true]);
    }

    #[test]
    fn active_low_led_is_lit_by_a_low_pin_and_dark_at_the_end() {
        let mut lamp = Lamp::new(Levels::default(), PinState::Low);
        let Ok(()) = lamp.show(Outcome::Valid, at(0));
        let Ok(()) = lamp.dark();
        assert_eq!(lamp.pin.0, [false, true]);
        assert_eq!(lamp.refresh(at(1)), Ok(None));
    }
}
