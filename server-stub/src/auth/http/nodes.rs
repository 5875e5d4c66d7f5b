//! Nodes: registered and granted by apps, created, shown and rotated by administrators, deactivated
//! by either.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use time::OffsetDateTime;

use super::{calling_app, require_admin};
use crate::auth::load::Turn;
use crate::auth::service::Service;
use crate::auth::state::Now;
use crate::auth::state::nodes::{NewNode, Node, NotGranted, NotRegistered};
use crate::home::form::BodyFields;
use crate::home::refusal::Refusal;
use crate::moment::{moment, moment_or_null};
use crate::secrets::new_key;
use crate::server::answer::json;

const NOT_FOUND: Refusal = Refusal::Detail(StatusCode::NOT_FOUND, "Node not found");

#[derive(Serialize)]
struct Registered<'a> {
    node_id: &'a str,
    node_key: &'a str,
}

#[derive(Serialize)]
struct Created<'a> {
    node_id: &'a str,
    name: &'a str,
    household_id: &'a str,
    registered_by_user_id: Option<i64>,
    node_key: &'a str,
    #[serde(serialize_with = "moment")]
    created_at: OffsetDateTime,
    services: Vec<&'a str>,
}

/// A node in the list, which contains only the names of its services (*documented*).
#[derive(Serialize)]
struct Listed<'a> {
    node_id: &'a str,
    name: &'a str,
    household_id: &'a str,
    registered_by_user_id: Option<i64>,
    is_active: bool,
    #[serde(serialize_with = "moment")]
    created_at: OffsetDateTime,
    #[serde(serialize_with = "moment")]
    updated_at: OffsetDateTime,
    #[serde(serialize_with = "moment_or_null")]
    last_rotated_at: Option<OffsetDateTime>,
    services: Vec<&'a str>,
}

#[derive(Serialize)]
struct Rotated<'a> {
    node_id: &'a str,
    node_key: &'a str,
    #[serde(serialize_with = "moment")]
    last_rotated_at: OffsetDateTime,
}

#[derive(Serialize)]
struct Granted<'a> {
    node_id: &'a str,
    service_id: &'a str,
    #[serde(serialize_with = "moment")]
    granted_at: OffsetDateTime,
}

#[derive(Serialize)]
struct Deactivated<'a> {
    node_id: &'a str,
    is_active: bool,
}

struct NodeFields {
    node_id: String,
    household_id: String,
    name: String,
    registered_by: Option<i64>,
    services: Vec<String>,
}

impl NodeFields {
    fn read(form: &mut BodyFields<'_>) -> Self {
        Self {
            node_id: form.string("node_id"),
            household_id: form.string("household_id"),
            name: form.string("name"),
            registered_by: form.optional_integer("registered_by_user_id"),
            services: form.optional_strings("services").unwrap_or_default(),
        }
    }

    fn node<'a>(&'a self, node_key: &'a str) -> NewNode<'a> {
        NewNode {
            node_id: &self.node_id,
            node_key,
            household_id: &self.household_id,
            name: &self.name,
            registered_by: self.registered_by,
            services: &self.services,
        }
    }
}

impl From<NotRegistered> for Refusal {
    fn from(why: NotRegistered) -> Self {
        match why {
            NotRegistered::Exists => Self::Detail(StatusCode::BAD_REQUEST, "node_id already exists"),
            NotRegistered::NoHousehold => Self::Detail(StatusCode::NOT_FOUND, "Household not found"),
        }
    }
}

impl From<NotGranted> for Refusal {
    fn from(why: NotGranted) -> Self {
        match why {
            NotGranted::NoNode => NOT_FOUND,
            // *Documented*.
            NotGranted::Already => {
                Self::Detail(StatusCode::BAD_REQUEST, "Node already has access to this service")
            }
        }
    }
}

/// `POST /internal/nodes/register`. The calling app is granted, too.
pub(super) async fn register(
    State(service): State<Arc<Service>>,
    mut turn: Turn,
    request: Request,
) -> Result<Response, Refusal> {
    let (head, body) = service.home.read(request).await?;
    let (app_id, _) = calling_app(&service, &mut turn, &head.headers).await?;
    let mut asked = body.form(NodeFields::read)?;
    asked.services.push(app_id);
    turn.connection().await?;
    turn.check().await;
    let node_key = new_key();
    service.world().register_node(asked.node(&node_key), Now::read())?;
    Ok(json(StatusCode::CREATED, &Registered { node_id: &asked.node_id, node_key: &node_key }))
}

