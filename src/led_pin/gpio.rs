//! A GPIO pin: through /dev/gpiomem where it exists (Raspberry Pi OS), otherwise through the GPIO character
//! device, which needs no root on any kernel.

use std::path::{Path, PathBuf};

use embedded_hal::digital::{ErrorType, OutputPin, PinState};
use rustix::io::Errno;

use super::{BoardPin, PinError, may_write};
use crate::system::failure;

/// Opens GPIO `pin` (BCM number) as an output. The LED is dark from the start.
pub(super) fn open(pin: u8, dark: PinState) -> Result<BoardPin, PinError> {
    #[cfg(feature = "rpi")]
    if std::path::Path::new("/dev/gpiomem").exists() {
        match memory_mapped(pin, dark) {
            Ok(pin) => return Ok(pin),
            Err(e) => log::info!(
                "GPIO {pin} cannot be had through /dev/gpiomem ({e}); the GPIO character device is tried instead"
            ),
        }
    }
    character_device(pin, dark)
}

#[cfg(feature = "rpi")]
fn memory_mapped(pin: u8, dark: PinState) -> Result<BoardPin, rppal::gpio::Error> {
    let pin = rppal::gpio::Gpio::new().and_then(|gpio| gpio.get(pin))?;
    let mut output = if dark == PinState::High { pin.into_output_high() } else { pin.into_output_low() };
    // The pin keeps its level: as an input it would float, and the LED could light up.
    output.set_reset_on_drop(false);
    Ok(BoardPin(Box::new(Mapped(output))))
}

/// A pin by rppal. Once open, it cannot fail.
#[cfg(feature = "rpi")]
#[derive(Debug)]
struct Mapped(rppal::gpio::OutputPin);

#[cfg(feature = "rpi")]
impl ErrorType for Mapped {
    type Error = PinError;
}

#[cfg(feature = "rpi")]
impl OutputPin for Mapped {
    fn set_low(&mut self) -> Result<(), PinError> {
        self.0.set_low();
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), PinError> {
        self.0.set_high();
        Ok(())
    }
}

fn character_device(pin: u8, dark: PinState) -> Result<BoardPin, PinError> {
    use gpiocdev::line::Value;
    let chip = soc_chip(pin)?;
    let level = if dark == PinState::High { Value::Active } else { Value::Inactive };
    let request = gpiocdev::Request::builder()
        .on_chip(chip)
        .with_consumer("jarvis-node")
        .with_line(pin.into())
        .as_output(level)
        .request()
        .map_err(|e| refused(pin, &e))?;
    Ok(BoardPin(Box::new(Line { request, offset: pin.into() })))
}

/// Why the line of `pin` is not to be had or set, and what helps.
fn refused(pin: u8, error: &gpiocdev::Error) -> PinError {
    let message = format!("GPIO {pin} cannot be had: {error}");
    let fix = match errno(error) {
        Some(Errno::BUSY) => {
            "Another program has it, which `gpioinfo` names: end that, or set led to another pin.".into()
        }
        Some(Errno::ACCESS | Errno::PERM) => may_open(Path::new("/dev/gpiochip0")),
        Some(Errno::INVAL) => {
            "This board has no such pin: set led to the BCM number of one on its header.".into()
        }
        other => other
            .and_then(|errno| failure::fix(&errno.into(), Path::new("/dev/gpiochip0")))
            .unwrap_or_else(|| "Set led to another pin, or to \"none\".".into()),
    };
    PinError::new(message, fix)
}

/// The system's error number. gpiocdev shows it, but does not export the type that has it.
fn errno(error: &gpiocdev::Error) -> Option<Errno> {
    let text = error.to_string();
    let (_, number) = text.rsplit_once("(os error ")?;
    Some(Errno::from_raw_os_error(number.trim_end_matches([')', '.']).parse().ok()?))
}

/// What lets this program's user open `device`.
fn may_open(device: &Path) -> String {
    let user = failure::own_user();
    format!(
        "Let {} belong to the group gpio, with g+rw, as 60-jarvis-node-agent.rules does, and user {user} to that group \
         (sudo usermod -aG gpio {user}), then restart; the unit has to have DeviceAllow=char-gpiochip rw.",
        device.display()
    )
}

/// The devices through which a pin can be driven.
pub(super) fn devices() -> Vec<PathBuf> {
    let chips = (0..8).map(|number| PathBuf::from(format!("/dev/gpiochip{number}")));
    [PathBuf::from("/dev/gpiomem")].into_iter().chain(chips).filter(|device| device.exists()).collect()
}

/// Checks that one of the devices may be opened.
pub(super) fn check(pin: u8) -> Result<(), PinError> {
    let devices = devices();
    match devices.first() {
        None => Err(no_chip(pin)),
        Some(_) if devices.iter().any(|device| may_write(device).is_ok()) => Ok(()),
        Some(device) => Err(PinError::new(
            format!("GPIO {pin} cannot be had: this user may not open {}", device.display()),
            may_open(device),
        )),
    }
}

fn no_chip(pin: u8) -> PinError {
    PinError::new(
        format!("GPIO {pin} cannot be had: this board has no /dev/gpiomem and no /dev/gpiochip*"),
        "Set led to one of the LEDs in /sys/class/leds, or to \"none\".",
    )
}

/// The chip with the header's pins: `pinctrl-…` on every Raspberry Pi, but not always the first one.
fn soc_chip(pin: u8) -> Result<PathBuf, PinError> {
    let chips = gpiocdev::chip::chips().map_err(|e| refused(pin, &e))?;
    let is_soc = |path: &PathBuf| {
        gpiocdev::chip::Chip::from_path(path)
            .and_then(|chip| chip.info())
            .is_ok_and(|info| info.label.starts_with("pinctrl-"))
    };
    let soc = chips.iter().find(|path| is_soc(path)).or(chips.first());
    // A chip that may not be opened is left out there.
    soc.cloned().ok_or_else(|| check(pin).err().unwrap_or_else(|| no_chip(pin)))
}

/// A line of the GPIO character device.
#[derive(Debug)]
struct Line {
    request: gpiocdev::Request,
    offset: gpiocdev::line::Offset,
}

impl ErrorType for Line {
    type Error = PinError;
}

impl Line {
    fn set(&self, value: gpiocdev::line::Value) -> Result<(), PinError> {
        self.request
            .set_value(self.offset, value)
            .map(|_| ())
            .map_err(|e| refused(u8::try_from(self.offset).unwrap_or(u8::MAX), &e))
    }
}

impl OutputPin for Line {
    fn set_low(&mut self) -> Result<(), PinError> {
        self.set(gpiocdev::line::Value::Inactive)
    }

    fn set_high(&mut self) -> Result<(), PinError> {
        self.set(gpiocdev::line::Value::Active)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn pin_that_is_refused_names_what_helps() {
        for (errno, says) in [
            (Errno::BUSY, "gpioinfo"),
            (Errno::ACCESS, "sudo usermod -aG gpio"),
            (Errno::INVAL, "no such pin"),
            (Errno::MFILE, "LimitNOFILE="),
            (Errno::NXIO, "another pin"),
        ] {
            let told = refused(17, &io::Error::from(errno).into()).to_string();
            assert!(told.contains("GPIO 17") && told.contains(says), "{errno}: {told}");
        }
    }
}
