//! What a node asks the command center to do for its household. Nothing is really sent.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::CommandCenter;
use super::callers::Node;
use super::refusal::Refused;
use crate::home::Home;
use crate::home::form::BodyFields;
use crate::home::refusal::Refusal;
use crate::home::request::RequestBody;
use crate::secrets::new_uuid;
use crate::server::answer::json;
use crate::server::faults::HomeFault;

/// Python's broker has one pair for all nodes.
const SHARED: (&str, &str) = ("jarvis", "example-shared");
/// *Assumption*: the name of what withholds a notification.
const GATE: &str = "GATE";

#[derive(Serialize)]
struct Credentials<'a> {
    username: Option<&'a str>,
    password: Option<&'a str>,
}

/// What became of a notification.
#[derive(Default)]
struct Sent {
    /// The item in the inbox. None: nothing was sent.
    item: Option<String>,
    withheld_by: Option<&'static str>,
}

#[derive(Serialize)]
struct Pushed {
    sent: bool,
    inbox_item_id: Option<String>,
    withheld_by: Option<&'static str>,
}

#[derive(Serialize)]
struct Filed {
    id: Option<String>,
    sent: bool,
    withheld_by: Option<&'static str>,
}

#[derive(Serialize)]
struct Linked {
    sent: bool,
    withheld_by: Option<&'static str>,
}

#[derive(Serialize)]
struct Said {
    content: &'static str,
}

/// A call of a node: who calls, the body, and the fault in effect.
async fn call(
    command_center: &CommandCenter,
    request: Request,
) -> Result<(Node, RequestBody, Option<HomeFault>), Refused> {
    let (head, body) = command_center.read(request).await?;
    let node = command_center.node(&head).await?;
    Ok((node, body, HomeFault::of(&head.extensions)))
}

fn sent(fault: Option<HomeFault>) -> Sent {
    match fault {
        Some(HomeFault::PushWithheld) => Sent { item: None, withheld_by: Some(GATE) },
        Some(HomeFault::PushFails) => Sent::default(),
        Some(_) | None => Sent { item: Some(new_uuid()), withheld_by: None },
    }
}

fn target_type(form: &mut BodyFields<'_>) {
    form.optional_choice("target_type", &["user", "household"]);
}

/// `GET /api/v0/node/mqtt-credentials`: a node of jarvisd has its own id and key.
pub(super) async fn mqtt_credentials(
    State(command_center): State<Arc<CommandCenter>>,
    request: Request,
) -> Result<Response, Refused> {
    let (node, _, fault) = call(&command_center, request).await?;
    let (username, password) = match (fault, command_center.home()) {
        (Some(HomeFault::MqttOff), _) => (None, None),
        (_, Home::Python) => (Some(SHARED.0), Some(SHARED.1)),
        (_, Home::Jarvisd) => (Some(node.id.as_str()), Some(node.key.as_str())),
    };
    Ok(json(StatusCode::OK, &Credentials { username, password }))
}

/// `POST /api/v0/node/push-notification`.
pub(super) async fn push_notification(
    State(command_center): State<Arc<CommandCenter>>,
    request: Request,
) -> Result<Response, Refused> {
    let (_, body, fault) = call(&command_center, request).await?;
    body.form(|form| {
        let _ = (form.string("title"), form.string("body"));
        let _ = (form.optional_string("category"), form.optional_integer("user_id"));
        target_type(form);
        let _ = (form.optional_string("dedupe_key"), form.optional_bool("force"));
    })?;
    let Sent { item, withheld_by } = sent(fault);
    Ok(json(StatusCode::OK, &Pushed { sent: item.is_some(), inbox_item_id: item, withheld_by }))
}

/// `POST /api/v0/node/inbox-item`. Nothing is filed under a blank title.
pub(super) async fn inbox_item(
    State(command_center): State<Arc<CommandCenter>>,
    request: Request,
) -> Result<Response, Refused> {
    let (_, body, fault) = call(&command_center, request).await?;
    let title = body.form(|form| {
        let title = form.string("title");
        for name in ["summary", "body", "category", "dedupe_key"] {
            let _ = form.optional_string(name);
        }
        let _ = form.optional_object("metadata", |_| ());
        target_type(form);
        title
    })?;
    let Sent { item, withheld_by } = if title.trim().is_empty() { Sent::default() } else { sent(fault) };
    Ok(json(StatusCode::OK, &Filed { sent: item.is_some(), id: item, withheld_by }))
}

/// `POST /api/v0/node/send-link`. Only web addresses are sent.
pub(super) async fn send_link(
    State(command_center): State<Arc<CommandCenter>>,
    request: Request,
) -> Result<Response, Refused> {
    let (_, body, fault) = call(&command_center, request).await?;
    let url = body.form(|form| {
        let _ = form.integer("user_id");
        let url = form.string("url");
        let _ = (form.optional_string("title"), form.optional_string("body"));
        url
    })?;
    let url = url.trim();
    let is_web = url.starts_with("http://") || url.starts_with("https://");
    let Sent { item, withheld_by } = if is_web { sent(fault) } else { Sent::default() };
    Ok(json(StatusCode::OK, &Linked { sent: item.is_some(), withheld_by }))
}

/// `POST /api/v0/node/llm/chat`. The model of this home says yes to everything.
pub(super) async fn llm_chat(
    State(command_center): State<Arc<CommandCenter>>,
    request: Request,
) -> Result<Response, Refused> {
    let (_, body, fault) = call(&command_center, request).await?;
    body.form(|form| {
        let _ = form.objects("messages", |message| {
            let _ = message.choice("role", &["system", "user", "assistant"]);
            let _ = message.string("content");
        });
        let _ = form.optional_string("model");
    })?;
    match (fault, command_center.home()) {
        (Some(HomeFault::LlmAbsent), Home::Jarvisd) => {
            Err(Refused::detail(StatusCode::SERVICE_UNAVAILABLE, "LLM unavailable"))
        }
        (Some(HomeFault::LlmAbsent), Home::Python) => {
            Err(Refused::detail(StatusCode::INTERNAL_SERVER_ERROR, "LLM unavailable"))
        }
        (Some(HomeFault::LlmFails), _) => Err(Refused(Refusal::Internal)),
        _ => Ok(json(StatusCode::OK, &Said { content: "Yes" })),
    }
}
