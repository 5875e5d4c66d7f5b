//! `jarvis-node led`: shows the pattern of an outcome on the LED, so that a person can learn it or test the wiring.

use std::io;
use std::path::Path;
use std::time::Duration;

use node_core::outcome::Outcome;
use thiserror::Error;

use crate::config::Config;
use crate::daemon::inbox;
use crate::error::SetupError;
use crate::files::status;
use crate::led_pin;
use crate::led_pin::PinError;
use crate::system::clock;

/// How long the pattern is shown.
const SHOW_FOR: Duration = Duration::from_secs(10);

/// Why the pattern is not shown.
#[derive(Debug, Error)]
pub(crate) enum LedError {
    #[error(transparent)]
    Setup(SetupError),
    #[error(
        "the daemon runs, and the LED is its own; stop it first with `sudo systemctl stop jarvis-node-agent`"
    )]
    DaemonRuns,
    #[error("the configuration has \"led\": \"none\"")]
    NoLed,
    #[error(transparent)]
    Pin(#[from] PinError),
    #[error(transparent)]
    System(#[from] io::Error),
}

impl LedError {
    /// The program's exit code, by sysexits(3).
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Setup(_) | Self::NoLed => 78,
            Self::DaemonRuns | Self::Pin(_) => 69,
            Self::System(_) => 71,
        }
    }
}

/// Shows the pattern of `outcome` for ten seconds, or until a signal ends the program.
///
/// # Errors
/// When there is no LED, it cannot be opened or set, or the daemon uses it.
pub(crate) fn show(outcome: Outcome, config_file: &Path) -> Result<(), LedError> {
    let config = Config::load(config_file).map_err(LedError::Setup)?;
    if super::status::find(config_file).is_ok_and(|found| found.is_current(&status::boot_id())) {
        return Err(LedError::DaemonRuns);
    }
    let mut lamp = led_pin::open(&config.indicators.led)?.ok_or(LedError::NoLed)?;
    let (sender, mut inbox) = inbox::channel()?;
    sender.catch_signals(&inbox)?;
    let start = clock::instant();
    let end = start + SHOW_FOR;
    lamp.show(outcome, start)?;
    while clock::instant() < end && inbox.try_next().is_none() {
        let edge = lamp.refresh(clock::instant())?;
        inbox.wait(edge.unwrap_or(end).min(end).since(clock::instant()), Vec::new())?;
    }
    lamp.dark()?;
    Ok(())
}
