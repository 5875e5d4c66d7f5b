//! The file on the boot partition: what it may hold, how it is read, and how it is taken away.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use node_core::plain;
use node_core::plain::TextFault;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::error::SetupError;
use crate::files::{bounded, durable, json};

/// Where it is: on Raspberry Pi OS since 2023, and before. Notepad adds the ending.
const FILES: [&str; 4] = [
    "/boot/firmware/jarvis-node.json",
    "/boot/firmware/jarvis-node.json.txt",
    "/boot/jarvis-node.json",
    "/boot/jarvis-node.json.txt",
];
/// What the file is called in sentences.
const WHAT: &str = "file for the first boot";
/// In the same folder: what went wrong. Whoever has only a card reader sees no other.
const ERROR_FILE: &str = "jarvis-node.error.txt";
/// The keys that say what the node asks, and how: the home's answers decide on them.
const OF_THE_HOME: [&str; 6] = ["via", "auth_url", "service_id", "app_id", "app_key_file", "ca_file"];

/// What the file says, in form.
pub(super) struct Wishes {
    pub(super) home: Option<String>,
    pub(super) token: Zeroizing<String>,
    pub(super) node_id: String,
    pub(super) room: Option<String>,
    pub(super) allow_http: bool,
    /// The text of certificates in PEM form, or the name of a file with them.
    pub(super) ca: Option<String>,
    /// Keys of the configuration.
    pub(super) keys: Map<String, Value>,
}

/// The file, if there is one: the `named` one, else the first of those on the boot partition.
pub(super) fn find(named: Option<&Path>) -> Option<PathBuf> {
    let files = named.map_or_else(|| FILES.map(PathBuf::from).into(), |file| vec![file.to_owned()]);
    files.into_iter().find(|file| file.symlink_metadata().is_ok())
}

/// Reads the file.
///
/// # Errors
/// A sentence that names the file, and the key or the line; never a value.
pub(super) fn read(file: &Path) -> Result<Wishes, SetupError> {
    let bytes = bounded::read(file, bounded::MAX_TEXT).map(Zeroizing::new);
    let bytes = bytes.map_err(|why| SetupError::reading(WHAT, file, why))?;
    let text = plain::text(&bytes).map_err(|why| SetupError::Text { what: WHAT, path: file.into(), why })?;
    parse(text).map_err(|why| SetupError::Config { path: file.into(), why })
}

fn parse(text: &str) -> Result<Wishes, String> {
    let value = json::object(text.as_bytes()).map_err(|e| json::fault_in(text, &e))?;
    let Value::Object(mut keys) = value else { return Err("this is no object of JSON".into()) };
    // Taken out whatever else is wrong, to be wiped.
    let token = take_text(&mut keys, "token").map(|token| token.map(Zeroizing::new));
    let home = take_text(&mut keys, "home")?;
    let node_id = take_text(&mut keys, "node_id")?.ok_or("node_id is missing: a token is for one node")?;
    let room = take_text(&mut keys, "room")?;
    let ca = take_text(&mut keys, "ca")?;
    let allow_http = match keys.remove("allow_http") {
        None => false,
        Some(value) => value.as_bool().ok_or("allow_http must be true or false")?,
    };
    if let Some(key) = OF_THE_HOME.iter().find(|key| keys.contains_key(**key)) {
        return Err(format!("{key} does not belong here: home says it, and ca the certificates"));
    }
    let token = token?.ok_or("token is missing: the provisioning token, prov_…")?;
    Ok(Wishes { home, token, node_id, room, allow_http, ca, keys })
}

fn take_text(keys: &mut Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    match keys.remove(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{key} must be text in quotes")),
    }
}

/// Whether a power cut has ended [`wipe`] in the middle.
pub(super) const fn is_half_wiped(why: &SetupError) -> bool {
    matches!(why, SetupError::Text { why: TextFault::Nul(_), .. })
}

/// Overwrites the file in place and removes it. On a FAT file system the zeros get to the same clusters; what the card's
/// own controller keeps of the old ones is not in a program's hands.
///
/// # Errors
/// Those of the system.
pub(super) fn wipe(path: &Path) -> io::Result<()> {
    let mut file = File::options().write(true).open(path)?;
    let len = usize::try_from(file.metadata()?.len()).unwrap_or_default();
    file.write_all(&vec![0; len])?;
    file.sync_all()?;
    fs::remove_file(path)?;
    durable::sync_folder(durable::folder(path))
}

/// Leaves `text` beside the file, for a person who reads the card elsewhere; without one it takes away what was left. A
/// card is not written to if that is there already.
///
/// # Errors
/// Those of the system.
pub(super) fn leave_error(file: &Path, text: Option<&str>) -> io::Result<()> {
    let path = durable::folder(file).join(ERROR_FILE);
    match text {
        None => durable::remove(&path),
        Some(text) if bounded::read(&path, 4096).is_ok_and(|there| there == text.as_bytes()) => Ok(()),
        Some(text) => durable::replace(&path, text.as_bytes()),
    }
}
