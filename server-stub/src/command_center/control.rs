//! What tests and laptops may do that no real command center offers: queue an update without being the app,
//! and read all tasks.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde::Deserialize;

use super::{CommandCenter, updates};
use crate::server::answer::{Detail, json};
use crate::server::control::Admin;

/// The path of the updates.
pub(crate) const UPDATES: &str = "/__stub/updates";
const MAX_BODY: usize = 64 * 1024;

#[derive(Deserialize)]
struct Update {
    node_id: String,
    target_version: String,
}

/// `GET` of all tasks; `POST` of a node id and a version queues an update.
pub(crate) fn routes(command_center: Arc<CommandCenter>, admin: Admin) -> Router {
    Router::new().route(UPDATES, get(list).post(queue)).with_state((command_center, admin))
}

async fn list(
    State((command_center, admin)): State<(Arc<CommandCenter>, Admin)>,
    request: Request,
) -> Result<Response, Detail> {
    admin.require_here(&request)?;
    Ok(json(StatusCode::OK, &command_center.tasks(None)))
}

async fn queue(
    State((command_center, admin)): State<(Arc<CommandCenter>, Admin)>,
    request: Request,
) -> Result<Response, Detail> {
    admin.require_here(&request)?;
    let unreadable = || {
        Detail::new(
            StatusCode::BAD_REQUEST,
            "send a JSON object, such as {\"node_id\": \"kitchen-pi\", \"target_version\": \"1.2.3\"}",
        )
    };
    let body = axum::body::to_bytes(request.into_body(), MAX_BODY).await.map_err(|_| unreadable())?;
    let update: Update = serde_json::from_slice(&body).map_err(|_| unreadable())?;
    Ok(match command_center.queue_update(&update.node_id, &update.target_version) {
        Ok(task_id) => json(StatusCode::CREATED, &serde_json::json!({ "task_id": task_id })),
        Err(why) => updates::refused(&why).into_response(),
    })
}
