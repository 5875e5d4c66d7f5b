//! What a file of certificates or keys holds, if that is not the PEM form of what belongs there: by the first elements of
//! its DER (X.690), or by the labels of its PEM sections (RFC 7468). Each has a command of its own that converts it.

use std::path::{Path, PathBuf};

use super::pem;
use super::pem::EcForm;
use crate::error::SetupError;
use crate::system::failure::shell_word;

/// The purpose of the file with the node's own private key.
pub(crate) const KEY_FILE: &str = "client_key_file";
/// The purpose of the file with the key that proves the node to the STS.
pub(crate) const STS_KEY_FILE: &str = "sts.client_key_file";

fn is_for_a_key(what: &str) -> bool {
    [KEY_FILE, STS_KEY_FILE].contains(&what)
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A store of keys and certificates (RFC 7292).
    Pkcs12,
    /// A store of Java's.
    JavaStore,
    /// A bundle of certificates (RFC 2315).
    Pkcs7,
    /// A certificate (RFC 5280).
    Certificate,
    /// A request for one (RFC 2986).
    Request,
    /// A list of revoked certificates (RFC 5280).
    RevocationList,
    /// A private key (RFC 5208, RFC 8017, RFC 5915), or an encrypted one.
    PrivateKey,
    /// A public key.
    PublicKey,
}

/// In DER.
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
/// The version of a certificate.
const VERSION: u8 = 0xa0;
/// How the identifiers of PKCS #7 begin.
const PKCS7: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07];
/// How the stores of Java begin: JKS and JCEKS.
const JAVA: [&[u8]; 2] = [&[0xfe, 0xed, 0xfe, 0xed], &[0xce, 0xce, 0xce, 0xce]];

/// An element of DER: its tag, its content as far as that is there, and what follows it.
pub(crate) type Element<'a> = (u8, &'a [u8], &'a [u8]);

impl Form {
    /// The form of a binary file; `None` for any other.
    pub(crate) fn of_binary(file: &[u8]) -> Option<Self> {
        if JAVA.iter().any(|start| file.starts_with(start)) {
            return Some(Self::JavaStore);
        }
        let (SEQUENCE, whole, _) = element(file)? else { return None };
        let (tag, first, after) = element(whole)?;
        let second = after.first().copied();
        match (tag, first, second) {
            (INTEGER, [3], Some(SEQUENCE)) => Some(Self::Pkcs12),
            (INTEGER, [0 | 1], Some(SEQUENCE | INTEGER | OCTET_STRING)) => Some(Self::PrivateKey),
            (INTEGER, _, Some(INTEGER)) => Some(Self::PublicKey),
            (OBJECT_IDENTIFIER, id, _) if id.starts_with(PKCS7) => Some(Self::Pkcs7),
            (SEQUENCE, _, Some(BIT_STRING)) => Some(Self::PublicKey),
            (SEQUENCE, _, Some(OCTET_STRING)) => Some(Self::PrivateKey),
            (SEQUENCE, signed, Some(SEQUENCE) | None) => match element(signed)? {
                (VERSION, ..) => Some(Self::Certificate),
                (INTEGER, [0], [SEQUENCE, ..]) => Some(Self::Request),
                (INTEGER, [1], [SEQUENCE, ..]) => Some(Self::RevocationList),
                (INTEGER, _, [SEQUENCE, ..]) => Some(Self::Certificate),
                _ => None,
            },
            _ => None,
        }
    }

    /// The form of the first section of a PEM file that holds something known other than a certificate.
    pub(crate) fn of_sections(text: &[u8]) -> Option<Self> {
        pem::sections(text).flatten().find_map(|section| match section.label {
            b"CERTIFICATE REQUEST" | b"NEW CERTIFICATE REQUEST" => Some(Self::Request),
            b"X509 CRL" => Some(Self::RevocationList),
            label if label.ends_with(b"PRIVATE KEY") => Some(Self::PrivateKey),
            label if label.ends_with(b"PUBLIC KEY") => Some(Self::PublicKey),
            _ => None,
        })
    }

    /// The error for a file at `path`, which is to be the `what`, and has this form.
    pub(crate) fn error(self, what: &'static str, path: &Path) -> SetupError {
        let why = self.words(is_for_a_key(what));
        SetupError::Form { what, path: path.into(), why, fix: self.fix(what, path) }
    }