/// `POST /internal/nodes/{node_id}/services`.
pub(super) async fn grant(
    State(service): State<Arc<Service>>,
    mut turn: Turn,
    Path(node_id): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    let (head, body) = service.home.read(request).await?;
    calling_app(&service, &mut turn, &head.headers).await?;
    let service_id = body.form(|form| form.string("service_id"))?;
    turn.connection().await?;
    let now = Now::read();
    service.world().grant(&node_id, &service_id, now)?;
    let granted = Granted { node_id: &node_id, service_id: &service_id, granted_at: now.wall };
    Ok(json(StatusCode::CREATED, &granted))
}

/// `DELETE /internal/nodes/{node_id}/services/{service_id}`.
pub(super) async fn revoke(
    State(service): State<Arc<Service>>,
    mut turn: Turn,
    Path((node_id, service_id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    calling_app(&service, &mut turn, &headers).await?;
    turn.connection().await?;
    if service.world().revoke(&node_id, &service_id) {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        // *Documented*.
        Err(Refusal::Detail(StatusCode::NOT_FOUND, "Service access not found"))
    }
}

/// `DELETE /internal/nodes/{node_id}`.
pub(super) async fn deactivate_by_app(
    State(service): State<Arc<Service>>,
    mut turn: Turn,
    Path(node_id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    calling_app(&service, &mut turn, &headers).await?;
    turn.connection().await?;
    deactivate(&service, &node_id)
}

/// `DELETE /admin/nodes/{node_id}`.
pub(super) async fn deactivate_by_admin(
    State(service): State<Arc<Service>>,
    mut turn: Turn,
    Path(node_id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    require_admin(&service, &mut turn, &headers).await?;
    deactivate(&service, &node_id)
}

fn deactivate(service: &Service, node_id: &str) -> Result<Response, Refusal> {
    if service.world().deactivate_node(node_id, Now::read()) {
        Ok(json(StatusCode::OK, &Deactivated { node_id, is_active: false }))
    } else {
        Err(NOT_FOUND)
    }
}

/// `POST /admin/nodes`. Only the requested services are granted.
pub(super) async fn create(
    State(service): State<Arc<Service>>,
    mut turn: Turn,
    request: Request,
) -> Result<Response, Refusal> {
    let (head, body) = service.home.read(request).await?;
    require_admin(&service, &mut turn, &head.headers).await?;
    let asked = body.form(NodeFields::read)?;
    turn.check().await;
    let node_key = new_key();
    let mut world = service.world();
    let node = world.register_node(asked.node(&node_key), Now::read())?;
    let created = Created {
        node_id: &node.node_id,
        name: &node.name,
        household_id: &node.household_id,
        registered_by_user_id: node.registered_by_user_id,
        node_key: &node_key,
        created_at: node.created_at,
        services: service_ids(node),
    };
    Ok(json(StatusCode::CREATED, &created))
}

/// `GET /admin/nodes`.
pub(super) async fn list(
    State(service): State<Arc<Service>>,
    mut turn: Turn,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    require_admin(&service, &mut turn, &headers).await?;
    let world = service.world();
    let nodes: Vec<Listed<'_>> = world
        .nodes()
        .map(|node| Listed {
            node_id: &node.node_id,
            name: &node.name,
            household_id: &node.household_id,
            registered_by_user_id: node.registered_by_user_id,
            is_active: node.is_active,
            created_at: node.created_at,
            updated_at: node.updated_at,
            last_rotated_at: node.last_rotated_at,
            services: service_ids(node),
        })
        .collect();
    Ok(json(StatusCode::OK, &nodes))
}

/// `GET /admin/nodes/{node_id}`.
pub(super) async fn show(
    State(service): State<Arc<Service>>,
    mut turn: Turn,
    Path(node_id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    require_admin(&service, &mut turn, &headers).await?;
    service.world().node(&node_id).map(|node| json(StatusCode::OK, node)).ok_or(NOT_FOUND)
}

/// `POST /admin/nodes/{node_id}/rotate-key`. The old key fails at once.
pub(super) async fn rotate(
    State(service): State<Arc<Service>>,
    mut turn: Turn,
    Path(node_id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    require_admin(&service, &mut turn, &headers).await?;
    turn.check().await;
    let now = Now::read();
    let node_key = service.world().rotate_node_key(&node_id, now).ok_or(NOT_FOUND)?;
    let rotated = Rotated { node_id: &node_id, node_key: &node_key, last_rotated_at: now.wall };
    Ok(json(StatusCode::OK, &rotated))
}

fn service_ids(node: &Node) -> Vec<&str> {
    node.services.iter().map(|grant| grant.service_id.as_str()).collect()
}
