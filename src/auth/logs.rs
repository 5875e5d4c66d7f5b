//! The home's logs, which get the node's own lines (docs/wire/jarvis-home.md, "Other calls of a node").

use std::time::{Duration, Instant};

use node_core::answer::Answer;
use node_core::service::Service;
use node_core::wire::LOGS_PATH;

use super::judge::{Asked, judge_logs};
use super::proof::id_and_key;
use crate::error::Warning;
use crate::files::credential::Credential;
use crate::net::http::{HttpClient, JSON, Post};
use crate::net::service_url::ServiceUrl;

/// How long sending a batch of lines may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// The client of the logs.
#[derive(Debug)]
pub(super) struct Logs {
    http: HttpClient,
    url: String,
}

/// Lines were not taken.
#[derive(Debug)]
pub struct NotTaken {
    /// What a person is told.
    pub warning: Warning,
    /// Whether the same lines may be taken later.
    pub later: bool,
}

impl Logs {
    /// The logs at `url`, asked by `http`.
    pub(super) fn new(url: &ServiceUrl, http: HttpClient) -> Self {
        Self { http, url: url.at(LOGS_PATH) }
    }

    /// Sends a batch of lines, with the node's own credential.
    ///
    /// # Errors
    /// Why they were not taken.
    pub(super) fn send(&self, credential: &Credential, body: &str) -> Result<(), NotTaken> {
        let Some(headers) = id_and_key(credential) else { return Ok(()) };
        let post = Post { url: &self.url, headers: &headers, content_type: JSON, body: body.as_bytes() };
        let not_taken = |reason: &str, fix: &str, later| {
            let message = format!("the home does not get this node's log: {reason}");
            NotTaken { warning: Warning::new("logs", message, fix), later }
        };
        let response = self
            .http
            .post_until(&post, Instant::now() + PATIENCE)
            .map_err(|e| not_taken(e.trouble.reason.as_str(), e.trouble.fix.as_str(), true))?;
        let keys = &[credential.node_key.expose().as_bytes()];
        let asked = Asked { response: &response, keys, now: self.http.now() };
        match judge_logs(&asked, Service::LOG_INTAKE) {
            // Only probes are answered by the second.
            Answer::Valid(_) | Answer::Reachable => Ok(()),
            Answer::Rejected(reason) => {
                let fix = "Check that logs.url leads to the home that the node was registered in.";
                Err(not_taken(&format!("its logs reject the node ({reason})"), fix, true))
            }
            Answer::Inconclusive { trouble, .. } => {
                // Of these statuses the lines are the cause, and would be for ever.
                let later = !matches!(response.status, 400 | 413 | 422);
                Err(not_taken(trouble.reason.as_str(), trouble.fix.as_str(), later))
            }
        }
    }
}
