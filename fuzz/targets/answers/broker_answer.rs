//! The broker's answer as `jarvis-node token` reads it: a token holds only characters allowed in a header,
//! and no message holds a control character.
#![no_main]

use jarvis_node::fuzzing::read_broker_answer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| match read_broker_answer(input) {
    Some(Ok(token)) => {
        assert!(!token.expose().is_empty() && token.expose().bytes().all(|b| b.is_ascii_graphic()));
        assert!(!format!("{token:?}").contains(token.expose()) || token.expose().len() < 8);
    }
    Some(Err(refusal)) => {
        assert!(!refusal.to_string().contains(char::is_control), "{refusal}");
        assert_ne!(refusal.exit_code(), 0);
    }
    None => {}
});
