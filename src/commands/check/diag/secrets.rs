//! The node's secrets, to replace them in what other programs have written: by their values, in each form in which a
//! program may have written them, and by how keys and tokens look.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use zeroize::Zeroizing;

use super::super::Target;
use super::lines::{has_log_in, names_secret, without_secrets};
use super::random::{is_random, is_uuid};
use crate::commands::installed::{PassedOn, passed_on};
use crate::config::plausible_path;
use crate::files::durable::beside;
use crate::files::{bounded, json};
use crate::sts::{IN_BODY, IN_HEADER};

/// What stands in a secret's place.
pub(super) const HIDDEN: &str = "(not shown)";

/// Shorter ones would be found in words.
const SHORTEST: usize = 6;

/// The keys of the configuration that name a file with a secret and nothing else.
const FILES: [&str; 5] =
    ["app_key_file", "credential_file", "client_key_file", "client_secret_file", "key_file"];
/// The generations of a credential (src/files/credential_store), and what an editor or the installer leaves.
const BESIDE: [&str; 6] = ["", ".new", ".prev", ".damaged", ".probe", "~"];
/// Files with secrets among other things that the configuration does not name.
const OTHERS: [&str; 5] = [
    "/boot/firmware/jarvis-node.json",
    "/boot/firmware/jarvis-node.json.txt",
    "/boot/jarvis-node.json",
    "/boot/jarvis-node.json.txt",
    "/opt/jarvis-node/config.json",
];

/// What programs leave as it is when they encode by percent signs: Python's `quote` and `urlencode`, JavaScript, and this one.
const PERCENT: [&AsciiSet; 6] = [
    NON_ALPHANUMERIC,
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_'),
    &IN_BODY.add(b'*'),
    &IN_BODY.add(b'*').remove(b'/'),
    IN_BODY,
    IN_HEADER,
];

/// What a file holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One secret: each line is one or a part of one.
    Secret,
    /// Settings, of which some may be secrets.
    Settings,
}

/// The secrets of this node, in all their forms, and its ids.
#[derive(Default)]
pub(super) struct Secrets {
    forms: Vec<Zeroizing<String>>,
    ids: Vec<String>,
    /// Why there may be others.
    unknown: Option<String>,
}

impl Secrets {
    /// Those that the configuration, the unit and their files hold.
    pub(super) fn find(target: &Target) -> Self {
        let mut found = Self::default();
        let mut files: Vec<_> = OTHERS.iter().map(|file| (PathBuf::from(file), Kind::Settings)).collect();
        match &target.unit {
            Ok(Some(unit)) => {
                unit.variables().iter().for_each(|(name, value)| found.add_setting(name, value));
                files.extend(unit.environment_files().map(|(file, _)| (file, Kind::Settings)));
            }
            Ok(None) => {}
            Err(why) => found.unknown = Some(format!("systemctl does not name the unit's variables: {why}")),
        }
        let config_file = target.config_file();
        let configuration = found.read(config_file, Kind::Settings);
        files.extend(named_files(&configuration, config_file, &passed_on()));
        for (file, kind) in files {
            BESIDE.iter().for_each(|ending| drop(found.read(&beside(&file, ending), kind)));
        }
        // A long one first: it may hold a short one.
        found.forms.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        found.forms.dedup();
        found
    }

    /// Why there may be secrets that are not replaced, if a place where some may be could not be read.
    pub(super) fn unknown(&self) -> Option<&str> {
        self.unknown.as_deref()
    }

