//! Apps: their identity, and their administration.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use time::OffsetDateTime;

use super::{calling_app, require_admin};
use crate::auth::load::Turn;
use crate::auth::service::Service;
use crate::auth::state::Now;
use crate::home::refusal::Refusal;
use crate::moment::{moment, moment_or_null};
use crate::server::answer::json;

/// *Documented*.
const NOT_FOUND: Refusal = Refusal::Detail(StatusCode::NOT_FOUND, "App client not found");

#[derive(Serialize)]
struct Caller {
    app_id: String,
    name: String,
}

#[derive(Serialize)]
struct Created<'a> {
    app_id: &'a str,
    name: &'a str,
    key: &'a str,
    #[serde(serialize_with = "moment")]
    created_at: OffsetDateTime,
    #[serde(serialize_with = "moment_or_null")]
    last_rotated_at: Option<OffsetDateTime>,
}

#[derive(Serialize)]
struct Rotated<'a> {
    app_id: &'a str,
    key: &'a str,
    #[serde(serialize_with = "moment")]
    last_rotated_at: OffsetDateTime,
}

#[derive(Serialize)]
struct Revoked<'a> {
    app_id: &'a str,
    is_active: bool,
}

/// `GET /internal/app-ping`, and `POST /internal/validate-app`.
///
/// *Assumption*: `validate-app` is published without an answer and was replaced by `app-ping`, so both answer
/// alike. A body is ignored. Other methods get the recorded 404.
pub(super) async fn validate(
    State(service): State<Arc<Service>>,
    mut turn: Turn,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let (app_id, name) = calling_app(&service, &mut turn, &headers).await?;
    Ok(json(StatusCode::OK, &Caller { app_id, name }))
}

/// `POST /admin/app-clients`.
pub(super) async fn create(
    State(service): State<Arc<Service>>,
    mut turn: Turn,
    request: Request,
) -> Result<Response, Refusal> {
    let (head, body) = service.home.read(request).await?;
    require_admin(&service, &mut turn, &head.headers).await?;
    let (app_id, name) = body.form(|form| (form.string("app_id"), form.string("name")))?;
    turn.check().await;
    let mut world = service.world();
    // *Documented*.
    let taken = Refusal::Detail(StatusCode::BAD_REQUEST, "app_id already exists");
    let (key, app) = world.apps().create(&app_id, &name, Now::read()).ok_or(taken)?;
    let created = Created {
        app_id: &app.app_id,
        name: &app.name,
        key: &key,
        created_at: app.created_at,
        last_rotated_at: app.last_rotated_at,
    };
    Ok(json(StatusCode::CREATED, &created))
}

/// `GET /admin/app-clients` (*documented*).
pub(super) async fn list(
    State(service): State<Arc<Service>>,
    mut turn: Turn,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    require_admin(&service, &mut turn, &headers).await?;
    Ok(json(StatusCode::OK, &service.world().apps().list()))
}

/// `POST /admin/app-clients/{app_id}/rotate` (answer *documented*).
pub(super) async fn rotate(
    State(service): State<Arc<Service>>,
    mut turn: Turn,
    Path(app_id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    require_admin(&service, &mut turn, &headers).await?;
    turn.check().await;
    let now = Now::read();
    let key = service.world().apps().rotate(&app_id, now).ok_or(NOT_FOUND)?;
    Ok(json(StatusCode::OK, &Rotated { app_id: &app_id, key: &key, last_rotated_at: now.wall }))
}

/// `POST /admin/app-clients/{app_id}/revoke` (answer *documented*).
pub(super) async fn revoke(
    State(service): State<Arc<Service>>,
    mut turn: Turn,
    Path(app_id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    require_admin(&service, &mut turn, &headers).await?;
    if service.world().apps().revoke(&app_id) {
        Ok(json(StatusCode::OK, &Revoked { app_id: &app_id, is_active: false }))
    } else {
        Err(NOT_FOUND)
    }
}
