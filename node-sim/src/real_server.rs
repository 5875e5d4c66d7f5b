//! One node against a server that somebody else runs.

use std::fs;
use std::io;
use std::path::Path;

use crate::live::LiveNode;
use crate::screen::Screen;

/// Runs the node that the configuration at `config` describes, asking `url` instead of its own
/// `auth_url` if given, until SIGINT or SIGTERM. The node's files are read where they are and
/// nothing is written beside them; a daemon on the same machine keeps its status to itself.
///
/// # Errors
/// When the configuration cannot be read, the system lacks threads or signal handlers, or the
/// node ends by itself.
pub fn run(url: Option<&str>, config: &Path, screen: &Screen) -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    let own = dir.path().join("config.json");
    let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", config.display()));
    let text = fs::read(config).map_err(named)?;
    fs::write(&own, adapted(&text, url, config, dir.path()).map_err(named)?)?;
    let node = LiveNode::start(own, screen, true)?;
    for news in node.news() {
        screen.say(&format!("{}: {}", news.outcome, news.outcome.words()));
        if let Some(reason) = news.reason {
            screen.add(&reason);
        }
        if let Some(fix) = news.fix {
            screen.add(&fix);
        }
    }
    node.join()
}

/// The same configuration for a file in `dir`: its relative paths made absolute, its status kept
/// apart, and `url` in the place of its own.
pub(crate) fn adapted(text: &[u8], url: Option<&str>, config: &Path, dir: &Path) -> io::Result<Vec<u8>> {
    let mut json: serde_json::Value = serde_json::from_slice(text)?;
    let home = std::path::absolute(config)?;
    if let Some(table) = json.as_object_mut() {
        for key in ["app_key_file", "credential_file", "ca_file"] {
            if let Some(serde_json::Value::String(file)) = table.get_mut(key) {
                *file = home.with_file_name(&*file).to_string_lossy().into_owned();
            }
        }
        table.insert("status_file".into(), dir.join("status.json").to_string_lossy().into());
        if let Some(url) = url {
            table.insert("auth_url".into(), url.into());
        }
    }
    Ok(serde_json::to_vec(&json)?)
}
