use base64::engine::general_purpose::URL_SAFE;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

use super::*;

/// How a server may write what it repeats.
const FORMS: [fn(&str) -> String; 17] = [
    str::to_owned,
    str::to_ascii_uppercase,
    |text| between(text, "\u{200b}"),
    |text| between(text, "\u{ad}\u{2060}"),
    |text| between(text, " "),
    |text| between(text, "\u{301}"),
    |text| between(text, "\\n"),
    |text| text.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect(),
    |text| text.chars().map(|c| format!("\\u{{200b}}{c}")).collect(),
    |text| text.chars().map(|c| format!("%{:02X}", u32::from(c))).collect(),
    |text| text.chars().map(|c| format!("&#{};", u32::from(c))).collect(),
    |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string(),
    |text| text.chars().map(|c| format!("%25{:02x}", u32::from(c))).collect(),
    |text| text.chars().map(|c| char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c)).collect(),
    |text| text.bytes().map(|byte| format!("{byte:02x} ")).collect(),
    |text| URL_SAFE.encode(text),
    |text| format!("{:?}", text.as_bytes()),
];

fn between(text: &str, filling: &str) -> String {
    text.chars().map(|c| format!("{c}{filling}")).collect()
}

fn repeats_one(text: &str, secret: &str) -> bool {
    repeats(text.as_bytes(), &[secret.as_bytes()])
}

proptest! {
    #[test]
    fn half_of_a_key_is_found_in_every_form(
        key in "[A-Za-z0-9_-]{40,64}",
        at in 0..=10_usize,
        form in 0..FORMS.len(),
        before in "[ -~äö]{0,30}",
    ) {
        // A half that has enough letters after what is lost at both ends of Base64.
        let half = key.len() / 2;
        let start = at * half / 10;
        let half = &key[start..start + half];
        prop_assume!(half.bytes().filter(u8::is_ascii_alphanumeric).count() >= 18);
        // An escape that is cut off before it is none.
        let before = before.replace(['\\', '%', '&'], "");
        let text = format!("{before} {}", FORMS[form](half));
        prop_assert!(repeats_one(&text, &key), "{text} {key}");
    }

    #[test]
    fn base64_of_more_than_a_key_is_found(before in "[a-z:-]{0,12}", key in "[A-Za-z0-9]{43}") {
        let text = STANDARD_NO_PAD.encode(format!("{before}{key}:"));
        prop_assert!(repeats_one(&text, &key), "{text}");
    }

    #[test]
    fn foreign_text_is_shown(key in "[A-Za-z0-9_-]{24,64}", text in "[ -~\u{200b}ä]{0,200}", bytes: Vec<u8>) {
        // By chance this finds a run of eight letters once in 10^9 cases.
        prop_assert!(!repeats_one(&text, &key));
        prop_assert!(!repeats(&bytes, &[key.as_bytes()]));
    }
}

#[test]
fn short_secret_counts_as_a_whole() {
    for (secret, text, found) in [
        ("s3cret", "no s3cret", true),
        ("s3cret", "no S-3-cret", true),
        ("s3cret", "czNjcmV0", true),
        ("s3cret", "s3cre", false),
        ("changeme", "the key changeme", true),
        ("a/k\"y", r#"a\/k\"y"#, true),
        ("a/k\"y", "a key", false),
        ("k-1", "K-1", true),
        ("k-1", "k1", false),
        ("", "anything", false),
        ("\u{200b}", "a\u{200b}", false),
        ("пароль-длинный", "пароль длинный", true),
        ("0123456789abcdef", "it was 01234567…", true),
        ("0123456789abcdef", "it was 0123456…", false),
    ] {
        assert_eq!(repeats_one(text, secret), found, "{secret} {text}");
    }
}

#[test]
fn reasons_of_the_services_are_shown_whatever_the_key() {
    for key in
        ["-q3n8Yk1-_bTtWm5xV7cR0pLsD2fGh4jKa6eUi9oNvBwxxxxxxxxxxxxxxxxxxxx", "jarvis-node-key", "node-key"]
    {
        for text in [
            "Node not found",
            "Invalid node credentials",
            "Node is not authorized to access service 'command-center'",
            r#"{"valid":true,"node_id":"kitchen-pi","household_id":"11111111-2222-4333-8444-555555555555"}"#,
        ] {
            assert!(!repeats_one(text, key), "{key} {text}");
        }
    }
}
