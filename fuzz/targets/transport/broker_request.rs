//! A request to the broker: it means the same whether it arrives in one piece or in many, and no refusal
//! repeats a token.
#![no_main]

use jarvis_node::fuzzing::broker::{Read, read_request};
use jarvis_node_fuzz::*;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let whole = read_request(input);
    for cut in (0..input.len()).step_by(input.len() / 16 + 1) {
        match (read_request(&input[..cut]), &whole) {
            (Read::Incomplete, _) | (Read::Refused(..), Read::Refused(..)) => {}
            (part, whole) => assert_eq!(part, *whole, "after {cut} bytes"),
        }
    }
    if let Read::Refused(status, told) = whole {
        assert!((400..500).contains(&status), "{status}");
        assert!(!told.contains(KEY) && !told.contains(char::is_control), "{told:?}");
    }
});
