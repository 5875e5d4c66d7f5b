//! `POST /internal/validate-node`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::calling_app;
use crate::auth::load::{KeyKind, Turn};
use crate::auth::service::Service;
use crate::auth::state::nodes::Verdict;
use crate::home::refusal::Refusal;
use crate::server::answer::json;

struct ValidateFields {
    node_id: String,
    node_key: String,
    service_id: String,
}

/// The answer's body. Unlike [`node_core::wire::ValidateResponse`], which cuts text to a node's limits, it
/// holds ids and reasons of any length, because the service repeats its input.
#[derive(Serialize)]
struct ValidateAnswer {
    valid: bool,
    node_id: Option<String>,
    household_id: Option<String>,
    household_member_ids: Option<Vec<i64>>,
    reason: Option<String>,
}

/// Answers a validation request. A rejection is a 200, too.
pub(super) async fn node(
    State(service): State<Arc<Service>>,
    turn: Turn,
    request: Request,
) -> Result<Response, Refusal> {
    let answer = judge(&service, turn, request).await;
    service.count_validation();
    Ok(json(StatusCode::OK, &answer?))
}

async fn judge(service: &Service, mut turn: Turn, request: Request) -> Result<ValidateAnswer, Refusal> {
    let (head, body) = service.home.read(request).await?;
    calling_app(service, &mut turn, &head.headers).await?;
    let asked = body.form(|form| ValidateFields {
        node_id: form.string("node_id"),
        node_key: form.string("node_key"),
        service_id: form.string("service_id"),
    })?;
    let ValidateFields { node_id, node_key, service_id } = &asked;
    let verdict = verdict(service, &mut turn, node_id, node_key, service_id).await?;
    let reason = verdict.reason(&asked.service_id);
    Ok(match verdict {
        Verdict::Valid { household_id, members } => ValidateAnswer {
            valid: true,
            node_id: Some(asked.node_id),
            household_id: Some(household_id),
            household_member_ids: Some(members),
            reason,
        },
        Verdict::NotFound | Verdict::Inactive | Verdict::WrongKey | Verdict::NotGranted => ValidateAnswer {
            valid: false,
            node_id: None,
            household_id: None,
            household_member_ids: None,
            reason,
        },
    })
}

/// The verdict on a credential. It takes a connection besides the one for the check of the app.
pub(crate) async fn verdict(
    service: &Service,
    turn: &mut Turn,
    node_id: &str,
    node_key: &str,
    service_id: &str,
) -> Result<Verdict, Refusal> {
    turn.connection().await?;
    let verdict = service.world().validate(node_id, node_key, service_id)?;
    if verdict.took_a_check() {
        turn.check_key(KeyKind::Node, node_id, node_key, verdict.proves_the_key()).await;
    }
    Ok(verdict)
}
