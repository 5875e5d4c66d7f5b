//! Where the node shows its outcome: LED and status file.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::DEFAULT_STATUS_FILE;
use crate::files::secret_file;

/// Where the node shows its outcome. Needed even if the rest of the configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indicators {
    /// The status LED.
    pub led: Led,
    /// The file in which the daemon leaves its status.
    pub status_file: PathBuf,
}

/// The status LED.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Led {
    /// No LED.
    None,
    /// An LED on a GPIO pin.
    Gpio {
        /// Its BCM number.
        pin: u8,
        /// Whether it is lit while the pin is low.
        active_low: bool,
    },
    /// An LED that the kernel drives, by its name in `/sys/class/leds`.
    Sysfs(String),
}

impl Default for Led {
    /// The green LED that every Raspberry Pi has.
    fn default() -> Self {
        Self::Sysfs("ACT".into())
    }
}

impl Indicators {
    /// The indicators in the configuration at `path`, whatever else is wrong with it: an unusable configuration must
    /// still show on the LED that it names.
    pub(crate) fn load_lenient(path: &Path) -> Self {
        let json: serde_json::Value = fs::read_to_string(path)
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        let led = json.get("led").and_then(|led| LedForm::deserialize(led).ok()?.check().ok());
        let status_file = json.get("status_file").and_then(|file| file.as_str());
        Self {
            led: led.unwrap_or_default(),
            status_file: status_file.map_or_else(
                || DEFAULT_STATUS_FILE.into(),
                |file| secret_file::locate(Path::new(file), path),
            ),
        }
    }
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = r#"led must be {"gpio": 17}, {"gpio": 17, "active_low": true}, {"sysfs": "ACT"} or "none""#
)]
pub(super) enum LedForm {
    Word(String),
    Gpio(GpioForm),
    Sysfs(SysfsForm),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GpioForm {
    gpio: u8,
    #[serde(default)]
    active_low: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SysfsForm {
    sysfs: String,
}

impl LedForm {
    pub(super) fn check(self) -> Result<Led, String> {
        match self {
            Self::Word(word) if word == "none" => Ok(Led::None),
            Self::Word(word) => Err(format!("led cannot be \"{word}\"; as a word it can only be \"none\"")),
            Self::Gpio(GpioForm { gpio: pin, active_low }) if pin <= 53 => Ok(Led::Gpio { pin, active_low }),
            Self::Gpio(GpioForm { gpio, .. }) => {
                Err(format!("led: there is no GPIO {gpio}; the BCM numbers go from 0 to 53"))
            }
            Self::Sysfs(SysfsForm { sysfs: name }) => {
                if name.is_empty() || name.contains('/') || name.starts_with('.') {
                    return Err(format!("led: \"{name}\" is not the name of a folder in /sys/class/leds"));
                }
                Ok(Led::Sysfs(name))
            }
        }
    }
}