    const fn words(self, key_is_wanted: bool) -> &'static str {
        match (self, key_is_wanted) {
            (Self::Pkcs12, _) => "is a PKCS #12 store (.p12 or .pfx), where PEM belongs",
            (Self::JavaStore, _) => "is a key store of Java's, where PEM belongs",
            (Self::Pkcs7, _) => "is a PKCS #7 bundle of certificates, where PEM belongs",
            (Self::Certificate, false) => "is a certificate in DER form, where PEM belongs",
            (Self::Certificate, true) => "is a certificate, where a private key belongs",
            (Self::Request, false) => "holds a request for a certificate (CSR), and no certificate",
            (Self::Request, true) => "is a request for a certificate (CSR), where a private key belongs",
            (Self::RevocationList, _) => "holds a list of revoked certificates (CRL)",
            (Self::PrivateKey, false) => "holds a private key, and no certificate",
            (Self::PrivateKey, true) => "is a private key in DER form, where PEM belongs",
            (Self::PublicKey, false) => "holds a public key, and no certificate",
            (Self::PublicKey, true) => "is a public key, where a private key belongs",
        }
    }

    fn fix(self, what: &str, path: &Path) -> String {
        let wants_key = is_for_a_key(what);
        // `-nodes` is also understood where it is called `-noenc` by now.
        let from_store = match what {
            KEY_FILE | STS_KEY_FILE => "-nocerts -nodes",
            "ca_file" => "-cacerts -nokeys",
            _ => "-nokeys",
        };
        let with_ending = |ending: &str| shell_word(&PathBuf::from(format!("{}{ending}", path.display())));
        let (file, pem) = (shell_word(path), with_ending(".pem"));
        let command = match self {
            Self::Pkcs12 => {
                format!("openssl pkcs12 -in {file} {from_store} -out {pem} (an old one needs -legacy)")
            }
            Self::JavaStore => {
                let store = with_ending(".p12");
                format!(
                    "keytool -importkeystore -srckeystore {file} -destkeystore {store} -deststoretype pkcs12 && \
                     openssl pkcs12 -in {store} {from_store} -out {pem}"
                )
            }
            Self::Pkcs7 if !wants_key => {
                format!("openssl pkcs7 -inform der -print_certs -in {file} -out {pem}")
            }
            Self::Certificate if !wants_key => format!("openssl x509 -inform der -in {file} -out {pem}"),
            Self::PrivateKey if wants_key => format!("openssl pkey -inform der -in {file} -out {pem}"),
            Self::Request if !wants_key => {
                return format!("Let a CA make the certificate of it, and put that into {what}.");
            }
            Self::Pkcs7
            | Self::Certificate
            | Self::PrivateKey
            | Self::Request
            | Self::RevocationList
            | Self::PublicKey => {
                let wanted = match what {
                    KEY_FILE => "private key that the certificate was issued for",
                    STS_KEY_FILE => "private key whose public half the STS has",
                    "ca_file" => "CA's certificate",
                    _ => "certificate that the CA issued for this node",
                };
                return format!("Put the {wanted} into {what}, in PEM form.");
            }
        };
        format!("Let {what} name what this writes: {command}")
    }
}

/// The error for a file at `path` with a key in that form.
pub(crate) fn ec_error(form: EcForm, what: &'static str, path: &Path) -> SetupError {
    let fix = format!(
        "Put in its place what this writes: openssl ec -conv_form uncompressed -param_enc named_curve -in {} | openssl pkcs8 \
         -topk8 -nocrypt -out {}",
        shell_word(path),
        shell_word(Path::new(&format!("{}.new", path.display())))
    );
    SetupError::Form { what, path: path.into(), why: form.words(), fix }
}

