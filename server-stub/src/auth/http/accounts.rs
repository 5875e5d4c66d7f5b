//! Registration, login, refresh and logout: `/auth/*` and `/api/v0/auth/*`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::{admit, peer};
use crate::auth::load::Turn;
use crate::auth::service::Service;
use crate::auth::state::sessions::NoRefresh;
use crate::auth::state::users::{NoLogin, User};
use crate::auth::state::{Now, World};
use crate::home::Home;
use crate::home::refusal::Refusal;
use crate::server::answer::json;
use crate::server::faults::HomeFault;

/// Shortest and longest password, in characters (*documented*).
const PASSWORD: (usize, usize) = (8, 255);

#[derive(Serialize)]
struct SignedUp<'a> {
    access_token: &'a str,
    refresh_token: &'a str,
    token_type: &'static str,
    user: &'a User,
    household_id: &'a str,
}

#[derive(Serialize)]
struct SignedIn<'a> {
    access_token: &'a str,
    refresh_token: &'a str,
    token_type: &'static str,
    user: &'a User,
    must_change_password: bool,
}

impl From<NoLogin> for Refusal {
    fn from(why: NoLogin) -> Self {
        match why {
            NoLogin::Wrong => Self::Detail(StatusCode::UNAUTHORIZED, "Invalid email or password"),
            NoLogin::LockedOut => Self::TooMany(900),
            NoLogin::Unhashable => Self::Internal,
        }
    }
}

impl From<NoRefresh> for Refusal {
    fn from(why: NoRefresh) -> Self {
        match why {
            NoRefresh::Invalid => Self::Detail(StatusCode::UNAUTHORIZED, "Invalid refresh token"),
            // *Documented*.
            NoRefresh::Expired => Self::Detail(StatusCode::UNAUTHORIZED, "Refresh token expired"),
        }
    }
}

/// `POST …/register`: makes a user with a household and returns tokens.
pub(super) async fn register(
    State(service): State<Arc<Service>>,
    mut turn: Turn,
    request: Request,
) -> Result<Response, Refusal> {
    let (head, body) = service.home.read(request).await?;
    turn.thread().await;
    admit(&service, peer(&head.extensions))?;
    let (email, password, username) = body.form(|form| {
        let email = form.email("email");
        let username = form.optional_string("username");
        (email, form.string_of("password", PASSWORD.0, PASSWORD.1), username)
    })?;
    // Its database refuses a NUL.
    let python = service.home == Home::Python;
    if python && [&email, &password].into_iter().chain(&username).any(|text| text.contains('\0')) {
        return Err(Refusal::Internal);
    }
    // Without a name, the part before the @ is the name (*documented*).
    let username = username.filter(|name| !name.is_empty());
    let username = username.unwrap_or_else(|| email.split('@').next().unwrap_or_default().to_owned());
    turn.connection().await?;
    turn.check().await;
    let now = Now::read();
    let mut world = service.world();
    let taken = Refusal::Detail(StatusCode::BAD_REQUEST, "Email already registered");
    let id = world.register_user(&email, &username, &password, now).ok_or(taken)?.id;
    let refresh_token = world.open_session(id, service.refresh_life, now);
    let (user, access_token) = signed(&service, &world, id, now)?;
    let signed_up = SignedUp {
        access_token: &access_token,
        refresh_token: &refresh_token,
        token_type: "bearer",
        user,
        household_id: &user.household_id,
    };
    Ok(json(StatusCode::CREATED, &signed_up))
}

/// `POST …/login`.
pub(super) async fn login(
    State(service): State<Arc<Service>>,
    mut turn: Turn,
    request: Request,
) -> Result<Response, Refusal> {
    let (head, body) = service.home.read(request).await?;
    turn.thread().await;
    let peer = peer(&head.extensions);
    admit(&service, peer)?;
    let (email, password) = body.form(|form| (form.email("email"), form.string("password")))?;
    let fault = HomeFault::of(&head.extensions);
    if fault == Some(HomeFault::PasswordExpired) {
        let text = "Temporary password expired. Ask your administrator for a new one.";
        return Err(Refusal::Detail(StatusCode::UNAUTHORIZED, text));
    }
    turn.connection().await?;
    let found = service.world().log_in(&email, &password, peer, Now::read()).map(|user| user.id);
    if found != Err(NoLogin::LockedOut) {
        turn.check().await;
    }
    let (id, now) = (found?, Now::read());
    let mut world = service.world();
    let refresh_token = world.open_session(id, service.refresh_life, now);
    signed_in(&service, &world, id, &refresh_token, now)
}

/// `POST …/refresh`: a new refresh token for the old one.
pub(super) async fn refresh(
    State(service): State<Arc<Service>>,
    mut turn: Turn,
    request: Request,
) -> Result<Response, Refusal> {
    let (head, body) = service.home.read(request).await?;
    turn.thread().await;
    admit(&service, peer(&head.extensions))?;
    let token = body.form(|form| form.string("refresh_token"))?;
    turn.connection().await?;
    let now = Now::read();
    let mut world = service.world();
    let (id, refresh_token) = world.refresh(&token, service.refresh_life, now)?;
    signed_in(&service, &world, id, &refresh_token, now)
}

/// `POST …/logout`: 204 for every token, known or not.
pub(super) async fn logout(
    State(service): State<Arc<Service>>,
    mut turn: Turn,
    request: Request,
) -> Result<Response, Refusal> {
    let (_, body) = service.home.read(request).await?;
    turn.thread().await;
    let token = body.form(|form| form.string("refresh_token"))?;
    turn.connection().await?;
    service.world().close_session(&token);
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn signed<'w>(service: &Service, world: &'w World, id: i64, now: Now) -> Result<(&'w User, String), Refusal> {
    let user = world.user(id).ok_or(Refusal::Internal)?;
    Ok((user, service.tokens.sign(user, now.wall)))
}

fn signed_in(
    service: &Service,
    world: &World,
    id: i64,
    refresh_token: &str,
    now: Now,
) -> Result<Response, Refusal> {
    let (user, access_token) = signed(service, world, id, now)?;
    let signed_in = SignedIn {
        access_token: &access_token,
        refresh_token,
        token_type: "bearer",
        user,
        must_change_password: user.must_change_password,
    };
    Ok(json(StatusCode::OK, &signed_in))
}
