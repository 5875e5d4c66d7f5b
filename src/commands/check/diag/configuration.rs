//! The configuration as the archive has it: every key by its name, and of the values those that are known to be no secret and
//! look like none.

use std::path::Path;

use node_core::text::Quoted;
use serde_json::Value;

use super::lines::has_log_in;
use super::random::is_random;
use super::secrets::HIDDEN;
use crate::config::{plausible_path, read_leniently};
use crate::files::json;

/// The keys whose values may be shown: all but `update_command`, whose arguments may be secrets. In `audiences` the keys are
/// names.
const KNOWN: &[&str] = &[
    "auth_url",
    "service_id",
    "app_id",
    "app_key_file",
    "via",
    "command_center",
    "logs",
    "credential_file",
    "state_file",
    "ca_file",
    "spki_pins",
    "client_cert_file",
    "client_key_file",
    "allow_http",
    "led",
    "gpio",
    "active_low",
    "sysfs",
    "quiet",
    "heartbeat",
    "revalidate_secs",
    "offline_grace_secs",
    "start_splay_secs",
    "spread_secs",
    "connect_timeout_secs",
    "request_timeout_secs",
    "status_file",
    "metrics_file",
    "sts",
    "broker",
    "socket",
    "issuer",
    "token_endpoint",
    "client_id",
    "client_secret_file",
    "auth_method",
    "assertion_audience",
    "assertion_algorithm",
    "env_file",
    "audiences",
    "users",
    "groups",
    "scope",
    "exchange",
    "azp",
    "resource",
    "opaque",
    "url",
];

/// The configuration at `path` without what may be a secret.
pub(super) fn shown(path: &Path) -> String {
    let read = read_leniently(path);
    if read.is_null() {
        return "it cannot be read as JSON, and is not shown\n".into();
    }
    json::text(&without_secrets("", read, path)).unwrap_or_default() + "\n"
}

fn without_secrets(key: &str, value: Value, path: &Path) -> Value {
    match value {
        Value::Object(map) => {
            let is_of_names = key == "audiences";
            let entries = map.into_iter().map(|(name, value)| {
                let is_known = is_of_names || KNOWN.contains(&&*name);
                let value = if is_known { without_secrets(&name, value, path) } else { HIDDEN.into() };
                let name = if name.is_empty() || is_name(&name) { name } else { HIDDEN.into() };
                (name, value)
            });
            Value::Object(entries.collect())
        }
        Value::Array(list) => list.into_iter().map(|value| without_secrets(key, value, path)).collect(),
        Value::String(text) => {
            is_shown(key, &text, path).then_some(text).map_or(HIDDEN.into(), Value::String)
        }
        Value::Number(_) | Value::Bool(_) | Value::Null => value,
    }
}

/// Whether each word of a value looks like a name, a path of its key like a path, and an address holds no log-in.
fn is_shown(key: &str, text: &str, path: &Path) -> bool {
    let is_path = key.ends_with("_file") || key == "socket";
    (!is_path || plausible_path(text, path).is_some())
        && !has_log_in(text)
        && text.split_whitespace().all(is_name)
}

fn is_name(word: &str) -> bool {
    Quoted(word).is_name() && !is_random(word)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::random::tests::keys;
    use super::*;

    fn shown_of(value: Value) -> String {
        without_secrets("", value, Path::new("/etc/jarvis-node-agent/config.json")).to_string()
    }

    #[test]
    fn random_key_is_shown_under_no_key() {
        for canary in keys(400) {
            for key in KNOWN.iter().chain(&["unheard-of", &*canary]) {
                for value in [json!(canary), json!([canary]), json!({ "x": canary, canary.clone(): 1 })] {
                    let shown = shown_of(json!({ *key: value }));
                    assert!(!shown.contains(&*canary), "{shown}");
                }
            }
        }
    }

    #[test]
    fn harmless_value_of_a_known_key_is_shown() {
        let config = json!({
            "auth_url": "https://auth.home:7701/base", "app_id": "jarvis-node-agent", "led": { "gpio": 17, "quiet": true },
            "metrics_file": "/run/jarvis-node-agent/metrics.prom", "via": { "logs": "https://192.168.1.20:7702" },
            "sts": { "audiences": { "arpRunGatewayV2": { "scope": "runs:read runs:write", "users": ["pi", 1000] } } },
        });
        assert_eq!(shown_of(config.clone()), config.to_string());
    }

    #[cfg(feature = "schema")]
    #[test]
    fn every_key_of_the_schema_is_known() {
        fn walk(schema: &Value, found: &mut std::collections::BTreeSet<String>) {
            let entries = schema.as_object().into_iter().flatten();
            for (key, value) in entries {
                if key == "properties" {
                    found.extend(value.as_object().into_iter().flatten().map(|(name, _)| name.clone()));
                }
                walk(value, found);
            }
            schema.as_array().into_iter().flatten().for_each(|value| walk(value, found));
        }
        let mut found = std::collections::BTreeSet::new();
        walk(crate::config::schema::schema().as_value(), &mut found);
        assert!(found.remove("update_command"));
        let known = KNOWN.iter().map(ToString::to_string).collect();
        assert_eq!(found, known);
    }
}
