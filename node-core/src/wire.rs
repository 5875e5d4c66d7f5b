//! Requests to jarvis-auth and its answers, shared by the node, the simulator and the stub. Source: the answers measured
//! on the real service (docs/wire/jarvis-auth.md, kept
//! as fixtures in `server-stub/tests/fixtures`).

use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::credential::NodeId;
use crate::household::{Household, MemberIds};
use crate::service::Service;
use crate::text::Text;
use crate::trouble::{Trouble, TroubleKind};

/// The path of a validation: `POST`, with [`APP_ID_HEADER`] and [`APP_KEY_HEADER`].
pub const VALIDATE_NODE_PATH: &str = "/internal/validate-node";
/// The path that tells whether the service runs: `GET`, without authentication.
pub const HEALTH_PATH: &str = "/health";
/// The path of a heartbeat to the command center: `POST`, with [`API_KEY_HEADER`].
pub const HEARTBEAT_PATH: &str = "/api/v0/admin/nodes/heartbeat";
/// The path of a registration at the command center: `POST` with a provisioning token.
pub const REGISTER_PATH: &str = "/api/v0/nodes/register";
/// The path of a node's MQTT credentials at the command center: `GET`, with [`API_KEY_HEADER`]. It changes nothing there.
pub const MQTT_CREDENTIALS_PATH: &str = "/api/v0/node/mqtt-credentials";
/// The path below which an update's task is: `POST` to its id and `/status`, with [`API_KEY_HEADER`].
pub const TASKS_PATH: &str = "/api/v0/nodes/tasks";
/// The path of a node's log lines: `POST`, with [`NODE_ID_HEADER`] and [`NODE_KEY_HEADER`]. Without a line it changes nothing.
pub const LOGS_PATH: &str = "/api/v0/node/logs/batch";
/// Proves a node to a service: node id, `:`, node key.
pub const API_KEY_HEADER: &str = "X-API-Key";
/// Names a node to the logs.
pub const NODE_ID_HEADER: &str = "X-Node-Id";
/// Proves a node to the logs.
pub const NODE_KEY_HEADER: &str = "X-Node-Key";
/// Names the calling app.
pub const APP_ID_HEADER: &str = "X-Jarvis-App-Id";
/// Proves the calling app.
pub const APP_KEY_HEADER: &str = "X-Jarvis-App-Key";

/// The service's reasons for a rejection, in its own words.
pub mod reasons {
    /// There is no node of this id.
    pub const NOT_FOUND: &str = "Node not found";
    /// The node was deactivated, which nothing undoes.
    pub const INACTIVE: &str = "Node is inactive";
    /// The node key is wrong.
    pub const WRONG_KEY: &str = "Invalid node credentials";
    /// The node may not use the service whose name follows in quotation marks.
    pub const NOT_GRANTED: &str = "Node is not authorized to access service ";

    /// Whether this is one of the reasons that are the same for every node.
    #[must_use]
    pub fn is_fixed<const N: usize>(reason: &super::Text<N>) -> bool {
        [NOT_FOUND, INACTIVE, WRONG_KEY].iter().any(|fixed| reason.is(fixed))
    }
}

/// How a service that asks the auth service in the node's place begins to say that it could not (docs/wire/jarvis-home.md).
/// The Python services say so with the status of a refusal.
const OUTAGES: [&str; 5] = [
    "Auth service unavailable",
    "Auth service error",
    "Auth not configured",
    "JARVIS_APP_KEY not configured",
    "Invalid response from auth service",
];
/// What a service says that did not get the node's id and key, or could not take them apart.
const UNREAD: [&str; 2] = ["Invalid API Key", "Missing node credentials"];
/// The command center has no row for a node that the auth service accepts.
const NOT_ENROLLED: &str = "Node not configured locally";

