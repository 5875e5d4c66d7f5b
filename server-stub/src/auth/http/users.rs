//! Users: their own account by a token, any account by an app.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use time::OffsetDateTime;

use super::{calling_app, text};
use crate::auth::load::Turn;
use crate::auth::service::Service;
use crate::auth::state::Now;
use crate::home::form::not_an_integer_in_path;
use crate::home::refusal::Refusal;
use crate::moment::moment;
use crate::server::answer::json;

const UNKNOWN: Refusal = Refusal::Bearer("Could not validate credentials");

/// A household in the list.
#[derive(Serialize)]
struct Listed<'a> {
    id: &'a str,
    name: &'a str,
    role: &'static str,
    #[serde(serialize_with = "moment")]
    created_at: OffsetDateTime,
}

/// `GET …/me`: the user an access token names.
pub(super) async fn me(
    State(service): State<Arc<Service>>,
    mut turn: Turn,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    turn.thread().await;
    let id = user_of(&service, &headers)?;
    turn.connection().await?;
    service.world().user(id).map(|user| json(StatusCode::OK, user)).ok_or(UNKNOWN)
}

/// The id of the user whose access token the request bears.
fn user_of(service: &Service, headers: &HeaderMap) -> Result<i64, Refusal> {
    let token = bearer(headers).ok_or(Refusal::Bearer("Not authenticated"))?;
    service.tokens.check(token, Now::read().wall).ok_or(UNKNOWN)
}

/// The token of a request with `Authorization: Bearer`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = text(headers, header::AUTHORIZATION.as_str()).split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// `GET /households`: the households of the user, and what they are there. The first member of a household is
/// its administrator.
pub(super) async fn households(
    State(service): State<Arc<Service>>,
    mut turn: Turn,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    turn.thread().await;
    let user = user_of(&service, &headers)?;
    turn.connection().await?;
    let world = service.world();
    let households: Vec<_> = world
        .households_of(user)
        .map(|(id, household)| Listed {
            id,
            name: &household.name,
            role: if household.members.first() == Some(&user) { "admin" } else { "member" },
            created_at: household.created_at,
        })
        .collect();
    Ok(json(StatusCode::OK, &households))
}

/// `GET /api/v0/users/{user_id}`.
///
/// *Assumption*: the path is published without an answer, and the July 2026 code has no such route. Services
/// would use it for the members in a verdict, so it takes an app's credentials and answers like `/auth/me`.
pub(super) async fn show(
    State(service): State<Arc<Service>>,
    mut turn: Turn,
    Path(user_id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    calling_app(&service, &mut turn, &headers).await?;
    let Ok(id) = user_id.parse() else { return Err(not_an_integer_in_path("user_id", &user_id)) };
    turn.connection().await?;
    let unknown = Refusal::Detail(StatusCode::NOT_FOUND, "User not found");
    service.world().user(id).map(|user| json(StatusCode::OK, user)).ok_or(unknown)
}
