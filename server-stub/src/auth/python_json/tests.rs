//! Expected messages and positions are what CPython 3.11 gave for the same documents.

use super::*;

fn syntax(document: &str) -> (&'static str, usize) {
    match decode(document) {
        Err(DecodeError::Syntax(message, at)) => (message, at),
        other => panic!("{document:?} gave {other:?}"),
    }
}

fn rewritten(document: &str) -> String {
    match decode(document).map(|value| value.write()) {
        Ok(Ok(text)) => text,
        other => panic!("{document:?} gave {other:?}"),
    }
}

#[test]
fn says_what_cpython_says_and_where() {
    for (document, message, at) in [
        ("", "Expecting value", 0),
        ("   ", "Expecting value", 3),
        ("nul", "Expecting value", 0),
        ("{", "Expecting property name enclosed in double quotes", 1),
        ("{\"node_id\":\"kitchen-pi\",}", "Expecting property name enclosed in double quotes", 24),
        ("{'a':1}", "Expecting property name enclosed in double quotes", 1),
        ("{\"a\":1,", "Expecting property name enclosed in double quotes", 7),
        ("{\"a\" 1}", "Expecting ':' delimiter", 5),
        ("{\"a\"", "Expecting ':' delimiter", 4),
        ("{\"a\":}", "Expecting value", 5),
        ("{\"a\":", "Expecting value", 5),
        ("{\"a\":1 \"b\":2}", "Expecting ',' delimiter", 7),
        ("{\"a\":1", "Expecting ',' delimiter", 6),
        ("[1 2]", "Expecting ',' delimiter", 3),
        ("[1", "Expecting ',' delimiter", 2),
        ("[", "Expecting value", 1),
        ("[1,", "Expecting value", 3),
        ("[1,]", "Expecting value", 3),
        ("-", "Expecting value", 0),
        ("+1", "Expecting value", 0),
        (".5", "Expecting value", 0),
        ("01", "Extra data", 1),
        ("1.", "Extra data", 1),
        ("1e", "Extra data", 1),
        ("{} {}", "Extra data", 3),
        ("\"abc", "Unterminated string starting at", 0),
        ("{\"a\":\"b", "Unterminated string starting at", 5),
        ("\"a\\", "Unterminated string starting at", 0),
        ("\"a\nb\"", "Invalid control character at", 2),
        ("\"a\\x\"", "Invalid \\escape", 2),
        ("\"\\u12", "Invalid \\uXXXX escape", 2),
        ("\"\\u12g4\"", "Invalid \\uXXXX escape", 2),
        ("\"\\ud83d\\uzzzz\"", "Invalid \\uXXXX escape", 8),
    ] {
        assert_eq!(syntax(document), (message, at), "{document:?}");
    }
}

#[test]
fn positions_count_characters_not_bytes() {
    assert_eq!(syntax("{\"ä€😀\":}"), ("Expecting value", 7));
}

#[test]
fn the_last_of_equal_keys_wins_in_the_place_of_the_first() {
    assert_eq!(rewritten("{\"a\":1,\"b\":2,\"a\":3}"), "{\"a\":3,\"b\":2}");
}

#[test]
fn writes_compactly_and_leaves_unicode_alone() {
    assert_eq!(
        rewritten(" { \"a\" : [ 1 , true , null , \"ä\\u00e9\\n\\u001f\\/\\ud83d\\ude00\" ] } "),
        "{\"a\":[1,true,null,\"äé\\n\\u001f/😀\"]}"
    );
}

#[test]
fn numbers_come_back_as_python_writes_them() {
    for (read, written) in [
        ("-0", "0"),
        ("-0.0", "-0.0"),
        ("1E5", "100000.0"),
        ("1e16", "1e+16"),
        ("1.5e-7", "1.5e-07"),
        ("0.0001", "0.0001"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
    ] {
        assert_eq!(rewritten(read), written, "{read}");
    }
}

#[test]
fn what_python_reads_but_cannot_write() {
    for document in
        ["NaN", "[Infinity]", "-Infinity", "1e999", "{\"\\ud800\":1}", "\"\\ud800\"", "\"\\ud800\\u0041\""]
    {
        assert_eq!(decode(document).map(|value| value.write()), Ok(Err(write::Unwritable)), "{document}");
    }
}

#[test]
fn other_exceptions_are_no_syntax_errors() {
    assert_eq!(decode(&"9".repeat(MAX_INT_DIGITS + 1)), Err(DecodeError::Other));
    assert_eq!(decode(&"[".repeat(100_000)), Err(DecodeError::Other));
    assert!(decode(&format!("{}{}", "[".repeat(500), "]".repeat(500))).is_ok());
}
