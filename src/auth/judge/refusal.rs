//! Refusals by a service that asks the auth service in the node's place, with the node's own credential
//! (docs/wire/jarvis-home.md).

use std::time::Duration;

use node_core::answer::Answer;
use node_core::service::Service;
use node_core::trouble::TroubleKind;
use node_core::wire::{Refusal, Refused};

use super::{Judged, NOT_SHOWN};
use crate::files::json;

/// So long the Python command center repeats that it could not ask the auth service, without asking again. The logs ask.
const OUTAGE_KEPT: Duration = Duration::from_secs(60);

impl Judged<'_> {
    /// The meaning of a refusal of what `headers` hold.
    pub(super) fn refused(&self, headers: &str) -> Answer {
        let Service { name, .. } = self.service;
        let status = self.asked.response.status;
        let Ok(refusal) = json::object::<Refusal>(&self.asked.response.body) else {
            return self.without_verdict();
        };
        match refusal.refused() {
            Refused::Node => self.without_keys(Answer::Rejected(refusal.detail)),
            Refused::Outage => {
                let why = if self.repeats_a_key() { NOT_SHOWN } else { refusal.detail.as_str() };
                let reason = format_args!("{name} cannot ask the auth service ({why})");
                let trouble = self.service.trouble(TroubleKind::AuthAway, reason);
                let kept = (self.service.name == Service::COMMAND_CENTER.name).then_some(OUTAGE_KEPT);
                Answer::Inconclusive { trouble, retry_after: self.retry_after().max(kept) }
            }
            Refused::NotEnrolled => self.because(
                TroubleKind::NotEnrolled,
                format_args!("the auth service accepts the node, but {name} does not have it ({status})"),
            ),
            Refused::Unread => self.unread(headers),
            Refused::Unknown => self.because(
                TroubleKind::NotUnderstood,
                format_args!("{name} answered {status}, but with none of the auth service's reasons"),
            ),
        }
    }

    /// The credential in `headers` did not arrive as it was sent.
    pub(super) fn unread(&self, headers: &str) -> Answer {
        let Service { name, .. } = self.service;
        self.with_fix(
            TroubleKind::InBetween,
            format_args!(
                "{name} could not read the node id and key that were sent ({})",
                self.asked.response.status
            ),
            format_args!("Let whatever is between the board and {name} pass {headers} on unchanged."),
        )
    }
}
