//! Trouble with the node's own files. Each error is made as the reader of its file makes it: which content leads to which
//! is in the tests of those readers.

use std::io;
use std::path::PathBuf;

use jarvis_node::error::SetupError;
use node_core::credential::ValueError;
use node_core::plain::TextFault;
use node_core::trouble::Trouble;

use super::Row;

const SECTION: &str = "Files and the clock";

pub(super) fn rows() -> Vec<Row> {
    let path = || PathBuf::from("/etc/jarvis-node-agent/FILE");
    let what = "app key file";
    let mut rows: Vec<Row> = [
        ("a file is missing", SetupError::Missing { what, path: path(), target: None }),
        (
            "a link to a file that is missing",
            SetupError::Missing { what, path: path(), target: Some("/mnt/stick/app.key".into()) },
        ),
        (
            "a directory in a file's place",
            SetupError::reading(what, &path(), io::ErrorKind::IsADirectory.into()),
        ),
        ("a file is far too large", SetupError::TooLarge { what, path: path() }),
        ("a file is empty", SetupError::Text { what, path: path(), why: TextFault::Empty }),
        ("a file is binary", SetupError::Text { what, path: path(), why: TextFault::Binary }),
        ("a file is in UTF-16", SetupError::Text { what, path: path(), why: TextFault::Utf16 }),
        (
            "a PKCS #12 store in the place of PEM",
            SetupError::Form {
                what: "ca_file",
                path: path(),
                why: "is a PKCS #12 store (.p12 or .pfx), where PEM belongs",
                fix: "Let ca_file name what this writes: openssl pkcs12 -in FILE -cacerts -nokeys -out FILE.pem".into(),
            },
        ),
        (
            "all may write to the folder",
            SetupError::OpenFolder { what, path: path(), folder: "/etc/jarvis-node-agent".into() },
        ),
        ("mode 0644 on a secret", SetupError::OpenToOthers { what, path: path() }),
        ("another user's secret", SetupError::WrongOwner { what, path: path(), owner: 54321, wanted: 54322 }),
        (
            "a mistake in the configuration",
            SetupError::Config { path: path(), why: "sts lacks issuer".into() },
        ),
        (
            "the credential file is no JSON",
            SetupError::CredentialForm { path: path(), why: "is not JSON (column 7)".into() },
        ),
        (
            "the credential file is cut off, and the one before it is open",
            SetupError::NorOther {
                error: Box::new(SetupError::CredentialForm { path: path(), why: "is not JSON (column 7)".into() }),
                other: Box::new(SetupError::OpenToOthers { what: "credential file", path: "/etc/jarvis-node-agent/FILE.prev".into() }),
            },
        ),
        ("a placeholder", SetupError::NotProvisioned { path: path(), key: "node_key" }),
        (
            "a key too long",
            SetupError::Value { path: path(), key: "node_key", why: ValueError::TooLong(128) },
        ),
        ("a card of another board", SetupError::OtherBoard { state_file: path() }),
        ("no certificate", SetupError::CaFile { path: path(), why: "holds no certificate".into() }),
        ("no usable key", SetupError::StsKey { path: path(), why: "holds no private key".into() }),
        (
            "a key written by Java",
            SetupError::Form {
                what: "client_key_file",
                path: path(),
                why: "holds an EC key without its public half, as Java writes it",
                fix: "Put in its place what this writes: openssl ec -conv_form uncompressed -param_enc named_curve -in FILE | \
                      openssl pkcs8 -topk8 -nocrypt -out FILE.new"
                    .into(),
            },
        ),
        (
            "no usable client certificate",
            SetupError::ClientCertificate { path: path(), why: "holds no certificate".into() },
        ),
    ]
    .into_iter()
    .map(|(cause, error)| row(cause, &error.to_trouble()))
    .collect();
    rows.push(row("the board's clock is before the last verified server", &Trouble::clock()));
    rows
}

fn row(cause: &str, trouble: &Trouble) -> Row {
    let outcome = trouble.kind.outcome().as_str();
    Row::new(SECTION, cause, outcome, trouble.reason.as_str(), trouble.fix.as_str())
}