    /// Adds what may be a secret in the file at `path`, and returns its text; empty if there is none.
    fn read(&mut self, path: &Path, kind: Kind) -> Zeroizing<String> {
        match bounded::read(path, bounded::MAX_TEXT).map(Zeroizing::new) {
            Ok(bytes) => {
                let text = Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned());
                self.add_all_of(&text, kind);
                text
            }
            Err(why) if why.kind() == ErrorKind::NotFound => Zeroizing::default(),
            Err(why) => {
                let is_barred =
                    why.kind() == ErrorKind::PermissionDenied && !rustix::process::geteuid().is_root();
                let fix = if is_barred { ". Run this with sudo" } else { "" };
                self.unknown.get_or_insert(format!("{} cannot be read: {why}{fix}", path.display()));
                Zeroizing::default()
            }
        }
    }

    /// Adds what may be a secret in the text of a file: of JSON the strings, else each line and what follows a `=` in it.
    fn add_all_of(&mut self, text: &str, kind: Kind) {
        let settings = settings(text);
        settings.iter().for_each(|(key, value)| self.add_setting(key, value));
        // A secret may begin with a brace, too.
        let is_json = !json::value(text.trim_start_matches('\u{feff}')).is_null();
        if is_json || (kind == Kind::Settings && !settings.is_empty()) {
            return;
        }
        for line in text.lines().map(|line| line.trim_matches(|c: char| c == '\u{feff}' || c.is_whitespace()))
        {
            if kind == Kind::Secret && !line.starts_with("-----") {
                self.add(line);
            }
            if let Some((name, value)) = line.split_once('=') {
                let value = value.trim().trim_matches(['"', '\'']);
                if kind == Kind::Secret {
                    self.add(value);
                } else {
                    self.add_setting(name.trim(), value);
                }
            }
        }
    }

    /// Adds the value of a setting, unless it is harmless by its key and its look: such a one stands in many lines.
    fn add_setting(&mut self, key: &str, value: &str) {
        if matches!(key, "node_id" | "household_id") && is_uuid(value) {
            self.keep(value);
        } else if names_secret(key) || has_log_in(value) || value.split_whitespace().any(is_random) {
            self.add(value);
        }
    }

    /// Lets an id of this node stay, if it is a UUID; one that is not is a name, or looks like a key.
    pub(super) fn keep(&mut self, id: &str) {
        self.ids.extend(is_uuid(id).then(|| id.to_owned()));
    }

    fn add(&mut self, secret: &str) {
        let secret = secret.trim();
        if secret.len() < SHORTEST {
            return;
        }
        let mut forms = vec![secret.to_owned()];
        for set in PERCENT {
            let percent = utf8_percent_encode(secret, set).to_string();
            forms.extend([percent.replace("%20", "+"), lower_case(&percent), percent]);
        }
        let quoted = json::text(secret).unwrap_or_default();
        forms.push(quoted.trim_matches('"').replace('/', "\\/"));
        forms.push(quoted.trim_matches('"').to_owned());
        forms.push(secret.bytes().map(|byte| format!("{byte:02x}")).collect());
        // In Base64 it looks different behind one and behind two other bytes; what those share a character with is left out.
        let in_header = utf8_percent_encode(secret, IN_HEADER).to_string();
        for (before, left_out) in [("", 0), ("x", 2), ("xx", 3)] {
            for (engine, secret) in
                [(STANDARD_NO_PAD, secret), (URL_SAFE_NO_PAD, secret), (STANDARD_NO_PAD, &*in_header)]
            {
                let encoded = engine.encode(format!("{before}{secret}"));
                let whole = encoded.len() - usize::from(!(before.len() + secret.len()).is_multiple_of(3));
                forms.push(encoded.get(left_out..whole).unwrap_or_default().to_owned());
            }
        }
        self.forms.extend(forms.into_iter().filter(|form| form.len() >= SHORTEST).map(Zeroizing::new));
    }

    /// `text` without secrets, and without what looks like one.
    pub(super) fn replaced_in(&self, text: &str) -> String {
        let text = self.replaced_by_value(text);
        text.split_inclusive('\n').map(|line| without_secrets(line, &self.ids)).collect()
    }

    /// `text` without the secrets that are known.
    pub(super) fn replaced_by_value(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.forms {
            if text.contains(&***secret) {
                text = text.replace(&***secret, HIDDEN);
            }
        }
        text
    }
}

