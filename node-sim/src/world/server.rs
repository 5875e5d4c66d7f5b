//! The server and the way to it, as the node meets them. Sound answers go through the shared
//! `wire` module, so that a simulated denial is the denial the device gets.

use core::time::Duration;

use jarvis_node::agent::{Answer, Jitter, Trouble, TroubleKind};
use jarvis_node::credential::NodeId;
use jarvis_node::text::Text;
use jarvis_node::time::millis;
use jarvis_node::wire::ValidateResponse;

use super::board::Files;

/// A simulated auth service.
#[derive(Clone, Debug)]
pub struct Server {
    /// The node it knows.
    pub node_id: &'static str,
    /// The key that is good now; older ones fail at once.
    pub key: u32,
    /// Whether the node is active.
    pub active: bool,
    /// Whether the node may use the service it asks for.
    pub granted: bool,
    /// The node id in its answers, if not the one asked for.
    pub answers_for: Option<&'static str>,
    /// How it is reached.
    pub link: Link,
    /// How long a good answer takes, least and most.
    pub latency: (Duration, Duration),
    /// Of a hundred calls, how many fail with a lost connection.
    pub loss_percent: u64,
}

/// How the server is reached.
#[derive(Clone, Copy, Debug)]
pub enum Link {
    /// As it should be.
    Sound,
    /// Not at all: each call fails with this after so long.
    Broken(TroubleKind, Duration),
    /// It says how long it wants to be left alone.
    Busy {
        /// `Retry-After`.
        retry_after: Duration,
    },
}

impl Default for Server {
    /// Knows the default board, and takes about as long as the measured service.
    fn default() -> Self {
        Self {
            node_id: "kitchen-pi",
            key: 1,
            active: true,
            granted: true,
            answers_for: None,
            link: Link::Sound,
            latency: (Duration::from_millis(500), Duration::from_millis(900)),
            loss_percent: 0,
        }
    }
}

impl Server {
    /// What a call with these files comes to, and after how long.
    pub(super) fn answer(&self, files: &Files, chance: &mut Jitter) -> (Duration, Answer) {
        let (least, most) = self.latency;
        let usual = least + chance.up_to(most.saturating_sub(least));
        // Drawn each time, so that one server's losses do not shift another's latencies.
        let lost = millis(chance.up_to(Duration::from_millis(99))) < self.loss_percent;
        let inconclusive = |kind, retry_after| Answer::Inconclusive {
            trouble: Trouble::new(kind, format_args!("{kind:?}")),
            retry_after,
        };
        match self.link {
            Link::Broken(kind, after) => (after, inconclusive(kind, None)),
            Link::Busy { retry_after } => (usual, inconclusive(TroubleKind::Busy, Some(retry_after))),
            Link::Sound if lost => (usual, inconclusive(TroubleKind::ClosedEarly, None)),
            Link::Sound if !files.app_key_right => (usual, inconclusive(TroubleKind::AppRejected, None)),
            Link::Sound => match NodeId::parse(files.node_id) {
                Ok(ours) => (usual, self.verdict(files).into_answer(&ours)),
                Err(_) => (usual, inconclusive(TroubleKind::RequestRefused, None)),
            },
        }
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
                node_id: Some(Text::from(self.answers_for.unwrap_or(files.node_id))),
                household_id: Some(Text::from("11111111-2222-4333-8444-555555555555")),
                household_member_ids: Some([1].into_iter().collect()),
                reason: None,
            }
        }
    }
}

pub(super) fn in_words(answer: &Answer) -> String {
    match answer {
        Answer::Valid(_) => "valid:true".into(),
        Answer::Denied(reason) => format!("valid:false, {reason}"),
        Answer::Inconclusive { trouble, retry_after: None } => format!("{:?}", trouble.kind),
        Answer::Inconclusive { trouble, retry_after: Some(after) } => {
            format!("{:?}, to be left alone for {} s", trouble.kind, after.as_secs())
        }
    }
}
