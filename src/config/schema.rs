//! The JSON Schema of the configuration, for editors. Of no use on a device: only the feature `schema` has it.

#![expect(dead_code, reason = "these types are only described")]

use schemars::{JsonSchema, Schema};

/// The schema (JSON Schema 2020-12). It knows no rule about two keys but those of `via`, and not what a path or URL
/// may be.
#[must_use]
pub fn schema() -> Schema {
    schemars::schema_for!(super::file::File)
}

/// Adds that the auth service is asked by an app, or another service by `via` alone.
pub(super) fn one_way_to_ask(schema: &mut Schema) {
    let of_app = ["auth_url", "service_id", "app_id", "app_key_file"]
        .map(|key| serde_json::json!({"required": [key]}));
    schema.insert(
        "oneOf".into(),
        serde_json::json!([
            {"required": ["auth_url", "app_id", "app_key_file"], "not": {"required": ["via"]}},
            {"required": ["via"], "not": {"anyOf": of_app}},
        ]),
    );
}

/// An LED. The device reads it by hand: see `Led::read`.
#[derive(JsonSchema)]
#[serde(untagged)]
pub(super) enum Led {
    /// No LED.
    Word(Word),
    /// A pin.
    Gpio(Gpio),
    /// An LED of the kernel.
    Sysfs(Sysfs),
    /// The board's own.
    Own(Own),
}

#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Word {
    None,
}

#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Gpio {
    /// Its BCM number.
    #[schemars(range(min = 0, max = 53))]
    gpio: u8,
    /// Whether it is lit while the pin is low.
    #[serde(default)]
    active_low: bool,
    /// Whether it is dark while the node is valid.
    #[serde(default)]
    quiet: bool,
}

#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Sysfs {
    /// Its name in /sys/class/leds.
    #[schemars(regex(pattern = r"^[^./][^/]*$"))]
    sysfs: String,
    /// Whether it is dark while the node is valid.
    #[serde(default)]
    quiet: bool,
}

#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Own {
    /// Whether it is dark while the node is valid.
    quiet: bool,
}

/// Where the home takes lines of the log.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Logs {
    /// The address of the logs.
    url: String,
}
