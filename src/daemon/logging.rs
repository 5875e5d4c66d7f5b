//! Logs to standard error, one line each; journald adds the time.

use std::string::String;

use log::LevelFilter;

/// Sets the logger up. The level is the one `$JARVIS_NODE_LOG` names (error, warn, info, debug),
/// or info.
///
/// Only this program's own lines pass, whatever is asked for: at trace level ureq prints every
/// byte it sends, keys included. Release builds do not even contain those lines (the log crate's
/// `release_max_level_debug`).
///
/// # Errors
/// A sentence when `$JARVIS_NODE_LOG` names no level.
pub fn init() -> Result<(), String> {
    let level = match std::env::var("JARVIS_NODE_LOG") {
        Ok(name) => name.parse().map_err(|_| {
            std::format!("JARVIS_NODE_LOG is '{name}', but must be error, warn, info or debug")
        })?,
        Err(_) => LevelFilter::Info,
    };
    // Fails only when there is a logger already, which then is as good.
    let _ = simple_logger::SimpleLogger::new()
        .with_level(LevelFilter::Off)
        .with_module_level("jarvis_node", level)
        .init();
    Ok(())
}
