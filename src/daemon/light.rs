//! The LED: shows the outcome, or the pattern by which a person finds the board.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use embedded_hal::digital::OutputPin;
use log::debug;
use node_core::lamp::Lamp;
use node_core::led::Pattern;
use node_core::outcome::Outcome;
use node_core::time::Instant;

use crate::config::{Indicators, Led};
use crate::error::Warning;
use crate::files::durable::{self, folder};
use crate::system::bounded;
use crate::system::clock;

/// How long the board is to be found.
pub(crate) const FIND_FOR: Duration = Duration::from_secs(600);
/// The file that makes a daemon show [`Pattern::FIND`], beside its status. It holds the end, in milliseconds since the
/// board was started, in digits.
const FIND_FILE: &str = "led-find";
/// So long after the board was started its LED may still be without its driver, or be root's: udev is at work.
const BOOT: Instant = Instant::from_millis(90_000);
/// How soon an LED is tried again until then.
const BOOT_RETRY: Duration = Duration::from_millis(250);

/// Opens the LED that the configuration names; `None` if it names none.
pub trait OpenLamp<P>: FnMut(&Led) -> Result<Option<Lamp<P>>, Warning> {}

impl<P, F: FnMut(&Led) -> Result<Option<Lamp<P>>, Warning>> OpenLamp<P> for F {}

/// The LED of a node.
pub(super) struct Light<'a, P> {
    open: &'a mut dyn OpenLamp<P>,
    lamp: Option<Lamp<P>>,
    led: Led,
    quiet: bool,
    /// `None` before there is one.
    outcome: Option<Outcome>,
    find_until: Option<Instant>,
    /// Why the LED cannot be used.
    warning: Option<Warning>,
}

impl<'a, P: OutputPin> Light<'a, P> {
    /// The LED that `indicators` names, opened by `open`. Shows nothing yet.
    pub(super) fn new(open: &'a mut dyn OpenLamp<P>, indicators: &Indicators) -> Self {
        let Indicators { led, quiet, .. } = indicators.clone();
        let mut light = Self { open, lamp: None, led, quiet, outcome: None, find_until: None, warning: None };
        light.open();
        light
    }

    fn open(&mut self) {
        let opened = (self.open)(&self.led);
        self.warning = opened.as_ref().err().cloned();
        self.lamp = opened.unwrap_or_default();
    }

    /// Uses the LED that `indicators` names, and tries one again that could not be opened before.
    pub(super) fn switch_to(&mut self, indicators: &Indicators, now: Instant) {
        if indicators.led != self.led {
            self.leave_dark();
            self.led = indicators.led.clone();
        }
        self.quiet = indicators.quiet;
        if self.lamp.is_none() {
            self.open();
        }
        self.start(now);
    }

    /// Shows `outcome` from now on.
    pub(super) fn show(&mut self, outcome: Outcome, now: Instant) {
        self.outcome = Some(outcome);
        self.start(now);
    }

    /// Shows the pattern for finding the board as long as `status_file`, beside which the file for that is, has it so.
    pub(super) fn look_for_find(&mut self, status_file: Option<&Path>, now: Instant) {
        let until = status_file.and_then(|file| find_end(&find_file(file)));
        self.find_until = until.map(|until| until.min(now + FIND_FOR)).filter(|until| now < *until);
        self.start(now);
    }

    fn start(&mut self, now: Instant) {
        let pattern = match self.outcome {
            _ if self.is_finding() => Pattern::FIND,
            Some(outcome) if self.quiet => Pattern::quiet(outcome),
            Some(outcome) => Pattern::of(outcome),
            None => return,
        };
        if let Some(Err(e)) = self.lamp.as_mut().map(|lamp| lamp.show_pattern(pattern, now)) {
            self.give_up(&e);
        }
    }

    /// Sets the LED as it has to be now; returns when that next changes, or when an LED that the boot has not made ready is
    /// tried again. While the board is to be found that is soon, so no other wake-up ends it.
    pub(super) fn refresh(&mut self, now: Instant) -> Option<Instant> {
        if self.find_until.is_some_and(|until| until <= now) {
            self.find_until = None;
            self.start(now);
        }
        if self.is_awaited(now) {
            self.open();
            self.start(now);
        }
        if self.is_awaited(now) {
            return Some(now + BOOT_RETRY);
        }
        match self.lamp.as_mut()?.refresh(now) {
            Ok(edge) => edge,
            Err(e) => {
                self.give_up(&e);
                None
            }
        }
    }

    /// Tries again to open the LED, if it is none yet, and sets it even if it should be set already: through
    /// /dev/gpiomem or sysfs other programs can change it, for example `jarvis-node led`.
    pub(super) fn reassert(&mut self, now: Instant) {
        if self.warning.is_some() {
            self.open();
            self.start(now);
        }
        if let Some(Err(e)) = self.lamp.as_mut().map(|lamp| lamp.reassert(now)) {
            self.give_up(&e);
        }
    }

    fn give_up(&mut self, error: &P::Error) {
        let message = format!("the LED cannot be set any more, and stays as it is: {error:?}");
        let fix = "It is opened again with the next validation, which then says what is wrong.";
        self.warning = Some(Warning::new("led", message, fix));
        self.lamp = None;
    }

    /// Turns the LED off and gives it back.
    pub(super) fn leave_dark(&mut self) {
        if let Some(mut lamp) = self.lamp.take()
            && let Err(e) = lamp.dark()
        {
            debug!("the LED cannot be set dark: {e:?}");
        }
    }

    /// Whether the LED cannot be used yet, and may be ready before the boot is over.
    fn is_awaited(&self, now: Instant) -> bool {
        self.warning.is_some() && now < BOOT
    }

