//! Node ids, node keys and app keys: which texts are accepted.
#![no_main]

use std::sync::LazyLock;

use jarvis_node::files::credential::NodeKey;
use jarvis_node::fuzzing::load_app_key;
use jarvis_node_fuzz::*;
use libfuzzer_sys::fuzz_target;
use node_core::credential::{NodeId, PLACEHOLDERS};

static SCRATCH: LazyLock<Scratch> = LazyLock::new(Scratch::new);

fuzz_target!(|input: &[u8]| {
    let lossy = String::from_utf8_lossy(input);
    if let Ok(id) = NodeId::parse(&lossy) {
        let id = id.as_str();
        assert!(lossy.starts_with(id) && lossy.len() <= id.len() + 2);
        assert!((1..=255).contains(&id.chars().count()) && !id.contains(char::is_control));
        assert!(id.trim() == id && !PLACEHOLDERS.contains(&id), "{id:?}");
        assert_eq!(NodeId::parse(id).map(|id| id.as_str().to_owned()).as_deref(), Ok(id));
    }
    if let Ok(key) = NodeKey::parse(&lossy) {
        let text = key.expose();
        assert!(lossy.starts_with(text) && lossy.len() <= text.len() + 2);
        assert!((1..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()));
        assert!(!PLACEHOLDERS.contains(&text));
        assert_eq!(format!("{key:?}"), format!("NodeKey({} bytes)", text.len()));
    }
    match load_app_key(&SCRATCH.put("app.key", input)) {
        Ok(key) => {
            assert!((1..=512).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic));
            let text = lossy.trim_start_matches('\u{feff}').trim();
            assert_eq!(text.as_bytes(), &key[..]);
        }
        Err(error) => is_error_fit_to_show(&error, &error.to_trouble()),
    }
});
