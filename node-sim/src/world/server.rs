//! The server and the way to it, as the node meets them. Sound answers go through the shared
//! `wire` module, and faulty ones in HTTP through the device's own judgement, so that a simulated
//! denial is the denial the device gets.

use core::time::Duration;

use jarvis_node::auth::Delivered;
use node_core::agent::OVERWHELMED;
use node_core::answer::Answer;
use node_core::credential::NodeId;
use node_core::jitter::Jitter;
use node_core::text::Text;
use node_core::time::{UnixTime, millis};
use node_core::trouble::{Trouble, TroubleKind};
use node_core::wire::ValidateResponse;
use serde::Deserialize;

use super::board::{Board, Files, Via};
use super::fault::{Fault, Wrong};
use crate::span::{Span, given};

/// The least that an answer to a knock takes; twice that at most.
const A_KNOCK: Duration = Duration::from_millis(5);

/// A simulated auth service, with the command center before it.
#[derive(Clone, Debug)]
pub struct Server {
    /// The node it knows.
    pub node_id: String,
    /// The key that is good now; older ones fail at once.
    pub key: u32,
    /// The app key that is good now.
    pub app_key: u32,
    /// Whether the node is active.
    pub active: bool,
    /// Whether the node may use the service it asks for.
    pub granted: bool,
    /// The node id in its answers, if not the one asked for.
    pub answers_for: Option<String>,
    /// The household the node belongs to.
    pub household: String,
    /// How long a good answer takes, least and most.
    pub latency: (Duration, Duration),
    /// From when until when its certificate is good; `None` for always.
    pub certificate: Option<(UnixTime, UnixTime)>,
    /// What is wrong with it, or with the way to it.
    pub fault: Option<Fault>,
}

/// What becomes of a server: only what is given changes.
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
    /// A certificate that is as old as the first says and good for as long as the second.
    #[serde(deserialize_with = "given")]
    pub certificate: Option<Option<Validity>>,
    /// See [`Server::fault`].
    #[serde(deserialize_with = "given")]
    pub fault: Option<Option<Fault>>,
}

/// How long a certificate is good, seen from the moment it is put in place.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validity {
    /// How long ago it became good.
    pub since: Span,
    /// How much longer it is.
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
    /// Changes it at the moment `now`.
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

    /// What a call from this board with these files comes to, and after how long. `wall` is the board's
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
        // Drawn each time, so that one server's losses do not shift another's latencies.
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
            (Ok(_), Via::CommandCenter) => self.command_center(files),
            (Ok(_), Via::App) if files.app_key != self.app_key => inconclusive(TroubleKind::AppRejected),
            (Ok(ours), Via::App) => self.verdict(files).into_answer(&ours),
        };
        (usual, answer)
    }

    /// What a knock comes to, and after how long. It meets the same faults, but most of them are for a call
    /// to find out; and a few lost packets keep no knock from being answered, so that nothing is lost by
    /// chance.
    pub(super) fn probe(&self, board: &Board, chance: &mut Jitter) -> (Duration, Answer) {
        let quick = A_KNOCK + chance.up_to(A_KNOCK);
        let patience = board.settings.request_timeout.min(OVERWHELMED);
        let met = self.fault.as_ref().filter(|fault| fault.percent == 100).and_then(|fault| {
            let Wrong::Trouble { kind, .. } = fault.wrong else { return None };
            let after = match (fault.after, kind) {
                (Some(Span(after)), _) => after.min(patience),
                (None, TroubleKind::Stalled) => patience,
                (None, _) => quick,
            };
            kind.is_no_answer().then(|| (after, inconclusive(kind)))
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

    /// It passes the auth service's reason on, word for word.
    fn command_center(&self, files: &Files) -> Answer {
        let verdict = self.verdict(files);
        let (status, body) = if verdict.valid {
            (200, serde_json::json!({ "status": "ok" }))
        } else {
            (401, serde_json::json!({ "detail": verdict.reason }))
        };
        Delivered { status, retry_after: None, body: &body.to_string() }.by_the_command_center()
    }

    /// In the order in which the real service looks (jarvis-auth-wire.md).
    fn verdict(&self, files: &Files) -> ValidateResponse {
        let denied = |reason: &str| ValidateResponse {
            valid: false,
            node_id: None,
            household_id: None,
            household_member_ids: None,
            reason: Some(Text::from(reason)),
        };
        if files.node_id != self.node_id {
            denied("Node not found")
        } else if !self.active {
            denied("Node is inactive")
        } else if files.key != self.key {
            denied("Invalid node credentials")
        } else if !self.granted {
            denied("Node is not authorized to access service 'command-center'")
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
    Answer::Inconclusive { trouble: Trouble::new(kind, format_args!("{kind:?}")), retry_after: None }
}

/// Whether the server itself said it, over a connection that proved who it is.
pub(super) fn is_its_word(answer: &Answer) -> bool {
    match answer {
        Answer::Valid(_) | Answer::Rejected(_) => true,
        Answer::Reachable => false,
        Answer::Inconclusive { trouble, .. } => trouble.kind.is_the_servers_word(),
    }
}
