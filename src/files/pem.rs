//! PEM files (RFC 7468) as people have them: joined without a line end between two sections, indented, without any line
//! ends, with text around them. Every section is found; a parser that looks for BEGIN at the start of a line would skip
//! some without a word.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use node_core::plain::line_of;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use thiserror::Error;
use zeroize::Zeroizing;

const BEGIN: &[u8] = b"-----BEGIN ";
const DASHES: &[u8] = b"-----";
/// Longer than any label.
const MAX_LABEL: usize = 64;
/// id-ecPublicKey, as DER (RFC 5480).
pub(crate) const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// prime-field, as DER (RFC 3279, section 2.3.5): the curve is told by its numbers.
const PRIME_FIELD: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x01, 0x01];
/// secp256r1 and secp384r1, as DER (RFC 5480).
pub(crate) const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
pub(crate) const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const CURVES: [&[u8]; 2] = [P256, P384];
/// How their primes begin and end (FIPS 186-5).
const PRIMES: [&[u8]; 2] = [
    &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
    &[0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0],
];
/// How the bit string of a compressed point on them begins (SEC 1, section 2.3.3).
const COMPRESSED: [&[u8]; 4] = [&[3, 34, 0, 2], &[3, 34, 0, 3], &[3, 50, 0, 2], &[3, 50, 0, 3]];
/// In bytes. An EC key of 256 or 384 bits without its public half is shorter, and one with it is longer.
const SHORTEST_EC_KEY: usize = 100;

/// A section of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Section<'a> {
    /// `CERTIFICATE` or what else it holds.
    pub(crate) label: &'a [u8],
    /// The number of the line where it begins.
    pub(crate) line: usize,
    body: &'a [u8],
}

/// Why a section cannot be read. It quotes nothing: the section may be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PemError {
    /// The BEGIN line, or the END line.
    #[error("the BEGIN on line {0} has no END")]
    CutOff(usize),
    /// Between BEGIN and END.
    #[error("what follows the BEGIN on line {0} is not base64")]
    NotBase64(usize),
}

/// Why there is no private key. The sentence continues the file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PrivateKeyError {
    /// No section that is a key.
    #[error("holds no private key in PEM form")]
    None,
    /// One with a password, for which there is nobody to ask.
    #[error("holds a private key that is encrypted with a password")]
    Encrypted,
    /// One in OpenSSH's own form.
    #[error(
        "holds a private key in the form of OpenSSH, not PKCS #8 (`ssh-keygen -p -m PKCS8 -f COPY` makes a copy that)"
    )]
    OpenSsh,
    /// Only the other half of a key, or a certificate.
    #[error("holds a public key or a certificate, and no private key")]
    Public,
    /// One that is cut off or no base64.
    #[error("holds no private key that can be read: {0}")]
    Damaged(PemError),
}

/// The sections of a file, in order. One that is commented out by `#` is skipped.
pub(crate) fn sections(file: &[u8]) -> impl Iterator<Item = Result<Section<'_>, PemError>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let begin = at + find(file.get(at..)?, BEGIN)?;
            at = begin + BEGIN.len();
            let line_start = file.get(..begin)?.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
            if file.get(line_start..begin)?.trim_ascii_start().starts_with(b"#") {
                continue;
            }
            let line = line_of(file, begin);
            let rest = file.get(at..)?;
            // A section ends before the next one begins.
            let rest = &rest[..find(rest, BEGIN).unwrap_or(rest.len())];
            let label = find(rest, DASHES).filter(|len| *len <= MAX_LABEL).map(|len| &rest[..len]);
            let whole = label.and_then(|label| {
                let body = &rest[label.len() + DASHES.len()..];
                let end = [b"-----END ", label, DASHES].concat();
                Some(Section { label, line, body: &body[..find(body, &end)?] })
            });
            return Some(whole.ok_or(PemError::CutOff(line)));
        }
    })
}

