//! The server and the network, as the node meets them. Good answers are built with the shared `wire` module,
//! and faulty HTTP answers are judged by the device's own code, so that a simulated rejection is exactly the
//! rejection that the device gets.

use core::time::Duration;

use jarvis_node::auth::Delivered;
use node_core::agent::PROBE_TIMEOUT;
use node_core::answer::Answer;
use node_core::credential::NodeId;
use node_core::jitter::Jitter;
use node_core::service::Service;
use node_core::text::Text;
use node_core::time::{UnixTime, millis};
use node_core::trouble::TroubleKind;
use node_core::wire::ValidateResponse;
use serde::Deserialize;

use super::board::{Board, Files, Via};
use super::fault::{Fault, Wrong};
use crate::span::{Span, given};

/// The shortest time for an answer to a probe; the longest is twice as long.
const PROBE_TIME: Duration = Duration::from_millis(5);

/// A simulated auth service, with the command center in front of it.
#[derive(Clone, Debug)]
pub struct Server {
    /// The node id that the server knows.
    pub node_id: String,
    /// The number of the current node key. Earlier keys fail at once.
    pub key: u32,
    /// The number of the current app key.
    pub app_key: u32,
    /// Whether the node is active.
    pub active: bool,
    /// Whether the node may use the service that it asks for.
    pub granted: bool,
    /// The node id in the answers, if it is not the one that was asked about.
    pub answers_for: Option<String>,
    /// The node's household.
    pub household: String,
    /// The shortest and longest time for a good answer.
    pub latency: (Duration, Duration),
    /// When the certificate is valid, from and until; `None` for always.
    pub certificate: Option<(UnixTime, UnixTime)>,
    /// The current fault, of the server or the network.
    pub fault: Option<Fault>,
}

/// A change of a server. Fields that are `None` stay as they are.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerChange {
    /// See [`Server::node_id`].
    pub node_id: Option<String>,
    /// See [`Server::key`].
    pub key: Option<u32>,
    /// See [`Server::app_key`].
    pub app_key: Option<u32>,
    /// See [`Server::active`].
    pub active: Option<bool>,
    /// See [`Server::granted`].
    pub granted: Option<bool>,
    /// See [`Server::answers_for`].
    #[serde(deserialize_with = "given")]
    pub answers_for: Option<Option<String>>,
    /// See [`Server::household`].
    pub household: Option<String>,
    /// See [`Server::latency`].
    pub latency: Option<(Span, Span)>,
    /// The age of a new certificate, and how much longer it is valid.
    #[serde(deserialize_with = "given")]
    pub certificate: Option<Option<Validity>>,
    /// See [`Server::fault`].
    #[serde(deserialize_with = "given")]
    pub fault: Option<Option<Fault>>,
}

/// How long a certificate is valid, seen from the moment of its installation.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validity {
    /// How long it has been valid.
    pub since: Span,
    /// How much longer it will be valid.
    pub lasts: Span,
}

impl Default for Server {
    /// Knows the default board, and takes about as long as the measured service.
    fn default() -> Self {
        Self {
            node_id: "kitchen-pi".into(),
            key: 1,
            app_key: 1,
            active: true,
            granted: true,
            answers_for: None,
            household: "11111111-2222-4333-8444-555555555555".into(),
            latency: (Duration::from_millis(500), Duration::from_millis(900)),
            certificate: None,
            fault: None,
        }
    }
}

impl Server {
    /// Applies a change at the time `now`.
    pub fn change(&mut self, change: &ServerChange, now: UnixTime) {
        if let Some(node_id) = &change.node_id {
            self.node_id.clone_from(node_id);
        }
        if let Some(household) = &change.household {
            self.household.clone_from(household);
        }
        self.key = change.key.unwrap_or(self.key);
        self.app_key = change.app_key.unwrap_or(self.app_key);
        self.active = change.active.unwrap_or(self.active);
        self.granted = change.granted.unwrap_or(self.granted);
        if let Some(other) = &change.answers_for {
            self.answers_for.clone_from(other);
        }
        if let Some((least, most)) = change.latency {
            self.latency = (least.0, most.0);
        }
        if let Some(certificate) = change.certificate {
            self.certificate = certificate.map(|Validity { since, lasts }| {
                (UnixTime(now.0.saturating_sub(since.0.as_secs())), UnixTime(now.0 + lasts.0.as_secs()))
            });
        }
        if let Some(fault) = &change.fault {
            self.fault.clone_from(fault);
        }
    }

