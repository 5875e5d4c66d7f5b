//! One node against a real server.

use std::fs;
use std::io;
use std::path::Path;

use super::{Display, LiveNode};

/// Runs the node that the configuration at `config` describes, until SIGINT or SIGTERM. With `url`, that
/// server is asked instead of the configured one. The node's files are read where they are, and nothing is
/// written beside them, so that a daemon on the same machine keeps its own status and state.
///
/// # Errors
/// When the configuration cannot be read, the system lacks threads or signal handlers, or the node ends by
/// itself.
pub fn run(url: Option<&str>, config: &Path, display: &impl Display) -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    let own = dir.path().join("config.json");
    adapt(config, url, &own)?;
    let node = LiveNode::start(own, display, true)?;
    for news in node.news() {
        display.say(&format!("{}: {}", news.outcome, news.outcome.words()));
        if let Some(reason) = news.reason {
            display.add(&reason);
        }
        if let Some(fix) = news.fix {
            display.add(&fix);
        }
    }
    node.join()
}

/// Writes a copy of the configuration at `config` to `own`: with absolute paths, status and state beside
/// `own`, and `url` in place of its own if given. STS and broker are left out: other programs use the real
/// daemon's.
///
/// # Errors
/// When the configuration cannot be read, or `own` cannot be written.
pub(crate) fn adapt(config: &Path, url: Option<&str>, own: &Path) -> io::Result<()> {
    let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", config.display()));
    let text = fs::read(config).map_err(named)?;
    fs::write(own, adapted(&text, url, config, own).map_err(named)?)
}

fn adapted(text: &[u8], url: Option<&str>, config: &Path, own: &Path) -> io::Result<Vec<u8>> {
    let mut json: serde_json::Value = serde_json::from_slice(text)?;
    let home = std::path::absolute(config)?;
    if let Some(table) = json.as_object_mut() {
        for key in ["app_key_file", "credential_file", "ca_file", "client_cert_file", "client_key_file"] {
            if let Some(serde_json::Value::String(file)) = table.get_mut(key) {
                *file = home.with_file_name(&*file).to_string_lossy().into_owned();
            }
        }
        for (key, name) in [("status_file", "status.json"), ("state_file", "state.json")] {
            table.insert(key.into(), own.with_file_name(name).to_string_lossy().into());
        }
        for key in ["broker", "sts"] {
            table.remove(key);
        }
        if let Some(url) = url {
            table.insert("auth_url".into(), url.into());
        }
    }
    Ok(serde_json::to_vec(&json)?)
}
