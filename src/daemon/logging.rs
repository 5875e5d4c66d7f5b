//! Logs to standard error, one line each; journald adds the time.

use log::LevelFilter;
use thiserror::Error;

/// `$JARVIS_NODE_LOG` names no level.
#[derive(Debug, Error)]
#[error("JARVIS_NODE_LOG is '{0}', but must be error, warn, info or debug")]
pub(crate) struct LogLevelError(String);

/// Sets the logger up. The level is the one `$JARVIS_NODE_LOG` names (error, warn, info, debug),
/// or info.
///
/// Only this program's own lines pass, whatever is asked for: at trace level ureq prints every
/// byte it sends, keys included. Release builds do not even contain those lines (the log crate's
/// `release_max_level_debug`).
///
/// # Errors
/// When `$JARVIS_NODE_LOG` names no level.
pub(crate) fn init() -> Result<(), LogLevelError> {
    let level = match std::env::var("JARVIS_NODE_LOG") {
        Ok(name) => name.parse().map_err(|_| LogLevelError(name))?,
        Err(_) => LevelFilter::Info,
    };
    // Fails only when there is a logger already, which will do.
    let _ = simple_logger::SimpleLogger::new()
        .with_level(LevelFilter::Off)
        .with_module_level("jarvis_node", level)
        .init();
    Ok(())
}
