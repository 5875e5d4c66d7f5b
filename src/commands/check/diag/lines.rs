//! Lines that other programs have written, without what may be a secret by its look, or by the name before it.

use super::random::is_random;
use super::secrets::HIDDEN;

/// What the next word may be.
#[derive(Clone, Copy)]
enum Next {
    Word,
    /// The sign between the name of a secret and its value.
    Sign,
    Secret,
    /// More of a secret, up to this character, which may have a backslash before it. A blank stands for each white space.
    Rest(char, bool),
}

/// What separates words. An address stays one word, and so does an assignment.
fn is_between(c: char) -> bool {
    c.is_whitespace() || "\"'`()<>[]{},;|".contains(c)
}

/// Whether `word` is what secrets are called.
pub(super) fn names_secret(word: &str) -> bool {
    let endings = [
        "password",
        "passwd",
        "passphrase",
        "pass",
        "pwd",
        "psk",
        "secret",
        "token",
        "authorization",
        "cookie",
        "key",
    ];
    let lower = word.to_ascii_lowercase();
    !word.contains('/') && endings.iter().any(|ending| lower.ends_with(ending))
}

/// Whether `text` is an address with a log-in or a query.
pub(super) fn has_log_in(text: &str) -> bool {
    text.contains("://") && text.contains(['@', '?'])
}

/// A line without words that look like keys, without the log-ins and the queries of addresses, and without what follows the
/// name of a secret. The ids `kept` may stay.
pub(super) fn without_secrets(line: &str, kept: &[String]) -> String {
    let looks_like_a_key = |word: &str| {
        is_random(word) && {
            let rest = kept.iter().fold(word.to_owned(), |rest, id| rest.replace(&**id, ""));
            rest.len() == word.len() || is_random(&rest)
        }
    };
    let mut shown = String::with_capacity(line.len());
    let mut next = Next::Word;
    // What stands before the word.
    let (mut before, mut is_escaped) = (' ', false);
    for part in line.split_inclusive(is_between) {
        let word = part.strip_suffix(is_between).unwrap_or(part);
        let between = &part[word.len()..];
        let after = between.chars().next().unwrap_or(' ');
        let ends_escaped = word.ends_with('\\');
        // In JSON within JSON the quotation marks have backslashes.
        let bare = word.trim_matches('\\');
        next = match next {
            Next::Rest(end, escaped) => {
                let is_end =
                    if end == ' ' { after.is_whitespace() } else { after == end && ends_escaped == escaped };
                if is_end || after == '\n' {
                    shown.push_str(between);
                }
                if is_end { Next::Word } else { next }
            }
            Next::Secret if bare.is_empty() => {
                shown.push_str(part);
                match after {
                    '"' | '\'' if after == before => Next::Word,
                    '[' | '{' => {
                        shown.push_str(HIDDEN);
                        Next::Rest(if after == '[' { ']' } else { '}' }, false)
                    }
                    _ => Next::Secret,
                }
            }
            // The two words of what was replaced before.
            Next::Secret if bare == "not" || bare == "shown" => {
                shown.push_str(part);
                if bare == "not" { Next::Secret } else { Next::Word }
            }
            Next::Secret => {
                shown.push_str(HIDDEN);
                let rest = if matches!(before, '"' | '\'') {
                    (after != before || ends_escaped != is_escaped).then_some(Next::Rest(before, is_escaped))
                } else {
                    rest_of_bare(after)
                };
                if rest.is_none() || after == '\n' {
                    shown.push_str(between);
                }
                // In "Authorization: Bearer x" both words follow.
                rest.unwrap_or(if is_scheme(bare) { Next::Secret } else { Next::Word })
            }
            Next::Sign | Next::Word if bare.is_empty() => {
                shown.push_str(part);
                next
            }
            Next::Sign if bare.starts_with([':', '=']) => {
                let value = bare.trim_start_matches([':', '=', '>']);
                shown.push_str(&bare[..bare.len() - value.len()]);
                hide(value, after, between, &mut shown)
            }
            Next::Sign | Next::Word => {
                let assigned = word.split_once('=').filter(|(name, _)| !name.contains("://"));
                let told =
                    word.split_once(':').filter(|(name, value)| names_secret(name) && !value.is_empty());
                match (assigned, told) {
                    (Some((name, value)), _) if names_secret(name) => {
                        shown.extend([name, "="]);
                        hide(value, after, between, &mut shown)
                    }
                    (Some((name, value)), _) => {
                        // At the start of a line it may be a setting of systemd.
                        let is_setting = shown.is_empty() && name.bytes().all(|b| b.is_ascii_alphabetic());
                        let is_key = !is_setting && looks_like_a_key(name);
                        // Base64 ends in signs of equality.
                        let hides = is_key || value == "=" || looks_like_a_key(value) || has_log_in(value);
                        shown.push_str(if is_key { HIDDEN } else { name });
                        shown.extend(["=", if hides { HIDDEN } else { value }, between]);
                        after_name(value)
                    }
                    (None, Some((name, value))) => {
                        shown.extend([name, ":"]);
                        hide(value, after, between, &mut shown)
                    }
                    (None, None) => {
                        let hides = looks_like_a_key(word) || has_log_in(word);
                        shown.extend([if hides { HIDDEN } else { word }, between]);
                        after_name(bare)
                    }
                }
            }
        };
        (before, is_escaped) = (after, ends_escaped);
    }
    shown
}