    /// Why the LED cannot be used; while the board boots that is no trouble yet.
    pub(super) fn warning(&self, now: Instant) -> Option<&Warning> {
        self.warning.as_ref().filter(|_| !self.is_awaited(now))
    }

    /// Whether the LED can be used; `None` if there is to be none.
    pub(super) fn is_usable(&self) -> Option<bool> {
        (self.led != Led::None).then_some(self.lamp.is_some())
    }

    /// Whether the board is to be found.
    pub(super) const fn is_finding(&self) -> bool {
        self.find_until.is_some()
    }
}

/// The file that makes the daemon with this status file show [`Pattern::FIND`].
pub(crate) fn find_file(status_file: &Path) -> PathBuf {
    folder(status_file).join(FIND_FILE)
}

/// Makes the daemon that follows `find_file` show [`Pattern::FIND`]; returns until when.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn start_find(find_file: &Path) -> io::Result<Instant> {
    let until = clock::instant() + FIND_FOR;
    durable::replace_public(find_file, until.as_millis().to_string().as_bytes())?;
    Ok(until)
}

fn find_end(find_file: &Path) -> Option<Instant> {
    let digits = bounded::read(find_file, 32).ok()?;
    std::str::from_utf8(&digits).ok()?.parse().ok().map(Instant::from_millis)
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::convert::Infallible;
    use std::rc::Rc;

    use embedded_hal::digital::{ErrorType, PinState};

    use super::*;

    #[derive(Clone, Default)]
    struct Levels(Rc<RefCell<Vec<bool>>>);

    impl ErrorType for Levels {
        type Error = Infallible;
    }

    impl OutputPin for Levels {
        fn set_low(&mut self) -> Result<(), Infallible> {
            self.0.borrow_mut().push(false);
            Ok(())
        }

        fn set_high(&mut self) -> Result<(), Infallible> {
            self.0.borrow_mut().push(true);
            Ok(())
        }
    }

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    fn indicators(quiet: bool) -> Indicators {
        Indicators { led: Led::default(), quiet, status_file: None, metrics_file: None }
    }

    #[test]
    fn quiet_light_is_dark_while_valid_and_shows_the_rest() {
        let pin = Levels::default();
        let mut open = |_: &Led| Ok(Some(Lamp::new(pin.clone(), PinState::High)));
        let mut light = Light::new(&mut open, &indicators(true));
        light.show(Outcome::Valid, at(0));
        assert_eq!(light.refresh(at(1)), None, "no wake-ups either");
        light.show(Outcome::Network, at(10));
        assert_eq!(light.refresh(at(10)), Some(at(210)));
        light.show(Outcome::Valid, at(20));
        light.switch_to(&indicators(false), at(30));
        light.switch_to(&indicators(true), at(40));
        assert_eq!(*pin.0.borrow(), [false, true, false, true, false]);
    }

    #[test]
    fn led_not_ready_at_boot_is_awaited_and_no_warning_before() {
        let (pin, ready) = (Levels::default(), Cell::new(false));
        let mut open = |_: &Led| {
            if ready.get() {
                Ok(Some(Lamp::new(pin.clone(), PinState::High)))
            } else {
                Err(Warning::new("led", "root's", ""))
            }
        };
        let mut light = Light::new(&mut open, &indicators(false));
        light.show(Outcome::Valid, at(5000));
        assert_eq!((light.refresh(at(5000)), light.warning(at(5000))), (Some(at(5250)), None));
        ready.set(true);
        assert_eq!((light.refresh(at(5250)), light.warning(at(5250))), (None, None));
        assert_eq!(*pin.0.borrow(), [true]);

        ready.set(false);
        let mut light = Light::new(&mut open, &indicators(false));
        light.show(Outcome::Valid, at(89_999));
        assert_eq!((light.refresh(at(89_999)), light.warning(at(89_999))), (Some(at(90_249)), None));
        assert_eq!(light.refresh(at(90_249)), None, "the boot is over");
        assert_eq!(light.warning(at(90_249)).map(|warning| &*warning.code), Some("led"));
    }

    #[test]
    fn find_pattern_ends_by_itself_and_with_its_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let status = dir.path().join("status.json");
        let pin = Levels::default();
        let mut open = |_: &Led| Ok(Some(Lamp::new(pin.clone(), PinState::High)));
        let mut light = Light::new(&mut open, &indicators(false));
        light.show(Outcome::Valid, at(0));
        light.look_for_find(Some(&status), at(0));
        assert!(!light.is_finding());
        let put = |text: &str| std::fs::write(find_file(&status), text).expect("written");
        put("5000");
        light.look_for_find(Some(&status), at(1000));
        assert_eq!((light.is_finding(), light.refresh(at(1000))), (true, Some(at(1050))));
        light.show(Outcome::Network, at(1010));
        assert!(light.is_finding(), "whatever the outcome");
        light.show(Outcome::Valid, at(1020));
        assert_eq!((light.refresh(at(5000)), light.is_finding()), (None, false));
        assert_eq!(pin.0.borrow().last(), Some(&true));
        // Nobody can make it last.
        put("999999999999");
        light.look_for_find(Some(&status), at(6000));
        light.refresh(at(6000 + 600_000));
        assert!(!light.is_finding());
        light.look_for_find(Some(&status), at(6000));
        std::fs::remove_file(find_file(&status)).expect("removed");
        light.look_for_find(Some(&status), at(7000));
        assert!(!light.is_finding());
        for text in ["", "soon", "-1", "1.5", "99999999999999999999999999999999999999"] {
            put(text);
            light.look_for_find(Some(&status), at(7000));
            assert!(!light.is_finding(), "{text}");
        }
    }
}
