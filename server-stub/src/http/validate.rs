//! `POST /internal/validate-node`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::calling_app;
use crate::fastapi::{Refusal, json, read};
use crate::load::Turn;
use crate::service::Service;
use crate::state::nodes::Verdict;

struct Asked {
    node_id: String,
    node_key: String,
    service_id: String,
}

/// The answer's body. Unlike [`node_core::wire::ValidateResponse`], which cuts foreign text to what
/// a node can keep, it holds ids and reasons of any length: the service echoes what it was sent.
#[derive(Serialize)]
struct Answer {
    valid: bool,
    node_id: Option<String>,
    household_id: Option<String>,
    household_member_ids: Option<Vec<i64>>,
    reason: Option<String>,
}

/// Answers a validation request. A denial is a 200, too.
pub(super) async fn node(
    State(service): State<Arc<Service>>,
    turn: Turn,
    request: Request,
) -> Result<Response, Refusal> {
    let answer = judge(&service, turn, request).await;
    service.count_validation();
    Ok(json(StatusCode::OK, &answer?))
}

async fn judge(service: &Service, mut turn: Turn, request: Request) -> Result<Answer, Refusal> {
    let (head, body) = read(request).await?;
    calling_app(service, &mut turn, &head.headers).await?;
    let asked = body.form(|form| Asked {
        node_id: form.string("node_id"),
        node_key: form.string("node_key"),
        service_id: form.string("service_id"),
    })?;
    let Asked { node_id, node_key, service_id } = &asked;
    let verdict = verdict(service, &mut turn, node_id, node_key, service_id).await?;
    let reason = verdict.reason(&asked.service_id);
    Ok(match verdict {
        Verdict::Valid { household_id, members } => Answer {
            valid: true,
            node_id: Some(asked.node_id),
            household_id: Some(household_id),
            household_member_ids: Some(members),
            reason,
        },
        Verdict::NotFound | Verdict::Inactive | Verdict::WrongKey | Verdict::NotGranted => {
            Answer { valid: false, node_id: None, household_id: None, household_member_ids: None, reason }
        }
    })
}

/// What is said of a credential, over a connection besides the one that the caller was checked with.
pub(super) async fn verdict(
    service: &Service,
    turn: &mut Turn,
    node_id: &str,
    node_key: &str,
    service_id: &str,
) -> Result<Verdict, Refusal> {
    turn.connection().await?;
    let verdict = service.world().validate(node_id, node_key, service_id)?;
    if verdict.took_a_check() {
        turn.check().await;
    }
    Ok(verdict)
}
