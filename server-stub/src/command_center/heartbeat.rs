//! `POST /api/v0/admin/nodes/heartbeat`: a node is alive, says how it is, and gets its queued update once.

use core::sync::atomic::Ordering;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::CommandCenter;
use super::refusal::Refused;
use super::rows::{Said, VersionInfo};
use crate::auth::state::Now;
use crate::home::form::BodyFields;
use crate::server::answer::json;
use crate::server::journal::Waits;

#[derive(Serialize)]
struct Heard {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_update: Option<PendingUpdate>,
}

#[derive(Serialize)]
struct PendingUpdate {
    task_id: String,
    target_version: String,
}

pub(super) async fn heartbeat(
    State(command_center): State<Arc<CommandCenter>>,
    request: Request,
) -> Result<Response, Refused> {
    let answer = hear(&command_center, request).await;
    command_center.heartbeats.fetch_add(1, Ordering::Relaxed);
    answer.map(|body| json(StatusCode::OK, &body))
}

/// The body and every field of it may be left out; unknown fields are ignored.
async fn hear(command_center: &CommandCenter, request: Request) -> Result<Heard, Refused> {
    let (head, body) = command_center.read(request).await?;
    let node = command_center.node(&head).await?;
    let said = body.optional_form(said)?.unwrap_or_default();
    let reported = said.version_info.as_ref().and_then(|info| info.version.clone());
    // jarvisd notes when the node was seen, and what it says.
    let waits = head.extensions.get::<Waits>().cloned().unwrap_or_default();
    command_center.auth.write(waits, 2).await;
    let (data, now) = (&mut *command_center.data(), Now::read());
    data.rows.hear(&node.id, said);
    if let Some(version) = reported {
        data.tasks.confirm(&node.id, &version, now);
    }
    let busy = data.rows.get(&node.id).is_some_and(|row| row.is_busy);
    let pending = if busy { None } else { data.tasks.dispatch(&node.id, now) };
    let pending_update = pending.map(|(task_id, target_version)| PendingUpdate { task_id, target_version });
    Ok(Heard { status: "ok", pending_update })
}

fn said(form: &mut BodyFields<'_>) -> Said {
    let version_info = form.optional_object("version_info", |info| VersionInfo {
        version: info.text_or_nothing("version"),
        install_mode: info.text_or_nothing("install_mode"),
        git_sha: info.text_or_nothing("git_sha"),
    });
    let is_busy = form.optional_bool("is_busy");
    // Smart-home protocols, which a node's other software reports.
    let _ = form.optional_strings("protocols");
    let needs_k2 = form.optional_bool("needs_k2");
    let _ = form.optional_object("thread_status", |_| ());
    Said { version_info, is_busy, needs_k2 }
}
