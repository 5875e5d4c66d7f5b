//! A GPIO pin: through /dev/gpiomem where it exists (Raspberry Pi OS), otherwise through the GPIO character
//! device, which needs no root on any kernel.

use std::path::PathBuf;

use embedded_hal::digital::{ErrorType, OutputPin, PinState};

use super::{BoardPin, PinError};

/// Opens GPIO `pin` (BCM number) as an output. The LED is dark from the start.
pub(super) fn open(pin: u8, dark: PinState) -> Result<BoardPin, PinError> {
    #[cfg(feature = "rpi")]
    if std::path::Path::new("/dev/gpiomem").exists() {
        match memory_mapped(pin, dark) {
            Ok(pin) => return Ok(pin),
            Err(e) => log::info!("{e} through /dev/gpiomem; the GPIO character device is tried instead"),
        }
    }
    character_device(pin, dark)
}

#[cfg(feature = "rpi")]
fn memory_mapped(pin: u8, dark: PinState) -> Result<BoardPin, PinError> {
    let failed = |e: rppal::gpio::Error| PinError(format!("GPIO {pin} cannot be had: {e}"));
    let pin = rppal::gpio::Gpio::new().and_then(|gpio| gpio.get(pin)).map_err(failed)?;
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
    let failed = |e: gpiocdev::Error| {
        PinError(format!(
            "GPIO {pin} cannot be had: {e} (is another program using it, and is this user in group gpio?)"
        ))
    };
    let chip = soc_chip()?;
    let level = if dark == PinState::High { Value::Active } else { Value::Inactive };
    let request = gpiocdev::Request::builder()
        .on_chip(chip)
        .with_consumer("jarvis-node")
        .with_line(pin.into())
        .as_output(level)
        .request()
        .map_err(failed)?;
    Ok(BoardPin(Box::new(Line { request, offset: pin.into() })))
}

/// The chip with the header's pins: `pinctrl-…` on every Raspberry Pi, but not always the first one.
fn soc_chip() -> Result<PathBuf, PinError> {
    let chips = gpiocdev::chip::chips().map_err(|e| PinError(format!("no GPIO chip can be had: {e}")))?;
    let is_soc = |path: &PathBuf| {
        gpiocdev::chip::Chip::from_path(path)
            .and_then(|chip| chip.info())
            .is_ok_and(|info| info.label.starts_with("pinctrl-"))
    };
    chips.iter().find(|path| is_soc(path)).or(chips.first()).cloned().ok_or_else(|| {
        PinError("there is no GPIO chip in /dev, or this user may not open it (group gpio)".to_string())
    })
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
            .map_err(|e| PinError(format!("GPIO {} cannot be set: {e}", self.offset)))
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
