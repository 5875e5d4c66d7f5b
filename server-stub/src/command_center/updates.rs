//! The calls about updates: the app asks for one, the node reports that one failed.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use super::CommandCenter;
use super::refusal::Refused;
use super::tasks::{NotEnded, NotQueued};
use crate::auth::state::Now;
use crate::server::answer::json;

const UNKNOWN: Refused = Refused::detail(StatusCode::NOT_FOUND, "Task not found");

#[derive(Serialize)]
struct Details<'a> {
    detail: Queued<'a>,
}

#[derive(Serialize)]
struct Queued<'a> {
    message: String,
    task_id: &'a str,
    state: &'static str,
}

/// `POST /api/v0/nodes/tasks/{task_id}/status`: a node can report a failure only. Its success shows in the
/// version of a heartbeat.
pub(super) async fn report(
    State(command_center): State<Arc<CommandCenter>>,
    Path(task_id): Path<String>,
    request: Request,
) -> Result<Response, Refused> {
    let (head, body) = command_center.read(request).await?;
    let node = command_center.node(&head).await?;
    let message = body.form(|form| {
        form.choice("state", &["failed"]);
        form.optional_string("error_message")
    })?;
    failed(&command_center, &node.id, &task_id, message)
}

/// `GET /api/v0/tasks/{task_id}`, the app's call.
pub(super) async fn show(
    State(command_center): State<Arc<CommandCenter>>,
    Path(task_id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let found = command_center.data().tasks.show(&task_id, Now::read());
    let task = found.ok_or(UNKNOWN)?;
    command_center.member(&headers, &command_center.household_of(&task.node_id))?;
    Ok(json(StatusCode::OK, &task))
}

/// `GET /api/v0/nodes/{node_id}/tasks`, the app's call: the newest first.
pub(super) async fn list(
    State(command_center): State<Arc<CommandCenter>>,
    Path(node_id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    command_center.member(&headers, &command_center.household_of(&node_id))?;
    let mut tasks = command_center.data().tasks.list(Some(&node_id), Now::read());
    tasks.reverse();
    Ok(json(StatusCode::OK, &tasks))
}

/// `POST /api/v0/nodes/{node_id}/tasks/{task_id}/cancel`, the app's call.
pub(super) async fn cancel(
    State(command_center): State<Arc<CommandCenter>>,
    Path((node_id, task_id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    command_center.member(&headers, &command_center.household_of(&node_id))?;
    failed(&command_center, &node_id, &task_id, Some("Cancelled by user".to_owned()))
}

fn failed(
    command_center: &CommandCenter,
    node_id: &str,
    task_id: &str,
    message: Option<String>,
) -> Result<Response, Refused> {
    match command_center.data().tasks.fail(node_id, task_id, message, Now::read()) {
        Ok(task) => Ok(json(StatusCode::OK, &task)),
        Err(NotEnded::Unknown) => Err(UNKNOWN),
        Err(NotEnded::Already(state)) => {
            Err(Refused::sentence(StatusCode::CONFLICT, format!("Task is already {}", state.name())))
        }
    }
}

/// `POST /api/v0/nodes/{node_id}/update`, the app's call. Without a version the real ones look for the newest
/// release on the internet, where this one finds none.
pub(super) async fn request(
    State(command_center): State<Arc<CommandCenter>>,
    Path(node_id): Path<String>,
    request: Request,
) -> Result<Response, Refused> {
    let (head, body) = command_center.read(request).await?;
    command_center.member(&head.headers, &command_center.household_of(&node_id))?;
    let version = body.optional_form(|form| form.optional_string("target_version"))?.flatten();
    let version = version.filter(|version| !version.is_empty() && !version.eq_ignore_ascii_case("latest"));
    let Some(version) = version else {
        return Err(Refused::detail(
            StatusCode::SERVICE_UNAVAILABLE,
            "Could not determine target version (GitHub releases unreachable and no explicit version was requested).",
        ));
    };
    match command_center.queue_update(&node_id, &version) {
        Ok(id) => {
            let task = command_center.data().tasks.show(&id, Now::read());
            Ok(json(StatusCode::OK, &task))
        }
        Err(why) => Ok(refused(&why)),
    }
}

/// The answer to an update that is not queued.
pub(super) fn refused(why: &NotQueued) -> Response {
    let status = match why {
        NotQueued::Queued(task_id, state) => {
            let detail = Queued { message: why.to_string(), task_id, state };
            return json(StatusCode::CONFLICT, &Details { detail });
        }
        NotQueued::NoNode => StatusCode::NOT_FOUND,
        NotQueued::InstallMode(_) | NotQueued::NotNewer(..) => StatusCode::BAD_REQUEST,
    };
    Refused::sentence(status, why.to_string()).into_response()
}