impl Section<'_> {
    /// The bytes that it encodes. They are wiped when dropped.
    ///
    /// # Errors
    /// When it is not base64.
    pub(crate) fn der(&self) -> Result<Zeroizing<Vec<u8>>, PemError> {
        // With their full size at once: a buffer that grows leaves copies behind.
        let mut base64 = Zeroizing::new(Vec::with_capacity(self.body.len()));
        base64.extend(self.body.iter().filter(|byte| !byte.is_ascii_whitespace()));
        let mut der = Zeroizing::new(Vec::with_capacity(self.body.len()));
        STANDARD.decode_vec(&*base64, &mut der).map_err(|_| PemError::NotBase64(self.line))?;
        Ok(der)
    }
}

/// The first private key in a file.
///
/// # Errors
/// When there is none, or the first one cannot be read.
pub(crate) fn private_key(file: &[u8]) -> Result<Zeroizing<PrivateKeyDer<'static>>, PrivateKeyError> {
    let mut none = PrivateKeyError::None;
    for section in sections(file) {
        let section = match section {
            Ok(section) => section,
            Err(why) => {
                none = PrivateKeyError::Damaged(why);
                continue;
            }
        };
        let wrap: fn(Vec<u8>) -> PrivateKeyDer<'static> = match section.label {
            b"PRIVATE KEY" => |der| PrivatePkcs8KeyDer::from(der).into(),
            b"RSA PRIVATE KEY" => |der| PrivatePkcs1KeyDer::from(der).into(),
            b"EC PRIVATE KEY" => |der| PrivateSec1KeyDer::from(der).into(),
            other => {
                none = match other {
                    b"ENCRYPTED PRIVATE KEY" => PrivateKeyError::Encrypted,
                    b"OPENSSH PRIVATE KEY" => PrivateKeyError::OpenSsh,
                    _ if none == PrivateKeyError::None
                        && (other == b"CERTIFICATE" || other.ends_with(b"PUBLIC KEY")) =>
                    {
                        PrivateKeyError::Public
                    }
                    _ => none,
                };
                continue;
            }
        };
        // The headers of an encrypted one (RFC 1421).
        if find(section.body, b"ENCRYPTED").is_some() {
            return Err(PrivateKeyError::Encrypted);
        }
        let mut der = section.der().map_err(PrivateKeyError::Damaged)?;
        return Ok(Zeroizing::new(wrap(std::mem::take(&mut *der))));
    }
    Err(none)
}

/// A form of an EC key on a curve that can be used, which RFC 5915 allows but ring does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EcForm {
    /// Without its public half, as Java writes it.
    Half,
    /// With its public half as one coordinate and the sign of the other.
    Compressed,
    /// With the numbers of its curve in the place of its name.
    Explicit,
}

