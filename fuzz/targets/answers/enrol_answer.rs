//! The answer to a registration, which carries the node's key.
#![no_main]

use std::fmt::Write;

use jarvis_node::fuzzing::{enrolled, read_token};
use jarvis_node_fuzz::*;
use libfuzzer_sys::fuzz_target;
use node_core::credential::NodeId;

fuzz_target!(|input: &[u8]| {
    let ours = NodeId::parse("kitchen pi").expect("an id");
    let given = response(input);
    // The token that is sent is the key that the dictionary repeats.
    match enrolled(&given, &ours, KEY.as_bytes()) {
        Ok(credential) => {
            assert!(matches!(given.status, 200 | 201), "{given:?}");
            assert_eq!(credential.node_id, ours);
            if let Some(body) = object(given.body) {
                let key = ["node_key", "api_key"].map(|name| body.get(name).and_then(|key| key.as_str()));
                let key = key.into_iter().flatten().next().expect("a key");
                assert_eq!(credential.node_key.expose(), key.trim_end_matches(['\r', '\n']));
            }
        }
        Err(error) => {
            let mut shown = format!("{error}");
            assert!(shown.len() <= 600 && !shown.contains(char::is_control), "{shown}");
            write!(shown, "{error:?}").expect("written");
            hides(KEY, &shown);
            assert!(matches!(error.exit_code(), 74 | 75 | 77), "{error:?}");
        }
    }
    match read_token(given.body) {
        Ok(token) => {
            assert!(!token.is_empty() && token.len() <= 512 && token.iter().all(u8::is_ascii_graphic));
            assert!(given.body.starts_with(&token));
        }
        Err(error) => {
            hides_keys(&format!("{error} {error:?}"));
            assert_eq!(error.exit_code(), 65);
        }
    }
});
