//! What the fuzz targets share.

use std::fmt::Debug;
use std::fs;
use std::io::Write;
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use node_core::answer::Answer;
use node_core::trouble::Trouble;
use jarvis_node::files::credential::{Credential, NodeKey};
use node_core::credential::NodeId;
use jarvis_node::auth::{AuthClient, Reply};
use jarvis_node::config::Config;
use jarvis_node::fuzzing;
use jarvis_node::fuzzing::Answered;
use jarvis_node::net::tls::Tls;
use tempfile::TempDir;

/// The node's key. In the dictionaries too, so that it comes back in what is mutated.
pub const KEY: &str = "-q3n8Yk1-_bTtWm5xV7cR0pLsD2fGh4jKa6eUi9oNvBwQyZrXtHgMdJcPlEoIuAk";
/// The app's key, in the dictionaries as well.
pub const APP_KEY: &str = "Wm5xV7cR0pLsD2-APPKEY-fGh4jKa6eUi9oNvBw";

/// The node: with a space in its name, which is what control characters are shown as.
#[must_use]
pub fn credential() -> Credential {
    Credential {
        node_id: NodeId::parse("kitchen pi").expect("an id"),
        node_key: NodeKey::parse(KEY).expect("a key"),
    }
}

/// Panics when `shown` holds a key, or as much of one as would be worth having.
pub fn hides_keys(shown: &str) {
    for key in [KEY, APP_KEY] {
        for part in key.as_bytes().windows(12) {
            assert!(!shown.as_bytes().windows(12).any(|window| window == part), "a key is shown: {shown}");
        }
    }
}

/// Panics when what `trouble` tells is unfit for a terminal, or holds a key.
pub fn is_fit_to_show(trouble: &Trouble) {
    let (reason, fix) = (trouble.reason.as_str(), trouble.fix.as_str());
    assert!(!reason.is_empty() && reason.len() <= 200, "{reason}");
    assert!(!fix.is_empty() && fix.len() <= 300, "{fix}");
    assert!(!reason.contains(char::is_control) && !fix.contains(char::is_control), "{reason} {fix}");
}

/// The same for all that an answer can show, of which `given` was the body. Who repeats a key in part only is
/// not quoted in another part.
pub fn is_answer_fit_to_show(answer: &Answer, given: &[u8]) {
    match answer {
        Answer::Valid(household) => {
            let id = household.id.as_ref().map_or("", |id| id.as_str());
            assert!(id.len() <= 64 && !id.contains(char::is_control), "{id}");
            assert!(household.member_ids.as_ref().is_none_or(|ids| ids.as_slice().len() <= 32));
        }
        Answer::Rejected(reason) => {
            let reason = reason.as_str();
            assert!(reason.len() <= 200 && !reason.contains(char::is_control), "{reason}");
        }
        Answer::Reachable => {}
        Answer::Inconclusive { trouble, .. } => is_fit_to_show(trouble),
    }
    let shown = format!("{answer:?}");
    if [KEY, APP_KEY].iter().any(|key| holds(given, key.as_bytes())) {
        hides_keys(&shown);
    }
    assert!(!shown.contains(KEY) && !shown.contains(APP_KEY), "a key is shown: {shown}");
}

/// Panics when an error that names a file is unfit for a log.
pub fn is_error_fit_to_show(error: &(impl Debug + ToString), trouble: &Trouble) {
    is_fit_to_show(trouble);
    hides_keys(&format!("{} {error:?} {trouble:?}", error.to_string()));
}

/// A folder in memory where `$TMPDIR` is; `run.sh` sees to it that it goes.
#[derive(Debug)]
pub struct Scratch(TempDir);

impl Scratch {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    /// The path of `name` in it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file that only its owner may read.
    pub fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("mode set");
        path
    }

    /// Removes everything in it.
    pub fn clear(&self) {
        for entry in fs::read_dir(self.0.path()).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.expect("removed");
        }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

/// Asks on an app's behalf.
pub const BY_APP: &str = r#""service_id":"command-center","app_id":"fuzz","app_key_file":"app.key""#;

/// A client of the service at `url`; `whom` is [`BY_APP`] or empty for the command center.
#[must_use]
pub fn client(url: &str, whom: &str) -> AuthClient {
    let config = config(url, whom);
    let tls = Tls::new(&config).expect("TLS");
    AuthClient::new(&config, tls, APP_KEY.as_bytes().to_vec().into())
}

/// The configuration of such a client.
#[must_use]
pub fn config(url: &str, whom: &str) -> Config {
    let scratch = Scratch::new();
    let whom = if whom.is_empty() {
        format!(r#""via":{{"command_center":"{url}"}}"#)
    } else {
        format!(r#""auth_url":"{url}",{whom}"#)
    };
    let text = format!(r#"{{{whom},"credential_file":"c.json","allow_http":true,"request_timeout_secs":2}}"#);
    Config::load(&scratch.put("config.json", text.as_bytes())).expect("a configuration")
}

/// What stands between separating lines in the input of targets that take several files.
pub fn parts<const N: usize>(input: &[u8]) -> [&[u8]; N] {
    const SEPARATOR: &[u8] = b"\n%%%\n";
    let mut rest = input;
    core::array::from_fn(|i| {
        let at = rest.windows(SEPARATOR.len()).position(|w| w == SEPARATOR).filter(|_| i + 1 < N);
        let Some(at) = at else { return core::mem::take(&mut rest) };
        let part = &rest[..at];
        rest = &rest[at + SEPARATOR.len()..];
        part
    })
}

/// A response as the seeds have them: the status, header lines, an empty line, the body.
#[must_use]
pub fn response(input: &[u8]) -> Answered<'_> {
    let mut rest = input;
    let mut line = || {
        let end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        rest = after.get(1..).unwrap_or_default();
        line
    };
    let status = std::str::from_utf8(line()).ok().and_then(|status| status.parse().ok()).unwrap_or(200);
    let mut headers = Vec::new();
    loop {
        let line = line();
        let Some(colon) = line.iter().position(|b| *b == b':') else { break };
        headers.push((&line[..colon], line[colon + 1..].trim_ascii()));
    }
    Answered { status, headers, body: rest }
}

/// The fields of the JSON object in `bytes`, by a reader that knows nothing of what they should be. `None` for
/// an object that is too odd for it, in parts that the node does not look at: unpaired surrogates, say.
///
/// # Panics
/// When they are no object at all.
#[must_use]
pub fn object(bytes: &[u8]) -> Option<serde_json::Value> {
    let text = String::from_utf8_lossy(bytes);
    assert!(text.trim_ascii_start().starts_with('{'), "taken for an object: {text}");
    serde_json::from_str(&text).ok()
}

/// `text` as JSON, each character of it escaped.
#[must_use]
pub fn escaped(text: &str) -> String {
    text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
}

/// Whether `needle` is somewhere in `bytes`.
#[must_use]
pub fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len().max(1)).any(|window| window == needle)
}

/// The file's bytes; none if it is not there.
#[must_use]
pub fn bytes_of(path: &Path) -> Option<Vec<u8>> {
    fs::read(path).ok()
}

/// What `client` makes of a server that sends `bytes`, and then no more.
#[must_use]
pub fn validate_over(client: &AuthClient, bytes: &[u8]) -> Reply {
    let (ours, mut theirs) = UnixStream::pair().expect("sockets");
    ours.set_nonblocking(true).expect("non-blocking");
    theirs.write_all(bytes).expect("room for it");
    theirs.shutdown(Shutdown::Write).expect("shut down");
    fuzzing::validate_over(client, ours.into(), &credential())
}
