//! The kind of a public key, by its SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7).

use std::fmt;

use crate::files::form::{BIT_STRING, INTEGER, OBJECT_IDENTIFIER, SEQUENCE, element};
use crate::files::pem::{EC_PUBLIC_KEY, P256, P384};

/// rsaEncryption, 1.2.840.113549.1.1.1 (RFC 8017, appendix C).
pub(super) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// id-Ed25519, 1.3.101.112 (RFC 8410).
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// The kind of a public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// RSA with a modulus of so many bits.
    Rsa(u32),
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// Ed25519.
    Ed25519,
    /// Another one, by the DER of the object identifier of its curve or algorithm; empty if there is none.
    Other(Vec<u8>),
}

impl KeyKind {
    /// Reads a DER SubjectPublicKeyInfo.
    pub(super) fn of(mut public_key: &[u8]) -> Self {
        Self::inside(take(&mut public_key, SEQUENCE).unwrap_or_default())
    }

    /// Reads what is in the sequence of a SubjectPublicKeyInfo.
    pub(super) fn inside(public_key: &[u8]) -> Self {
        Self::read(public_key).unwrap_or(Self::Other(Vec::new()))
    }

    fn read(mut rest: &[u8]) -> Option<Self> {
        let mut algorithm = take(&mut rest, SEQUENCE)?;
        let identifier = take(&mut algorithm, OBJECT_IDENTIFIER)?;
        Some(match identifier {
            RSA => {
                // After the number of bits that are missing from the last byte, which is zero, as that of every key.
                let (_, mut key) = take(&mut rest, BIT_STRING)?.split_first()?;
                let modulus = take(&mut take(&mut key, SEQUENCE)?, INTEGER)?;
                let sign = modulus.iter().take_while(|byte| **byte == 0).count();
                let magnitude = modulus.get(sign..)?;
                let unused = magnitude.first()?.leading_zeros();
                Self::Rsa(u32::try_from(magnitude.len()).ok()?.checked_mul(8)?.checked_sub(unused)?)
            }
            EC_PUBLIC_KEY => match take(&mut algorithm, OBJECT_IDENTIFIER)? {
                P256 => Self::P256,
                P384 => Self::P384,
                curve => Self::Other(curve.to_vec()),
            },
            ED25519 => Self::Ed25519,
            other => Self::Other(other.to_vec()),
        })
    }

    /// What an ARM1176 needs to verify one signature by such a key, in thousands of instructions, by the table in
    /// docs/evidence, "What a verdict costs"; `None` if that was not measured.
    pub(super) const fn cost(&self) -> Option<u32> {
        match self {
            // The exponent is the same for almost all keys, so the length of the modulus decides, by its square.
            Self::Rsa(bits) => Some(bits.saturating_mul(*bits) / 3000),
            Self::P256 => Some(8000),
            Self::P384 => Some(25_700),
            Self::Ed25519 => Some(1200),
            Self::Other(_) => None,
        }
    }
}

/// The name by which openssl and people know it, else its object identifier.
impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "rsa-{bits}"),
            Self::P256 => f.write_str("p-256"),
            Self::P384 => f.write_str("p-384"),
            Self::Ed25519 => f.write_str("ed25519"),
            Self::Other(identifier) if identifier.is_empty() => f.write_str("unknown"),
            Self::Other(identifier) => write_dotted(identifier, f),
        }
    }
}

/// Writes an object identifier in numbers: groups of seven bits, and the first two numbers in one (X.690, section 8.19).
fn write_dotted(identifier: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (mut number, mut is_first) = (0_u32, true);
    for byte in identifier {
        number = (number << 7) | u32::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        if is_first {
            let first = (number / 40).min(2);
            write!(f, "{first}.{}", number - 40 * first)?;
        } else {
            write!(f, ".{number}")?;
        }
        (number, is_first) = (0, false);
    }
    Ok(())
}

/// Takes the content of the element that `der` begins with, if it has this tag.
fn take<'a>(der: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (found, content, after) = element(der)?;
    *der = after;
    (found == tag).then_some(content)
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
    use webpki::EndEntityCert;

    use super::*;

    /// A public key of each kind, made by `openssl genpkey` and `openssl pkey -pubout`, each after its name.
    const KEYS: &str = include_str!("fixtures/public-keys.txt");

    fn keys() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
        KEYS.split_terminator("-----END PUBLIC KEY-----\n").map(|key| {
            let (name, _) = key.split_once('\n').expect("a name");
            let pem = format!("{key}-----END PUBLIC KEY-----\n");
            (name, SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).expect(name).to_vec())
        })
    }

    #[test]
    fn key_of_each_kind_has_its_name() {
        for (name, der) in keys() {
            assert_eq!(KeyKind::of(&der).to_string(), name);
        }
        assert_eq!(keys().count(), 8);
    }

    #[test]
    fn key_of_a_certificate_has_its_name() {
        let certificate =
            CertificateDer::from_pem_slice(include_bytes!("fixtures/ca.pem")).expect("a certificate");
        let parsed = EndEntityCert::try_from(&certificate).expect("a certificate");
        assert_eq!(KeyKind::of(&parsed.subject_public_key_info()), KeyKind::P256);
    }

    #[test]
    fn damaged_key_is_read_without_a_panic() {
        for (_, der) in keys() {
            for end in 0..der.len() {
                KeyKind::of(&der[..end]).to_string();
            }
            for at in 0..der.len() {
                for byte in [0, 0x7f, 0x80, 0x81, 0x82, 0x83, 0x84, 0xff] {
                    let mut damaged = der.clone();
                    damaged[at] = byte;
                    KeyKind::of(&damaged).to_string();
                }
            }
        }
        for nothing in [&[][..], &[0x30], &[0x30, 0], &[0x30, 2, 0x30, 0], &[4, 2, 0x30, 0]] {
            assert_eq!(KeyKind::of(nothing).to_string(), "unknown", "{nothing:x?}");
        }
    }

    #[test]
    fn rsa_key_of_odd_length_is_counted_in_bits() {
        let key = |modulus: &[u8]| {
            let element = |tag: u8, parts: &[&[u8]]| {
                let value = parts.concat();
                [&[tag, u8::try_from(value.len()).expect("short")], &*value].concat()
            };
            let numbers =
                element(SEQUENCE, &[&element(INTEGER, &[modulus]), &element(INTEGER, &[&[1, 0, 1]])]);
            let algorithm = element(SEQUENCE, &[&element(OBJECT_IDENTIFIER, &[RSA]), &[5, 0]]);
            element(SEQUENCE, &[&algorithm, &element(BIT_STRING, &[&[0], &numbers])])
        };
        assert_eq!(KeyKind::of(&key(&[0x00, 0xff, 1, 2])), KeyKind::Rsa(24));
        assert_eq!(KeyKind::of(&key(&[0x01, 0xff, 1, 2])), KeyKind::Rsa(25));
        assert_eq!(KeyKind::of(&key(&[0])), KeyKind::Other(Vec::new()));
        assert_eq!(KeyKind::of(&key(&[])), KeyKind::Other(Vec::new()));
    }
}
