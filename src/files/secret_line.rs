//! Secrets of one line, as people put them into files: with white space around them, and sometimes with what they were
//! copied out of. A secret that is sent with its quotes is refused like one that was rotated, and the advice to rotate a
//! good one does harm.

use node_core::credential::ValueError;

/// What brackets a text that was copied out of a program or a document.
const QUOTES: [(char, char); 6] = [
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('\u{201c}', '\u{201d}'),
    ('\u{201e}', '\u{201c}'),
    ('\u{2018}', '\u{2019}'),
];
/// How templates, objects, sealed files and pages begin and end. A secret may begin with any character.
const FOREIGN: [(&str, &str); 8] = [
    ("{\"", "}"),
    ("{ ", "}"),
    ("{{", "}}"),
    ("${", "}"),
    ("$ANSIBLE_VAULT;", ""),
    ("ENC[", "]"),
    ("<", ">"),
    ("-----BEGIN ", ""),
];
/// What the name of a secret has in it.
const NAMES: [&str; 4] = ["key", "secret", "token", "password"];

/// The secret in `bytes`, without the white space around it.
///
/// # Errors
/// When there is none, or more than one line, or something around it that cannot belong to it.
pub(crate) fn parse(bytes: &[u8]) -> Result<&str, ValueError> {
    let text = std::str::from_utf8(bytes).map_err(|_| ValueError::Forbidden("what is not text"))?.trim();
    if text.is_empty() {
        return Err(ValueError::Placeholder);
    }
    if text.contains(['\n', '\r']) {
        return Err(ValueError::Forbidden("more than one line"));
    }
    match wrapping(text) {
        Some(around) => Err(ValueError::Forbidden(around)),
        None => Ok(text),
    }
}

/// What is around a secret, or in its place.
fn wrapping(text: &str) -> Option<&'static str> {
    let (first, last) = (text.chars().next()?, text.chars().next_back()?);
    if text.len() > 1 && QUOTES.contains(&(first, last)) {
        return Some("quotes around it, which do not belong to it");
    }
    if FOREIGN.iter().any(|(start, end)| text.starts_with(start) && text.ends_with(end)) {
        return Some("a template, an object or a page, where only the value belongs");
    }
    let (name, value) = text.split_once(['=', ':'])?;
    let name = name.trim_start_matches("export ").trim_end().to_ascii_lowercase();
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    // The padding of base64 is no value.
    let is_assignment =
        is_name && NAMES.iter().any(|known| name.ends_with(known)) && !value.trim_matches('=').is_empty();
    is_assignment.then_some("a name and a value, where only the value belongs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_is_taken_without_white_space_around_it() {
        for file in ["s3cret", " s3cret\r\n", "\n\ts3cret \n\n", "\u{a0}s3cret"] {
            assert_eq!(parse(file.as_bytes()), Ok("s3cret"), "{file:?}");
        }
        for secret in
            ["it's \"so\"", "a=b", "key==", "YWJjc2VjcmV0=", "p{}w", "x:y", "'", "1+1=2", "a{{b", "{x}"]
        {
            assert_eq!(parse(secret.as_bytes()), Ok(secret));
        }
    }

    #[test]
    fn secret_may_have_any_printable_character_anywhere() {
        let all: String = ('!'..='~').collect();
        assert_eq!(parse(all.as_bytes()), Ok(all.as_str()));
        for c in '!'..='~' {
            for secret in [format!("{c}s3cret"), format!("s3{c}cret"), format!("s3cret{c}"), c.into()] {
                assert_eq!(parse(secret.as_bytes()), Ok(secret.as_str()));
            }
        }
    }

    #[test]
    fn what_is_around_a_secret_is_named() {
        for (file, says) in [
            ("\"s3cret\"", "quotes"),
            ("'s3cret'\n", "quotes"),
            ("`s3cret`", "quotes"),
            ("\u{201c}s3cret\u{201d}", "quotes"),
            ("APP_KEY=s3cret", "a name and a value"),
            ("export ARP_AUTH_CLIENT_SECRET='s3cret'", "a name and a value"),
            ("app_key: s3cret", "a name and a value"),
            ("{\"app_key\":\"s3cret\"}", "a template"),
            ("{ \"app_key\": \"s3cret\" }", "a template"),
            ("${APP_KEY}", "a template"),
            ("{{ app_key }}", "a template"),
            ("ENC[AES256_GCM,data:s3cret]", "a template"),
            ("<html>", "a template"),
            ("one\ntwo", "more than one line"),
            ("one\rtwo", "more than one line"),
        ] {
            let fault = parse(file.as_bytes()).expect_err(file).to_string();
            assert!(fault.contains(says) && !fault.contains("s3cret"), "{file}: {fault}");
        }
        assert_eq!(parse(b" \n"), Err(ValueError::Placeholder));
        assert!(parse(b"caf\xe9").is_err());
    }
}
