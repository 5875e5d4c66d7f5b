//! The kind of a public key, by its SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7).

use crate::files::form::{BIT_STRING, INTEGER, OBJECT_IDENTIFIER, SEQUENCE, element};
use crate::files::pem::{EC_PUBLIC_KEY, P256, P384};

/// rsaEncryption, 1.2.840.113549.1.1.1 (RFC 8017, appendix C).
pub(super) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// id-Ed25519, 1.3.101.112 (RFC 8410).
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// The kind of a public key.
#[cfg_attr(test, derive(Clone))]
pub(super) struct KeyKind {
    /// The name that people know it by, else the object identifier of its curve or algorithm.
    pub(super) name: String,
    /// What an ARM1176 needs to verify a signature by such a key, in thousands of instructions: docs/evidence, "What a
    /// verdict costs". `None` if that was not measured.
    pub(super) cost: Option<u32>,
}

impl KeyKind {
    /// Reads a DER SubjectPublicKeyInfo.
    pub(super) fn of(mut public_key: &[u8]) -> Self {
        Self::inside(take(&mut public_key, SEQUENCE).unwrap_or_default())
    }

    /// Reads what is in the sequence of a SubjectPublicKeyInfo.
    pub(super) fn inside(public_key: &[u8]) -> Self {
        Self::read(public_key).unwrap_or_else(|| Self { name: "unknown".into(), cost: None })
    }

    fn read(mut rest: &[u8]) -> Option<Self> {
        let mut algorithm = take(&mut rest, SEQUENCE)?;
        let known = |name: &str, cost| Some(Self { name: name.into(), cost: Some(cost) });
        match take(&mut algorithm, OBJECT_IDENTIFIER)? {
            RSA => {
                let bits = modulus_bits(rest)?;
                // Almost all keys have the same exponent, so the square of the length decides.
                known(&format!("rsa-{bits}"), bits.saturating_mul(bits) / 3000)
            }
            EC_PUBLIC_KEY => match take(&mut algorithm, OBJECT_IDENTIFIER)? {
                P256 => known("p-256", 7900),
                P384 => known("p-384", 25_700),
                curve => Some(Self { name: dotted(curve), cost: None }),
            },
            ED25519 => known("ed25519", 1000),
            other => Some(Self { name: dotted(other), cost: None }),
        }
    }
}

/// The length of an RSA key, which `bit_string` holds.
fn modulus_bits(mut bit_string: &[u8]) -> Option<u32> {
    // The first byte is the number of bits that are missing from the last one: none.
    let (_, mut key) = take(&mut bit_string, BIT_STRING)?.split_first()?;
    let modulus = take(&mut take(&mut key, SEQUENCE)?, INTEGER)?;
    let sign = modulus.iter().position(|byte| *byte != 0)?;
    let magnitude = modulus.get(sign..)?;
    u32::try_from(magnitude.len()).ok()?.checked_mul(8)?.checked_sub(magnitude.first()?.leading_zeros())
}

/// An object identifier in numbers: groups of seven bits, and the first two numbers in one (X.690, section 8.19).
fn dotted(identifier: &[u8]) -> String {
    let (mut text, mut number) = (String::new(), 0_u32);
    for byte in identifier {
        number = (number << 7) | u32::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if text.is_empty() {
                let first = (number / 40).min(2);
                text = first.to_string();
                number -= 40 * first;
            }
            text = format!("{text}.{number}");
            number = 0;
        }
    }
    text
}

/// Takes the content of the element that `der` begins with, if it has this tag.
fn take<'a>(der: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (found, content, after) = element(der)?;
    *der = after;
    (found == tag).then_some(content)
}

#[cfg(test)]
pub(super) mod tests {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
    use webpki::EndEntityCert;

    use super::*;

    /// A public key of each kind, made by `openssl genpkey` and `openssl pkey -pubout`, each after its name.
    const KEYS: &str = include_str!("fixtures/public-keys.txt");

    pub(in crate::net::tls) fn keys() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
        KEYS.split_terminator("-----END PUBLIC KEY-----\n").map(|key| {
            let (name, _) = key.split_once('\n').expect("a name");
            let pem = format!("{key}-----END PUBLIC KEY-----\n");
            (name, SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).expect(name).to_vec())
        })
    }

    #[test]
    fn key_of_each_kind_has_its_name() {
        for (name, der) in keys() {
            assert_eq!(KeyKind::of(&der).name, name);
        }
        assert_eq!(keys().count(), 8);
    }

    #[test]
    fn key_of_a_certificate_has_its_name() {
        let certificate =
            CertificateDer::from_pem_slice(include_bytes!("fixtures/ca.pem")).expect("a certificate");
        let parsed = EndEntityCert::try_from(&certificate).expect("a certificate");
        assert_eq!(KeyKind::of(&parsed.subject_public_key_info()).name, "p-256");
    }

    #[test]
    fn damaged_key_is_read_without_a_panic() {
        for (_, der) in keys() {
            for end in 0..der.len() {
                KeyKind::of(&der[..end]);
            }
            for at in 0..der.len() {
                for byte in [0, 0x7f, 0x80, 0x81, 0x82, 0x83, 0x84, 0xff] {
                    let mut damaged = der.clone();
                    damaged[at] = byte;
                    KeyKind::of(&damaged);
                }
            }
        }
        for nothing in [&[][..], &[0x30], &[0x30, 0], &[0x30, 2, 0x30, 0], &[4, 2, 0x30, 0]] {
            assert_eq!(KeyKind::of(nothing).name, "unknown", "{nothing:x?}");
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
        assert_eq!(KeyKind::of(&key(&[0x00, 0xff, 1, 2])).name, "rsa-24");
        assert_eq!(KeyKind::of(&key(&[0x01, 0xff, 1, 2])).name, "rsa-25");
        assert_eq!(KeyKind::of(&key(&[0])).name, "unknown");
        assert_eq!(KeyKind::of(&key(&[])).name, "unknown");
    }
}
