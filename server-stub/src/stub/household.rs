//! What tests and laptops do with the household: its nodes, their updates and lines, its tokens.

use super::Stub;
use crate::auth::state::{HOUSEHOLD, Now};
use crate::command_center::NotQueued;
use crate::logs::LogLine;

impl Stub {
    /// Replaces a node's key, as an administrator would, and returns the new one. The old key fails from now
    /// on. None: no such node.
    #[must_use = "the new key is shown only once"]
    pub fn rotate_key(&self, node_id: &str) -> Option<String> {
        self.service.world().rotate_node_key(node_id, Now::read())
    }

    /// Deactivates a node. It cannot be reactivated. False: no such node.
    pub fn deactivate(&self, node_id: &str) -> bool {
        self.service.world().deactivate_node(node_id, Now::read())
    }

    /// Registers another node in the household of the first, with the same grants and a row at the command
    /// center, and returns its key. None: a node of that name exists.
    #[must_use = "the key is shown only once"]
    pub fn register(&self, node_id: &str) -> Option<String> {
        let key = self.service.world().register_like_first(node_id, Now::read())?;
        self.center.add_row(node_id, &key, HOUSEHOLD, node_id);
        Some(key)
    }

    /// Adds a household of that name with the members of the first, and returns its id.
    pub fn add_household(&self, name: &str) -> String {
        self.service.world().add_household(name, Now::read())
    }

    /// Takes a node's row from the command center; the auth service still knows the node. False: there is
    /// none.
    pub fn lose_row(&self, node_id: &str) -> bool {
        self.center.lose_row(node_id)
    }

    /// Queues an update of a node, which its next heartbeat is told, and returns the id of the task.
    ///
    /// # Errors
    /// The command center does not queue it, and would tell the app so.
    pub fn queue_update(&self, node_id: &str, target_version: &str) -> Result<String, NotQueued> {
        self.center.queue_update(node_id, target_version)
    }

    /// The tasks of a node, oldest first, as the app is shown them: `id`, `node_id`, `kind`, `target_version`,
    /// `state` (`pending`, `dispatched`, `in_progress`, `success` or `failed`), `error_message`, and times.
    #[must_use]
    pub fn tasks(&self, node_id: &str) -> Vec<serde_json::Value> {
        self.center.tasks(Some(node_id))
    }

    /// A node as the app is shown it: `online`, `last_seen`, `last_seen_version`, `install_mode`, `needs_k2` and more. None:
    /// it has no row at the command center.
    #[must_use]
    pub fn shown_to_the_app(&self, node_id: &str) -> Option<serde_json::Value> {
        serde_json::from_str(&self.center.shown(node_id)?).ok()
    }

    /// A new token with which one node of any id can enrol (`POST /api/v0/nodes/register`). A token of a real
    /// command center is for one id: see [`Stub::provisioning_token_for`].
    #[must_use = "a token is shown only once"]
    pub fn provisioning_token(&self) -> String {
        self.center.provisioning_token(HOUSEHOLD, None)
    }

    /// A new token with which the node of this id can enrol, as the app gets one.
    #[must_use = "a token is shown only once"]
    pub fn provisioning_token_for(&self, node_id: &str) -> String {
        self.center.provisioning_token(HOUSEHOLD, Some(node_id))
    }

    /// `ADMIN_API_KEY`, which mints provisioning tokens at the command center.
    #[must_use]
    pub fn admin_api_key(&self) -> &str {
        &self.admin_api_key
    }

    /// The number of answered calls of `POST /api/v0/admin/nodes/heartbeat`, including refusals.
    #[must_use]
    pub fn heartbeats(&self) -> u64 {
        self.center.heartbeats()
    }

    /// The number of answered calls of `POST /internal/validate-node`, including refusals. A Python command
    /// center makes such calls, too.
    #[must_use]
    pub fn validations(&self) -> u64 {
        self.service.validations()
    }

    /// The last lines that the logs took from nodes, at most 10,000, the oldest first.
    #[must_use]
    pub fn log_lines(&self) -> Vec<LogLine> {
        self.logs.lines()
    }
}
