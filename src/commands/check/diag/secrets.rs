//! The node's secrets, to replace them in what other programs have written: by their values, in each form in which a
//! program may have written them, and by how keys and tokens look.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use node_core::text::Quoted;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use super::super::Target;
use crate::config::{plausible_path, read_leniently};
use crate::files::durable::beside;
use crate::files::{bounded, json};

/// What stands in a secret's place.
pub(super) const HIDDEN: &str = "(not shown)";

/// Shorter ones would be found in words.
const SHORTEST: usize = 6;
/// Shorter words are shown whatever they look like.
const SHORTEST_RANDOM: usize = 12;

/// The keys of the configuration that name a file with a secret.
const FILES: [&str; 6] =
    ["app_key_file", "credential_file", "client_key_file", "client_secret_file", "env_file", "key_file"];
/// The generations of a credential (src/files/credential_store), and what an editor or the installer leaves.
const BESIDE: [&str; 6] = ["", ".new", ".prev", ".damaged", ".probe", "~"];
/// Files with a secret that the configuration does not name.
const OTHERS: [&str; 6] = [
    "/boot/firmware/jarvis-node.json",
    "/boot/firmware/jarvis-node.json.txt",
    "/boot/jarvis-node.json",
    "/boot/jarvis-node.json.txt",
    "/run/jarvis-node-agent/update.request",
    "/opt/jarvis-node/config.json",
];

/// The secrets of this node, in all their forms.
pub(super) struct Secrets(Vec<Zeroizing<String>>);

impl Secrets {
    /// Those that the configuration, the unit and their files hold.
    pub(super) fn find(target: &Target) -> Self {
        let mut found = Self(Vec::new());
        let config_file = target.config_file();
        let mut files: Vec<PathBuf> = OTHERS.iter().map(PathBuf::from).collect();
        named_files(&read_leniently(config_file), config_file, &mut files);
        if let Ok(Some(unit)) = &target.unit {
            unit.variables().values().for_each(|value| found.add(value));
        }
        for (file, ending) in files.iter().flat_map(|file| BESIDE.iter().map(move |ending| (file, ending))) {
            let text = bounded::read(&beside(file, ending), bounded::MAX_TEXT).map(Zeroizing::new);
            found.add_all_of(&String::from_utf8_lossy(&text.unwrap_or_default()));
        }
        // A long one first: it may hold a short one.
        found.0.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        found
    }

    /// Adds what may be a secret in the text of a file: of JSON the strings, else each line and what follows a `=` in it.
    fn add_all_of(&mut self, text: &str) {
        if text.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
            let pieces: Vec<_> = text.split('"').collect();
            for (nth, piece) in pieces.iter().enumerate().skip(1).step_by(2) {
                let is_key = pieces.get(nth + 1).is_some_and(|next| next.trim_start().starts_with(':'));
                let is_id = nth >= 2 && matches!(pieces[nth - 2], "node_id" | "app_id" | "room");
                if !is_key && !is_id {
                    self.add(&json::string(&format!("\"{piece}\"")).unwrap_or_default());
                    self.add(piece);
                }
            }
            return;
        }
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', '-'])) {
            self.add(line);
            if let Some((_, value)) = line.split_once('=') {
                self.add(value.trim().trim_matches(['"', '\'']));
            }
        }
    }

    fn add(&mut self, secret: &str) {
        let secret = secret.trim();
        if secret.len() < SHORTEST {
            return;
        }
        let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
        let mut forms =
            vec![percent.to_ascii_lowercase(), percent.replace("%2D", "-").replace("%5F", "_"), percent];
        let quoted = json::text(secret).unwrap_or_default();
        forms.push(quoted.trim_matches('"').replace('/', "\\/"));
        forms.push(quoted.trim_matches('"').to_owned());
        forms.push(secret.bytes().map(|byte| format!("{byte:02x}")).collect());
        // In Base64 it looks different behind one and behind two other bytes; what those share a character with is left out.
        for (before, left_out) in [("", 0), ("x", 2), ("xx", 3)] {
            for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                let encoded = engine.encode(format!("{before}{secret}"));
                let whole = encoded.len() - usize::from(!(before.len() + secret.len()).is_multiple_of(3));
                forms.push(encoded.get(left_out..whole).unwrap_or_default().to_owned());
            }
        }
        forms.push(secret.to_owned());
        self.0.extend(forms.into_iter().filter(|form| form.len() >= SHORTEST).map(Zeroizing::new));
    }

    /// `text` without secrets, and without what looks like one.
    pub(super) fn replaced_in(&self, text: &str) -> String {
        let text = self.replaced_by_value(text);
        text.split_inclusive('\n').map(without_random_words).collect()
    }

    /// `text` without the secrets that are known.
    pub(super) fn replaced_by_value(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.0 {
            if text.contains(&***secret) {
                text = text.replace(&***secret, HIDDEN);
            }
        }
        text
    }
}

