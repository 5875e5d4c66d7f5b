//! Enrolment: an administrator or a user gets a token, the node shows it and gets its key.

use core::net::IpAddr;
use core::time::Duration;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{StatusCode, header, request};
use axum::response::Response;
use serde::Serialize;

use super::CommandCenter;
use super::refusal::Refused;
use crate::auth::asking;
use crate::auth::state::Now;
use crate::home::Home;
use crate::home::refusal::Refusal;
use crate::moment::naive;
use crate::secrets::new_uuid;
use crate::server::answer::json;
use crate::server::ends::Ends;
use crate::server::faults::HomeFault;
use crate::server::journal::Waits;

#[derive(Serialize)]
struct Minted {
    token: String,
    node_id: String,
    expires_at: String,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_command_center_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_config_service_url: Option<String>,
}

#[derive(Serialize)]
struct Enrolled<'a> {
    node_id: &'a str,
    room: &'a str,
    user: &'static str,
    voice_mode: &'static str,
    node_key: &'a str,
}

impl CommandCenter {
    /// The life of a provisioning token; jarvisd's since 2026-10-09.
    pub(super) fn token_life(&self) -> Duration {
        Duration::from_secs(match self.home() {
            Home::Python => 600,
            Home::Jarvisd => 1800,
        })
    }

    /// The addresses that jarvisd names to a new node: of the command center, as the caller reached it, and of
    /// the config service beside it. None of a caller on the same machine, whose address is good for nobody
    /// else; and no config service where the address has no port, because it is a tunnel's.
    fn addresses(&self, head: &request::Parts) -> (Option<String>, Option<String>) {
        let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let authority = host.and_then(|host| host.parse::<Authority>().ok());
        let Some(authority) = authority.filter(|authority| !is_here(authority.host())) else {
            return (None, None);
        };
        let here = head.extensions.get::<Ends>().is_some_and(Ends::peer_is_here);
        let forwarded = head.headers.get("X-Forwarded-Proto").is_some_and(|proto| proto == "https");
        let scheme = if self.tls || (here && forwarded) { "https" } else { "http" };
        let config =
            authority.port().map(|_| format!("{scheme}://{}:{}", authority.host(), self.config_port));
        (Some(format!("{scheme}://{authority}")), config)
    }
}

fn is_here(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified())
}

/// `POST /api/v0/provisioning/token`, by a user's access token or `ADMIN_API_KEY`.
pub(super) async fn mint(
    State(command_center): State<Arc<CommandCenter>>,
    request: Request,
) -> Result<Response, Refused> {
    let (head, body) = command_center.read(request).await?;
    let minter = command_center.minter(&head.headers).await?;
    let (household_id, room, name, node_id) = body.form(|form| {
        let household_id = form.string("household_id");
        let (room, name) = (form.optional_string("room"), form.optional_string("name"));
        (household_id, room, name, form.optional_string("node_id"))
    })?;
    command_center.may_mint(minter, &household_id)?;
    let node_id = node_id.filter(|id| !id.is_empty());
    let (data, now, life) = (&mut *command_center.data(), Now::read(), command_center.token_life());
    if node_id.as_ref().is_some_and(|id| data.rows.get(id).is_some()) {
        return Err(Refused::detail(StatusCode::BAD_REQUEST, "Node already registered"));
    }
    let node_id = node_id.unwrap_or_else(new_uuid);
    let token = data.tokens.issue(Some(&node_id), &household_id, room, name, life, now);
    let (node_command_center_url, node_config_service_url) = match command_center.home() {
        Home::Python => (None, None),
        Home::Jarvisd => command_center.addresses(&head),
    };
    let minted = Minted {
        token,
        node_id,
        expires_at: naive(now.wall + life),
        expires_in: life.as_secs(),
        node_command_center_url,
        node_config_service_url,
    };
    Ok(json(StatusCode::CREATED, &minted))
}

/// `POST /api/v0/nodes/register`: a node's key for its token. The auth service registers the node first.
pub(super) async fn register(
    State(command_center): State<Arc<CommandCenter>>,
    request: Request,
) -> Result<Response, Refused> {
    let (head, body) = command_center.read(request).await?;
    let (node_id, shown, room) = body.form(|form| {
        (form.string("node_id"), form.string("provisioning_token"), form.optional_string("room"))
    })?;
    let token = {
        let data = command_center.data();
        let invalid = Refused::detail(StatusCode::UNAUTHORIZED, "Invalid or expired provisioning token");
        let token = data.tokens.find(&shown, &node_id, Now::read()).ok_or(invalid)?;
        if data.rows.get(&node_id).is_some() {
            return Err(Refused::detail(StatusCode::BAD_REQUEST, "Node already registered"));
        }
        token
    };
    let fault = HomeFault::of(&head.extensions);
    let waits = head.extensions.get::<Waits>().cloned().unwrap_or_default();
    let name = token.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&node_id);
    let registered = match command_center.outage(fault) {
        Some(outage) => return Err(outage),
        None => command_center.auth.register(waits, &node_id, &token.household_id, name).await,
    };
    let node_key = registered.map_err(told)?;
    if fault == Some(HomeFault::RegistrationFails) {
        // jarvisd takes its registration back, which deactivates the node; Python leaves it.
        if command_center.home() == Home::Jarvisd {
            command_center.auth.service().world().deactivate_node(&node_id, Now::read());
        }
        return Err(Refused(Refusal::Internal));
    }
    let given = |room: Option<String>| room.filter(|room| !room.is_empty());
    let room = given(room).or(given(token.room)).unwrap_or_else(|| "default".to_owned());
    let data = &mut *command_center.data();
    data.rows.insert(&node_id, &node_key, &token.household_id, &room, Now::read());
    data.tokens.spend(&shown);
    let enrolled = Enrolled {
        node_id: &node_id,
        room: &room,
        user: "default",
        voice_mode: "brief",
        node_key: &node_key,
    };
    Ok(json(StatusCode::CREATED, &enrolled))
}

impl CommandCenter {
    /// The answer to a registration while the auth service cannot be asked.
    fn outage(&self, fault: Option<HomeFault>) -> Option<Refused> {
        let refused = match fault {
            Some(HomeFault::AuthUnavailable) => {
                told(asking::Refused::Unavailable("[Errno 111] Connection refused".to_owned()))
            }
            Some(HomeFault::AuthError) => told(asking::Refused::Failed(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Internal Server Error".to_owned(),
            )),
            Some(HomeFault::AuthNotConfigured) => Refused::detail(
                StatusCode::INTERNAL_SERVER_ERROR,
                "JARVIS_APP_KEY not configured for auth integration",
            ),
            Some(_) | None => return None,
        };
        Some(match self.home() {
            Home::Python => refused,
            Home::Jarvisd => Refused(Refusal::Internal),
        })
    }
}

fn told(why: asking::Refused) -> Refused {
    match why {
        asking::Refused::Said(status, detail) => Refused::sentence(status, detail),
        asking::Refused::Unavailable(why) => {
            Refused::sentence(StatusCode::BAD_GATEWAY, format!("Auth service unavailable: {why}"))
        }
        asking::Refused::Failed(status, body) => {
            Refused::sentence(status, format!("Auth service error: {body}"))
        }
    }
}
