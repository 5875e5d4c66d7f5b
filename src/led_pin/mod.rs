//! The board's LED as an embedded-hal output pin: a GPIO pin, or an LED of the kernel.

#[cfg(target_os = "linux")]
mod gpio;
mod sysfs;

use embedded_hal::digital::{ErrorKind, ErrorType, OutputPin, PinState};
use node_core::lamp::Lamp;
use thiserror::Error;

use crate::config::Led;

/// The reason why an LED cannot be opened or set.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct PinError(String);

impl embedded_hal::digital::Error for PinError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

/// A pin of any of these kinds.
pub struct BoardPin(Box<dyn OutputPin<Error = PinError>>);

impl ErrorType for BoardPin {
    type Error = PinError;
}

impl OutputPin for BoardPin {
    fn set_low(&mut self) -> Result<(), PinError> {
        self.0.set_low()
    }

    fn set_high(&mut self) -> Result<(), PinError> {
        self.0.set_high()
    }
}

/// Opens the LED that `led` names; `None` if it names none.
///
/// # Errors
/// A sentence about the cause.
pub fn open(led: &Led) -> Result<Option<Lamp<BoardPin>>, PinError> {
    let (pin, lit_level) = match led {
        Led::None => return Ok(None),
        Led::Gpio { pin, active_low } => {
            let lit_level = if *active_low { PinState::Low } else { PinState::High };
            (gpio(*pin, !lit_level)?, lit_level)
        }
        Led::Sysfs(name) => (BoardPin(Box::new(sysfs::SysfsLed::take(name)?)), PinState::High),
    };
    Ok(Some(Lamp::new(pin, lit_level)))
}

#[cfg(target_os = "linux")]
use gpio::open as gpio;

#[cfg(not(target_os = "linux"))]
fn gpio(pin: u8, _dark: PinState) -> Result<BoardPin, PinError> {
    Err(PinError(std::format!("GPIO {pin} cannot be had: this system has none")))
}