fn named_files(value: &serde_json::Value, config_file: &Path, files: &mut Vec<PathBuf>) {
    for (key, value) in value.as_object().into_iter().flatten() {
        match value.as_str() {
            Some(path) if FILES.contains(&&**key) => files.extend(plausible_path(path, config_file)),
            _ => named_files(value, config_file, files),
        }
    }
}

/// What separates words. An address stays one word, and so does an assignment.
fn is_between(c: char) -> bool {
    c.is_whitespace() || "\"'`()<>[]{},;|".contains(c)
}

/// Whether a word is too long, and too much of a jumble, for a name.
fn is_random(word: &str) -> bool {
    word.len() >= SHORTEST_RANDOM && !Quoted(word).is_name()
}

/// Whether what follows this word is a secret: `password:`, `Bearer`.
fn announces_secret(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    matches!(&*lower, "bearer" | "basic") || lower.strip_suffix(':').is_some_and(names_secret)
}

fn names_secret(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    let endings = ["password", "passwd", "secret", "token", "authorization", "key", "api-key"];
    endings.iter().any(|ending| lower.ends_with(ending))
}

/// A line without words that look like keys, without the log-ins and the queries of addresses, and without what follows the
/// name of a secret.
fn without_random_words(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut is_announced = false;
    for part in line.split_inclusive(is_between) {
        let word = part.strip_suffix(is_between).unwrap_or(part);
        if !word.is_empty() && !HIDDEN.contains(word) {
            let assigned = word.split_once('=').filter(|_| !word.contains("://"));
            match assigned {
                _ if is_announced => shown.push_str(HIDDEN),
                Some((name, value)) if names_secret(name) || is_random(value) || is_random(name) => {
                    let name = if is_random(name) { HIDDEN } else { name };
                    shown.extend([name, "=", HIDDEN]);
                }
                None if is_random(word) || (word.contains("://") && word.contains(['@', '?'])) => {
                    shown.push_str(HIDDEN);
                }
                Some(_) | None => shown.push_str(word),
            }
            // In "Authorization: Bearer x" both words follow.
            is_announced = announces_secret(word);
        } else {
            shown.push_str(word);
        }
        shown.push_str(&part[word.len()..]);
    }
    shown
}

/// What systemctl prints of a unit, without the values of variables and credentials.
pub(super) fn without_variables(text: &str) -> String {
    let (mut shown, mut is_continued) = (String::with_capacity(text.len()), false);
    for line in text.lines() {
        let key = line.split('=').next().unwrap_or_default().trim();
        let is_assignment = matches!(key, "Environment" | "SetCredential" | "SetCredentialEncrypted");
        let is_hidden = is_assignment || is_continued;
        if is_hidden {
            shown.extend([if is_continued { "" } else { key }, "=", HIDDEN]);
        } else {
            shown.push_str(line);
        }
        is_continued = is_hidden && line.ends_with('\\');
        shown.push('\n');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_is_replaced_in_every_form() {
        let mut secrets = Secrets(Vec::new());
        secrets.add("tall/horse \"5\"");
        for written in [
            "x tall/horse \"5\" y",
            "x=tall%2Fhorse%20%225%22",
            "x=tall%2fhorse%20%225%22",
            r#""tall/horse \"5\"""#,
            r#""tall\/horse \"5\"""#,
            "74616c6c2f686f72736520223522",
        ] {
            let shown = secrets.replaced_by_value(written);
            assert!(!shown.contains("horse") && shown.contains(HIDDEN), "{written}: {shown}");
        }
        for before in ["", "a", "ab", "abc"] {
            let written = STANDARD_NO_PAD.encode(format!("{before}tall/horse \"5\":id"));
            assert!(secrets.replaced_by_value(&written).contains(HIDDEN), "{written}");
        }
    }

    #[test]
    fn what_looks_like_a_key_is_replaced_and_a_sentence_is_not() {
        for (line, shown) in [
            ("valid: kitchen-pi, household 5 (auth.home:7701)", None),
            ("the configuration /etc/jarvis-node-agent/config.json cannot be read", None),
            ("sent cAn07Zq8Yk1bTtWm5xV7c there", Some("sent (not shown) there")),
            ("password=dog a=b", Some("password=(not shown) a=b")),
            ("Authorization: Bearer dog", Some("Authorization: (not shown) (not shown)")),
            ("X-Api-Key: dog", Some("X-Api-Key: (not shown)")),
            ("at https://me:dog@auth.home/x", Some("at (not shown)")),
            ("at https://auth.home/x?k=dog&l=cat.", Some("at (not shown)")),
        ] {
            assert_eq!(without_random_words(line), shown.unwrap_or(line));
        }
    }
}