/// The first element in `bytes`.
pub(crate) fn element(bytes: &[u8]) -> Option<Element<'_>> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (len, rest) = match first {
        // Of no length that is told: to the end.
        0x80 => (rest.len(), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |len, digit| len << 8 | usize::from(*digit)), rest)
        }
        short => (usize::from(*short), rest),
    };
    let (content, after) = rest.split_at(len.min(rest.len()));
    Some((*tag, content, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first bytes of files that OpenSSL 3 and keytool 17 wrote.
    const FILES: [(Form, &[u8]); 14] = [
        (Form::Pkcs12, b"\x30\x82\x09\x3f\x02\x01\x03\x30\x82\x08\xf5\x06\x09"),
        (Form::Pkcs12, b"\x30\x80\x02\x01\x03\x30\x80\x06\x09"),
        (Form::JavaStore, b"\xfe\xed\xfe\xed\0\0\0\x02"),
        (Form::JavaStore, b"\xce\xce\xce\xce\0\0\0\x02"),
        (Form::Pkcs7, b"\x30\x82\x02\x1f\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0"),
        (Form::Certificate, b"\x30\x82\x01\x7f\x30\x82\x01\x25\xa0\x03\x02\x01\x02\x02\x14"),
        (Form::PrivateKey, b"\x30\x81\x87\x02\x01\x00\x30\x13\x06\x07"),
        (Form::PrivateKey, b"\x30\x82\x04\xa4\x02\x01\x00\x02\x82\x01\x01\0"),
        (Form::PrivateKey, b"\x30\x77\x02\x01\x01\x04\x20"),
        (Form::PrivateKey, b"\x30\x0b\x30\x02\x06\x00\x04\x02\x30\x00"),
        (Form::PublicKey, b"\x30\x0b\x30\x03\x06\x01\x2a\x03\x02\x00\x04"),
        (Form::PublicKey, b"\x30\x08\x02\x02\x00\xb3\x02\x01\x03"),
        (Form::Request, b"\x30\x82\x01\x00\x30\x81\xa7\x02\x01\x00\x30\x45"),
        (Form::RevocationList, b"\x30\x82\x01\x00\x30\x81\xa7\x02\x01\x01\x30\x0a"),
    ];

    #[test]
    fn form_is_told_by_the_first_elements() {
        for (form, file) in FILES {
            assert_eq!(Form::of_binary(file), Some(form), "{file:x?}");
        }
        for text in ["", "0", "0A", "00000000000000000000", "-----BEGIN CERTIFICATE-----", "{}", "\u{feff}x"]
        {
            assert_eq!(Form::of_binary(text.as_bytes()), None, "{text}");
        }
        for (_, file) in FILES {
            for len in 0..file.len() {
                // Cut off anywhere, it is read to its end and no further.
                Form::of_binary(&file[..len]);
            }
        }
    }

    #[test]
    fn section_of_another_kind_is_told_by_its_label() {
        for (label, form) in [
            ("CERTIFICATE REQUEST", Some(Form::Request)),
            ("NEW CERTIFICATE REQUEST", Some(Form::Request)),
            ("PUBLIC KEY", Some(Form::PublicKey)),
            ("RSA PRIVATE KEY", Some(Form::PrivateKey)),
            ("ENCRYPTED PRIVATE KEY", Some(Form::PrivateKey)),
            ("X509 CRL", Some(Form::RevocationList)),
            ("DH PARAMETERS", None),
        ] {
            let file = format!("x\n-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
            assert_eq!(Form::of_sections(file.as_bytes()), form, "{label}");
        }
    }

    #[test]
    fn fix_is_a_command_for_this_file_or_says_what_belongs_there() {
        let path = Path::new("/etc/it's");
        for (form, what, says) in [
            (
                Form::Pkcs12,
                "ca_file",
                r"openssl pkcs12 -in '/etc/it'\''s' -cacerts -nokeys -out '/etc/it'\''s.pem'",
            ),
            (Form::Pkcs12, "client_cert_file", " -nokeys -out"),
            (Form::Pkcs12, KEY_FILE, " -nocerts -nodes -out"),
            (Form::JavaStore, "ca_file", "keytool -importkeystore"),
            (Form::Certificate, "ca_file", "openssl x509 -inform der"),
            (Form::Certificate, KEY_FILE, "Put the private key that the certificate was issued for"),
            (Form::PrivateKey, KEY_FILE, "openssl pkey -inform der"),
            (Form::PrivateKey, STS_KEY_FILE, "openssl pkey -inform der"),
            (
                Form::Certificate,
                STS_KEY_FILE,
                "Put the private key whose public half the STS has into sts.client_key_file",
            ),
            (Form::PrivateKey, "ca_file", "Put the CA's certificate into ca_file"),
            (Form::Request, "client_cert_file", "Let a CA make the certificate"),
            (Form::PublicKey, "client_cert_file", "Put the certificate that the CA issued"),
        ] {
            let trouble = form.error(what, path).to_trouble();
            assert!(trouble.fix.as_str().contains(says), "{form:?} {what}: {}", trouble.fix);
            assert!(
                trouble.reason.as_str().starts_with(&format!("the {what} /etc/it's ")),
                "{}",
                trouble.reason
            );
        }
    }
}
