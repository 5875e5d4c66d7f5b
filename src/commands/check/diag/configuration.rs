//! The configuration as the archive has it: every key by its name, and of the values those that are known to be no secret and
//! look like none.

use std::path::Path;

use node_core::text::Quoted;
use serde_json::Value;

use super::secrets::HIDDEN;
use crate::config::{plausible_path, read_leniently};
use crate::files::json;

/// The keys whose values may be shown. In `audiences` the keys are names.
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
                let name = if name.is_empty() || Quoted(&name).is_name() { name } else { HIDDEN.into() };
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
        && !(text.contains("://") && text.contains('@'))
        && text.split_whitespace().all(|word| Quoted(word).is_name())
}
