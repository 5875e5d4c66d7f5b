//! Where the node shows its outcome: LED and status file.

use std::path::{Path, PathBuf};

use node_core::text::Quoted;
use serde_json::Value;

use super::{DEFAULT_STATUS_FILE, paths};
use crate::files::{bounded, json};

/// Where the node shows its outcome. Needed even if the rest of the configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indicators {
    /// The status LED.
    pub led: Led,
    /// Whether it is dark while the node is valid.
    pub quiet: bool,
    /// The file in which the daemon leaves its status; `None` if there is none that would be nothing else's.
    pub status_file: Option<PathBuf>,
    /// The file in which the daemon leaves its metrics; `None` if it leaves none.
    pub metrics_file: Option<PathBuf>,
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
        let json = read_leniently(path);
        let led = json.get("led").and_then(|led| Led::read(led).ok());
        let file = |key| json.get(key).and_then(|file: &Value| paths::plausible(file.as_str()?, path));
        let default = PathBuf::from(DEFAULT_STATUS_FILE);
        // Two keys with one file are an error that is still to be shown, but not in that file.
        let others = super::node_paths(&json, path);
        let mut free = file("status_file")
            .into_iter()
            .chain([default])
            .filter(|file| !paths::is_used(file, "status_file", &others));
        let metrics_file = file("metrics_file").filter(|file| !paths::is_used(file, "metrics_file", &others));
        let (led, quiet) = led.unwrap_or_default();
        Self { led, quiet, status_file: free.next(), metrics_file }
    }

    /// Where `first-boot` leaves for the daemon of the configuration at `path` why it has no node: beside the status.
    pub(crate) fn note_file(path: &Path) -> Option<PathBuf> {
        Some(Self::load_lenient(path).status_file?.with_file_name("first-boot.txt"))
    }
}

/// The configuration at `path` as far as it is JSON: one key can be of use even if the rest is wrong.
pub(crate) fn read_leniently(path: &Path) -> Value {
    let text = bounded::read_text("configuration", path).unwrap_or_default();
    json::value(&text)
}

impl Led {
    /// Reads the value of `led`: the LED, and whether it is quiet. By hand, because serde's forms that have no tag are
    /// 7 KB of the program.
    ///
    /// # Errors
    /// A sentence about what is wrong with it.
    pub(super) fn read(value: &Value) -> Result<(Self, bool), String> {
        if let Some(word) = value.as_str() {
            return if word == "none" {
                Ok((Self::None, false))
            } else {
                Err("led: as a word it can only be \"none\"".into())
            };
        }
        let has = |key| usize::from(value.get(key).is_some());
        let keys = value.as_object().map_or(0, serde_json::Map::len);
        let gpio = value.get("gpio").and_then(Value::as_u64);
        let flag = |key| value.get(key).map_or(Some(false), Value::as_bool);
        let (quiet, keys) = (flag("quiet"), keys - has("quiet"));
        let led = match (gpio, flag("active_low"), value.get("sysfs").and_then(Value::as_str)) {
            // The board's own.
            (None, _, None) if keys == 0 && has("quiet") == 1 => Ok(Self::default()),
            (Some(gpio), Some(active_low), None) if keys == 1 + has("active_low") => {
                match u8::try_from(gpio) {
                    Ok(pin @ 0..=53) => Ok(Self::Gpio { pin, active_low }),
                    Ok(_) | Err(_) => {
                        Err(format!("led: there is no GPIO {gpio}; the BCM numbers go from 0 to 53"))
                    }
                }
            }
            (None, _, Some(name)) if keys == 1 => {
                // What looks like a key is only a name if there is such an LED: the name gets into sentences.
                let is_there = || Path::new("/sys/class/leds").join(name).exists();
                if name.contains('/') || name.starts_with('.') || !(Quoted(name).is_name() || is_there()) {
                    return Err("led: sysfs must be the name of a folder in /sys/class/leds".into());
                }
                Ok(Self::Sysfs(name.into()))
            }
            _ => Err(r#"led: led must be {"gpio": 17}, {"gpio": 17, "active_low": true}, {"sysfs": "ACT"} or "none""#
                .into()),
        };
        let quiet = quiet.ok_or("led: quiet must be true or false");
        led.and_then(|led| Ok((led, quiet?)))
    }
}
