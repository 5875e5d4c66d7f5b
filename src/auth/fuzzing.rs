//! Doors for the fuzz targets: see `host::fuzzing`.

use std::net::TcpStream;

use super::{AuthClient, JSON, Post, Reply, Response};
use crate::files::credential::Credential;

impl AuthClient {
    pub(crate) fn conclude_of(&self, response: &Response, credential: &Credential) -> Reply {
        self.conclude(response, credential)
    }

    /// `validate`, but over a connection that is open already.
    pub(crate) fn validate_over(&self, stream: TcpStream, credential: &Credential) -> Reply {
        let post = Post { url: &self.endpoint, headers: &[], content_type: JSON, body: b"{}" };
        self.http
            .post_over(&post, stream)
            .map_or_else(Reply::from, |response| self.conclude(&response, credential))
    }
}
