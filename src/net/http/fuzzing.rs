//! Entry points for the fuzz targets: see [`crate::fuzzing`].

use std::net::TcpStream;
use std::time::Instant;

use node_core::trouble::Trouble;

use super::client::{Request, send};
use super::{HttpClient, HttpResponse, Post};
use crate::net::tls::Purpose;
use crate::net::transport::Deadline;

impl HttpClient {
    /// `post` over a connection that is already open.
    pub(crate) fn post_over(&self, post: &Post<'_>, stream: TcpStream) -> Result<HttpResponse, Trouble> {
        let end = Instant::now() + self.timeout;
        let response =
            send(&self.agent(stream, Purpose::Calls, end, Deadline::at(end)), &Request::from(post), end)
                .map_err(|error| self.transport_trouble(&error))?;
        self.reject_proxy_error(response)
    }
}
