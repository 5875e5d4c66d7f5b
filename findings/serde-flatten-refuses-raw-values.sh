#!/usr/bin/env bash
# serde 1.0.228 with serde_json 1.0.145: a map of RawValue is read well on its own, but as a `#[serde(flatten)]` field,
# to keep unknown fields as they are written, it compiles and then refuses every object that has such a field.
# To keep foreign fields, read the whole object as a map of RawValue and take the known ones out of it.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
cat >"$work/Cargo.toml" <<'END'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"
[dependencies]
serde = { version = "=1.0.228", features = ["derive"] }
serde_json = { version = "=1.0.145", features = ["raw_value"] }
[workspace]
END
cat >"$work/src/main.rs" <<'END'
use std::collections::BTreeMap;

type Fields = BTreeMap<String, Box<serde_json::value::RawValue>>;

#[derive(serde::Deserialize)]
struct File {
    #[serde(flatten)]
    fields: Fields,
}

fn main() {
    let text = r#"{"note":1}"#;
    let alone = serde_json::from_str::<Fields>(text).map(|fields| fields.len());
    println!("alone: {:?}", alone.map_err(|error| error.to_string()));
    let flattened = serde_json::from_str::<File>(text).map(|file| file.fields.len());
    println!("flattened: {:?}", flattened.map_err(|error| error.to_string()));
}
END

seen=$(cargo run --quiet --manifest-path "$work/Cargo.toml" --target-dir "$work/target")
printf '%s\n' "$seen"
expected='alone: Ok(1)
flattened: Err("invalid type: newtype struct, expected any valid JSON value at line 1 column 10")'
[[ $seen == "$expected" ]] || { echo "The behaviour has changed; seen before:" "$expected" >&2; exit 1; }
