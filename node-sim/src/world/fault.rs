//! What can be wrong with a server or the way to it.

use core::time::Duration;

use jarvis_node::auth::Delivered;
use node_core::answer::Answer;
use node_core::credential::NodeId;
use node_core::trouble::{Trouble, TroubleKind};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::board::{Files, Via};
use crate::span::Span;

/// Something wrong.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What.
    pub wrong: Wrong,
    /// How long it takes a call to meet it; without, as long as a good answer, or a stall its time-out.
    pub after: Option<Span>,
    /// How many of a hundred calls meet it.
    pub percent: u64,
}

/// What is wrong.
#[derive(Clone, Debug)]
pub enum Wrong {
    /// The call comes to nothing, in this way.
    Trouble {
        /// Which.
        kind: TroubleKind,
        /// For how long the server asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// It comes to this answer, whatever is asked.
    Http {
        /// Its status.
        status: u16,
        /// Its `Retry-After`.
        retry_after: Option<String>,
        /// Its body.
        body: String,
    },
}

/// A fault as a file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    kind: Option<String>,
    status: Option<u16>,
    body: Option<Value>,
    retry_after: Option<String>,
    after: Option<Span>,
    percent: Option<u64>,
}

/// Every kind that a call can come to.
const KINDS: [TroubleKind; 32] = [
    TroubleKind::NameUnknown,
    TroubleKind::Unreachable,
    TroubleKind::Stalled,
    TroubleKind::ClosedEarly,
    TroubleKind::Busy,
    TroubleKind::Redirected,
    TroubleKind::NotTheService,
    TroubleKind::RequestRefused,
    TroubleKind::NotUnderstood,
    TroubleKind::OtherNode,
    TroubleKind::AppRejected,
    TroubleKind::CertificateExpired,
    TroubleKind::CertificateNotYetValid,
    TroubleKind::CertificateUnknownIssuer,
    TroubleKind::CertificateWrongName,
    TroubleKind::CertificateSelfSigned,
    TroubleKind::CertificateOfCa,
    TroubleKind::CertificateWrongUsage,
    TroubleKind::CertificateBeyondIssuer,
    TroubleKind::CertificateWeak,
    TroubleKind::CertificateRefused,
    TroubleKind::KeyNotPinned,
    TroubleKind::KeyNotProved,
    TroubleKind::ClientCertificateMissing,
    TroubleKind::ClientCertificateRefused,
    TroubleKind::NoCommonTlsVersion,
    TroubleKind::NoTls,
    TroubleKind::TlsOnPlainPort,
    TroubleKind::Handshake,
    TroubleKind::HandshakeCut,
    TroubleKind::NoServerTime,
    TroubleKind::ServerClock,
];

/// The name of a kind in files: `HandshakeCut` is `handshake-cut`.
fn name(kind: TroubleKind) -> String {
    let mut name = String::new();
    for c in format!("{kind:?}").chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

impl Fault {
    /// Every call comes to trouble of this kind, after so long.
    #[must_use]
    pub const fn of(kind: TroubleKind, after: Duration) -> Self {
        Self { wrong: Wrong::Trouble { kind, retry_after: None }, after: Some(Span(after)), percent: 100 }
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Form { kind, status, body, retry_after, after, percent } = Form::deserialize(deserializer)?;
        let wrong = match (kind, status) {
            (Some(kind), None) if body.is_none() => Wrong::Trouble {
                kind: KINDS.into_iter().find(|known| name(*known) == kind).ok_or_else(|| {
                    let known = KINDS.map(name).join(", ");
                    D::Error::custom(format_args!("there is no kind '{kind}' of fault, but: {known}"))
                })?,
                retry_after: match retry_after {
                    Some(text) => Some(text.parse::<Span>().map_err(D::Error::custom)?.0),
                    None => None,
                },
            },
            (None, Some(status)) => Wrong::Http {
                status,
                retry_after,
                body: match body {
                    Some(Value::String(text)) => text,
                    Some(json) => json.to_string(),
                    None => String::new(),
                },
            },
            _ => {
                return Err(D::Error::custom(
                    "a fault has either a `kind` or a `status`, which may have a `body`",
                ));
            }
        };
        Ok(Self { wrong, after, percent: percent.unwrap_or(100) })
    }
}

impl Wrong {
    /// What a call comes to.
    pub(super) fn answer(&self, via: Via, files: &Files) -> Answer {
        match self {
            Self::Trouble { kind, retry_after } => {
                let trouble = Trouble::new(*kind, format_args!("{kind:?}"));
                Answer::Inconclusive { trouble, retry_after: *retry_after }
            }
            Self::Http { status, retry_after, body } => {
                let delivered = Delivered { status: *status, retry_after: retry_after.as_deref(), body };
                match (via, NodeId::parse(&files.node_id)) {
                    (Via::App, Ok(node_id)) => delivered.by_the_auth_service(&node_id),
                    // Files with no sound name in them are never asked about.
                    (Via::CommandCenter, _) | (Via::App, Err(_)) => delivered.by_the_command_center(),
                }
            }
        }
    }

    /// How long that takes where nothing else is said.
    pub(super) fn usual_time(&self, usual: Duration, timeout: Duration) -> Duration {
        match self {
            Self::Trouble { kind: TroubleKind::Stalled, .. } => timeout,
            Self::Trouble { .. } | Self::Http { .. } => usual.min(timeout),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Fault, String> {
        serde_json::from_str(json).map_err(|e| e.to_string())
    }

    #[test]
    fn kinds_go_by_names_that_are_all_different() {
        let mut names: Vec<_> = KINDS.into_iter().map(name).collect();
        assert!(names.contains(&"handshake-cut".to_owned()));
        names.sort();
        names.dedup();
        assert_eq!(names.len(), KINDS.len());
    }

    #[test]
    fn what_is_both_or_neither_or_misspelt_is_refused() {
        for (json, complaint) in [
            (r#"{"kind":"stalled","status":500}"#, "either"),
            (r#"{"after":"1s"}"#, "either"),
            (r#"{"kind":"stalled","body":"x"}"#, "either"),
            (r#"{"kind":"stall"}"#, "'stall'"),
            (r#"{"kind":"stalled","percents":3}"#, "`percents`"),
            (r#"{"kind":"stalled","after":"3"}"#, "'3'"),
        ] {
            let told = read(json).expect_err(json);
            assert!(told.contains(complaint), "{json}: {told}");
        }
    }
}
