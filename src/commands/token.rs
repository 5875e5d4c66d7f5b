//! `jarvis-node token`: a token for a service, from the running daemon.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::broker::client;
use crate::broker::client::ClientError;

/// The token that is wanted, and the form to print it in.
#[derive(Debug)]
pub(crate) struct TokenRequest {
    /// The service the token is for.
    pub(crate) audience: String,
    /// The token's scope; `None` for the configured one.
    pub(crate) scope: Option<String>,
    /// Whether it is printed as a header line for `curl -H @-`.
    pub(crate) header: bool,
    /// Where the broker is; `None` for where the configuration says.
    pub(crate) socket: Option<PathBuf>,
}

/// The line to print. It is wiped when dropped.
///
/// # Errors
/// Why there is no token.
pub(crate) fn line(request: TokenRequest, config_file: &Path) -> Result<Zeroizing<String>, ClientError> {
    let socket = client::socket(request.socket, config_file);
    let token = client::token(&socket, &request.audience, request.scope.as_deref(), None)?;
    let before = if request.header { "Authorization: Bearer " } else { "" };
    Ok(Zeroizing::new(format!("{before}{}\n", token.expose())))
}
