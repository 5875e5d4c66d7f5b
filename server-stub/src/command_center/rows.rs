//! What the command center keeps about a node, and shows the app.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use time::OffsetDateTime;

use super::CommandCenter;
use super::refusal::Refused;
use crate::auth::state::Now;
use crate::home::Home;
use crate::moment::naive;
use crate::secrets::Sealed;
use crate::server::answer::json_text;

/// A node counts as online for so long after a call.
const ONLINE: Duration = Duration::from_secs(15 * 60);

/// The rows by node id.
#[derive(Default)]
pub(super) struct Rows(BTreeMap<String, Row>);

/// One node.
pub(super) struct Row {
    pub(super) household_id: String,
    room: String,
    /// The key at the time of the enrolment.
    key: Sealed,
    last_seen: (OffsetDateTime, Instant),
    pub(super) version: Option<String>,
    pub(super) install_mode: Option<String>,
    git_sha: Option<String>,
    pub(super) is_busy: bool,
    needs_k2: bool,
}

/// What a heartbeat says about its node. None: nothing.
#[derive(Default)]
pub(super) struct Said {
    pub(super) version_info: Option<VersionInfo>,
    pub(super) is_busy: Option<bool>,
    pub(super) needs_k2: Option<bool>,
}

#[derive(Default)]
pub(super) struct VersionInfo {
    pub(super) version: Option<String>,
    pub(super) install_mode: Option<String>,
    pub(super) git_sha: Option<String>,
}

impl Rows {
    pub(super) fn insert(&mut self, node_id: &str, key: &str, household_id: &str, room: &str, now: Now) {
        let row = Row {
            household_id: household_id.to_owned(),
            room: room.to_owned(),
            key: Sealed::new(key),
            last_seen: (now.wall, now.tick),
            version: None,
            install_mode: None,
            git_sha: None,
            is_busy: false,
            needs_k2: true,
        };
        self.0.insert(node_id.to_owned(), row);
    }

    pub(super) fn remove(&mut self, node_id: &str) -> bool {
        self.0.remove(node_id).is_some()
    }

    pub(super) fn get(&self, node_id: &str) -> Option<&Row> {
        self.0.get(node_id)
    }

    /// The id of the node that was enrolled with this key.
    pub(super) fn with_key(&self, key: &str) -> Option<String> {
        self.0.iter().find(|(_, row)| row.key.matches_any(key)).map(|(id, _)| id.clone())
    }

    /// Notes a call of a node. False: it has no row.
    pub(super) fn touch(&mut self, node_id: &str, now: Now) -> bool {
        self.0.get_mut(node_id).map(|row| row.last_seen = (now.wall, now.tick)).is_some()
    }

    /// Keeps what a heartbeat says.
    pub(super) fn hear(&mut self, node_id: &str, said: Said) {
        let Some(row) = self.0.get_mut(node_id) else { return };
        if let Some(info) = said.version_info {
            (row.version, row.install_mode, row.git_sha) = (info.version, info.install_mode, info.git_sha);
        }
        row.is_busy = said.is_busy.unwrap_or(row.is_busy);
        row.needs_k2 = said.needs_k2.unwrap_or(row.needs_k2);
    }
}

/// A node as the app sees it.
#[derive(Serialize)]
struct Shown<'a> {
    node_id: &'a str,
    room: &'a str,
    user: &'static str,
    voice_mode: &'static str,
    /// Python's only, and null.
    #[serde(skip_serializing_if = "Option::is_none")]
    adapter_hash: Option<()>,
    household_id: &'a str,
    online: bool,
    last_seen: String,
    last_seen_version: Option<&'a str>,
    install_mode: Option<&'a str>,
    git_sha: Option<&'a str>,
    is_busy: bool,
    needs_k2: bool,
}

/// `GET /api/v0/admin/nodes/{node_id}`, the app's call.
pub(super) async fn show(
    State(command_center): State<Arc<CommandCenter>>,
    Path(node_id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let household_id = command_center.household_of(&node_id);
    command_center.member(&headers, &household_id)?;
    let shown = command_center.shown(&node_id);
    let shown = shown.ok_or(Refused::detail(StatusCode::NOT_FOUND, "Node not found"))?;
    Ok(json_text(StatusCode::OK, shown))
}

impl CommandCenter {
    /// A node as the app sees it, in JSON. None: it has no row.
    pub(crate) fn shown(&self, node_id: &str) -> Option<String> {
        let (data, now) = (self.data(), Now::read());
        let row = data.rows.get(node_id)?;
        let (last_seen, tick) = row.last_seen;
        let shown = Shown {
            node_id,
            room: &row.room,
            user: "default",
            voice_mode: "brief",
            adapter_hash: (self.home() == Home::Python).then_some(()),
            household_id: &row.household_id,
            online: now.tick.saturating_duration_since(tick) <= ONLINE,
            last_seen: naive(last_seen),
            last_seen_version: row.version.as_deref(),
            install_mode: row.install_mode.as_deref(),
            git_sha: row.git_sha.as_deref(),
            is_busy: row.is_busy,
            needs_k2: row.needs_k2,
        };
        // Text can always be serialised.
        Some(serde_json::to_string(&shown).unwrap_or_default())
    }
}
