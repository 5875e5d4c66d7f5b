//! Helpers shared by the fuzz targets: clients, files in memory, and checks of what the node shows.

use std::fmt::Debug;
use std::fs;
use std::io::Write;
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use jarvis_node::auth::{AuthClient, Reply};
use jarvis_node::config::Config;
use jarvis_node::files::credential::{Credential, NodeKey};
use jarvis_node::fuzzing;
use jarvis_node::fuzzing::Answered;
use jarvis_node::net::tls::Tls;
use node_core::answer::Answer;
use node_core::credential::NodeId;
use node_core::trouble::Trouble;
use tempfile::TempDir;

/// The node's key. The dictionaries hold it too, so that mutated inputs repeat it.
pub const KEY: &str = "-q3n8Yk1-_bTtWm5xV7cR0pLsD2fGh4jKa6eUi9oNvBwQyZrXtHgMdJcPlEoIuAk";
/// The app's key, which the dictionaries hold too.
pub const APP_KEY: &str = "Wm5xV7cR0pLsD2-APPKEY-fGh4jKa6eUi9oNvBw";

/// The node's credential. Its name has a space, because control characters are shown as spaces.
#[must_use]
pub fn credential() -> Credential {
    Credential::new(NodeId::parse("kitchen pi").expect("an id"), NodeKey::parse(KEY).expect("a key"))
}

/// Panics if `shown` holds twelve bytes of `key` or more.
pub fn hides(key: &str, shown: &str) {
    for part in key.as_bytes().windows(12) {
        assert!(!shown.as_bytes().windows(12).any(|window| window == part), "a key is shown: {shown}");
    }
}

/// Panics if `shown` holds twelve bytes of a key or more.
pub fn hides_keys(shown: &str) {
    [KEY, APP_KEY].iter().for_each(|key| hides(key, shown));
}

/// Panics if the texts of `trouble` are empty, too long, or hold control characters.
pub fn is_fit_to_show(trouble: &Trouble) {
    let (reason, fix) = (trouble.reason.as_str(), trouble.fix.as_str());
    assert!(!reason.is_empty() && reason.len() <= 200, "{reason}");
    assert!(!fix.is_empty() && fix.len() <= 300, "{fix}");
    assert!(!reason.contains(char::is_control) && !fix.contains(char::is_control), "{reason} {fix}");
}

/// Panics if `answer`, read from the body `given`, shows a key or has texts unfit for a terminal. A part of a
/// key may be shown where the body repeats only that part.
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

/// Panics if an error that names a file is unfit for a log.
pub fn is_error_fit_to_show(error: &(impl Debug + ToString), trouble: &Trouble) {
    is_fit_to_show(trouble);
    hides_keys(&format!("{} {error:?} {trouble:?}", error.to_string()));
}

/// A temporary folder. `run.sh` puts it in memory and removes it.
#[derive(Debug)]
pub struct Scratch(TempDir);

impl Scratch {
    /// Makes an empty folder.
    #[must_use]
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    /// The path of `name` in this folder.
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

    /// Removes everything in this folder.
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

/// The part of a configuration that names the app.
pub const BY_APP: &str = r#""service_id":"command-center","app_id":"fuzz","app_key_file":"app.key""#;

/// A client of the service at `url`; `whom` is [`BY_APP`] for the auth service and empty for the command
/// center.
#[must_use]
pub fn client(url: &str, whom: &str) -> AuthClient {
    let config = config(url, whom);
    let tls = Tls::new(&config.tls).expect("TLS");
    AuthClient::new(&config, tls, APP_KEY.as_bytes().to_vec().into())
}

/// The configuration of the client that [`client`] makes.
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

/// Splits the input of a target that takes several files at its separating lines.
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

/// Reads a response in the form of the seeds: the status, header lines, an empty line, the body.
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

/// Reads the JSON object in `bytes`, which a file may begin with a byte order mark, without knowing its fields. `None` if
/// a part that the node ignores is not valid for this reader, such as an unpaired surrogate.
///
/// # Panics
/// If `bytes` do not begin with an object.
#[must_use]
pub fn object(bytes: &[u8]) -> Option<serde_json::Value> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    assert!(text.trim_ascii_start().starts_with('{'), "taken for an object: {text}");
    serde_json::from_str(text).ok()
}

/// `text` in JSON with each character escaped.
#[must_use]
pub fn escaped(text: &str) -> String {
    text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
}

/// Whether `needle` is somewhere in `bytes`.
#[must_use]
pub fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len().max(1)).any(|window| window == needle)
}

/// The file's bytes, or `None` if there is no such file.
#[must_use]
pub fn bytes_of(path: &Path) -> Option<Vec<u8>> {
    fs::read(path).ok()
}

/// Validates with `client` against a server that sends `bytes` and then closes its side.
#[must_use]
pub fn validate_over(client: &AuthClient, bytes: &[u8]) -> Reply {
    let (ours, mut theirs) = UnixStream::pair().expect("sockets");
    ours.set_nonblocking(true).expect("non-blocking");
    theirs.write_all(bytes).expect("room for it");
    theirs.shutdown(Shutdown::Write).expect("shut down");
    fuzzing::validate_over(client, ours.into(), &credential())
}