    /// The answer to a call from this board with these files, and how long it takes. `wall` is the board's
    /// clock.
    pub(super) fn answer(
        &self,
        board: &Board,
        files: &Files,
        wall: UnixTime,
        chance: &mut Jitter,
    ) -> (Duration, Answer) {
        let (least, most) = self.latency;
        let usual = least + chance.up_to(most.saturating_sub(least));
        // Drawn for every call, so that a server with losses has the same latencies as one without.
        let drawn = millis(chance.up_to(Duration::from_millis(99)));
        let timeout = board.settings.request_timeout;
        if let Some(fault) = self.fault.as_ref().filter(|fault| drawn < fault.percent) {
            let after =
                fault.after.map_or_else(|| fault.wrong.usual_time(usual, timeout), |Span(after)| after);
            return (after, fault.wrong.answer(board.via, files));
        }
        if let Some(kind) = board.settings.clock_floor.and_then(|_| self.certificate_trouble(wall)) {
            return (usual.min(timeout), inconclusive(kind));
        }
        if usual > timeout {
            return (timeout, inconclusive(TroubleKind::Stalled));
        }
        let answer = match (NodeId::parse(&files.node_id), board.via) {
            (Err(_), _) => inconclusive(TroubleKind::RequestRefused),
            (Ok(_), Via::CommandCenter | Via::Logs) => self.by_node(board.via, files),
            (Ok(_), Via::App) if files.app_key != self.app_key => inconclusive(TroubleKind::AppRejected),
            (Ok(ours), Via::App) => self.verdict(files).into_answer(&ours),
        };
        (usual, answer)
    }

    /// The answer to a probe, and how long it takes. A probe finds faults of the connection, and a proxy that says so (502 to
    /// 504); a 500 and all else shows in a call only, as when the database is away. A partial loss (`percent`) does
    /// not affect probes.
    pub(super) fn probe(&self, board: &Board, chance: &mut Jitter) -> (Duration, Answer) {
        let quick = PROBE_TIME + chance.up_to(PROBE_TIME);
        let patience = board.settings.request_timeout.min(PROBE_TIMEOUT);
        let met = self.fault.as_ref().filter(|fault| fault.percent == 100).and_then(|fault| {
            let kind = match &fault.wrong {
                Wrong::Trouble { kind: TroubleKind::Busy, .. } | Wrong::Http { status: 500, .. } => {
                    return None;
                }
                Wrong::Trouble { kind, .. } => *kind,
                Wrong::Http { status, retry_after, body } => {
                    let retry_after = retry_after.as_deref();
                    return Some((quick, Delivered { status: *status, retry_after, body }.to_a_probe()));
                }
            };
            let after = match (fault.after, kind) {
                (Some(Span(after)), _) => after.min(patience),
                (None, TroubleKind::Stalled) => patience,
                (None, _) => quick,
            };
            (kind.is_no_answer() || kind.is_away()).then(|| (after, inconclusive(kind)))
        });
        met.unwrap_or((quick, Answer::Reachable))
    }

    fn certificate_trouble(&self, wall: UnixTime) -> Option<TroubleKind> {
        let (from, until) = self.certificate?;
        if wall < from {
            Some(TroubleKind::CertificateNotYetValid)
        } else if wall > until {
            Some(TroubleKind::CertificateExpired)
        } else {
            None
        }
    }

    /// A service that the node asks with its own credential passes the auth service's reason on unchanged.
    fn by_node(&self, via: Via, files: &Files) -> Answer {
        let verdict = self.verdict(files);
        let refusal = serde_json::json!({ "detail": verdict.reason }).to_string();
        let deliver = |status, body| Delivered { status, retry_after: None, body };
        match (via, verdict.valid) {
            (Via::Logs, true) => deliver(204, "").by_the_logs(),
            (Via::Logs, false) => deliver(403, &refusal).by_the_logs(),
            (Via::App | Via::CommandCenter, true) => {
                deliver(200, r#"{"status":"ok"}"#).by_the_command_center()
            }
            (Via::App | Via::CommandCenter, false) => deliver(401, &refusal).by_the_command_center(),
        }
    }

    /// Checks in the order of the real service (docs/wire/jarvis-auth.md).
    fn verdict(&self, files: &Files) -> ValidateResponse {
        let rejected = |reason: &str| ValidateResponse {
            valid: false,
            node_id: None,
            household_id: None,
            household_member_ids: None,
            reason: Some(Text::from(reason)),
        };
        if files.node_id != self.node_id {
            rejected("Node not found")
        } else if !self.active {
            rejected("Node is inactive")
        } else if files.key != self.key {
            rejected("Invalid node credentials")
        } else if !self.granted {
            rejected("Node is not authorized to access service 'command-center'")
        } else {
            ValidateResponse {
                valid: true,
                node_id: Some(Text::from(self.answers_for.as_ref().unwrap_or(&files.node_id).as_str())),
                household_id: Some(Text::from(self.household.as_str())),
                household_member_ids: Some([1].into_iter().collect()),
                reason: None,
            }
        }
    }
}

fn inconclusive(kind: TroubleKind) -> Answer {
    Answer::Inconclusive { trouble: Service::AUTH.trouble(kind, format_args!("{kind:?}")), retry_after: None }
}

/// Whether the answer is the server's own, over a connection that proved its identity.
pub(super) fn is_its_word(answer: &Answer) -> bool {
    match answer {
        Answer::Valid(_) | Answer::Rejected(_) => true,
        Answer::Reachable => false,
        Answer::Inconclusive { trouble, .. } => trouble.kind.is_from_server(),
    }
}
