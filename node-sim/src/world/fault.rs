//! Faults of a server, or of the network on the way to it.

use core::time::Duration;

use jarvis_node::auth::Delivered;
use node_core::answer::Answer;
use node_core::credential::NodeId;
use node_core::service::Service;
use node_core::trouble::TroubleKind;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::board::{Files, Via};
use crate::span::Span;

/// A fault.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Its kind.
    pub wrong: Wrong,
    /// How long a call takes to meet it. `None`: as long as a good answer, or for a stall the time-out.
    pub after: Option<Span>,
    /// The share of calls that meet it, in percent.
    pub percent: u64,
}

/// A kind of fault.
#[derive(Clone, Debug)]
pub enum Wrong {
    /// The call fails with this trouble.
    Trouble {
        /// The kind of trouble.
        kind: TroubleKind,
        /// How long the server asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// Every call gets this answer.
    Http {
        /// Its status.
        status: u16,
        /// Its `Retry-After`.
        retry_after: Option<String>,
        /// Its body.
        body: String,
    },
}

/// A fault as a scenario file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultForm {
    kind: Option<String>,
    status: Option<u16>,
    body: Option<Value>,
    retry_after: Option<String>,
    after: Option<Span>,
    percent: Option<u64>,
}

/// Every kind of trouble that a call can end in.
const KINDS: [TroubleKind; 36] = [
    TroubleKind::NameUnknown,
    TroubleKind::Unreachable,
    TroubleKind::Stalled,
    TroubleKind::ClosedEarly,
    TroubleKind::Busy,
    TroubleKind::Throttled,
    TroubleKind::Unserved,
    TroubleKind::InBetween,
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
    TroubleKind::NameNotServed,
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

/// The name of a kind in scenario files: `HandshakeCut` is `handshake-cut`.
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
    /// A fault of this kind that every call meets, after this time.
    #[must_use]
    pub const fn of(kind: TroubleKind, after: Duration) -> Self {
        Self { wrong: Wrong::Trouble { kind, retry_after: None }, after: Some(Span(after)), percent: 100 }
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let FaultForm { kind, status, body, retry_after, after, percent } =
            FaultForm::deserialize(deserializer)?;
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
    /// The answer to a call that meets the fault.
    pub(super) fn answer(&self, via: Via, files: &Files) -> Answer {
        match self {
            Self::Trouble { kind, retry_after } => {
                let trouble = Service::AUTH.trouble(*kind, format_args!("{kind:?}"));
                Answer::Inconclusive { trouble, retry_after: *retry_after }
            }
            Self::Http { status, retry_after, body } => {
                let delivered = Delivered { status: *status, retry_after: retry_after.as_deref(), body };
                match (via, NodeId::parse(&files.node_id)) {
                    (Via::App, Ok(node_id)) => delivered.by_the_auth_service(&node_id),
                    (Via::Logs, _) => delivered.by_the_logs(),
                    // Files without a valid node id are never asked about.
                    (Via::CommandCenter, _) | (Via::App, Err(_)) => delivered.by_the_command_center(),
                }
            }
        }
    }

    /// How long a call takes to meet the fault if `after` is not given.
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
    fn kinds_of_fault_have_different_names() {
        let mut names: Vec<_> = KINDS.into_iter().map(name).collect();
        assert!(names.contains(&"handshake-cut".to_owned()));
        names.sort();
        names.dedup();
        assert_eq!(names.len(), KINDS.len());
    }

    #[test]
    fn ambiguous_empty_or_misspelt_fault_is_refused() {
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
