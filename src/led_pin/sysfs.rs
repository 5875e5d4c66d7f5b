//! An LED of the kernel (docs/wire/jarvis-auth.md, "How nodes are used around it").

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::{fs, io};

use embedded_hal::digital::{ErrorType, OutputPin};

use rustix::io::Errno;

use super::{PinError, may_write};
use crate::system::failure;

/// An LED of a kernel driver. Its trigger is disabled while it is in use, and restored when this is dropped.
#[derive(Debug)]
pub(super) struct SysfsLed {
    folder: PathBuf,
    /// `None` where the LED has no triggers.
    trigger_before: Option<String>,
    full: String,
}

impl SysfsLed {
    /// Takes over the LED with this name, dark.
    pub(super) fn take(name: &str) -> Result<Self, PinError> {
        Self::take_at(&folder(name))
    }

    fn take_at(folder: &Path) -> Result<Self, PinError> {
        let failed = |e| why_not(folder, &e);
        // One that can be dimmed is hardly seen at the brightness 1.
        let full = fs::read_to_string(folder.join("max_brightness")).unwrap_or_else(|_| "1".into());
        let trigger_before = match fs::read_to_string(folder.join("trigger")) {
            Ok(triggers) => Some(trigger_to_restore(&triggers).into()),
            Err(e) if e.kind() == ErrorKind::NotFound && folder.exists() => None,
            Err(e) => return Err(failed(e)),
        };
        let led = Self { folder: folder.into(), trigger_before, full: full.trim().into() };
        led.write("0").map_err(failed)?;
        Ok(led)
    }

    /// Another program may have given the LED a trigger meanwhile, so that is taken away each time.
    fn write(&self, brightness: &str) -> io::Result<()> {
        if self.trigger_before.is_some() {
            fs::write(self.folder.join("trigger"), "none")?;
        }
        fs::write(self.folder.join("brightness"), brightness)
    }

    fn set(&self, brightness: &str) -> Result<(), PinError> {
        self.write(brightness).map_err(|e| why_not(&self.folder, &e))
    }
}

/// The folder of the LED with this name.
pub(super) fn folder(name: &str) -> PathBuf {
    Path::new("/sys/class/leds").join(name)
}

/// Checks that the LED in `folder` may be driven.
pub(super) fn check(folder: &Path) -> Result<(), PinError> {
    let may_write = |file: &str| may_write(&folder.join(file));
    match may_write("trigger") {
        Err(Errno::NOENT) if folder.exists() => may_write("brightness"),
        done => done.and_then(|()| may_write("brightness")),
    }
    .map_err(|errno| why_not(folder, &errno.into()))
}

/// Why the LED in `folder` cannot be used, and what helps.
pub(super) fn why_not(folder: &Path, error: &io::Error) -> PinError {
    let led = folder.display();
    let user = failure::own_user();
    #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended")]
    match error.kind() {
        ErrorKind::NotFound => {
            let message = format!("there is no LED {led}; there are {}", names_beside(folder));
            PinError::new(message, "Set led to one of these, to a GPIO pin, or to \"none\".")
        }
        ErrorKind::ReadOnlyFilesystem => PinError::new(
            format!("the LED {led} is read-only for this program"),
            format!(
                "If that is the sandbox of its unit: `sudo systemctl edit jarvis-node-agent` with the two lines `[Service]` \
                 and `ReadWritePaths=-{led}`, and a restart, allow it."
            ),
        ),
        ErrorKind::PermissionDenied => PinError::new(
            format!("the LED {led} cannot be written to: {error}"),
            format!(
                "Let its files `trigger` and `brightness` belong to the group gpio, with g+w, as 60-jarvis-node-agent.rules \
                 does, and user {user} to that group (sudo usermod -aG gpio {user}), then restart."
            ),
        ),
        _ => PinError::new(
            format!("the LED {led} cannot be set: {error}"),
            failure::fix(error, folder).unwrap_or_else(|| "Set led to another LED, or to \"none\".".into()),
        ),
    }
}

fn names_beside(folder: &Path) -> String {
    let entries = folder.parent().and_then(|leds| fs::read_dir(leds).ok());
    let mut names: Vec<String> = entries
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();
    names.sort();
    if names.is_empty() { "none".into() } else { names.join(", ") }
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
        self.set(&self.full)
    }
}

