//! `jarvis-node token`: a token for a service, from the running daemon.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::broker::client;
use crate::broker::client::ClientError;
use crate::config::Config;

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
    let is_given = request.socket.is_some() || std::env::var_os("JARVIS_NODE_SOCKET").is_some();
    let socket = client::socket(request.socket, config_file);
    let token = client::token(&socket, &request.audience, request.scope.as_deref(), None);
    let token = token.map_err(|error| if is_given { error } else { told_with_config(error, config_file) })?;
    let before = if request.header { "Authorization: Bearer " } else { "" };
    Ok(Zeroizing::new(format!("{before}{}\n", token.expose())))
}

/// `error`, with what is wrong with the configuration if that is why the socket was looked for in a wrong place. Most users
/// may not read the file, and do not need to.
fn told_with_config(error: ClientError, config_file: &Path) -> ClientError {
    match (error, Config::load(config_file)) {
        (ClientError::NoBroker { socket, why }, Err(config)) if !config.is_permission_denied() => {
            ClientError::NoConfig { config, socket, why }
        }
        (error, _) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_that_names_no_socket_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let config_file = dir.path().join("config.json");
        let error = || {
            let why = std::io::ErrorKind::NotFound.into();
            ClientError::NoBroker { socket: "/run/nowhere.sock".into(), why }
        };
        let told = told_with_config(error(), &config_file);
        assert!(told.to_string().starts_with("there is no configuration at "), "{told}");
        assert!(told.to_string().contains("/run/nowhere.sock") && told.exit_code() == 69, "{told}");
        std::fs::write(&config_file, "{").expect("written");
        let told = told_with_config(error(), &config_file).to_string();
        assert!(told.starts_with(&config_file.display().to_string()), "{told}");
    }
}
