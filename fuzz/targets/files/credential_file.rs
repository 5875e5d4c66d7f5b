//! The credential file: how it is read, how it is written again, and how damage is recognised.
#![no_main]

use jarvis_node::error::SetupError;
use jarvis_node::files::credential::{Credential, NodeKey};
use jarvis_node::fuzzing::{parse_credential, render_credential};
use jarvis_node_fuzz::*;
use libfuzzer_sys::fuzz_target;
use node_core::credential::NodeId;
use serde_json::value::RawValue;

const WRITTEN: u64 = 1_780_000_000;
const OURS: [&str; 4] = ["node_id", "node_key", "api_key", "credential_store"];

fuzz_target!(|input: &[u8]| {
    // Two bytes of the input choose which byte of the file is damaged, and how.
    let (damage, before) = input.split_at(input.len().min(2));
    let read = parse_credential(before, None);
    match &read {
        Ok((found, _)) => is_in(found, before),
        Err(error) => is_error_fit_to_show(error, &error.to_trouble()),
    }
    errors_hide_the_key(before);

    let new = credential();
    let old = Credential { node_key: NodeKey::parse("an-older-key").expect("a key"), ..credential() };
    let follows = before.len().is_multiple_of(2).then_some(&old);
    let text = render_credential(&new, follows, WRITTEN, before).expect("rendered");
    let (again, follows_again) = parse_credential(&text, Some(WRITTEN)).expect("whole");
    // Beside another program's fields it is shared.
    let same = |found: &Credential| *found == Credential { shared: found.shared, ..new.clone() };
    assert!(same(&again) && follows_again == follows.is_some(), "{again:?}");
    if matches!(read, Ok(_) | Err(SetupError::NotProvisioned { .. })) {
        let kept = others(before).expect("an object was read");
        assert_eq!(Some(kept), others(&text), "another program's keys are not what they were");
    }

    let mut damaged = text.to_vec();
    if let [at, to] = *damage {
        let at = usize::from(at) * damaged.len() / 256;
        damaged[at] = to;
        // A damaged file gives the same credential or is refused.
        if let Ok((found, _)) = parse_credential(&damaged, Some(WRITTEN)) {
            assert!(same(&found), "damage was not noticed");
        }
        if let Ok((found, _)) = parse_credential(&damaged[..at], Some(WRITTEN)) {
            assert!(same(&found), "a torn file was not noticed");
        }
    }
});

/// Reads the file with a generic JSON reader, as an independent check.
fn is_in(found: &Credential, bytes: &[u8]) {
    let Some(object) = object(bytes) else { return };
    let text = |key: &str| object.get(key).and_then(|value| value.as_str());
    assert_eq!(text("node_id").map(NodeId::parse), Some(Ok(found.node_id.clone())));
    let key = text("node_key").or_else(|| text("api_key"));
    assert_eq!(key.map(NodeKey::parse), Some(Ok(found.node_key.clone())));
}

fn errors_hide_the_key(bytes: &[u8]) {
    let Ok(junk) = std::str::from_utf8(bytes) else { return };
    for text in [
        format!("{{\"node_id\":\"kitchen-pi\",\"node_key\":\"{KEY}{junk}\"}}"),
        format!("{{\"node_id\":\"kitchen-pi\",\"node_key\":\"{KEY}\"{junk}}}"),
        format!("{{\"node_id\":{junk},\"node_key\":\"{KEY}\"}}"),
        format!("{{\"node_id\":\"{KEY}\"{junk}}}"),
        // serde would quote the key if it stood where another type is expected.
        format!("\"{KEY}{junk}\""),
        format!("{{\"credential_store\":\"{KEY}{junk}\"}}"),
        format!("{{\"credential_store\":{{\"written\":\"{KEY}\"{junk}}}}}"),
    ] {
        if let Err(error) = parse_credential(text.as_bytes(), None) {
            is_error_fit_to_show(&error, &error.to_trouble());
        }
    }
}

/// All fields that are not ours, in order and as written.
fn others(bytes: &[u8]) -> Option<Vec<(String, String)>> {
    struct All(Vec<(String, String)>);
    impl<'de> serde::Deserialize<'de> for All {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Each;
            impl<'de> serde::de::Visitor<'de> for Each {
                type Value = All;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object")
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<All, A::Error> {
                    let mut all = Vec::new();
                    while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
                        all.push((key, value.get().to_owned()));
                    }
                    Ok(All(all))
                }
            }
            deserializer.deserialize_map(Each)
        }
    }
    let text = String::from_utf8_lossy(bytes);
    let All(mut all) = serde_json::from_str(&text).ok()?;
    all.retain(|(key, _)| !OURS.contains(&key.as_str()));
    Some(all)
}
