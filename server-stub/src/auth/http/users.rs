//! Users: their own account by a token, any account by an app.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

use super::{calling_app, text};
use crate::auth::fastapi::Refusal;
use crate::auth::fastapi::form::not_an_integer_in_path;
use crate::auth::load::Turn;
use crate::auth::service::Service;
use crate::auth::state::Now;
use crate::server::answer::json;

/// `GET …/me`: the user an access token names.
pub(super) async fn me(
    State(service): State<Arc<Service>>,
    mut turn: Turn,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    turn.thread().await;
    let authorization = text(&headers, header::AUTHORIZATION.as_str());
    let token = match authorization.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        Some(_) | None => return Err(Refusal::Bearer("Not authenticated")),
    };
    let unknown = Refusal::Bearer("Could not validate credentials");
    let Some(id) = service.tokens.check(token, Now::read().wall) else { return Err(unknown) };
    turn.connection().await?;
    service.world().user(id).map(|user| json(StatusCode::OK, user)).ok_or(unknown)
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
