//! The board's LED as an embedded-hal output pin: through /dev/gpiomem where Raspberry Pi OS
//! offers it, else through the GPIO character device, or as an LED of the kernel's own.

#[cfg(target_os = "linux")]
mod gpio;
mod sysfs;

use std::fmt;

use embedded_hal::digital::{ErrorKind, ErrorType, OutputPin, PinState};
use node_core::lamp::Lamp;

use crate::config::Led;

/// Why an LED cannot be had or set.
#[derive(Debug)]
pub struct PinError(String);

impl fmt::Display for PinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PinError {}

impl embedded_hal::digital::Error for PinError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

/// Any of the ways to an LED.
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

/// A lamp on the LED that `led` names; `None` when it names none.
///
/// # Errors
/// A sentence about what stands in the way.
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
