//! An LED of the kernel (docs/wire/jarvis-auth.md, "How nodes are used around it").

use std::fs;
use std::path::{Path, PathBuf};

use embedded_hal::digital::{ErrorType, OutputPin};

use super::PinError;

/// An LED of a kernel driver. Its trigger is disabled while it is in use, and restored when this is dropped.
#[derive(Debug)]
pub(super) struct SysfsLed {
    folder: PathBuf,
    trigger_before: String,
}

impl SysfsLed {
    /// Takes over the LED with this name, dark.
    pub(super) fn take(name: &str) -> Result<Self, PinError> {
        Self::take_at(&Path::new("/sys/class/leds").join(name))
    }

    fn take_at(folder: &Path) -> Result<Self, PinError> {
        let failed = |e: std::io::Error| {
            PinError(format!(
                "the LED {} cannot be had: {e} (is it there, and may this user, by group gpio, write its files?)",
                folder.display()
            ))
        };
        let triggers = fs::read_to_string(folder.join("trigger")).map_err(failed)?;
        fs::write(folder.join("trigger"), "none").map_err(failed)?;
        let led = Self { folder: folder.into(), trigger_before: trigger_to_restore(&triggers).into() };
        fs::write(folder.join("brightness"), "0").map_err(failed)?;
        Ok(led)
    }

    fn set(&self, brightness: &str) -> Result<(), PinError> {
        fs::write(self.folder.join("brightness"), brightness)
            .map_err(|e| PinError(format!("the LED {} cannot be set: {e}", self.folder.display())))
    }
}

/// The active trigger, in brackets: `none [mmc0] timer`. `none` is left by a run that was killed; then the
/// trigger is `default-on` (docs/wire/jarvis-auth.md).
fn trigger_to_restore(triggers: &str) -> &str {
    triggers
        .split_ascii_whitespace()
        .find_map(|word| word.strip_prefix('[')?.strip_suffix(']'))
        .filter(|active| *active != "none")
        .unwrap_or("default-on")
}

impl ErrorType for SysfsLed {
    type Error = PinError;
}

impl OutputPin for SysfsLed {
    fn set_low(&mut self) -> Result<(), PinError> {
        self.set("0")
    }

    fn set_high(&mut self) -> Result<(), PinError> {
        self.set("1")
    }
}

impl Drop for SysfsLed {
    fn drop(&mut self) {
        // A failure cannot be handled here.
        let _ = fs::write(self.folder.join("trigger"), &self.trigger_before);
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn kernel_led_is_taken_driven_and_released() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = |name: &str| dir.path().join(name);
        fs::write(file("trigger"), "none [mmc0] timer default-on").expect("written");
        fs::write(file("brightness"), "1").expect("written");
        let read = |name: &str| fs::read_to_string(file(name)).expect("readable");

        let mut led = SysfsLed::take_at(dir.path()).expect("taken");
        assert_eq!((read("trigger").as_str(), read("brightness").as_str()), ("none", "0"));
        led.set_high().expect("set");
        assert_eq!(read("brightness"), "1");
        led.set_low().expect("set");
        assert_eq!(read("brightness"), "0");
        drop(led);
        assert_eq!(read("trigger"), "mmc0");
    }

    #[test]
    fn trigger_lost_by_killed_run_is_restored_to_default() {
        assert_eq!(trigger_to_restore("none rc-feedback [mmc0] timer\n"), "mmc0");
        assert_eq!(trigger_to_restore("[none] mmc0 default-on\n"), "default-on");
        assert_eq!(trigger_to_restore(""), "default-on");
    }

    #[test]
    fn missing_led_is_reported_with_its_path() {
        let error = SysfsLed::take("nowhere").expect_err("none there");
        assert!(error.to_string().contains("/sys/class/leds/nowhere"), "{error}");
    }
}
