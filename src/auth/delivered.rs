//! Answers that did not come over a connection. The simulator has them judged by the same rules as a real
//! server's answers.

use std::time::UNIX_EPOCH;

use node_core::answer::Answer;
use node_core::credential::NodeId;
use node_core::service::Service;
use ureq::http::header::RETRY_AFTER;
use ureq::http::{HeaderMap, HeaderValue};

use super::judge::{Asked, judge, judge_heartbeat, judge_logs, judge_probe};
use crate::net::http::HttpResponse;

/// The parts of an HTTP response that the verdict depends on.
#[derive(Clone, Copy, Debug)]
pub struct Delivered<'a> {
    /// The status code.
    pub status: u16,
    /// The value of `Retry-After`: seconds, or a date, which is measured from 1970.
    pub retry_after: Option<&'a str>,
    /// The body.
    pub body: &'a str,
}

impl Delivered<'_> {
    /// Judges it as the auth service's answer to an app.
    #[must_use]
    pub fn by_the_auth_service(&self, node_id: &NodeId) -> Answer {
        judge(&Asked { response: &self.response(), keys: &[], now: UNIX_EPOCH }, node_id, "an-app")
    }

    /// Judges it as the command center's answer to a heartbeat.
    #[must_use]
    pub fn by_the_command_center(&self) -> Answer {
        judge_heartbeat(
            &Asked { response: &self.response(), keys: &[], now: UNIX_EPOCH },
            Service::COMMAND_CENTER,
        )
    }

    /// Judges it as the logs' answer to a batch without a line.
    #[must_use]
    pub fn by_the_logs(&self) -> Answer {
        judge_logs(&Asked { response: &self.response(), keys: &[], now: UNIX_EPOCH }, Service::LOGS)
    }

    /// Judges it as the answer to a probe of the auth service.
    #[must_use]
    pub fn to_a_probe(&self) -> Answer {
        judge_probe(&Asked { response: &self.response(), keys: &[], now: UNIX_EPOCH }, Service::AUTH)
    }

    fn response(&self) -> HttpResponse {
        let mut headers = HeaderMap::new();
        if let Some(text) = self.retry_after.and_then(|text| HeaderValue::from_str(text).ok()) {
            headers.insert(RETRY_AFTER, text);
        }
        HttpResponse { status: self.status, headers, body: self.body.as_bytes().to_owned().into() }
    }
}
