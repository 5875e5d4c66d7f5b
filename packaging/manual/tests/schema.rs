//! The schema of the configuration, tried with every example and every wrong configuration.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn validator() -> Validator {
    jsonschema::validator_for(&manual::configuration::schema()).unwrap()
}

/// The least that a configuration needs, which asks the auth service.
fn least() -> Map<String, Value> {
    let least = json!({
        "auth_url": "https://auth.home:7701", "app_id": "jarvis-node-agent", "app_key_file": "app.key",
        "credential_file": "/var/lib/c.json",
    });
    least.as_object().unwrap().clone()
}

/// The blocks of JSON in a document, each as the keys of an object; a block of a few keys has no braces.
fn blocks(text: &str) -> Vec<Map<String, Value>> {
    let blocks = text.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks
        .filter_map(|block| {
            let block = block.trim().trim_end_matches(',');
            let whole =
                serde_json::from_str(block).or_else(|_| serde_json::from_str(&format!("{{{block}}}")));
            whole.ok()
        })
        .collect()
}

#[test]
fn schema_accepts_every_example() {
    let schema = validator();
    let example = fs::read_to_string(root().join("systemd/config.example.json")).unwrap();
    let example: Value = serde_json::from_str(&example).unwrap();
    assert!(schema.is_valid(&example), "{:?}", schema.iter_errors(&example).collect::<Vec<_>>());
    let properties = manual::configuration::schema()["properties"].clone();
    let mut tried = 0;
    for document in fs::read_dir(root().join("docs")).unwrap() {
        let document = document.unwrap().path();
        if document.extension().is_none_or(|ending| ending != "md") {
            continue;
        }
        for block in blocks(&fs::read_to_string(&document).unwrap()) {
            if !block.keys().all(|key| properties.get(key).is_some()) {
                continue;
            }
            let mut whole = if block.contains_key("via") { Map::new() } else { least() };
            whole.entry("credential_file").or_insert("c.json".into());
            whole.extend(block);
            let whole = Value::from(whole);
            let errors: Vec<_> = schema.iter_errors(&whole).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{}: {whole}: {errors:?}", document.display());
            tried += 1;
        }
    }
    assert!(tried >= 5, "only {tried} examples are found");
}

#[test]
fn schema_refuses_what_the_program_refuses() {
    let schema = validator();
    let rows = fs::read_to_string(root().join("src/config/wrong.json")).unwrap();
    for row in serde_json::from_str::<Vec<Value>>(&rows).unwrap() {
        let mut config = least();
        for key in row["without"].as_array().into_iter().flatten() {
            config.remove(key.as_str().unwrap());
        }
        config.extend(row["with"].as_object().cloned().unwrap_or_default());
        // A row that cannot be said in the schema has its reason, which ends when it can.
        let is_refused = !schema.is_valid(&Value::from(config));
        assert_eq!(is_refused, row["not_said_by_schema"].is_null(), "{row}");
    }
}

#[test]
fn schema_describes_every_key() {
    let schema = manual::configuration::schema();
    for (key, form) in schema["properties"].as_object().unwrap() {
        assert!(form["description"].as_str().is_some_and(|text| text.ends_with('.')), "{key}: {form}");
    }
}
