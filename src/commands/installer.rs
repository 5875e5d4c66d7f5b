//! `jarvis-node installer`: what `systemd/install.sh` asks the program, which alone knows how its files are written.

use std::path::{Path, PathBuf};

use crate::config::installing::{named_files, plain};
use crate::config::{Config, DEFAULT_PATH, Led};
use crate::error::SetupError;
use crate::files::{bounded, credential_file, json, secret_file};
use crate::net::tls::Tls;
use crate::setup::load_app_key;

/// The folders of version 0.1.0, and what each is called now.
const MOVED: [[&str; 2]; 3] = [
    ["/etc/jarvis-node", "/etc/jarvis-node-agent"],
    ["/var/lib/jarvis-node", "/var/lib/jarvis-node-agent"],
    ["/run/jarvis-node", "/run/jarvis-node-agent"],
];

/// A question of the installer.
#[derive(Debug)]
pub(crate) enum Question {
    /// What a configuration says: `key=value`, each ended by a NUL. The keys are those of its files, with their
    /// absolute paths, and `led`: `none`, `gpio N`, `sysfs NAME`, or empty if no LED is named.
    Settings,
    /// The configuration's text with the folders of version 0.1.0 replaced in the values that are paths, except in
    /// these.
    Move(Vec<PathBuf>),
    /// The configuration's text with `"led": "none"` for a configuration that names no LED.
    NoLed,
    /// Whether this is an app key.
    AppKey,
    /// Whether these are certificates, without a private key.
    Ca,
    /// Whether this is a credential.
    Credential,
}

impl Question {
    /// A question by its name, about a file.
    pub(crate) fn from_words<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<(Self, PathBuf)> {
        let (name, file) = (words.next()?, words.next()?.into());
        let question = match name {
            "settings" => Self::Settings,
            "move" => Self::Move(words.by_ref().map(PathBuf::from).collect()),
            "no-led" => Self::NoLed,
            "app-key" => Self::AppKey,
            "ca" => Self::Ca,
            "credential" => Self::Credential,
            _ => return None,
        };
        words.next().is_none().then_some((question, file))
    }
}

/// The answer to a question about `file`.
///
/// # Errors
/// When the file is not what it should be.
pub(crate) fn answer(question: &Question, file: &Path) -> Result<String, SetupError> {
    let text = || bounded::read_text("configuration", file);
    match question {
        Question::Settings => settings(file),
        Question::Move(kept) => Ok(map_values(&text()?, |key, value| {
            let is_path = key.ends_with("_file") || key == "socket";
            is_path.then(|| moved(Path::new(value), kept)).flatten()
        })),
        Question::NoLed => Ok(without_led(&text()?)),
        Question::AppKey => load_app_key(file).map(|_| String::new()),
        Question::Ca => {
            let bytes = bounded::read(file, bounded::MAX_CERTIFICATES)
                .map_err(|why| SetupError::reading("ca_file", file, why))?;
            if bytes.windows(KEY_LABEL.len()).any(|window| window == KEY_LABEL) {
                let why = "holds a private key, which every user could read there".into();
                return Err(SetupError::CaFile { path: file.into(), why });
            }
            Tls::trusting(Some(file)).map(|_| String::new())
        }
        Question::Credential => {
            let (bytes, _) = secret_file::read_text("credential file", file)?;
            credential_file::parse(&bytes, file, None).map(|_| String::new())
        }
    }
}

/// How the first line of a private key ends, whatever its kind.
const KEY_LABEL: &[u8] = b"PRIVATE KEY-----";

fn settings(file: &Path) -> Result<String, SetupError> {
    let config = Config::load_for(file, Path::new(DEFAULT_PATH), Path::new("/"))?;
    let text = bounded::read_text("configuration", file)?;
    let files = named_files(&text, Path::new(DEFAULT_PATH))
        .map_err(|why| SetupError::Config { path: file.into(), why })?;
    let names_led = json::value(&text).get("led").is_some_and(|led| !led.is_null());
    let led = match &config.indicators.led {
        _ if !names_led => String::new(),
        Led::None => "none".into(),
        Led::Gpio { pin, .. } => format!("gpio {pin}"),
        Led::Sysfs(name) => format!("sysfs {name}"),
    };
    let files = files.iter().map(|(key, path)| format!("{key}={}\0", plain(path).display()));
    Ok(files.chain([format!("led={led}\0")]).collect())
}

/// Where version 0.1.0's file at `path` is now; `None` if it stays.
fn moved(path: &Path, kept: &[PathBuf]) -> Option<String> {
    let path = plain(path);
    if kept.contains(&path) {
        return None;
    }
    let found = MOVED.iter().find_map(|[old, new]| Some(Path::new(new).join(path.strip_prefix(old).ok()?)));
    found.and_then(|new| new.to_str().map(String::from))
}