/// Hides `value`, which is a secret or the start of one. If it is empty, the secret follows.
fn hide(value: &str, after: char, between: &str, shown: &mut String) -> Next {
    if value.is_empty() {
        shown.push_str(between);
        return Next::Secret;
    }
    shown.push_str(HIDDEN);
    let rest = rest_of_bare(after);
    if rest.is_none() || after == '\n' {
        shown.push_str(between);
    }
    rest.unwrap_or(Next::Word)
}

/// Whether a secret without quotation marks goes on behind this character.
fn rest_of_bare(after: char) -> Option<Next> {
    (!after.is_whitespace() && !"\"')]}>".contains(after)).then_some(Next::Rest(' ', false))
}

fn is_scheme(word: &str) -> bool {
    word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic")
}

/// What follows `password:`, `Bearer`, `--token` and `password`.
fn after_name(word: &str) -> Next {
    match word.strip_suffix(':') {
        Some(name) if names_secret(name) => Next::Secret,
        None if is_scheme(word) || (word.starts_with('-') && names_secret(word)) => Next::Secret,
        None if names_secret(word) => Next::Sign,
        Some(_) | None => Next::Word,
    }
}

/// What systemctl prints of a unit, without the values of variables and credentials.
pub(super) fn without_variables(text: &str) -> String {
    let (mut shown, mut is_continued) = (String::with_capacity(text.len()), false);
    for line in text.lines() {
        let key = line.split('=').next().unwrap_or_default().trim();
        let is_assignment = matches!(key, "Environment" | "SetCredential" | "SetCredentialEncrypted");
        let is_hidden = is_assignment || is_continued;
        if is_hidden {
            shown.extend([if is_continued { "" } else { key }, "=", HIDDEN]);
        } else {
            shown.push_str(line);
        }
        is_continued = is_hidden && line.ends_with('\\');
        shown.push('\n');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

    #[test]
    fn what_looks_like_a_key_is_replaced_and_a_sentence_is_not() {
        for (line, shown) in [
            ("valid: kitchen-pi, household 5 (auth.home:7701)", None),
            ("the configuration /etc/jarvis-node-agent/config.json cannot be read", None),
            ("2026-11-28T02:00:00+00:00 kitchen-pi-02 jarvis-node[7]: Linux 6.12.47+rpt-rpi-v8", None),
            ("RestrictSUIDSGID=yes", None),
            ("ExecMainStartTimestampMonotonic=1764295200", None),
            ("KEYCLOAK_URL=https://sts.home/realms/arp", None),
            ("/etc/jarvis-node-agent/app.key: it is not there", None),
            ("there is no such key, token or password", None),
            ("sent cAn07Zq8Yk1bTtWm5xV7c there", Some("sent (not shown) there")),
            ("at https://me:dog@auth.home/x", Some("at (not shown)")),
            ("u=https://auth.home/x?k=dog&l=cat.", Some("u=(not shown)")),
            ("at https://auth.home/x?k=dog&l=cat.", Some("at (not shown)")),
        ] {
            assert_eq!(without_secrets(line, &[]), shown.unwrap_or(line));
        }
    }

    #[test]
    fn what_follows_the_name_of_a_secret_is_replaced() {
        for (line, shown) in [
            ("password=dog a=b", "password=(not shown) a=b"),
            ("password=dog,cat;cow a=b", "password=(not shown) a=b"),
            ("password = dog a", "password = (not shown) a"),
            ("password =dog a", "password =(not shown) a"),
            ("password: dog a", "password: (not shown) a"),
            ("password : dog a", "password : (not shown) a"),
            ("password:dog a", "password:(not shown) a"),
            ("password => dog a", "password => (not shown) a"),
            ("password=\"dog and cat\" a", "password=\"(not shown)\" a"),
            ("(password: 'dog and \"cat\"') a", "(password: '(not shown)') a"),
            ("{\"password\":\"dog\",\"a\":1}", "{\"password\":\"(not shown)\",\"a\":1}"),
            ("{\"password\": \"dog, \\\"cat\\\" cow\" }", "{\"password\": \"(not shown)\" }"),
            ("{\"password\":\"\",\"a\":1}", "{\"password\":\"\",\"a\":1}"),
            ("{\"password\": 123, \"a\": 1}", "{\"password\": (not shown) \"a\": 1}"),
            ("{\"password\": [\"dog\", \"cat\"], \"a\": 1}", "{\"password\": [(not shown)], \"a\": 1}"),
            ("{\\\"password\\\":\\\"dog\\\",1", "{\\\"password\\\":\"(not shown)\",1"),
            ("{'client_secret': 'dog'}", "{'client_secret': '(not shown)'}"),
            ("run --token dog -v", "run --token (not shown) -v"),
            ("wifi_psk=dog\n", "wifi_psk=(not shown)\n"),
            ("password=\"dog\n", "password=\"(not shown)\n"),
            ("Authorization: Bearer dog", "Authorization: (not shown) (not shown)"),
            ("X-Api-Key: dog", "X-Api-Key: (not shown)"),
            ("X-Api-Key: (not shown) a", "X-Api-Key: (not shown) a"),
        ] {
            assert_eq!(without_secrets(line, &[]), shown);
        }
    }

    #[test]
    fn uuid_stays_only_if_it_is_an_id_of_the_node() {
        let line = format!("asked /nodes/{UUID}/x as {UUID}: {{\"id\":\"{UUID}\"}}");
        assert!(!without_secrets(&line, &[]).contains("d9cb"));
        assert_eq!(without_secrets(&line, &[UUID.to_owned()]), line);
        let key = format!("{UUID}:k7gnu3sdo9wnhqov");
        assert_eq!(without_secrets(&key, &[UUID.to_owned()]), HIDDEN);
    }
}
