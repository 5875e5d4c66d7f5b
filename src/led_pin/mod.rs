//! The board's LED as an embedded-hal output pin: a GPIO pin, or an LED of the kernel.

#[cfg(target_os = "linux")]
mod gpio;
mod sysfs;

use std::fmt;
use std::path::{Path, PathBuf};

use embedded_hal::digital::{ErrorKind, ErrorType, OutputPin, PinState};
use node_core::lamp::Lamp;
use rustix::fs::Access;
use thiserror::Error;

use crate::config::Led;
use crate::error::Warning;

/// The reason why an LED cannot be opened or set, and what a person can do about it.
#[derive(Error)]
#[error("{message}. {fix}")]
pub struct PinError {
    message: String,
    fix: String,
}

impl PinError {
    fn new(message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { message: message.into(), fix: fix.into() }
    }

    /// This error as trouble that the node's verdict does not depend on.
    #[must_use]
    pub fn to_warning(&self) -> Warning {
        Warning::new("led", self.message.as_str(), self.fix.as_str())
    }
}

/// The reason alone: where only this can be printed the fix depends on what is done next.
impl fmt::Debug for PinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

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

/// Checks, without touching it, that this program's user may drive the LED.
///
/// # Errors
/// The one that [`open`] would give, as far as that shows from the files.
pub(crate) fn check(led: &Led) -> Result<(), PinError> {
    match led {
        Led::None => Ok(()),
        #[cfg(target_os = "linux")]
        Led::Gpio { pin, .. } => gpio::check(*pin),
        #[cfg(not(target_os = "linux"))]
        Led::Gpio { pin, .. } => Err(no_gpio(*pin)),
        Led::Sysfs(name) => sysfs::check(&sysfs::folder(name)),
    }
}

/// The files by which the LED is driven; empty where it is none, or where there are none.
pub(crate) fn files(led: &Led) -> Vec<PathBuf> {
    match led {
        #[cfg(target_os = "linux")]
        Led::Gpio { .. } => gpio::devices(),
        #[cfg(not(target_os = "linux"))]
        Led::Gpio { .. } => Vec::new(),
        Led::Sysfs(name) => vec![sysfs::folder(name)],
        Led::None => Vec::new(),
    }
}

/// The error of a kernel's LED, in `folder`, that the unit's sandbox makes read-only.
pub(crate) fn read_only(folder: &Path) -> PinError {
    sysfs::why_not(folder, &std::io::ErrorKind::ReadOnlyFilesystem.into())
}

fn may_write(path: &Path) -> rustix::io::Result<()> {
    rustix::fs::access(path, Access::WRITE_OK)
}

#[cfg(target_os = "linux")]
use gpio::open as gpio;

#[cfg(not(target_os = "linux"))]
fn gpio(pin: u8, _dark: PinState) -> Result<BoardPin, PinError> {
    Err(no_gpio(pin))
}

#[cfg(not(target_os = "linux"))]
fn no_gpio(pin: u8) -> PinError {
    PinError::new(format!("GPIO {pin} cannot be had: this system has none"), "Set led to \"none\".")
}
