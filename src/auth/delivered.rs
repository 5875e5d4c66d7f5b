//! Answers that came another way than over a connection of ours: what a simulated server says is judged by
//! the very rules that a real one's is.

use std::time::UNIX_EPOCH;

use node_core::answer::Answer;
use node_core::credential::NodeId;
use ureq::http::header::RETRY_AFTER;
use ureq::http::{HeaderMap, HeaderValue};

use super::{Response, judge, judge_heartbeat};

/// An HTTP answer, taken apart.
#[derive(Clone, Copy, Debug)]
pub struct Delivered<'a> {
    /// Its status.
    pub status: u16,
    /// What stands in `Retry-After`: seconds, or a date measured from 1970.
    pub retry_after: Option<&'a str>,
    /// Its body.
    pub body: &'a str,
}

impl Delivered<'_> {
    /// What it means when the auth service was asked on behalf of an app.
    #[must_use]
    pub fn by_the_auth_service(&self, node_id: &NodeId) -> Answer {
        judge(&self.response(), node_id, "an-app", UNIX_EPOCH)
    }

    /// What it means when the command center was shown a heartbeat.
    #[must_use]
    pub fn by_the_command_center(&self) -> Answer {
        judge_heartbeat(&self.response(), false, UNIX_EPOCH)
    }

    fn response(&self) -> Response {
        let mut headers = HeaderMap::new();
        if let Some(text) = self.retry_after.and_then(|text| HeaderValue::from_str(text).ok()) {
            headers.insert(RETRY_AFTER, text);
        }
        Response { status: self.status, headers, body: self.body.as_bytes().to_owned() }
    }
}
