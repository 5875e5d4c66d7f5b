//! The configuration: its schema, and the manual page that says the same.

use clap_mangen::roff::{Roff, bold, italic, roman};
use serde_json::Value;

/// The JSON Schema of the configuration.
#[must_use]
pub fn schema() -> Value {
    jarvis_node::config::schema::schema().to_value()
}

const ABOUT: &str = "The configuration is one JSON object, in the file that --config names, else in the one of \
    JARVIS_NODE_CONFIG, else in /etc/jarvis-node-agent/config.json. A key that is not listed here is an error. Relative \
    paths are looked up in CREDENTIALS_DIRECTORY and then beside the configuration. jarvis-node config check FILE tells \
    whether a configuration is sound.";

/// jarvis-node.json(5).
pub(crate) fn page(date: &str) -> Vec<u8> {
    let schema = schema();
    let mut roff = Roff::new();
    let version = concat!("jarvis-node ", env!("CARGO_PKG_VERSION"));
    roff.control("TH", ["JARVIS-NODE.JSON", "5", date, version, "File Formats"]);
    roff.control("SH", ["NAME"]);
    roff.text([roman("jarvis-node.json - the configuration of jarvis-node")]);
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([roman(ABOUT)]);
    roff.control("SH", ["KEYS"]);
    keys(&mut roff, &schema, &schema);
    for (title, form) in [
        ("VIA", "ViaForm"),
        ("HEARTBEAT", "HeartbeatForm"),
        ("LOGS", "Logs"),
        ("BROKER", "BrokerForm"),
        ("STS", "StsForm"),
        ("AUDIENCES", "RuleForm"),
    ] {
        roff.control("SH", [title]);
        keys(&mut roff, &schema["$defs"][form], &schema);
    }
    roff.control("SH", ["LED"]);
    for form in ["Gpio", "Sysfs", "Own"] {
        keys(&mut roff, &schema["$defs"][form], &schema);
    }
    roff.text([roman("The word \"none\" stands for no LED.")]);
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold("jarvis-node"), roman("(1)")]);
    roff.to_roff().into_bytes()
}

/// The keys of an object, as its schema has them.
fn keys(roff: &mut Roff, object: &Value, schema: &Value) {
    let required: Vec<_> = object["required"].as_array().into_iter().flatten().collect();
    for (key, form) in object["properties"].as_object().into_iter().flatten() {
        roff.control("TP", []);
        roff.text([bold(key), roman(" "), italic(kind(form, schema))]);
        let mut text = form["description"].as_str().unwrap_or_default().replace('\n', " ");
        if required.contains(&&Value::from(key.as_str())) {
            text += " Required.";
        }
        if let (Some(least), Some(most)) = (form["minimum"].as_u64(), form["maximum"].as_u64()) {
            text += &format!(" From {least} to {most}.");
        }
        if !form["default"].is_null() {
            text += &format!(" Default: {}.", form["default"]);
        }
        roff.text([roman(text)]);
    }
}

/// What a key takes, in a word.
fn kind(form: &Value, schema: &Value) -> String {
    let types = match form["type"].as_array() {
        Some(types) => types.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        None => form["type"].as_str(),
    };
    let referred = || {
        let of = |form: &Value| form["$ref"].as_str()?.rsplit('/').next().map(|name| &schema["$defs"][name]);
        let inner =
            form["anyOf"].as_array().and_then(|forms| forms.iter().find_map(of)).or_else(|| of(form))?;
        inner["type"].as_str()
    };
    types.or_else(referred).unwrap_or("object").to_owned()
}