/// The auth service's reasons to refuse an app, in its own words.
pub mod app_reasons {
    /// The headers with the app's id and key did not arrive.
    pub const MISSING: &str = "Missing app credentials";
    /// The app is unknown or revoked, or its key is wrong.
    pub const INVALID: &str = "Invalid app credentials";
}

/// Body of a validation request.
#[derive(Serialize)]
pub struct ValidateRequest<'a> {
    /// The node's name.
    pub node_id: &'a str,
    /// The node's secret.
    pub node_key: &'a str,
    /// The service the node wants to use.
    pub service_id: &'a str,
}

/// Body of the answer to a validation request. Its status is 200 for yes and no alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidateResponse {
    /// The verdict.
    pub valid: bool,
    /// The node the verdict is about; null in a rejection.
    #[serde(default)]
    pub node_id: Option<Text<160>>,
    /// The household the node belongs to, a UUID; null in a rejection.
    #[serde(default)]
    pub household_id: Option<Text<64>>,
    /// The household's members by user id, in no order; null in a rejection.
    #[serde(default)]
    pub household_member_ids: Option<MemberIds>,
    /// The reason of a rejection; null if valid.
    #[serde(default)]
    pub reason: Option<Text<200>>,
}

impl ValidateResponse {
    /// The meaning of this answer for the node `ours`. `valid:true` for another node says nothing about it.
    #[must_use]
    pub fn into_answer(self, ours: &NodeId) -> Answer {
        if !self.valid {
            return Answer::Rejected(self.reason.unwrap_or_else(|| Text::from("no reason given")));
        }
        let Some(accepted) = &self.node_id else {
            let trouble = Trouble::with_fix(
                TroubleKind::OtherNode,
                format_args!("the answer is valid:true, but names no node"),
                format_args!(
                    "Check what answers at {}: the auth service names the node that it accepts.",
                    Service::AUTH.address
                ),
            );
            return Answer::Inconclusive { trouble, retry_after: None };
        };
        if !accepted.is(ours.as_str()) {
            let trouble = Service::AUTH.trouble(
                TroubleKind::OtherNode,
                format_args!("the answer is valid:true, but not for node '{ours}'"),
            );
            return Answer::Inconclusive { trouble, retry_after: None };
        }
        Answer::Valid(Household { id: self.household_id, member_ids: self.household_member_ids })
    }
}

/// Body of the answer to a heartbeat that the command center accepted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct HeartbeatResponse {
    status: Text<16>,
}

impl HeartbeatResponse {
    /// Whether the answer is `ok`.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.status.is("ok")
    }
}

/// Body of a refusal by a Jarvis service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Refusal {
    /// The service's reason. From the command center it is the auth service's reason, or why that could not be asked.
    pub detail: Text<200>,
}

/// What a service refuses that asks the auth service in the node's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The auth service rejects the node.
    Node,
    /// Nothing yet: the auth service could not be asked.
    Outage,
    /// The auth service accepts the node, but it was enrolled elsewhere.
    NotEnrolled,
    /// The credential did not arrive as it was sent.
    Unread,
    /// It gives a reason that is not known.
    Unknown,
}

impl Refusal {
    /// What is refused, by the reason.
    #[must_use]
    pub fn refused(&self) -> Refused {
        let begins = |words: &&str| self.detail.begins_with(words);
        if reasons::is_fixed(&self.detail) || self.detail.begins_with(reasons::NOT_GRANTED) {
            Refused::Node
        } else if OUTAGES.iter().any(begins) {
            Refused::Outage
        } else if self.detail.is(NOT_ENROLLED) {
            Refused::NotEnrolled
        } else if UNREAD.iter().any(|words| self.detail.is(words)) {
            Refused::Unread
        } else {
            Refused::Unknown
        }
    }
}

/// Body of a registration at the command center.
#[derive(Serialize)]
pub struct RegisterRequest<'a> {
    /// The name the node is to have.
    pub node_id: &'a str,
    /// Allows the registration, once.
    pub provisioning_token: &'a str,
    /// Where the node is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<&'a str>,
}
