//! What the home gets beside the validation: what shows it that the node is alive, which not every identity may, and the
//! node's log.

use crate::auth::AuthClient;
use crate::config::{Config, Via};
use crate::error::{SetupError, Warning};
use crate::files::credential::Credential;
use crate::net::service_url::ServiceUrl;
use crate::net::tls::{Tls, TlsSettings};

/// `client` with the heartbeat and the log that `config` wants beside the validation.
///
/// # Errors
/// When a file for TLS cannot be read or has the wrong content.
pub(super) fn shown(client: AuthClient, config: &Config) -> Result<AuthClient, SetupError> {
    let tls = |url: &ServiceUrl| {
        let mut settings: TlsSettings = config.tls.clone();
        if !url.is_server_of(&config.auth_url) {
            // They are for the key of the server that decides.
            settings.spki_pins.clear();
        }
        Tls::new(&settings)
    };
    let client = match &config.heartbeat {
        Some(url) => client.with_heartbeat(config, url, tls(url)?),
        None => client,
    };
    Ok(match &config.logs {
        Some(url) => client.with_logs(config, url, tls(url)?),
        None => client,
    })
}

/// What the home is not shown of a node with this credential, or is shown and should not be.
pub(super) fn warnings(config: &Config, credential: &Credential) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if credential.shared && matches!(config.via, Via::CommandCenter) {
        let message =
            "the app shows this node as online even while the voice software, whose identity it has, is dead";
        let fix = "Ask by via.logs, which the app does not see, or by auth_url; or give this program a node of its own \
                   (enroll --replace).";
        warnings.push(Warning::new("shared_identity", message, fix));
    }
    if config.heartbeat.is_some() && !credential.may_be_shown_alive() {
        let message = if credential.shared {
            "no heartbeat is sent, since the identity is that of the voice software"
        } else {
            "no heartbeat is sent, since the node id has a colon, where the command center splits id and key"
        };
        let fix = "Take heartbeat out, or give this program a node of its own (enroll --replace).";
        warnings.push(Warning::new("heartbeat", message, fix));
    }
    warnings
}
