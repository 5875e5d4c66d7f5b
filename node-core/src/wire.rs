//! What goes over the wire to jarvis-auth and comes back: shared by the node, the simulator
//! and the stub. Source: the answers measured on the real service (jarvis-auth-wire.md, kept
//! as fixtures in `server-stub/tests/fixtures`).

use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::credential::NodeId;
use crate::household::{Household, MemberIds};
use crate::text::Text;
use crate::trouble::{Trouble, TroubleKind};

/// Where validation is asked for: `POST`, with [`APP_ID_HEADER`] and [`APP_KEY_HEADER`].
pub const VALIDATE_NODE_PATH: &str = "/internal/validate-node";
/// Says whether the service runs: `GET`, open to everyone.
pub const HEALTH_PATH: &str = "/health";
/// Where a node shows itself to the command center: `POST`, with [`API_KEY_HEADER`].
pub const HEARTBEAT_PATH: &str = "/api/v0/admin/nodes/heartbeat";
/// Where a node is registered at the command center: `POST` with a provisioning token.
pub const REGISTER_PATH: &str = "/api/v0/nodes/register";
/// Proves a node to a service: node id, `:`, node key.
pub const API_KEY_HEADER: &str = "X-API-Key";
/// Names the calling app.
pub const APP_ID_HEADER: &str = "X-Jarvis-App-Id";
/// Proves the calling app.
pub const APP_KEY_HEADER: &str = "X-Jarvis-App-Key";

/// Why the service denies a node, in its own words.
pub mod reasons {
    /// There is none of that id.
    pub const NOT_FOUND: &str = "Node not found";
    /// It was deactivated, which nothing undoes.
    pub const INACTIVE: &str = "Node is inactive";
    /// The key is wrong.
    pub const WRONG_KEY: &str = "Invalid node credentials";
    /// It may not use the service whose name follows, in quotation marks.
    pub const NOT_GRANTED: &str = "Node is not authorized to access service ";
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

/// Body of the answer to a validation request, sent with status 200 for yes and no alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidateResponse {
    /// The verdict.
    pub valid: bool,
    /// The node the verdict is about; null on a denial.
    #[serde(default)]
    pub node_id: Option<Text<160>>,
    /// The household the node belongs to, a UUID; null on a denial.
    #[serde(default)]
    pub household_id: Option<Text<64>>,
    /// The household's members by user id, in no order; null on a denial.
    #[serde(default)]
    pub household_member_ids: Option<MemberIds>,
    /// Why not; null when valid.
    #[serde(default)]
    pub reason: Option<Text<200>>,
}

impl ValidateResponse {
    /// What the answer means for the node that is `ours`. `valid:true` for another node is no
    /// answer to us.
    #[must_use]
    pub fn into_answer(self, ours: &NodeId) -> Answer {
        if !self.valid {
            return Answer::Rejected(self.reason.unwrap_or_else(|| Text::from("no reason given")));
        }
        if self.node_id.as_ref().is_none_or(|id| !id.is(ours.as_str())) {
            let trouble = Trouble::new(
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
    /// Whether it says so.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.status.is("ok")
    }
}

/// Body of the 401 that refuses one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct HeartbeatRefusal {
    /// Why: the auth service's reason, or why it could not be asked.
    pub detail: Text<200>,
}

impl HeartbeatRefusal {
    /// Whether the auth service denies the node.
    #[must_use]
    pub fn is_rejection(&self) -> bool {
        [reasons::NOT_FOUND, reasons::INACTIVE, reasons::WRONG_KEY]
            .iter()
            .any(|reason| self.detail.is(reason))
            || self.detail.begins_with(reasons::NOT_GRANTED)
    }

    /// Whether the auth service could not be asked.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        let detail = self.detail.as_str();
        detail.starts_with("Auth service unavailable") || detail.starts_with("Auth service error")
    }
}

/// Body of a registration at the command center.
#[derive(Serialize)]
pub struct RegisterRequest<'a> {
    /// The name the node is to have.
    pub node_id: &'a str,
    /// Allows it, once.
    pub provisioning_token: &'a str,
    /// Where the node is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<&'a str>,
}