/// The files with secrets that the text of a configuration names, which need not be sound; `passed_on` are those that systemd
/// has for the daemon alone.
fn named_files(text: &str, config_file: &Path, passed_on: &[PassedOn]) -> Vec<(PathBuf, Kind)> {
    let mut files = Vec::new();
    for (key, value) in settings(text) {
        let kind = match &*key {
            "env_file" => Kind::Settings,
            key if FILES.contains(&key) => Kind::Secret,
            _ => continue,
        };
        let sources =
            passed_on.iter().filter(|file| file.name == value).filter_map(|file| file.source.clone());
        files.extend(plausible_path(&value, config_file).into_iter().chain(sources).map(|file| (file, kind)));
    }
    files
}

/// The strings and numbers in the text of an object of JSON, each with its key.
fn settings(text: &str) -> Vec<(String, String)> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let mut found = Vec::new();
    if text.starts_with('{') {
        let value = json::value(text);
        if value.is_null() {
            quoted(text, &mut found);
        } else {
            strings("", value, &mut found);
        }
    }
    found
}

fn strings(key: &str, value: Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => map.into_iter().for_each(|(key, value)| strings(&key, value, found)),
        Value::Array(list) => list.into_iter().for_each(|value| strings(key, value, found)),
        Value::String(text) => found.push((key.to_owned(), text)),
        Value::Number(number) => found.push((key.to_owned(), number.to_string())),
        Value::Bool(_) | Value::Null => {}
    }
}