/// The JSON `text` with other strings as values, where `new` has one for a key and its value. All else keeps its form.
fn map_values(text: &str, mut new: impl FnMut(&str, &str) -> Option<String>) -> String {
    let (mut mapped, mut rest, mut key) = (String::new(), text, String::new());
    while let Some(start) = rest.find('"') {
        let end = string_end(&rest[start..]).map_or(rest.len(), |len| start + len);
        let token = &rest[start..end];
        let value = json::string(token).unwrap_or_default();
        mapped.push_str(&rest[..start]);
        rest = &rest[end..];
        if rest.trim_start().starts_with(':') {
            mapped.push_str(token);
            key = value;
            continue;
        }
        let new = new(&key, &value).and_then(|value| json::text(&value).ok());
        mapped.push_str(new.as_deref().unwrap_or(token));
    }
    mapped + rest
}

/// The length of the string of JSON that `text` begins with.
fn string_end(text: &str) -> Option<usize> {
    let mut bytes = text.bytes().enumerate().skip(1);
    loop {
        match bytes.next()? {
            (_, b'\\') => drop(bytes.next()),
            (at, b'"') => return Some(at + 1),
            _ => {}
        }
    }
}

/// The configuration's `text` without an LED: one that is there is null.
fn without_led(text: &str) -> String {
    let mut from = 0;
    while let Some(start) = text[from..].find('"').map(|at| from + at) {
        let Some(end) = string_end(&text[start..]).map(|len| start + len) else { break };
        from = end;
        let is_led = json::string(&text[start..end]).is_some_and(|key| key == "led");
        let value = text[end..].trim_start().strip_prefix(':').map(str::trim_start);
        if let Some(after) = value.filter(|_| is_led).and_then(|value| value.strip_prefix("null")) {
            return format!("{}\"led\": \"none\"{after}", &text[..start]);
        }
    }
    text.replacen('{', "{ \"led\": \"none\",", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(question: &Question, text: &str) -> Result<String, String> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        answer(question, file.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn paths_are_read_however_they_are_written() {
        let text = r#"{"via":{"command_center":"https://home"},"led":null,"ca_file":"ca.pem",
            "credential_file":"\/srv\u002fnode//cred.json","state_file":"/var/lib/../lib/jarvis-node/s.json"}"#;
        let told = ask(&Question::Settings, text).expect("sound");
        for line in [
            "credential_file=/srv/node/cred.json",
            "state_file=/var/lib/jarvis-node/s.json",
            "ca_file=/etc/jarvis-node-agent/ca.pem",
            "led=",
        ] {
            assert!(told.split('\0').any(|found| found == line), "{line}: {told:?}");
        }
    }

    #[test]
    fn folders_of_0_1_0_are_replaced_only_in_paths() {
        let text = r#"{ "app_key_file" : "\/etc\/\u006aarvis-node//app.key", "issuer": "/etc/jarvis-node/x",
  "credential_file": "/var/lib/x/../jarvis-node/c.json", "ca_file":"/etc/jarvis-nodes/ca.pem", "n": ["\"{"],
  "broker": {"socket": "/run/jarvis-node/node.sock"}, "client_key_file": "/etc/jarvis-node/own.key" }"#;
        let kept = vec![PathBuf::from("/etc/jarvis-node/own.key")];
        let told = ask(&Question::Move(kept), text).expect("sound");
        let expected = text
            .replace(r"\/etc\/\u006aarvis-node//app.key", "/etc/jarvis-node-agent/app.key")
            .replace("/var/lib/x/../jarvis-node/", "/var/lib/jarvis-node-agent/")
            .replace("/run/jarvis-node/", "/run/jarvis-node-agent/");
        assert_eq!(told, expected);
    }

    #[test]
    fn led_is_put_in_once() {
        for (text, expected) in [
            (r#"{"a":1}"#, r#"{ "led": "none","a":1}"#),
            (r#"{"a":"led","led" : null, "b":2}"#, r#"{"a":"led","led": "none", "b":2}"#),
            (r#"{"l\u0065d":null}"#, r#"{"led": "none"}"#),
        ] {
            assert_eq!(ask(&Question::NoLed, text).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn private_key_among_certificates_is_refused() {
        let told = ask(&Question::Ca, "-----BEGIN EC PRIVATE KEY-----\nAA==\n").expect_err("refused");
        assert!(told.contains("holds a private key"), "{told}");
        ask(&Question::Ca, "s3cret").expect_err("no certificate");
        ask(&Question::AppKey, "two words").expect_err("no key");
        ask(&Question::Credential, r#"{"node_id":"k","node_key":"s3cret"}"#).expect("sound");
    }
}