impl EcForm {
    /// A sentence that continues the file's name.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Half => "holds an EC key without its public half, as Java writes it",
            Self::Compressed => "holds an EC key whose public half is in compressed form",
            Self::Explicit => {
                "holds an EC key with the explicit parameters of its curve, not the curve's name"
            }
        }
    }

    /// The form of `key`, if it is one of these.
    pub(crate) fn of(key: &PrivateKeyDer<'_>) -> Option<Self> {
        let der = key.secret_der();
        let has = |parts: &[&[u8]]| parts.iter().any(|part| find(der, part).is_some());
        let is_ec = matches!(key, PrivateKeyDer::Sec1(_)) || has(&[EC_PUBLIC_KEY]);
        match () {
            () if !is_ec => None,
            () if has(&[PRIME_FIELD]) => has(&PRIMES).then_some(Self::Explicit),
            () if has(&COMPRESSED) => has(&CURVES).then_some(Self::Compressed),
            () => (der.len() < SHORTEST_EC_KEY).then_some(Self::Half),
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = wanted.first()?;
    let mut at = 0;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| byte == first)?;
        if bytes.get(at..)?.starts_with(wanted) {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(file: &str) -> Vec<(String, Vec<u8>)> {
        sections(file.as_bytes())
            .map(|section| {
                let section = section.expect("whole");
                let label = String::from_utf8_lossy(section.label).into_owned();
                (label, section.der().expect("base64").to_vec())
            })
            .collect()
    }

    #[test]
    fn every_section_is_found_wherever_it_begins() {
        let (a, b) = (("A".to_owned(), b"abc".to_vec()), ("B C".to_owned(), b"de".to_vec()));
        for file in [
            "-----BEGIN A-----\nYWJj\n-----END A-----\n-----BEGIN B C-----\nZGU=\n-----END B C-----\n",
            "-----BEGIN A-----\r\nYW\r\nJj\r\n-----END A-----\r\n-----BEGIN B C-----\r\nZGU=\r\n-----END B C-----",
            "text -----BEGIN A-----\nYWJj\n-----END A----------BEGIN B C-----\nZGU=\n-----END B C-----",
            "-----BEGIN A-----YWJj-----END A-----x\n  -----BEGIN B C-----\n   ZGU=\n  -----END B C-----\nmore",
            "#-----BEGIN A-----\n#eA==\n#-----END A-----\n-----BEGIN A-----\rYWJj\r-----END A-----\r-----BEGIN B C-----ZGU=-----END B C-----",
        ] {
            assert_eq!(labels(file), [a.clone(), b.clone()], "{file}");
        }
        assert!(labels("-----BEGIN-----").is_empty() && labels("").is_empty());
    }

    #[test]
    fn section_that_cannot_be_read_is_named_by_its_line() {
        let file = "\n-----BEGIN A-----\ns3cret\n-----BEGIN B-----\n%%\n-----END B-----\n-----BEGIN C";
        let all: Vec<_> = sections(file.as_bytes()).map(|s| s.and_then(|s| s.der())).collect();
        assert_eq!(all, [Err(PemError::CutOff(2)), Err(PemError::NotBase64(4)), Err(PemError::CutOff(7))]);
    }

    #[test]
    fn ec_key_in_a_form_of_its_own_is_told_apart() {
        // As OpenSSL 3.0 writes one key with `-conv_form compressed` and with `-param_enc explicit`.
        for (file, form) in [
            (include_str!("fixtures/compressed.pem"), EcForm::Compressed),
            (include_str!("fixtures/compressed_sec1.pem"), EcForm::Compressed),
            (include_str!("fixtures/explicit.pem"), EcForm::Explicit),
            (include_str!("fixtures/explicit_sec1.pem"), EcForm::Explicit),
        ] {
            let key = private_key(file.as_bytes()).expect("a key");
            assert_eq!(EcForm::of(&key), Some(form), "{file}");
        }
    }

    #[test]
    fn private_key_is_found_among_certificates() {
        let key = |file: &str| private_key(file.as_bytes()).map(|key| key.secret_der().to_vec());
        let certificate = "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----";
        let pem =
            |label: &str, body: &str| format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
        for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"] {
            assert_eq!(key(&format!("{certificate}{}", pem(label, "ZGU="))), Ok(b"de".to_vec()));
        }
        let headers = "Proc-Type: 4,ENCRYPTED\n\nZGU=";
        for (file, why) in [
            ("text", PrivateKeyError::None),
            (certificate, PrivateKeyError::Public),
            (&pem("PUBLIC KEY", "ZGU="), PrivateKeyError::Public),
            (&pem("ENCRYPTED PRIVATE KEY", "ZGU="), PrivateKeyError::Encrypted),
            (&pem("RSA PRIVATE KEY", headers), PrivateKeyError::Encrypted),
            (&format!("{certificate}{}", pem("OPENSSH PRIVATE KEY", "ZGU=")), PrivateKeyError::OpenSsh),
        ] {
            assert_eq!(key(file), Err(why), "{file}");
        }
        let damaged = PrivateKeyError::Damaged(PemError::CutOff(1));
        assert_eq!(key("-----BEGIN PRIVATE KEY-----\nZGU="), Err(damaged));
    }
}
