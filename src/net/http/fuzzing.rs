//! Doors for the fuzz targets: see `host::fuzzing`.

use std::net::TcpStream;
use std::time::Instant;

use node_core::trouble::Trouble;

use super::{HttpClient, Post, Response, send};
use crate::net::transport::Deadline;

impl HttpClient {
    /// `post`, but over a connection that is open already.
    pub(crate) fn post_over(&self, post: &Post<'_>, stream: TcpStream) -> Result<Response, Trouble> {
        let end = Instant::now() + self.timeout;
        let response = send(&self.agent(stream, self.tls.for_calls(), end, Deadline::at(end)), post, end)
            .map_err(|error| self.transport_trouble(&error))?;
        self.unless_a_proxys(response)
    }
}
