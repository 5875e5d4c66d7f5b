//! The STS, and this node as its client: what is the same wherever it is said.

use std::path::{Path, PathBuf};

use super::MainConfig;
use crate::net::service_url::ServiceUrl;

/// The path from an issuer to its token endpoint in Keycloak.
const TOKEN_PATH: &str = "/protocol/openid-connect/token";

/// An STS, and this node as its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The issuer that its tokens must name, to the letter; any if it is empty.
    pub issuer: String,
    /// Where tokens are requested.
    pub token_endpoint: ServiceUrl,
    /// The node's name there.
    pub client_id: String,
    /// How the node proves that it is that client.
    pub authentication: Authentication,
    /// The audience of its assertions; `None` for the issuer.
    pub assertion_audience: Option<String>,
    /// The name of the algorithm that signs them; `None` for the usual one of the key.
    pub assertion_algorithm: Option<String>,
    /// The setting or the variable that leads to the token endpoint.
    pub address: &'static str,
}

/// How a client proves itself at the token endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// client_secret_post: the secret in the body.
    SecretPost(Secret),
    /// client_secret_basic: the secret in a header.
    SecretBasic(Secret),
    /// private_key_jwt: no secret; the private key in this file signs an assertion.
    PrivateKey(PathBuf),
}

impl Authentication {
    /// The file with the secret or key, if there is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::SecretPost(Secret::File(path))
            | Self::SecretBasic(Secret::File(path))
            | Self::PrivateKey(path) => Some(path),
            Self::SecretPost(Secret::Variable(_)) | Self::SecretBasic(Secret::Variable(_)) => None,
        }
    }
}

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// In a file.
    File(PathBuf),
    /// In the variable of this name.
    Variable(&'static str),
}

/// What the values are called where they are said, for sentences about them.
pub(super) struct Names {
    pub(super) issuer: &'static str,
    pub(super) token_endpoint: &'static str,
    pub(super) client_id: &'static str,
    /// What a person looks at if the address is wrong: with a token endpoint, and without.
    pub(super) address: [&'static str; 2],
}

impl Client {
    /// Checks the values.
    ///
    /// # Errors
    /// A sentence about the first fault.
    pub(super) fn new(
        names: &Names,
        issuer: String,
        token_endpoint: Option<String>,
        client_id: String,
        authentication: Authentication,
        main: &MainConfig<'_>,
    ) -> Result<Self, String> {
        printable(names.client_id, &client_id, 128)?;
        // With a token endpoint of its own the issuer is only a name, which may begin with http://.
        let allow_http = main.allow_http || token_endpoint.is_some();
        if !issuer.is_empty() || token_endpoint.is_none() {
            ServiceUrl::parse(names.issuer, &issuer, allow_http)?;
        }
        let address = names.address[usize::from(token_endpoint.is_none())];
        let endpoint =
            token_endpoint.unwrap_or_else(|| format!("{}{TOKEN_PATH}", issuer.trim_end_matches('/')));
        let token_endpoint = ServiceUrl::parse(names.token_endpoint, &endpoint, main.allow_http)?;
        if token_endpoint.is_server_of(main.auth_url) {
            return Err(format!(
                "{} is on the same host and port as {}: tokens and the node's credential never go to each other's \
                 servers",
                names.token_endpoint,
                main.auth_url.as_str()
            ));
        }
        let (assertion_audience, assertion_algorithm) = (None, None);
        Ok(Self {
            issuer,
            token_endpoint,
            client_id,
            authentication,
            assertion_audience,
            assertion_algorithm,
            address,
        })
    }
}

/// Checks a name of up to `longest` characters. Ids of clients may have spaces in them (RFC 6749, appendix A.1), and
/// Keycloak's audiences are ids of clients. Names in a token are compared up to 128.
pub(super) fn printable(key: &str, text: &str, longest: usize) -> Result<(), String> {
    if text.trim().is_empty()
        || text.len() > longest
        || !text.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
    {
        return Err(format!("{key} must be 1 to {longest} printable ASCII characters"));
    }
    Ok(())
}