/// What stands between quotation marks in a text that is no JSON: a file may have been cut short.
fn quoted(text: &str, found: &mut Vec<(String, String)>) {
    // A backslash takes the next character with it.
    let (mut pieces, mut is_escaped) = (vec![String::new()], false);
    for c in text.chars() {
        match pieces.last_mut() {
            Some(piece) if c != '"' || is_escaped => piece.push(c),
            _ => pieces.push(String::new()),
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    let is_colon = |piece: Option<&String>| piece.is_some_and(|piece| piece.trim_start().starts_with(':'));
    for (nth, piece) in
        pieces.iter().enumerate().skip(1).step_by(2).filter(|(nth, _)| !is_colon(pieces.get(nth + 1)))
    {
        let key = if nth >= 2 && is_colon(pieces.get(nth - 1)) { &*pieces[nth - 2] } else { "" };
        let text = json::string(&format!("\"{piece}\"")).filter(|text| text != piece);
        found.extend(text.into_iter().chain([piece.clone()]).map(|text| (key.to_owned(), text)));
    }
}

/// The same percent-encoding with small letters: of the digits behind the signs only.
fn lower_case(percent: &str) -> String {
    let mut pieces = percent.split('%');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).unwrap_or((piece, ""));
        text.extend(["%", &digits.to_ascii_lowercase(), rest]);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// What is left of `text` where a file holds `content`.
    fn left(kind: Kind, content: &str, text: &str) -> String {
        let mut secrets = Secrets::default();
        secrets.add_all_of(content, kind);
        secrets.replaced_by_value(text)
    }

    #[test]
    fn secret_is_replaced_in_every_form() {
        let mut secrets = Secrets::default();
        secrets.add("Tall/horse~*: \"5\"");
        for written in [
            "x Tall/horse~*: \"5\" y",
            "x=Tall%2Fhorse%7E%2A%3A%20%225%22",
            "x=Tall%2fhorse%7e%2a%3a%20%225%22",
            "x=Tall%2Fhorse~*%3A%20%225%22",
            "x=Tall%2fhorse~*%3a%20%225%22",
            "x=Tall%2Fhorse~%2A%3A+%225%22",
            "x=Tall/horse~%2A%3A%20%225%22",
            "x=Tall/horse~*%3A%20\"5\"",
            r#""Tall/horse~*: \"5\"""#,
            r#""Tall\/horse~*: \"5\"""#,
            "54616c6c2f686f7273657e2a3a2022352222",
        ] {
            let shown = secrets.replaced_by_value(written);
            assert!(!shown.contains("horse") && shown.contains(HIDDEN), "{written}: {shown}");
        }
        for before in ["", "a", "ab", "abc"] {
            for secret in ["Tall/horse~*: \"5\"", "Tall/horse~*%3A%20\"5\""] {
                let written = STANDARD_NO_PAD.encode(format!("{before}{secret}:id"));
                assert!(secrets.replaced_by_value(&written).contains(HIDDEN), "{written}");
            }
        }
    }

    #[test]
    fn json_is_read_whole_and_when_it_is_cut_short() {
        for content in [
            r#"{"comment": "an \"inch\"", "node_key": "tall-horse", "room": "kitchen"}"#,
            r#"{"comment": "an \"inch", "node_key": "tall-horse", "room": "kit"#,
            r#"{"comment": "an \\", "deep": {"node_key":"tall-horse"#,
            "\u{feff}{\"node_key\": \"tall\\u002dhorse\"}",
            "{\"node_key\": \"tall\\u002dhorse\",}",
        ] {
            assert_eq!(left(Kind::Secret, content, "tall-horse kitchen"), "(not shown) kitchen", "{content}");
        }
        assert_eq!(left(Kind::Settings, r#"{"mqtt_password": 12345678}"#, "12345678"), HIDDEN);
    }

    #[test]
    fn file_of_one_secret_is_one_whatever_it_looks_like() {
        for content in [
            "-orange-horse\n",
            "#orange-horse",
            "A=-orange-horse",
            "\u{feff}-orange-horse\r\n",
            "{orange-horse}",
            "{\"orange-horse\"}",
        ] {
            let text = content.trim_matches(|c: char| c == '\u{feff}' || c.is_whitespace());
            assert!(!left(Kind::Secret, content, text).contains("orange"), "{content}");
        }
    }

    #[test]
    fn harmless_setting_is_left_in_other_texts() {
        let text =
            "kitchen https://cc.home:7703/api orange debug info wake-word en_GB.UTF-8 /opt/jarvis/venv/bin";
        let config = r#"{"room": "kitchen", "url": "https://cc.home:7703/api", "wake": "wake-word", "list": ["orange"]}"#;
        let variables =
            "LEVEL=debug\nexport LANG='en_GB.UTF-8'\nPATH=/opt/jarvis/venv/bin\nINFO=info\n# orange=orange\n";
        for content in [config, &config[..config.len() - 1], variables] {
            assert_eq!(left(Kind::Settings, content, text), text, "{content}");
        }
        let variables = "MQTT_PASSWORD=orange-horse\n#OLD_TOKEN=purple\nX=k7gnu3sdo9wnhqov\nURL=https://me:dog@auth.home\n";
        let text = "orange-horse purple k7gnu3sdo9wnhqov https://me:dog@auth.home";
        assert_eq!(left(Kind::Settings, variables, text), [HIDDEN; 4].join(" "));
    }

    #[test]
    fn only_a_missing_file_holds_no_secret() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut secrets = Secrets::default();
        secrets.read(&dir.path().join("missing"), Kind::Secret);
        assert_eq!(secrets.unknown(), None);
        let large = dir.path().join("large");
        fs::write(&large, vec![b'x'; 300 * 1024]).expect("written");
        for (path, why) in [(&*large, "longer than 256 KiB"), (dir.path(), "a folder")] {
            let mut secrets = Secrets::default();
            secrets.read(path, Kind::Secret);
            let told = secrets.unknown().unwrap_or_default();
            assert!(told.starts_with(&path.display().to_string()) && told.contains(why), "{told}");
        }
    }

    #[test]
    fn files_of_a_broken_configuration_are_found() {
        let dir = tempfile::tempdir().expect("a folder");
        let config = dir.path().join("config.json");
        let passed_on = [PassedOn { name: "app.key".into(), source: Some("/root/app.key".into()) }];
        let found = |text: &str| -> Vec<PathBuf> {
            named_files(text, &config, &passed_on).into_iter().map(|(file, _)| file).collect()
        };
        let wanted = [dir.path().join("app.key"), "/root/app.key".into(), dir.path().join("sts.env")];
        let text = r#"{"app_key_file": "app.key", "sts": {"env_file": "sts.env"}}"#;
        assert_eq!(found(text), wanted);
        assert_eq!(found(&text.replace(", ", " ")), wanted);
    }
}
