//! Pins, which identify public keys.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

/// The SHA-256 of a DER SubjectPublicKeyInfo, as `sha256//` and base64. The notation is that of curl's
/// `--pinnedpubkey`, the hash that of RFC 7469, section 2.4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin(String);

const PREFIX: &str = "sha256//";

impl Pin {
    /// The pin of the key with this DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn of(public_key: &[u8]) -> Self {
        let mut pin = String::from(PREFIX);
        STANDARD.encode_string(digest(&SHA256, public_key), &mut pin);
        Self(pin)
    }

    fn parse(text: &str) -> Option<Self> {
        let hash = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
        (hash.len() == SHA256_OUTPUT_LEN).then(|| Self(text.into()))
    }

    /// Checks the value of `spki_pins`; without the key there are no pins.
    ///
    /// # Errors
    /// A sentence about the first fault.
    pub fn parse_all(list: Option<&[String]>, https: bool) -> Result<Vec<Self>, String> {
        let Some(list) = list else { return Ok(Vec::new()) };
        if !https {
            return Err("spki_pins is only for an https:// address (auth_url or via)".into());
        }
        if list.is_empty() {
            return Err("spki_pins is empty: list the server's key, or leave spki_pins out".into());
        }
        list.iter()
            .zip(1..)
            .map(|(text, number)| {
                Self::parse(text).ok_or_else(|| {
                    format!(
                        "spki_pins: entry {number} is not a pin, which is \"sha256//\" and 44 characters of base64 \
                         (SHA-256 of the server's public key)"
                    )
                })
            })
            .collect()
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed by `openssl dgst -sha256 -binary | base64`.
    const KNOWN: [(&[u8], &str); 3] = [
        (b"", "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
        (b"abc", "sha256//ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="),
        (b"jarvis", "sha256//3aggFY0UKgtzOAzT76n/fZ+hEzbpuks2kwmJZFN9YaM="),
    ];

    #[test]
    fn pin_matches_openssl_output() {
        for (key, pin) in KNOWN {
            assert_eq!(Pin::of(key), Pin::parse(pin).expect(pin));
        }
    }

    #[test]
    fn malformed_pin_is_reported_with_its_config_key() {
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
            assert!(refused.starts_with("spki_pins: entry 2 is not a pin"), "{refused}");
        }
    }

    #[test]
    fn pin_list_must_be_non_empty_and_for_https() {
        let list = [KNOWN[0].1.into(), KNOWN[1].1.into()];
        assert_eq!(Pin::parse_all(Some(&list), true), Ok([Pin::of(b""), Pin::of(b"abc")].into()));
        assert_eq!(Pin::parse_all(None, false), Ok(Vec::new()));
        assert!(Pin::parse_all(Some(&list), false).expect_err("http").contains("only for an https://"));
        assert!(Pin::parse_all(Some(&[]), true).expect_err("empty").contains("spki_pins is empty"));
    }
}
