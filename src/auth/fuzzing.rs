//! Entry points for the fuzz targets: see [`crate::fuzzing`].

use std::net::TcpStream;

use super::{AuthClient, Reply};
use crate::files::credential::Credential;
use crate::net::http::{HttpResponse, JSON, Post};

impl AuthClient {
    pub(crate) fn conclude_of(&self, response: &HttpResponse, credential: &Credential) -> Reply {
        self.conclude(response, credential)
    }

    pub(crate) fn hear_of(&self, response: &HttpResponse, credential: &Credential) -> Reply {
        self.hear(response, credential)
    }

    /// `validate` over a connection that is already open.
    pub(crate) fn validate_over(&self, stream: TcpStream, credential: &Credential) -> Reply {
        let post = Post { url: &self.endpoint, headers: &[], content_type: JSON, body: b"{}" };
        self.http
            .post_over(&post, stream)
            .map_or_else(Reply::from, |response| self.conclude(&response, credential))
    }
}
