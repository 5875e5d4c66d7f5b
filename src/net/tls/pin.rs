//! Pins: names of public keys.

use std::fmt;

use ring::digest::{SHA256, digest};

/// A public key's name: SHA-256 of its DER SubjectPublicKeyInfo, as `sha256//` and base64. The notation of
/// curl's `--pinnedpubkey`; the hash of RFC 7469, section 2.4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin(String);

const PREFIX: &str = "sha256//";
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

impl Pin {
    /// The pin of the key with this DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn of(public_key: &[u8]) -> Self {
        let mut pin = String::from(PREFIX);
        for group in digest(&SHA256, public_key).as_ref().chunks(3) {
            let bits =
                group.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
            for (i, shift) in [18, 12, 6, 0].into_iter().enumerate() {
                pin.push(if i > group.len() { '=' } else { letter(bits >> shift) });
            }
        }
        Self(pin)
    }

    fn parse(text: &str) -> Option<Self> {
        let base64 = text.strip_prefix(PREFIX)?.strip_suffix('=')?;
        let values = base64.bytes().map(|byte| ALPHABET.iter().position(|letter| *letter == byte));
        let values = values.collect::<Option<Vec<_>>>()?;
        // 32 bytes are 43 letters, of which the last one carries four bits.
        (values.len() == 43 && values.last()? % 4 == 0).then(|| Self(text.into()))
    }

    /// Checks the value of `spki_pins`; no pins where there is no such key.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse_all(list: Option<&[String]>, https: bool) -> Result<Vec<Self>, String> {
        let Some(list) = list else { return Ok(Vec::new()) };
        if !https {
            return Err("spki_pins is only for an https:// auth_url".into());
        }
        if list.is_empty() {
            return Err("spki_pins is empty: list the server's key, or leave spki_pins out".into());
        }
        list.iter()
            .map(|text| {
                Self::parse(text).ok_or_else(|| {
                    format!(
                        "spki_pins: \"{text}\" is not a pin, which is \"sha256//\" and 44 characters of base64 \
                         (SHA-256 of the server's public key)"
                    )
                })
            })
            .collect()
    }
}

fn letter(bits: u32) -> char {
    // Six bits find one of 64.
    char::from(ALPHABET[(bits & 63) as usize])
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `openssl dgst -sha256 -binary | base64` makes of these bytes.
    const KNOWN: [(&[u8], &str); 3] = [
        (b"", "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
        (b"abc", "sha256//ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="),
        (b"jarvis", "sha256//3aggFY0UKgtzOAzT76n/fZ+hEzbpuks2kwmJZFN9YaM="),
    ];

    #[test]
    fn pins_are_those_of_other_tools() {
        for (key, pin) in KNOWN {
            assert_eq!(Pin::of(key), Pin::parse(pin).expect(pin));
        }
    }

    #[test]
    fn what_is_not_a_pin_is_told_by_its_key() {
        let sound = KNOWN[0].1;
        for wrong in [
            "",
            "sha256//",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "sha1//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
            "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=",
            "sha256//47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=",
            "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hS=",
            "sha256//e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;sha256//x",
        ] {
            let list = [sound.into(), wrong.into()];
            let refused = Pin::parse_all(Some(&list), true).expect_err(wrong);
            assert!(refused.starts_with("spki_pins: ") && refused.contains(wrong), "{refused}");
        }
    }

    #[test]
    fn pins_are_a_list_that_is_not_empty_and_for_https() {
        let list = [KNOWN[0].1.into(), KNOWN[1].1.into()];
        assert_eq!(Pin::parse_all(Some(&list), true), Ok([Pin::of(b""), Pin::of(b"abc")].into()));
        assert_eq!(Pin::parse_all(None, false), Ok(Vec::new()));
        assert!(Pin::parse_all(Some(&list), false).expect_err("http").contains("only for an https://"));
        assert!(Pin::parse_all(Some(&[]), true).expect_err("empty").contains("spki_pins is empty"));
    }
}
