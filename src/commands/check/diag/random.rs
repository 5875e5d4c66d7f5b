//! How keys and tokens look. Stricter than [`Quoted`], which decides about one value of a configuration: the archive has
//! thousands of words, and each of them may be a key.

use node_core::text::Quoted;

/// Shorter ones are shown whatever they look like: names of versions and devices.
const SHORTEST: usize = 12;
/// Of a part that stands between `-`, `_` or `+`: shorter ones are shown, and so are less striking ones up to the next length.
const SHORTEST_PART: usize = 6;
const LONG_PART: usize = 10;

/// Whether a word is too long, and too much of a jumble, for a name, a path or an address.
pub(super) fn is_random(word: &str) -> bool {
    let joins = |c: char| "-_+".contains(c);
    let is_name = |piece: &str| piece.is_empty() || Quoted(piece).is_name();
    (word.len() >= SHORTEST && !word.split('+').all(is_name))
        || word.split(|c: char| !c.is_ascii_alphanumeric() && !joins(c)).any(|run| {
            let run = run.trim_matches(joins);
            run.len() >= SHORTEST && !is_time(run) && is_jumble(run.split(joins), run)
        })
}

/// Whether `text` is a UUID (RFC 9562, section 4).
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The date and the hour of ISO 8601, or all of its short form: `20261128T020000Z`.
fn is_time(run: &str) -> bool {
    let mut letters = run.chars().filter(char::is_ascii_alphabetic);
    letters.next() == Some('T') && letters.all(|letter| letter == 'Z')
}

fn is_jumble<'a>(parts: impl Iterator<Item = &'a str>, run: &str) -> bool {
    // Groups of letters and digits, as in a licence's key.
    let mut groups = 0;
    for part in parts {
        let digits = part.bytes().filter(u8::is_ascii_digit).count();
        if part.len() >= SHORTEST_PART && is_jumbled(part, digits) {
            return true;
        }
        groups += usize::from(digits > 0 && digits < part.len());
    }
    groups >= 3 || is_uuid(run)
}

/// Whether letters, digits and capitals change otherwise than in `raspberrypi02`, `mmcblk0p2`, `PrivateTmp` and `GatewayV2`.
fn is_jumbled(part: &str, digits: usize) -> bool {
    let word = part.trim_end_matches(|c: char| c.is_ascii_digit());
    let at_end = part.len() - word.len();
    let has = |kind: fn(&u8) -> bool| part.as_bytes().iter().any(kind);
    let is_long = part.len() >= LONG_PART;
    if has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) {
        let word = if at_end == 1 { word.strip_suffix('V').unwrap_or(word) } else { word };
        return at_end > 2 || !is_camel(word);
    }
    if digits == at_end {
        return is_long
            && at_end >= 2
            && word.len() < part.len()
            && !word.is_empty()
            && (word.len() < 5 || at_end > 4);
    }
    let changes = part.as_bytes().windows(2).filter(|two| two[0].is_ascii_digit() != two[1].is_ascii_digit());
    is_long || changes.count() > 3
}

/// Whether `word` is words that begin with a capital letter, the first perhaps with a small one.
fn is_camel(word: &str) -> bool {
    let mut rest = word;
    while !rest.is_empty() {
        let end = rest[1..].find(|c: char| c.is_ascii_uppercase()).map_or(rest.len(), |at| at + 1);
        let (one, others) = rest.split_at(end);
        let least = if others.is_empty() { 2 } else { 3 };
        if one.len() < least
            || one.contains(|c: char| c.is_ascii_digit())
            || !one.contains(|c: char| "aeiouyAEIOUY".contains(c))
        {
            return false;
        }
        rest = others;
    }
    true
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Keys of every usual form. SplitMix64 is enough for them (see `node_core::jitter`), and its seed is fixed.
    pub(in super::super) fn keys(how_many: usize) -> Vec<String> {
        const LETTERS: &[u8; 64] = b"0123456789abcdefABCDEFGHIJKLMNOPQRSTUVWXYZghijklmnopqrstuvwxyz-_";
        let mut state = 7_u64;
        let mut next = move |below: usize| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            usize::try_from((z ^ (z >> 31)) >> 33).unwrap_or_default() % below
        };
        let mut text =
            |len: usize, of: usize| -> String { (0..len).map(|_| char::from(LETTERS[next(of)])).collect() };
        let forms = |nth: usize| match nth % 4 {
            0 => text(16 + nth / 4 % 9, 62),
            1 => text(24, 16),
            2 => [8, 4, 4, 4, 12].map(|len| text(len, 16)).join("-"),
            _ => text(43, 64),
        };
        (0..how_many).map(forms).collect()
    }

    #[test]
    fn random_key_of_every_form_is_recognised() {
        let missed: Vec<_> = keys(2000).into_iter().filter(|key| !is_random(key)).collect();
        assert_eq!(missed, Vec::<String>::new());
    }

    #[test]
    fn names_versions_times_and_paths_are_no_keys() {
        for word in [
            "jarvis-node-agent.service",
            "kitchen-pi",
            "kitchen-pi-02",
            "raspberrypi02",
            "pi4-kitchen.fritz.box",
            "KitchenSpeaker2",
            "https://auth.home:7701/v1/nodes",
            "urn:arp:gateway:2",
            "arpRunGatewayV2",
            "/etc/jarvis-node-agent/config.json",
            "/usr/lib/x86_64-linux-gnu/libc.so.6",
            "/home/pi/.config/jarvis-node/credential.json",
            "/dev/disk/by-path/platform-mmc0-mmcblk0p2",
            "3f201000.serial",
            "aarch64-unknown-linux-musl",
            "armv7-unknown-linux-gnueabihf",
            "6.12.47+rpt-rpi-v8",
            "6.1.0-rpi7-rpi-v6",
            "257.9-1~deb13u1",
            "1:6.12.47-1+rpt1",
            "2026-11-28",
            "2026-11-28T02:00:00+00:00",
            "2026-11-28T02:00:00.123456Z",
            "20261128T020000Z",
            "1764295200123456",
            "18446744073709551615",
            "fe80::ba27:ebff:fe12:3456",
            "clock_nanosleep_time64",
            "arm_fadvise64_64",
            "cap_net_bind_service",
            "MemoryDenyWriteExecute",
            "client_secret_post",
        ] {
            assert!(!is_random(word), "{word}");
        }
    }

    #[test]
    fn key_within_a_word_is_recognised() {
        for word in [
            "prov_b4QmZ81xkP0",
            "/v1/k7gnu3sdo9wnhqov/x",
            "sk-live-b4QmZ81xkP0",
            "ab12-cd34-ef56-gh78",
            "K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=",
            "node-0f8fad5b-d9cb-469f-a165-70867728950e",
            "kitchen2speaker7x",
            "QwErTyUiOpAsDf",
            "correcthorsebatterystapleandmore",
        ] {
            assert!(is_random(word), "{word}");
        }
    }
}
