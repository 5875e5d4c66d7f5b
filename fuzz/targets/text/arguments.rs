//! The command line: one argument per line of the input.
#![no_main]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use jarvis_node::fuzzing::parse_arguments;
use jarvis_node_fuzz::{KEY, holds};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let words: Vec<_> = input.split(|b| *b == b'\n').map(|word| OsString::from_vec(word.to_vec())).collect();
    match parse_arguments(words.clone()) {
        Ok(_) => {}
        Err(told) => assert!(told.ends_with("; see jarvis-node --help"), "{told}"),
    }
    // A secret typed in the wrong place is not repeated.
    let secret_input = ["install-credential", "enroll"].iter().any(|command| words[0] == *command);
    if secret_input {
        let tail = &KEY[2..];
        let typed_elsewhere = holds(input, tail.as_bytes());
        for secret in [KEY.to_owned(), format!("-{KEY}"), format!("--{}", &KEY[1..])] {
            let mut words = words.clone();
            words.push(secret.into());
            if let Err(told) = parse_arguments(words) {
                assert!(typed_elsewhere || !told.contains(tail), "a key is shown: {told}");
            }
        }
    }
});
