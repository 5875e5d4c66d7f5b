//! `jarvis-node led`: shows a pattern on the LED, so that a person can learn it, test the wiring, or find the board.

use std::io;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use node_core::led::Pattern;
use node_core::outcome::Outcome;
use thiserror::Error;

use crate::config::Config;
use crate::daemon::inbox;
use crate::daemon::inbox::{Inbox, Message};
use crate::daemon::light::{FIND_FOR, find_file, start_find};
use crate::error::SetupError;
use crate::files::{durable, status};
use crate::led_pin;
use crate::led_pin::PinError;
use crate::system::clock;

/// How long the pattern of an outcome is shown.
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
    #[error("the daemon cannot be told by {}: {why}. Run this with sudo.", .file.display())]
    Untold { file: PathBuf, why: io::Error },
    #[error(transparent)]
    Pin(#[from] PinError),
    #[error(transparent)]
    System(#[from] io::Error),
}

impl LedError {
    /// The program's exit code, by sysexits(3).
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Setup(_) | Self::NoLed => 78,
            Self::DaemonRuns | Self::Pin(_) => 69,
            Self::Untold { why, .. } if why.kind() == ErrorKind::PermissionDenied => 77,
            Self::Untold { .. } | Self::System(_) => 71,
        }
    }
}

/// Shows the pattern of `outcome` for ten seconds, or until a signal ends the program.
///
/// # Errors
/// When there is no LED, it cannot be opened or set, or the daemon uses it.
pub(crate) fn show(outcome: Outcome, config_file: &Path) -> Result<(), LedError> {
    let config = Config::load(config_file).map_err(LedError::Setup)?;
    if file_of_daemon(config_file).is_some() {
        return Err(LedError::DaemonRuns);
    }
    light(&config, Pattern::of(outcome), SHOW_FOR)
}

/// Shows for ten minutes, or until a signal or [`stop_find`] ends it, the pattern by which a person finds the board. The
/// daemon does so itself if it runs, for the LED is its own.
///
/// # Errors
/// When there is no LED, it cannot be opened or set, or the daemon cannot be told.
pub(crate) fn find(config_file: &Path) -> Result<(), LedError> {
    let config = Config::load(config_file).map_err(LedError::Setup)?;
    let Some(file) = file_of_daemon(config_file) else { return light(&config, Pattern::FIND, FIND_FOR) };
    if config.indicators.led == crate::config::Led::None {
        return Err(LedError::NoLed);
    }
    // Before the file is there, so that it is removed again whatever comes.
    let mut inbox = caught()?;
    let until = start_find(&file).map_err(|why| LedError::Untold { file: file.clone(), why })?;
    inbox.follow(std::slice::from_ref(&file));
    while clock::instant() < until {
        match inbox.try_next() {
            None => drop(inbox.wait(until.since(clock::instant()), Vec::new())?),
            Some(Message::FileChanged) if file.exists() => {}
            Some(_) => break,
        }
    }
    durable::remove(&file).map_err(|why| LedError::Untold { file, why })
}

/// Ends what [`find`] has begun at the daemon. Does nothing if that shows no such pattern.
///
/// # Errors
/// When the daemon cannot be told.
pub(crate) fn stop_find(config_file: &Path) -> Result<(), LedError> {
    let Some(file) = file_of_daemon(config_file) else { return Ok(()) };
    durable::remove(&file).map_err(|why| LedError::Untold { file, why })
}

/// The file by which a running daemon is told to show where the board is.
fn file_of_daemon(config_file: &Path) -> Option<PathBuf> {
    let found = super::status::find(config_file).ok()?;
    found.is_current(&status::boot_id()).then(|| find_file(found.file()))
}

/// An inbox that gets the signals.
fn caught() -> io::Result<Inbox> {
    let (sender, inbox) = inbox::channel()?;
    sender.catch_signals(&inbox)?;
    Ok(inbox)
}

fn light(config: &Config, pattern: Pattern, how_long: Duration) -> Result<(), LedError> {
    let mut lamp = led_pin::open(&config.indicators.led)?.ok_or(LedError::NoLed)?;
    let mut inbox = caught()?;
    let start = clock::instant();
    let end = start + how_long;
    lamp.show_pattern(pattern, start)?;
    while clock::instant() < end && inbox.try_next().is_none() {
        let edge = lamp.refresh(clock::instant())?;
        inbox.wait(edge.unwrap_or(end).min(end).since(clock::instant()), Vec::new())?;
    }
    lamp.dark()?;
    Ok(())
}
