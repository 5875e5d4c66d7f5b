//! A configuration for another home: what belongs to a home is replaced, and everything else keeps its text.

use std::path::Path;

use serde_json::value::RawValue;

use crate::files::json::{Fields, Object};

const CA_FILE: &str = "ca_file";
/// What belongs to one home, with what proves the node there.
const OF_A_HOME: [&str; 9] = [
    "via",
    "auth_url",
    "service_id",
    "app_id",
    "app_key_file",
    "heartbeat",
    "logs",
    "spki_pins",
    "credential_file",
];
/// What several homes can share, and the one that a node comes back to may need as it was.
const OF_THE_WAY: [&str; 4] = ["allow_http", CA_FILE, "client_cert_file", "client_key_file"];

/// The configuration `text` with the home of the configuration `home`, and with `ca_file`, if there is one. What is said
/// about the way there stays if `home` says nothing of it because it is new.
///
/// # Errors
/// When one of them is not an object of JSON.
pub(crate) fn rehomed(
    text: &str,
    home: &str,
    is_new: bool,
    ca_file: Option<&Path>,
) -> serde_json::Result<Vec<u8>> {
    let (Fields(old), Fields(home)): (Fields<'_>, Fields<'_>) =
        (serde_json::from_slice(text.as_bytes())?, serde_json::from_slice(home.as_bytes())?);
    let is_replaced = |(key, _): &&(String, &RawValue)| {
        let key = key.as_str();
        OF_A_HOME.contains(&key)
            || (OF_THE_WAY.contains(&key) && !is_new)
            || (key == CA_FILE && ca_file.is_some())
    };
    let mut new = Object::with_room(2 * text.len() + 1024);
    for (key, value) in home.iter().filter(is_replaced).filter(|(key, _)| ca_file.is_none() || key != CA_FILE)
    {
        new.field(key, value)?;
    }
    if let Some(ca_file) = ca_file {
        new.field(CA_FILE, ca_file)?;
    }
    for (key, value) in old.iter().filter(|field| !is_replaced(field)) {
        new.field(key, value)?;
    }
    Ok(new.end().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = r#"{"led": {"gpio": 26},
        "auth_url": "https://old.home:7701", "app_id": "a", "app_key_file": "app.key", "spki_pins": ["p"],
        "logs": {"url": "https://old.home:7702"}, "ca_file": "old.pem", "credential_file": "credential.json", "state_file":  "s.json"}"#;

    #[test]
    fn home_is_replaced_and_the_rest_keeps_its_text() {
        let new = r#"{"via":{"command_center":"https://new.home:7703"},"credential_file":"/v/new.json"}"#;
        let text = String::from_utf8(rehomed(OLD, new, true, None).expect("JSON")).expect("text");
        assert_eq!(
            text,
            "{\n  \"via\": {\"command_center\":\"https://new.home:7703\"},\n  \"credential_file\": \"/v/new.json\",\n  \
             \"led\": {\"gpio\": 26},\n  \"ca_file\": \"old.pem\",\n  \"state_file\": \"s.json\"\n}\n"
        );
        let other_ca = rehomed(OLD, new, true, Some(Path::new("new.pem"))).expect("JSON");
        let text = String::from_utf8(other_ca).expect("text");
        assert!(text.contains("new.pem") && !text.contains("old.pem"), "{text}");
    }

    #[test]
    fn way_back_is_as_it_was() {
        let now = r#"{"via":{"command_center":"http://new.home"},"allow_http":true,"credential_file":"n.json","led":"none"}"#;
        let text = String::from_utf8(rehomed(now, OLD, false, None).expect("JSON")).expect("text");
        let back: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let expected = serde_json::json!({
            "auth_url": "https://old.home:7701", "app_id": "a", "app_key_file": "app.key", "spki_pins": ["p"],
            "logs": { "url": "https://old.home:7702" }, "ca_file": "old.pem", "credential_file": "credential.json", "led": "none",
        });
        assert_eq!(back, expected);
    }
}