impl Drop for SysfsLed {
    fn drop(&mut self) {
        if let Some(trigger) = &self.trigger_before {
            // A failure cannot be handled here.
            let _ = fs::write(self.folder.join("trigger"), trigger);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    /// The files of an LED with these triggers.
    fn led(triggers: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("trigger"), triggers).expect("written");
        fs::write(dir.path().join("brightness"), "1").expect("written");
        dir
    }

    fn read(dir: &tempfile::TempDir, name: &str) -> String {
        fs::read_to_string(dir.path().join(name)).expect("readable")
    }

    #[test]
    fn kernel_led_is_taken_driven_and_released() {
        let dir = led("none [mmc0] timer default-on");
        let mut led = SysfsLed::take_at(dir.path()).expect("taken");
        assert_eq!((read(&dir, "trigger").as_str(), read(&dir, "brightness").as_str()), ("none", "0"));
        led.set_high().expect("set");
        assert_eq!(read(&dir, "brightness"), "1");
        led.set_low().expect("set");
        assert_eq!(read(&dir, "brightness"), "0");
        drop(led);
        assert_eq!(read(&dir, "trigger"), "mmc0");
    }

    #[test]
    fn trigger_taken_over_is_taken_back_when_set() {
        let dir = led("none [mmc0] timer");
        let mut led = SysfsLed::take_at(dir.path()).expect("taken");
        for set in [SysfsLed::set_high, SysfsLed::set_low] {
            fs::write(dir.path().join("trigger"), "none mmc0 [timer]").expect("written");
            set(&mut led).expect("set");
            assert_eq!(read(&dir, "trigger"), "none");
        }
        drop(led);
        assert_eq!(read(&dir, "trigger"), "mmc0");
    }

    #[test]
    fn led_that_can_be_dimmed_is_lit_fully() {
        let dir = led("[none]");
        fs::write(dir.path().join("max_brightness"), "255\n").expect("written");
        SysfsLed::take_at(dir.path()).expect("taken").set_high().expect("set");
        assert_eq!(read(&dir, "brightness"), "255");
    }

    #[test]
    fn led_without_triggers_is_driven() {
        let dir = led("");
        fs::remove_file(dir.path().join("trigger")).expect("removed");
        SysfsLed::take_at(dir.path()).expect("taken").set_high().expect("set");
        assert_eq!(read(&dir, "brightness"), "1");
        assert!(!dir.path().join("trigger").exists());
    }

    #[test]
    fn trigger_lost_by_killed_run_is_restored_to_default() {
        assert_eq!(trigger_to_restore("none rc-feedback [mmc0] timer\n"), "mmc0");
        assert_eq!(trigger_to_restore("[none] mmc0 default-on\n"), "default-on");
        assert_eq!(trigger_to_restore(""), "default-on");
    }

    #[test]
    fn missing_led_is_reported_with_those_there() {
        let leds = tempfile::tempdir().expect("a folder");
        for name in ["PWR", "ACT"] {
            fs::create_dir(leds.path().join(name)).expect("made");
        }
        let path = leds.path().join("led0");
        let error = SysfsLed::take_at(&path).expect_err("none there").to_string();
        assert!(error.contains(&*path.to_string_lossy()) && error.contains("ACT, PWR."), "{error}");
    }

    #[test]
    fn led_out_of_the_sandbox_names_the_two_lines() {
        let told = why_not(Path::new("/sys/class/leds/phy0-led"), &Errno::ROFS.into()).to_string();
        assert!(told.contains("`[Service]` and `ReadWritePaths=-/sys/class/leds/phy0-led`"), "{told}");
        assert!(told.contains("systemctl edit jarvis-node-agent"), "{told}");
        let told = why_not(Path::new("/sys/class/leds/x"), &Errno::ACCESS.into()).to_string();
        assert!(told.contains("group gpio"), "{told}");
        let told = why_not(Path::new("/sys/class/leds/x"), &Errno::MFILE.into()).to_string();
        assert!(told.contains("LimitNOFILE="), "{told}");
    }
}
