//! Answers requests, with the server's faults.

use core::time::Duration;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tower::ServiceExt as _;

use super::Form;
use super::answer::internal;
use super::control;
use super::ends::Ends;
use super::faults::switch::Switch;
use super::faults::{Delivery, Faults, Moment, content, status};
use super::journal::{Ended, Journal};

/// How long an overloaded service stalls before it fails (docs/wire/jarvis-auth.md, "Load").
const OVERLOADED: Duration = Duration::from_secs(30);
const LATE: Duration = Duration::from_secs(2);
/// The longest body that is kept for an answer that repeats it.
const MAX_REQUEST: usize = 16 * 1024 * 1024;

/// How the connection goes on after a request.
pub(super) enum Step {
    /// Answer it.
    Answer(Response),
    /// Answer it, with this fault in the delivery of the bytes.
    Deliver(Response, Delivery),
    Close,
    Reset,
}

/// Answers requests, with faults where the server has some.
#[derive(Clone)]
pub(super) struct Dispatch {
    service: Router,
    /// None: the server never has faults.
    faulty: Option<Faulty>,
}

/// The parts that faults need.
#[derive(Clone)]
pub(super) struct Faulty {
    pub(crate) switch: Arc<Switch>,
    pub(crate) journal: Arc<Journal>,
    /// Answers on the stub's own paths.
    pub(crate) control: Router,
    pub(crate) paths: Paths,
    /// The form of the home's answers. None: it is of no home.
    pub(crate) form: Option<Form>,
    /// The target of redirects: a URL without a path and without a slash at the end.
    pub(crate) elsewhere: Arc<str>,
}

/// Paths of a service that are special to faults.
#[derive(Clone, Copy)]
pub(crate) struct Paths {
    /// Paths that never have faults.
    pub(crate) spares: fn(&str) -> bool,
    /// Paths that issue tokens.
    pub(crate) issues: fn(&str) -> bool,
}

impl Dispatch {
    pub(crate) fn new(service: Router, faulty: Faulty) -> Self {
        Self { service, faulty: Some(faulty) }
    }

    /// A dispatcher without faults.
    pub(super) fn faithful(service: Router) -> Self {
        Self { service, faulty: None }
    }

    pub(crate) async fn step(&self, mut request: Request, ends: Ends) -> Step {
        request.extensions_mut().insert(ends);
        let path = request.uri().path();
        let Some(faulty) = &self.faulty else {
            return Step::Answer(answered(&self.service, request).await);
        };
        if control::serves(path) {
            return Step::Answer(answered(&faulty.control, request).await);
        }
        if path.starts_with(control::PREFIX) {
            return Step::Answer(answered(&self.service, request).await);
        }
        let is_for_token = request.method() == Method::POST && (faulty.paths.issues)(path);
        let spared = (faulty.paths.spares)(path);
        let faults = if spared { Faults::NONE } else { faulty.switch.for_request(is_for_token) };
        let (request, open) = faulty.journal.begin(request, ends.peer, faults);
        let step = self.under(faults, request, faulty).await;
        match &step {
            Step::Answer(response) | Step::Deliver(response, _) => {
                open.ended(Ended::Answered, Some(response.status().as_u16()));
            }
            Step::Close => open.ended(Ended::Closed, None),
            Step::Reset => open.ended(Ended::Reset, None),
        }
        step
    }

    async fn under(&self, faults: Faults, mut request: Request, faulty: &Faulty) -> Step {
        if faults == Faults::NONE {
            return Step::Answer(answered(&self.service, request).await);
        }
        request.extensions_mut().insert(faults);
        match faults.moment {
            Some(Moment::Stall) => {
                // The body is read for the log only.
                let _ = axum::body::to_bytes(request.into_body(), MAX_REQUEST).await;
                return core::future::pending().await;
            }
            Some(Moment::StallThenError) => tokio::time::sleep(OVERLOADED).await,
            Some(Moment::Late) => tokio::time::sleep(LATE).await,
            Some(
                Moment::CloseBeforeRequest
                | Moment::ResetBeforeRequest
                | Moment::CloseAfterRequest
                | Moment::ResetAfterRequest,
            )
            | None => {}
        }
        let response = self.answer(request, faulty, faults).await;
        match (faults.moment, faults.delivery) {
            (Some(Moment::CloseAfterRequest | Moment::CloseBeforeRequest), _) => Step::Close,
            (Some(Moment::ResetAfterRequest | Moment::ResetBeforeRequest), _) => Step::Reset,
            (Some(Moment::Stall | Moment::StallThenError | Moment::Late) | None, None) => {
                Step::Answer(response)
            }
            (Some(Moment::Stall | Moment::StallThenError | Moment::Late) | None, Some(delivery)) => {
                Step::Deliver(response, delivery)
            }
        }
    }

    /// The answer with its faults. A fault that replaces the answer keeps the request from the service.
    async fn answer(&self, request: Request, faulty: &Faulty, faults: Faults) -> Response {
        let (head, body) = request.into_parts();
        let Ok(asked) = axum::body::to_bytes(body, MAX_REQUEST).await else {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        };
        let instead =
            faults.status.and_then(|status| status::instead(status, &head, &asked, &faulty.elsewhere));
        let response = match instead {
            Some(response) => formed(response, faulty.form).await,
            None if faults.moment == Some(Moment::StallThenError) => formed(internal(), faulty.form).await,
            None => {
                let request = Request::from_parts(head, Body::from(asked.clone()));
                answered(&self.service, request).await
            }
        };
        let mut response = altered(response, faults, &asked).await;
        // The header has the length of the original body. The sending code writes a new one.
        response.headers_mut().remove(header::CONTENT_LENGTH);
        status::stamped(response, faults)
    }
}

async fn answered(service: &Router, request: Request) -> Response {
    match service.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

async fn formed(response: Response, form: Option<Form>) -> Response {
    match form {
        Some(form) => form(response).await,
        None => response,
    }
}

async fn altered(response: Response, faults: Faults, asked: &Bytes) -> Response {
    let Some(fault) = faults.content else { return response };
    let (mut head, body) = response.into_parts();
    // The service's own answers are short, and in memory.
    let body = axum::body::to_bytes(body, MAX_REQUEST).await.unwrap_or_default();
    let body = content::altered(fault, &body, asked, &mut head.headers);
    Response::from_parts(head, Body::from(body))
}
