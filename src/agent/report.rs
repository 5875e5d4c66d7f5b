//! What the agent knows, for people and programs.

use super::{Claim, Household, Outcome, Verdict};
use crate::time::Instant;

/// Where what is reported comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The last call to the server told it.
    Server,
    /// It was told earlier and kept.
    Cache,
}

/// A view of what the agent knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report<'a> {
    /// How the proof goes.
    pub outcome: Outcome,
    /// What the node claims to be; `None` until that could be read.
    pub claim: Option<&'a Claim>,
    /// The household, while valid.
    pub household: Option<&'a Household>,
    /// Why not simply valid.
    pub reason: Option<&'a str>,
    /// What a person can do about it.
    pub fix: Option<&'a str>,
    /// Where the outcome comes from; `None` before anything is known.
    pub source: Option<Source>,
    /// When that was learnt.
    pub as_of: Option<Instant>,
    /// When the server or the setup is next looked at; `None` while that is being done.
    pub next_check: Option<Instant>,
    /// By when the agent will have something new to tell, if it still runs.
    pub due: Instant,
    /// The server's last verdict, and on which claim: what has to survive a restart.
    pub verdict: Option<(&'a Claim, &'a Verdict)>,
}

/// What to do about a denial, by the reasons the service gives (jarvis-auth-wire.md).
pub(super) fn denial_fix(reason: &str) -> &'static str {
    match reason {
        "Node not found" => {
            "Check node_id in the credential file (case counts), or register the node and install its credential."
        }
        "Node is inactive" => {
            "Register the node under a new node_id and install that credential: nothing reactivates a node."
        }
        "Invalid node credentials" => {
            "Install the node's current credential: its key was rotated or is not the one in the file."
        }
        _ if reason.contains("not authorized to access service") => {
            "Grant the node that service on the auth service, or correct service_id."
        }
        _ => "Ask whoever runs the auth service why it rejects this node.",
    }
}
